package kube

import (
	"strconv"

	"github.com/sallyport/sallyport/profile/flowset"
)

// ported is every port of the protocols that policies know. Of others, such as ICMP, the API says nothing.
var ported = flowset.AllTransports().Subtract(flowset.Transport(flowset.ICMP, flowset.AllPorts())).
	Subtract(flowset.Transport(flowset.ICMPv6, flowset.AllPorts())).Subtract(flowset.Transport(flowset.Others, flowset.AllPorts()))

// transport is a protocol as flowset has it.
func (p Protocol) transport() flowset.Protocol {
	return [...]flowset.Protocol{TCP: flowset.TCP, UDP: flowset.UDP, SCTP: flowset.SCTP}[p]
}

// op is what an instruction does to what may come of flows.
type op uint8

const (
	opRule  op = iota // what is undecided yet, and matched, is decided
	opTier            // what was passed comes to the next tier
	opBegin           // policies of one priority follow
	opNext            // one of these ends
	opEnd             // the last of them ended
)

// instr is one step of a program: what a rule does to the flows with some peers. A program is a walk through the tiers, in their order,
// for all peers and ports at once.
type instr struct {
	op          op
	action      Action
	unsure      bool // of all that match, it is not certain
	peers       spansPair
	ports       flowset.Transports
	names       []portKey     // ingress: ports of the subject by name, that come to ports
	addrs, some flowset.Addrs // addresses outside of pods that match, and that may
	from        *origin       // nil where no object says it
}

// origin is the rule that an instruction comes of.
type origin struct {
	Pos
	object *Meta
	rule   int    // from 1; 0 for the object as a whole
	name   string // the rule's, where it has one
	words  string // why, where that is not plain from the rule
	resets bool   // what it denies is reset, not dropped
}

// String is "NetworkPolicy shop/web rule 1".
func (o *origin) String() string {
	s := o.object.String()
	if o.rule > 0 {
		s += " rule " + strconv.Itoa(o.rule)
	}
	if o.name != "" {
		s += " (" + o.name + ")"
	}
	return s
}

// of marks instructions with the rule that they come of.
func of(o origin, list []instr) []instr {
	for i := range list {
		list[i].from = &o
	}
	return list
}

type ruleKey struct {
	policy any
	d      Direction
}

// program is the instructions for the pods of a class, in a direction.
func (g *grouping) program(c *class, d Direction) []instr {
	if g.e.calico != nil {
		return g.e.calico.program(g, c, d)
	}
	if g.e.cilium != nil {
		return g.ciliumProgram(c, d)
	}
	var prog []instr
	prog = g.tier(prog, g.e.admin, c, d)
	prog = append(prog, instr{op: opTier})
	prog = g.policies(prog, c, d)
	if len(g.e.baseline) > 0 {
		prog = g.tier(prog, g.e.baseline, c, d)
	}
	return prog
}

// everything is an instruction for all flows.
func (g *grouping) everything(a Action, unsure bool) instr {
	return instr{action: a, unsure: unsure, peers: spansPair{yes: g.all()}, ports: ported, addrs: flowset.AllAddrs()}
}

func (g *grouping) tier(prog []instr, policies []*AdminPolicy, c *class, d Direction) []instr {
	for i := 0; i < len(policies); {
		var group [][]instr
		j := i
		for ; j < len(policies) && policies[j].Priority == policies[i].Priority; j++ {
			if p := g.admin(policies[j], c, d); len(p) > 0 {
				group = append(group, p)
			}
		}
		i = j
		switch len(group) {
		case 0:
		case 1:
			prog = append(prog, group[0]...)
		default:
			prog = append(prog, instr{op: opBegin})
			for _, p := range group {
				prog = append(append(prog, p...), instr{op: opNext})
			}
			prog = append(prog, instr{op: opEnd})
		}
	}
	return prog
}

func (g *grouping) admin(p *AdminPolicy, c *class, d Direction) []instr {
	if p.Broken() {
		return of(origin{Pos: p.Pos, object: &p.Meta, words: "it has an error, and may decide anything"},
			[]instr{g.everything(Allow, true), g.everything(Deny, true), g.everything(Pass, true)})
	}
	x := podEnd(c.pod)
	subject := g.e.matchesAdminPeer(&p.Subject, &x, nil, nil)
	if subject == no {
		return nil
	}
	key := ruleKey{p, d}
	rules, there := g.rules[key]
	if !there {
		for i := range p.Rules(d) {
			r := &p.Rules(d)[i]
			rules = append(rules, of(origin{Pos: r.Pos, object: &p.Meta, rule: i + 1, name: r.Name}, g.adminRule(r, d))...)
		}
		g.rules[key] = rules
	}
	return g.bind(rules, c, subject == maybe || g.e.cilium != nil)
}

// bind resolves the names of ports on the subject.
func (g *grouping) bind(rules []instr, c *class, unsure bool) []instr {
	bound := make([]instr, len(rules))
	for i, r := range rules {
		for _, n := range r.names {
			if number, there := c.Pod.NamedPort(n.name, n.protocol); there {
				r.ports = r.ports.Union(flowset.Transport(n.protocol.transport(), flowset.Port(number)))
			}
		}
		r.unsure = r.unsure || unsure
		bound[i] = r
	}
	return bound
}

func (g *grouping) adminRule(r *AdminRule, d Direction) []instr {
	if r.unknown() {
		if r.Action == Allow {
			return nil
		}
		return []instr{g.everything(Deny, false)}
	}
	base := instr{action: r.Action, ports: ported}
	for i := range r.Peers {
		s := g.adminPeer(&r.Peers[i])
		base.peers.yes = append(base.peers.yes, s.yes...)
		base.peers.maybe = append(base.peers.maybe, s.maybe...)
		a, m := g.outside(&r.Peers[i])
		base.addrs, base.some = base.addrs.Union(a), base.some.Union(m)
	}
	base.peers = base.peers.tidy()
	if r.Ports == nil {
		return []instr{base}
	}
	base.ports = flowset.Transports{}
	var names []portKey
	for _, p := range r.Ports {
		if p.Name == "" {
			base.ports = base.ports.Union(flowset.Transport(p.Protocol.transport(), flowset.PortRange(p.First, p.Last)))
			continue
		}
		for _, protocol := range []Protocol{TCP, UDP, SCTP} {
			if p.Protocol == protocol || p.Protocol == AnyProtocol {
				names = append(names, portKey{p.Name, protocol})
			}
		}
	}
	return g.withNames(base, names, d)
}

// withNames is an instruction, and those for ports by name: of the destinations in egress, of the subject in ingress.
func (g *grouping) withNames(base instr, names []portKey, d Direction) []instr {
	if d == Ingress {
		base.names = names
		return []instr{base}
	}
	list := []instr{base}
	for _, n := range names {
		for number, spans := range g.named(n) {
			r := instr{action: base.action, ports: flowset.Transport(n.protocol.transport(), flowset.Port(number))}
			r.peers = spansPair{intersect(base.peers.yes, spans), intersect(base.peers.maybe, spans)}
			if len(r.peers.yes)+len(r.peers.maybe) > 0 {
				list = append(list, r)
			}
		}
		if len(g.unsure) > 0 { // ports of a pod with an error may have the name
			r := instr{action: base.action, ports: flowset.Transport(n.protocol.transport(), flowset.AllPorts())}
			r.peers.maybe = intersect(spansPair{append(base.peers.yes[:len(base.peers.yes):len(base.peers.yes)], base.peers.maybe...), nil}.tidy().yes, spansOf(append([]int32(nil), g.unsure...)))
			list = append(list, r)
		}
	}
	return list
}

// named is the classes that have a port with a name, by its number.
func (g *grouping) named(k portKey) map[uint16][]span {
	if m, there := g.ports[k]; there {
		return m
	}
	lists := map[uint16][]int32{}
	for i, c := range g.classes {
		if n, there := c.Pod.NamedPort(k.name, k.protocol); there && !c.Broken() {
			lists[n] = append(lists[n], int32(i))
		}
	}
	m := make(map[uint16][]span, len(lists))
	for n, list := range lists {
		m[n] = spansOf(list)
	}
	g.ports[k] = m
	return m
}

// policies appends what the NetworkPolicies of the subject's namespace do.
func (g *grouping) policies(prog []instr, c *class, d Direction) []instr {
	var isolated, broken *NetworkPolicy
	more := -1
	for _, p := range c.space.policies {
		if p.Broken() {
			broken = p
			continue
		}
		if g.e.selects(&p.PodSelector, c.pod, nil) == no || !p.Isolates(d) {
			continue
		}
		if more++; isolated == nil {
			isolated = p
		}
		key := ruleKey{p, d}
		rules, there := g.rules[key]
		if !there {
			for i := range p.Rules(d) {
				r := &p.Rules(d)[i]
				rules = append(rules, of(origin{Pos: r.Pos, object: &p.Meta, rule: i + 1}, g.rule(p, r, d))...)
			}
			g.rules[key] = rules
		}
		prog = append(prog, g.bind(rules, c, false)...)
	}
	if broken != nil {
		o := origin{Pos: broken.Pos, object: &broken.Meta, words: "it has an error, and may decide anything"}
		prog = append(prog, of(o, []instr{g.everything(Allow, true)})...)
		if isolated == nil {
			prog = append(prog, of(o, []instr{g.everything(Deny, true)})...)
		}
	}
	if isolated != nil {
		o := origin{Pos: isolated.rulesPos(d), object: &isolated.Meta, words: isolates(more)}
		prog = append(prog, of(o, []instr{g.everything(Deny, false)})...)
	}
	return prog
}

func (g *grouping) rule(p *NetworkPolicy, r *NetworkPolicyRule, d Direction) []instr {
	base := instr{action: Allow, ports: ported}
	if len(r.Peers) == 0 {
		base.peers.yes, base.addrs = g.all(), flowset.AllAddrs()
	}
	for i := range r.Peers {
		peer := &r.Peers[i]
		s := g.peer(p.Namespace, peer)
		base.peers.yes = append(base.peers.yes, s.yes...)
		base.peers.maybe = append(base.peers.maybe, s.maybe...)
		if peer.IPBlock != nil {
			base.addrs = base.addrs.Union(g.e.blocks[peer.IPBlock])
		} else {
			base.some = base.some.Union(g.nodesOf(s.maybe))
		}
	}
	base.peers = base.peers.tidy()
	if len(r.Ports) == 0 {
		return []instr{base}
	}
	base.ports = flowset.Transports{}
	var names []portKey
	for _, q := range r.Ports {
		ports := flowset.AllPorts()
		switch {
		case q.Port.Name != "":
			names = append(names, portKey{q.Port.Name, q.Protocol})
			continue
		case q.EndPort != 0:
			ports = flowset.PortRange(q.Port.Number, q.EndPort)
		case q.Port.Number != 0:
			ports = flowset.Port(q.Port.Number)
		}
		base.ports = base.ports.Union(flowset.Transport(q.Protocol.transport(), ports))
	}
	return g.withNames(base, names, d)
}
