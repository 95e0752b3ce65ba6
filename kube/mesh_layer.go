package kube

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/profile/flowset"
)

// mesh is the layer of Istio: what sidecars refuse of the TCP connections that pods make, and of those that are made to them. A refusal is
// none of connect(2): that succeeds, to the sidecar itself, which then resets the connection, or answers HTTP with 502.
//
// What a workload is asked for by is its services and its own address: it is reached where one of them is in the registry. Where an
// address was asked for, only that counts.
type mesh struct {
	e        *Evaluator
	pods     []*meshPod // by index
	services map[string][]*Service
	entries  []entryRule
	views    map[view][2][]instr // programs of the registry
}

// view is what the registry that a sidecar is told of depends on.
type view struct {
	namespace string
	scope     *MeshSidecar
	root      string
}

func (e *Evaluator) compileMesh() []layer {
	objects := &e.cluster.Mesh
	m := &mesh{e: e, services: map[string][]*Service{}, views: map[view][2][]instr{}}
	inUse := len(objects.Configs)+len(objects.Sidecars)+len(objects.Entries)+len(objects.AuthorizationPolicies)+len(objects.PeerAuthentications) > 0
	for _, n := range e.cluster.Namespaces {
		for _, l := range []string{"istio-injection", "istio.io/rev", "istio.io/dataplane-mode"} {
			inUse = inUse || n.Labels[l] != ""
		}
	}
	for _, p := range e.pods {
		inUse = inUse || p.Pod.Labels["sidecar.istio.io/inject"] == "true" || p.Pod.Labels["istio.io/dataplane-mode"] == "ambient" ||
			slices.ContainsFunc(p.Pod.Containers, func(c Container) bool { return c.Name == "istio-proxy" })
	}
	if !inUse {
		return nil
	}
	for _, s := range e.cluster.Services {
		m.services[s.Namespace] = append(m.services[s.Namespace], s)
	}
	m.entries = entryRules(objects.Entries)
	for _, p := range e.pods {
		m.pods = append(m.pods, m.meshPod(p))
	}
	return []layer{m}
}

var tcp = flowset.Transport(flowset.TCP, flowset.AllPorts())

func (m *mesh) decide(f *flow, d Direction, o *observer) outcome {
	if d == Ingress {
		return m.ingress(f, o)
	}
	return m.egress(f, o)
}

const ambientWords = "it is in ambient mode, which is not evaluated: what ztunnel and waypoints do with connections is not in the verdict"

func (m *mesh) egress(f *flow, o *observer) outcome {
	p := f.from.pod
	x := m.pods[p.index]
	c := Considered{Pos: x.at, Direction: Egress, Layer: MeshLayer}
	switch {
	case x.sidecar == no && !x.ambient:
		c.Words = p.String() + " has no sidecar: " + x.why
		o.consider(c)
		return mayAllow
	case f.protocol != TCP:
		c.Words = "only TCP goes through the sidecar"
		o.consider(c)
		return mayAllow
	}
	if reason := m.opaque(p, x); reason != nil {
		o.depends(*reason)
		c.Pos, c.Says, c.Words = reason.Pos, Unclear, reason.Words
		o.consider(c)
		return mayAllow | mayDeny
	}
	m.egressNotes(f, p, x, o)
	var out outcome
	if x.sidecar == maybe {
		o.depends(x.reason)
		out |= mayAllow
	}
	switch taken, words := x.capture.takes(f); {
	case taken == no:
		c.Says, c.Words, c.Decides = Admits, words, true
		o.consider(c)
		return mayAllow
	case taken == maybe:
		o.depends(Reason{Pos: p.Pos, Field: "annotations traffic.sidecar.istio.io", Words: "only some of the addresses go through the sidecar"})
		out |= mayAllow
	}
	c.Pos, c.Object = x.policyAt, x.object
	switch x.policy {
	case no:
		if x.proxy.Line > 0 {
			o.note(fmt.Sprintf("what the registry does not have is carried to the egressProxy of outboundTrafficPolicy (%v), which may refuse it", x.proxy))
		}
		c.Says, c.Words, c.Decides = Admits, "outboundTrafficPolicy is ALLOW_ANY: what the registry does not have is passed through", true
		o.consider(c)
		return mayAllow
	case maybe:
		o.depends(x.open)
		out |= mayAllow
	}
	in, by := m.registered(f, p, x, o)
	if in != no {
		by.Direction, by.Layer = Egress, MeshLayer
		by.Says, by.Decides = [...]Saying{maybe: Unclear, yes: Admits}[in], in == yes
		o.consider(by)
		out |= mayAllow
	}
	if in == yes {
		return out
	}
	c.Says, c.Decides = Denies, x.policy == yes
	c.Words = "outboundTrafficPolicy is REGISTRY_ONLY, and the registry does not have this: connect succeeds, and then the sidecar resets the connection, or answers HTTP with 502"
	if x.scope != nil && len(x.scope.Egress) > 0 {
		c.Words += fmt.Sprintf(" (of the registry, the sidecar has the hosts of %v)", x.scope)
	}
	if x.policy == maybe {
		c.Says, c.Words = Unclear, "where outboundTrafficPolicy is REGISTRY_ONLY, the sidecar resets this: the registry does not have it"
	}
	o.consider(c)
	return out | mayDeny
}

// opaque is why nothing is known of what a pod's sidecar does.
func (m *mesh) opaque(p *pod, x *meshPod) *Reason {
	switch {
	case x.ambient && x.sidecar != yes:
		return &Reason{Pos: p.Pos, Field: "istio.io/dataplane-mode of " + p.String(), Words: ambientWords}
	case x.unscoped != nil:
		return x.unscoped
	case x.capture.bad != nil:
		return x.capture.bad
	}
	return nil
}

// takes reports whether a connection goes through the sidecar.
func (c *capture) takes(f *flow) (match, string) {
	const prefix = "does not go through the sidecar: traffic.sidecar.istio.io/"
	port := f.port
	if f.before != nil {
		port = f.before.port
	}
	x := dialled(f)
	if c.excludePorts.Contains(port) {
		return no, prefix + "excludeOutboundPorts has the port"
	}
	out := within(c.exclude, x)
	if out == yes {
		return no, prefix + "excludeOutboundIPRanges has the address"
	}
	in := yes
	if c.partly && !c.includePorts.Contains(port) {
		if in = within(c.include, x); in == no {
			return no, prefix + "includeOutboundIPRanges lacks the address"
		}
	}
	if out == maybe {
		in = min(in, maybe)
	}
	return in, ""
}

// registered reports whether what a client connects to is in the registry, and by what.
func (m *mesh) registered(f *flow, p *pod, x *meshPod, o *observer) (match, Considered) {
	if f.service != nil {
		return m.registeredService(f, p, x)
	}
	best, by := no, Considered{}
	found := func(v match, c Considered) {
		if v > best {
			best, by = v, c
		}
	}
	if q := f.to.pod; q != nil {
		sure, unsure, services := m.leads(p, x, q, f.direct)
		if s := services[f.port]; s != nil {
			c := Considered{Pos: s.Pos, Object: s.String(), Words: "the registry has it, and it leads to the pod"}
			switch {
			case sure.Contains(f.port):
				found(yes, c)
			case unsure.Contains(f.port) && f.direct:
				words := "it is headless: the sidecar lets its pods be reached by their addresses only where the client says the service's name (TCP: always): ask by the name"
				o.depends(Reason{Pos: s.Pos, Field: s.String(), Words: words})
				found(maybe, Considered{Pos: s.Pos, Object: s.String(), Words: words})
			case unsure.Contains(f.port):
				o.depends(Reason{Pos: s.Pos, Field: s.String(), Words: "whether a Sidecar's hosts leave it to the pod is not certain"})
				found(maybe, c)
			}
		}
	}
	for i := range m.entries {
		r := &m.entries[i]
		if r.port.Number != f.port {
			continue
		}
		v, words := m.matchesEntry(r, f, p, x)
		if v == maybe {
			o.depends(Reason{Pos: r.port.Pos, Field: r.entry.String(), Words: words})
		}
		found(v, Considered{Pos: r.port.Pos, Object: r.entry.String(), Words: words})
	}
	return best, by
}

func (m *mesh) registeredService(f *flow, p *pod, x *meshPod) (match, Considered) {
	s := f.service
	v := m.serviceVisible(p, x, s, f.servicePort)
	if !slices.ContainsFunc(s.Ports, func(q ServicePort) bool { return q.Port == f.servicePort && q.Protocol == TCP }) {
		v = no
		if s.Type == "ExternalName" && len(s.Ports) == 0 {
			v = maybe
		}
	}
	c := Considered{Pos: s.Pos, Object: s.String(), Words: "the registry has it"}
	return v, c
}

// matchesEntry reports whether a connection is one to a ServiceEntry.
func (m *mesh) matchesEntry(r *entryRule, f *flow, p *pod, x *meshPod) (match, string) {
	if f.to.name != "" {
		v := m.named(p, x, r, f.to.name)
		switch {
		case v != no && (r.port.byName() || len(r.entry.Addresses) == 0) && !r.entry.Broken():
			return v, "the registry has the name by it"
		case v != no:
			return maybe, "it takes connections to its addresses, and those of the name are not known from the objects"
		case r.port.byName():
			return no, ""
		}
	}
	v := m.entryVisible(p, x, r)
	if v == no {
		return no, ""
	}
	if by := within(r.addrs, &f.to); by != no {
		return min(v, by), "the registry has the address by it"
	}
	if f.to.pod == nil && r.some.Overlaps(f.to.addrs) {
		return maybe, r.words
	}
	return no, ""
}

// egressNotes tells of objects that may change what becomes of a connection, and whose rules are not evaluated.
func (m *mesh) egressNotes(f *flow, p *pod, x *meshPod, o *observer) {
	host := f.to.name
	if f.service != nil {
		host = f.service.hostname()
	}
	if host != "" {
		for _, r := range m.e.cluster.Mesh.Routes {
			if r.Mesh && slices.ContainsFunc(r.Hosts, func(h string) bool { return hostIn(host, h) }) {
				o.note(fmt.Sprintf("%v (%v) holds for %s: where connections to it go, and whether they are refused, is by its rules too, which are not evaluated", r, r.Pos, host))
			}
		}
	}
	for _, r := range m.e.cluster.Mesh.Others {
		if (r.Kind == "EnvoyFilter" || r.Kind == "WasmPlugin") && (r.Namespace == p.Namespace || r.Namespace == x.root) && matchesAll(r.Selector, p.Pod.Labels) {
			o.note(fmt.Sprintf("%v (%v) changes what the sidecar does, and is not evaluated", r, r.Pos))
		}
	}
}

func (m *mesh) program(g *grouping, c *class, d Direction) (prog, direct []instr) {
	x := m.pods[c.index]
	if d == Ingress {
		return m.ingressProgram(g, c.pod, x)
	}
	all := instr{ports: tcp, peers: spansPair{yes: g.all()}, addrs: flowset.AllAddrs()}
	if x.sidecar == no && !x.ambient {
		return nil, nil
	}
	if reason := m.opaque(c.pod, x); reason != nil {
		a, b := all, all
		a.unsure, b.unsure, b.action = true, true, Deny
		prog = of(origin{Pos: reason.Pos, object: &c.Meta, words: reason.Words}, []instr{a, b})
		return prog, nil
	}
	if x.policy == no {
		return nil, nil
	}
	if x.sidecar == maybe || x.policy == maybe {
		a := all
		a.unsure = true
		prog = append(prog, a)
	}
	prog = append(prog, x.capture.program(g)...)
	key := view{c.Namespace, x.scope, x.root}
	registry, there := m.views[key]
	if !there {
		registry = m.registryPrograms(g, c.pod, x)
		m.views[key] = registry
	}
	all.action = Deny
	object := &c.Meta
	if x.scope != nil {
		object = &x.scope.Meta
	}
	deny := of(origin{Pos: x.policyAt, object: object, words: "outboundTrafficPolicy is REGISTRY_ONLY, and the registry does not have this", resets: true}, []instr{all})
	direct = append(append(slices.Clone(prog), registry[1]...), deny...)
	prog = append(append(prog, registry[0]...), deny...)
	return prog, direct
}

// program is what does not go through the sidecar.
func (c *capture) program(g *grouping) []instr {
	var prog []instr
	if !c.excludePorts.IsEmpty() {
		prog = append(prog, instr{ports: flowset.Transport(flowset.TCP, c.excludePorts), peers: spansPair{yes: g.all()}, addrs: flowset.AllAddrs()})
	}
	if !c.exclude.IsEmpty() {
		prog = append(prog, instr{ports: tcp, peers: g.those(g.all(), func(x *end) match { return within(c.exclude, x) }), addrs: c.exclude})
	}
	if c.partly {
		ports := tcp.Subtract(flowset.Transport(flowset.TCP, c.includePorts))
		out := c.include.Complement()
		prog = append(prog, instr{ports: ports, peers: g.those(g.all(), func(x *end) match { return within(out, x) }), addrs: out})
	}
	return prog
}

// registryPrograms allow what a sidecar's registry has: of pods by any way that leads to them, and by their own addresses.
func (m *mesh) registryPrograms(g *grouping, p *pod, x *meshPod) [2][]instr {
	var progs [2][]instr
	for direct := range progs {
		type spans struct{ sure, unsure []int32 }
		byPorts := map[flowset.Transports]*spans{}
		add := func(ports flowset.Ports, n int32, unsure bool) {
			if ports.IsEmpty() {
				return
			}
			t := flowset.Transport(flowset.TCP, ports)
			s := byPorts[t]
			if s == nil {
				s = &spans{}
				byPorts[t] = s
			}
			if unsure {
				s.unsure = append(s.unsure, n)
			} else {
				s.sure = append(s.sure, n)
			}
		}
		for i, c := range g.classes {
			sure, unsure, _ := m.leads(p, x, c.pod, direct == 1)
			add(sure, int32(i), false)
			add(unsure, int32(i), true)
		}
		order := slices.SortedFunc(maps.Keys(byPorts), func(a, b flowset.Transports) int { return strings.Compare(a.String(), b.String()) })
		for _, ports := range order {
			s := byPorts[ports]
			progs[direct] = append(progs[direct], instr{ports: ports, peers: spansPair{spansOf(s.sure), spansOf(s.unsure)}})
		}
		for i := range m.entries {
			r := &m.entries[i]
			v := m.entryVisible(p, x, r)
			if v == no {
				continue
			}
			in := instr{unsure: v == maybe, ports: flowset.Transport(flowset.TCP, flowset.Port(r.port.Number)), addrs: r.addrs, some: r.some}
			in.peers = g.those(g.all(), func(x *end) match { return within(r.addrs, x) })
			progs[direct] = append(progs[direct], of(origin{Pos: r.port.Pos, object: &r.entry.Meta}, []instr{in})...)
		}
	}
	return progs
}

func (m *mesh) key(p *pod) string { return m.pods[p.index].key() }

// signs are the addresses that capture and ServiceEntries tell apart.
func (m *mesh) signs() []flowset.Addrs {
	var list []flowset.Addrs
	seen := map[string]bool{}
	add := func(a flowset.Addrs) {
		if key := a.String(); !a.IsEmpty() && !a.IsAll() && !seen[key] {
			seen[key] = true
			list = append(list, a)
		}
	}
	for i := range m.entries {
		add(m.entries[i].addrs)
	}
	for _, x := range m.pods {
		add(x.capture.exclude)
		add(x.capture.include)
	}
	return list
}
