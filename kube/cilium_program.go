package kube

import (
	"slices"

	"github.com/sallyport/sallyport/profile/flowset"
)

// ciliumProgram is the instructions for the pods of a class, in a direction: what [walk.cilium] does, for all peers and ports at once.
// What denies comes first; what admits after it only gets what is left.
func (g *grouping) ciliumProgram(c *class, d Direction) []instr {
	cl := g.e.cilium
	self := podEnd(c.pod)
	_, host := self.isHost()
	var prog []instr
	if host && len(cl.hosts) == 0 {
		return nil
	}
	if host {
		prog = append(prog, g.ownHosts(&self))
	} else {
		prog = append(g.tier(prog, g.e.admin, c, d), instr{op: opTier})
	}
	isolated := no
	var isolates origin
	var admits []instr
	for _, s := range cl.specs(&self) {
		if s.meta.Broken() {
			isolated = max(isolated, maybe)
			o := origin{Pos: s.pos, object: s.meta, words: "it has an error, and may decide anything"}
			if isolates.object == nil {
				isolates = o
			}
			admits = append(admits, of(o, []instr{g.everything(Allow, true)})...)
			if s.layer == CiliumLayer {
				prog = append(prog, of(o, []instr{g.everything(Deny, true)})...)
			}
			continue
		}
		sec := &s.sections[d]
		selected := cl.subject(s, &self, nil)
		if selected == no {
			continue
		}
		if len(s.flags) > 0 {
			selected = maybe
		}
		if sec.isolates {
			if selected > isolated {
				isolates = origin{Pos: s.pos, object: s.meta, words: "it selects the pods, and no rule of any policy admits this"}
			}
			isolated = max(isolated, selected)
		}
		for _, r := range sec.rules {
			list := g.bindHost(g.ciliumRule(r, c, d), c, selected == maybe, host)
			if r.deny {
				prog = append(prog, list...)
			} else {
				admits = append(admits, list...)
			}
		}
	}
	if host {
		for i := range prog {
			prog[i].unsure = prog[i].unsure || prog[i].action == Deny // the host firewall may be off
		}
	}
	prog = append(prog, admits...)
	if !host && len(g.e.baseline) > 0 {
		prog = append(g.tier(prog, g.e.baseline, c, d), instr{op: opTier})
	}
	if isolated == no {
		return prog
	}
	if d == Ingress && !host {
		prog = append(prog, g.ownHosts(&self))
	}
	return append(prog, of(isolates, []instr{g.everything(Deny, host || isolated == maybe)})...)
}

// ownHosts lets everything through that is, or may be, on the network of the node that an end is on.
func (g *grouping) ownHosts(self *end) instr {
	in := instr{action: Allow, ports: ported}
	if g.hosts {
		key := "H" + self.nodeName()
		s, there := g.peers[key]
		if !there {
			s = g.those(g.all(), func(x *end) match { return g.e.cilium.ownHost(self, x, nil) })
			g.peers[key] = s
		}
		in.peers = s
	}
	in.addrs, in.some = g.e.cilium.outside(&ciliumPeer{CiliumPeer: &CiliumPeer{Entity: "host"}, local: true}, self)
	if len(g.e.cluster.Nodes) == 0 { // the walk only knows nodes that are there
		in.some = flowset.Addrs{}
	}
	return in
}

// bindHost is bind, but that nodes have no ports by name.
func (g *grouping) bindHost(rules []instr, c *class, unsure, host bool) []instr {
	if !host {
		return g.bind(rules, c, unsure)
	}
	bound := make([]instr, len(rules))
	for i, r := range rules {
		r.names = nil
		r.unsure = r.unsure || unsure
		bound[i] = r
	}
	return bound
}

// ciliumKey is the key of the instructions of a rule. Where the subject is on changes what some peers are.
type ciliumKey struct {
	rule *ciliumRule
	node string
}

// ciliumRule is the instructions for a rule, before the names of the subject's ports are resolved.
func (g *grouping) ciliumRule(r *ciliumRule, c *class, d Direction) []instr {
	k := ciliumKey{rule: r}
	if r.local {
		k.node = c.Pod.NodeName
	}
	key := ruleKey{k, d}
	list, there := g.rules[key]
	if !there {
		o := origin{Pos: r.Pos, object: r.meta, rule: r.index + 1}
		if r.deny {
			o.name = d.String() + "Deny"
		}
		list = of(o, g.newCiliumRule(r, c, d))
		g.rules[key] = list
	}
	return list
}

func (g *grouping) newCiliumRule(r *ciliumRule, c *class, d Direction) []instr {
	base := instr{action: Allow, ports: ported, unsure: r.Authentication.Mode == "test-always-fail"}
	if r.deny {
		base.action = Deny
	}
	if r.all {
		base.peers.yes, base.addrs = g.all(), flowset.AllAddrs()
	}
	self := podEnd(c.pod)
	for i := range r.peers {
		p := &r.peers[i]
		s := g.ciliumPeer(p, c)
		base.peers.yes = append(base.peers.yes, s.yes...)
		base.peers.maybe = append(base.peers.maybe, s.maybe...)
		a, m := g.e.cilium.outside(p, &self)
		base.addrs, base.some = base.addrs.Union(a), base.some.Union(m)
	}
	base.peers = base.peers.tidy()
	if len(r.Ports) == 0 {
		if r.ICMP {
			return nil
		}
		return []instr{base}
	}
	base.ports = flowset.Transports{}
	var names []portKey
	for i := range r.Ports {
		for _, p := range r.Ports[i].Ports {
			for _, protocol := range p.Protocols {
				if p.Name != "" {
					names = append(names, portKey{p.Name, protocol})
					continue
				}
				base.ports = base.ports.Union(flowset.Transport(protocol.transport(), flowset.PortRange(p.First, p.Last)))
			}
		}
	}
	if d == Egress {
		return g.ciliumNames(base, names)
	}
	base.names = names
	return []instr{base}
}

// ciliumNames is an instruction, and those for ports of the destinations by name, which nodes don't have.
func (g *grouping) ciliumNames(base instr, names []portKey) []instr {
	list := g.withNames(base, names, Egress)
	pods := g.all()
	if g.hosts {
		pods = g.those(pods, func(x *end) match { return when(!x.pod.Pod.HostNetwork) }).yes
	}
	for i := range list[1:] {
		in := &list[i+1]
		in.peers = spansPair{intersect(in.peers.yes, pods), intersect(in.peers.maybe, pods)}
		in.unsure = base.unsure
	}
	return list
}

// ciliumPeer is the classes that a peer is, seen from a class.
func (g *grouping) ciliumPeer(p *ciliumPeer, c *class) spansPair {
	switch {
	case p.CIDR != nil, p.Name != nil, p.Group: // no pods
		return spansPair{}
	}
	key := "C" + p.key
	if p.local {
		key += "\x00" + c.Pod.NodeName
	}
	if s, there := g.peers[key]; there {
		return s
	}
	spans := g.all()
	if p.Endpoints != nil && !p.local {
		spans = g.ciliumCandidates(p.Endpoints)
	}
	self := podEnd(c.pod)
	s := g.those(spans, func(x *end) match { return g.e.cilium.is(p, &self, x, nil) })
	g.peers[key] = s
	return s
}

// ciliumCandidates narrows the classes to those that have what a selector asks for by its value.
func (g *grouping) ciliumCandidates(s *CiliumSelector) []span {
	spans := g.all()
	var plain LabelSelector
	for i := range s.Requirements {
		q := &s.Requirements[i]
		switch {
		case q.Op != In || q.Source != ciliumAny && q.Source != ciliumK8s:
		case q.Key == ciliumNamespace:
			var in []span
			for _, name := range q.Values {
				if classes, there := g.spaces[g.e.spaces[name]]; there {
					in = append(in, classes)
				}
			}
			spans = intersect(spans, tidy(in))
		case len(q.Key) < len(ciliumOwn) || q.Key[:len(ciliumOwn)] != ciliumOwn:
			plain.Requirements = append(plain.Requirements, q.Requirement)
		}
	}
	return g.candidates(spans, &plain)
}

// ciliumClasses adds what Cilium's rules may look at in pods, beside what others do: their service account, and their node.
func (g *grouping) ciliumClasses(signs []string) {
	onNodes := len(g.e.cluster.Nodes) > 0 || slices.ContainsFunc(g.e.pods, func(p *pod) bool { return p.Pod.HostNetwork })
	for i, p := range g.e.pods {
		signs[i] += "\x00" + p.Pod.ServiceAccountName
		if onNodes {
			signs[i] += "\x00" + p.Pod.NodeName
		}
	}
}
