package kube

import "github.com/sallyport/sallyport/profile/flowset"

// ingress is what the proxy of a destination refuses: by AuthorizationPolicies, as far as they can be decided without their rules, and by
// PeerAuthentications that take no plain connections.
func (m *mesh) ingress(f *flow, o *observer) outcome {
	q := f.to.pod
	x := m.pods[q.index]
	if f.protocol != TCP || x.sidecar == no && !x.ambient {
		return 0
	}
	c := Considered{Pos: x.at, Direction: Ingress, Layer: MeshLayer}
	if x.capture.inbound.Contains(f.port) {
		c.Words = "does not go through the sidecar: traffic.sidecar.istio.io/excludeInboundPorts has the port"
		o.consider(c)
		return mayAllow
	}
	out := m.authorized(q, x, o).and(m.plain(f, q, x, o))
	if out&mayDeny == 0 {
		return out
	}
	if x.ambient && x.sidecar != yes {
		o.depends(Reason{Pos: q.Pos, Field: "istio.io/dataplane-mode of " + q.String(), Words: ambientWords})
		out |= mayAllow
	}
	if x.sidecar == maybe {
		o.depends(x.reason)
		out |= mayAllow
	}
	return out
}

// authorizations are the AuthorizationPolicies of a pod, and what comes of them together: those that deny come first; where one allows,
// what none allows is denied.
func (m *mesh) authorizations(q *pod, x *meshPod) (list []*AuthorizationPolicy, out outcome, decider *AuthorizationPolicy) {
	var allows, opens []*AuthorizationPolicy
	out = mayAllow
	for _, p := range m.e.cluster.Mesh.AuthorizationPolicies {
		if p.Namespace != q.Namespace && p.Namespace != x.root || p.Targets || p.Action == "AUDIT" || !p.Broken() && !matchesAll(p.Selector, q.Pod.Labels) {
			continue
		}
		list = append(list, p)
		switch {
		case p.Broken():
			opens = append(opens, p)
		case p.Action == "DENY" && p.MatchAll:
			return list, mayDeny, p
		case p.Action == "DENY" && p.Rules == 0:
		case p.Action == "ALLOW":
			allows = append(allows, p)
		default:
			opens = append(opens, p)
		}
	}
	if len(allows) > 0 {
		out = mayDeny
		decider = allows[0]
		for _, p := range allows {
			switch {
			case p.MatchAll:
				out, decider = mayAllow, p
			case p.Rules > 0 && out == mayDeny:
				out, decider = mayAllow|mayDeny, p
			}
			if out == mayAllow {
				break
			}
		}
	}
	if len(opens) > 0 && out&mayAllow != 0 {
		out, decider = mayAllow|mayDeny, opens[0]
	}
	return list, out, decider
}

func (m *mesh) authorized(q *pod, x *meshPod, o *observer) outcome {
	list, out, decider := m.authorizations(q, x)
	for _, p := range list {
		c := Considered{Pos: p.RulesPos, Direction: Ingress, Layer: MeshLayer, Object: p.String(), Says: Unclear, Words: "its rules are not evaluated"}
		switch {
		case out != mayAllow|mayDeny && p == decider && out == mayDeny:
			c.Says, c.Words, c.Decides = Denies, "it allows nothing: connect succeeds, and then the sidecar resets the connection, or answers HTTP with 403", true
			if p.Action == "DENY" {
				c.Words = "it denies everything: connect succeeds, and then the sidecar resets the connection, or answers HTTP with 403"
			}
		case out == mayAllow && p == decider:
			c.Says, c.Words, c.Decides = Admits, "a rule of it allows everything", true
		case p.Rules == 0 && !p.Broken():
			c.Says, c.Words = DoesNotAdmit, "it has no rule"
		}
		o.consider(c)
	}
	switch {
	case out != mayAllow|mayDeny:
	case decider.Broken():
		at := decider.Errors[0]
		o.depends(Reason{Pos: at.Pos, Field: decider.String(), Words: at.What})
	default:
		o.depends(Reason{Pos: decider.RulesPos, Field: decider.String(), Words: "its rules are not evaluated: identities, methods and paths are not in the objects"})
	}
	return out
}

// strict reports whether the proxy of a pod takes only mutual TLS on a port: by the PeerAuthentication that selects it, else that of its
// namespace, else that of the root namespace.
func (m *mesh) strict(q *pod, x *meshPod, port uint16) (match, *PeerAuthentication) {
	var ranks [3][]*PeerAuthentication
	for _, p := range m.e.cluster.Mesh.PeerAuthentications {
		switch {
		case p.Namespace == q.Namespace && len(p.Selector) > 0:
			if matchesAll(p.Selector, q.Pod.Labels) || p.Broken() {
				ranks[0] = append(ranks[0], p)
			}
		case p.Namespace == q.Namespace:
			ranks[1] = append(ranks[1], p)
		case p.Namespace == x.root && len(p.Selector) == 0:
			ranks[2] = append(ranks[2], p)
		}
	}
	for _, list := range ranks {
		for _, p := range list {
			if len(list) > 1 || p.Broken() { // of several, the oldest holds
				return maybe, p
			}
			mode := p.Mode
			if own, there := p.Ports[port]; there && own != "" && own != "UNSET" {
				mode = own
			}
			switch mode {
			case "STRICT":
				return yes, p
			case "PERMISSIVE", "DISABLE":
				return no, p
			}
		}
	}
	return no, nil
}

// plain decides for connections without the mutual TLS that the destination's proxy wants.
func (m *mesh) plain(f *flow, q *pod, x *meshPod, o *observer) outcome {
	strict, by := m.strict(q, x, f.port)
	if strict == no {
		return mayAllow
	}
	c := Considered{Pos: by.ModePos, Direction: Ingress, Layer: MeshLayer, Object: by.String()}
	src := maybe // an end outside of the cluster may be of the mesh
	if f.from.pod != nil {
		src = m.sendsPlain(f.from.pod, f.direct)
	}
	switch {
	case src == no:
		c.Says, c.Words = Admits, "it takes mutual TLS only, which the source's sidecar makes"
		o.consider(c)
		return mayAllow
	case src == yes && strict == yes:
		c.Says, c.Decides = Denies, true
		c.Words = "it takes mutual TLS only, and the source has no sidecar that makes it: connect succeeds, and then the destination's sidecar resets the connection"
		o.consider(c)
		return mayDeny
	}
	c.Says, c.Words = Unclear, "it takes mutual TLS only, and whether the source makes it is not known"
	o.consider(c)
	words := "not certain that the source makes it: it may have no sidecar, or pass the connection through as it is"
	if strict == maybe {
		words = "there are several of the same rank, or it has an error: which mode holds is not known"
	}
	o.depends(Reason{Pos: by.ModePos, Field: "mtls of " + by.String(), Words: words})
	return mayAllow | mayDeny
}

// sendsPlain reports whether what a pod sends reaches a proxy without mutual TLS. A sidecar makes it for what its registry has; what goes to
// a pod's own address may be passed through as it is.
func (m *mesh) sendsPlain(p *pod, direct bool) match {
	x := m.pods[p.index]
	switch {
	case x.ambient && x.sidecar != yes:
		return maybe
	case x.sidecar == no:
		return yes
	case x.sidecar == maybe || direct || x.capture.partly || !x.capture.exclude.IsEmpty() || !x.capture.excludePorts.IsEmpty():
		return maybe
	}
	return no
}

func (m *mesh) ingressProgram(g *grouping, q *pod, x *meshPod) (prog, direct []instr) {
	if x.sidecar == no && !x.ambient {
		return nil, nil
	}
	all := instr{ports: tcp, peers: spansPair{yes: g.all()}, addrs: flowset.AllAddrs()}
	unsure := x.sidecar == maybe || x.ambient && x.sidecar != yes
	if unsure {
		a := all
		a.unsure = true
		prog = append(prog, a)
	}
	if !x.capture.inbound.IsEmpty() {
		a := all
		a.ports = flowset.Transport(flowset.TCP, x.capture.inbound)
		prog = append(prog, a)
	}
	if _, out, by := m.authorizations(q, x); out&mayDeny != 0 {
		d := all
		d.action, d.unsure = Deny, out != mayDeny
		prog = append(prog, of(origin{Pos: by.RulesPos, object: &by.Meta, words: "its rules are not evaluated, or deny this", resets: true}, []instr{d})...)
	}
	direct = append([]instr(nil), prog...)
	for by, ports := range m.strictPorts(q, x) {
		for i, to := range []*[]instr{&prog, &direct} {
			d := all
			d.action, d.ports, d.unsure = Deny, ports.ports, ports.strict == maybe
			d.peers = g.those(g.all(), func(src *end) match { return m.sendsPlain(src.pod, i == 1) })
			d.addrs, d.some = flowset.Addrs{}, flowset.AllAddrs() // what is outside may be of the mesh
			*to = append(*to, of(origin{Pos: by.ModePos, object: &by.Meta, words: "it takes mutual TLS only", resets: true}, []instr{d})...)
		}
	}
	if len(prog) == 0 {
		return nil, nil
	}
	return prog, direct
}

type strictPorts struct {
	ports  flowset.Transports
	strict match
}

// strictPorts are the ports by which PeerAuthentication holds them.
func (m *mesh) strictPorts(q *pod, x *meshPod) map[*PeerAuthentication]strictPorts {
	found := map[*PeerAuthentication]strictPorts{}
	rest := flowset.AllPorts()
	add := func(port uint16, set flowset.Ports) {
		if s, by := m.strict(q, x, port); s != no {
			f := found[by]
			f.ports, f.strict = f.ports.Union(flowset.Transport(flowset.TCP, set)), s
			found[by] = f
		}
	}
	for _, p := range m.e.cluster.Mesh.PeerAuthentications {
		for port := range p.Ports {
			if s := flowset.Port(port); rest.Contains(port) {
				rest = rest.Subtract(s)
				add(port, s)
			}
		}
	}
	for first := range rest.Ranges() {
		add(first, rest)
		break
	}
	return found
}
