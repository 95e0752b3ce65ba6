package kube

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/profile/flowset"
)

// calicoGroups is what programs share.
type calicoGroups struct {
	subjects map[*enforced]spansPair
	exprs    map[*calicoExpr]classes
	nets     map[*flowset.Addrs]classes
	families map[familyKey]classes
	peers    map[ruleFamily]spansPair
	egress   map[ruleFamily][]instr
}

// familyKey is a family, with how it covers the subject.
type familyKey struct {
	ipv4 bool
	self match
}

// ruleFamily is a rule, with how the families of its entities cover the subject.
type ruleFamily struct {
	rule   *calicoRule
	family string
}

func newCalicoGroups() *calicoGroups {
	return &calicoGroups{
		map[*enforced]spansPair{},
		map[*calicoExpr]classes{},
		map[*flowset.Addrs]classes{},
		map[familyKey]classes{},
		map[ruleFamily]spansPair{},
		map[ruleFamily][]instr{},
	}
}

// sign writes what rules of Calico may look at in a pod, besides its labels and addresses.
func (k *calico) sign(b *strings.Builder, p *pod) {
	fmt.Fprintf(b, "\x00%s", p.Pod.ServiceAccountName)
	for i := range p.Pod.Containers {
		c := &p.Pod.Containers[i]
		for _, port := range c.Ports {
			if port.Name != "" {
				fmt.Fprintf(b, " %s %d %d", port.Name, port.Number, port.Protocol)
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(k.services)) {
		s := k.services[key]
		if ports, there := s.pods[p.index]; there || s.maybe[p.index] {
			fmt.Fprintf(b, "\x00%s %s %t", key, ports, s.maybe[p.index])
		}
	}
}

// program is the walk of [walk.calico], for all peers and ports at once.
func (k *calico) program(g *grouping, c *class, d Direction) []instr {
	var prog []instr
	if d == Egress && k.vxlan != 0 {
		in := g.everything(Deny, k.unset != nil)
		in.ports = flowset.Transport(flowset.UDP, flowset.Port(k.vxlan))
		prog = append(prog, in)
	}
	if k.forward != nil {
		prog = append(prog, g.everything(Deny, true))
	}
	s := k.space(c.space)
	if len(s.lost) > 0 {
		prog = append(prog, g.everything(Allow, true), g.everything(Deny, true))
	}
	for i := range s.tiers {
		prog = k.tierProgram(g, prog, &s.tiers[i], c, d)
	}
	return prog
}

func (k *calico) tierProgram(g *grouping, prog []instr, t *tierPolicies, c *class, d Direction) []instr {
	applies := no
	var orders [][]*enforced
	for _, order := range t.orders {
		var mine []*enforced
		for _, p := range order {
			if m := k.isSubject(g, p, c, d); m != no {
				applies = max(applies, m)
				mine = append(mine, p)
			}
		}
		if len(mine) > 0 {
			orders = addOrder(orders, mine)
		}
	}
	if applies == no {
		return prog
	}
	prog = append(prog, instr{op: opTier})
	if len(orders) > 1 {
		prog = append(prog, instr{op: opBegin})
	}
	for _, order := range orders {
		for _, p := range order {
			for _, a := range p.may {
				prog = append(prog, g.everything(a, true))
			}
			unsure := k.isSubject(g, p, c, d) == maybe
			for _, r := range p.rules[d] {
				prog = append(prog, k.ruleProgram(g, r, c, d, unsure)...)
			}
		}
		if len(orders) > 1 {
			prog = append(prog, instr{op: opNext})
		}
	}
	if len(orders) > 1 {
		prog = append(prog, instr{op: opEnd})
	}
	if t.action == Deny {
		prog = append(prog, g.everything(Deny, applies == maybe))
	}
	return prog
}

// isSubject reports whether a policy selects the pods of a class, for a direction.
func (k *calico) isSubject(g *grouping, p *enforced, c *class, d Direction) match {
	switch {
	case p.broken != nil:
		return maybe
	case p.notPods != "" || !p.applies[d]:
		return no
	}
	s, there := g.calico.subjects[p]
	if !there {
		s = g.those(k.candidates(g, p.subject, p.home), func(x *end) match {
			if !x.isPod() {
				return no
			}
			return k.meets(p.subject, x.pod, nil)
		})
		g.calico.subjects[p] = s
	}
	n := g.of[c.index]
	m := no
	switch {
	case has(s.yes, n):
		m = yes
	case has(s.maybe, n):
		m = maybe
	}
	if p.unsure != nil {
		m = min(m, maybe)
	}
	return m
}

// ruleProgram is what a rule does to the flows of a subject.
func (k *calico) ruleProgram(g *grouping, r *calicoRule, c *class, d Direction, unsure bool) []instr {
	if r.action == Log {
		return nil
	}
	self := podEnd(c.pod)
	own, peers := r.src, r.dst
	if d == Ingress {
		own, peers = peers, own
	}
	m, _ := k.side(own, &self, flowset.Addrs{}, nil)
	if d == Egress {
		m = both(m, r.from(&self, nil))
	}
	if m == no {
		return nil
	}
	unsure = unsure || m == maybe || r.conditional(nil)
	var list []instr
	if d == Egress {
		list = k.egressProgram(g, r, &self)
	} else {
		list = k.ingressProgram(g, r, &self)
	}
	out := make([]instr, len(list))
	for i, in := range list {
		in.action, in.unsure = r.action, in.unsure || unsure
		out[i] = in
	}
	return out
}

// familyOf tells subjects apart as far as the families of a rule's entities do.
func familyOf(list []*calicoEntity, self *end) string {
	var b []byte
	for _, e := range list {
		if e.family != nil {
			b = append(b, '0'+byte(e.familyOf(self)))
		}
	}
	return string(b)
}

func (e *calicoEntity) familyOf(self *end) match {
	if e.family == nil {
		return yes
	}
	return inFamily(*e.family, self.addrs, flowset.AllAddrs())
}

func (k *calico) ingressProgram(g *grouping, r *calicoRule, self *end) []instr {
	sure, possible := r.reach(self, nil)
	key := ruleFamily{r, familyOf(r.src, self)}
	peers, there := g.calico.peers[key]
	if !there {
		peers = k.peers(g, r.src, self)
		if r.services(r.src) {
			peers = k.fromServices(g, r, peers)
		}
		g.calico.peers[key] = peers
	}
	match, s := k.matched(r.src, self, false)
	if s != nil {
		match = match.and(s.anyPort())
	}
	match = match.and(exactly(families(r.dst)))
	in := instr{ports: sure, peers: peers, addrs: match.sure, some: match.possible.Subtract(match.sure)}
	list := []instr{in}
	if rest := possible.Subtract(sure); !rest.IsEmpty() {
		in.ports, in.unsure = rest, true
		list = append(list, in)
	}
	return list
}

// services reports whether an entity names a service.
func (r *calicoRule) services(list []*calicoEntity) bool {
	for _, e := range list {
		if e.service != nil {
			return true
		}
	}
	return false
}

// fromServices narrows sources to those that are of the rule's service.
func (k *calico) fromServices(g *grouping, r *calicoRule, s spansPair) spansPair {
	is := g.those(g.all(), func(x *end) match { return r.from(x, nil) })
	both := tidy(append(append([]span(nil), is.yes...), is.maybe...))
	return spansPair{
		yes:   intersect(s.yes, is.yes),
		maybe: tidy(append(intersect(s.yes, is.maybe), intersect(s.maybe, both)...)),
	}
}

// egressProgram is what a rule matches: classes by the ports that they have of it, and addresses outside of pods.
func (k *calico) egressProgram(g *grouping, r *calicoRule, self *end) []instr {
	key := ruleFamily{r, familyOf(r.dst, self)}
	if list, there := g.calico.egress[key]; there {
		return list
	}
	peers := k.peers(g, r.dst, self)
	if len(r.dst) > 0 && len(r.dst[0].domains) > 0 { // which alone say where to
		peers = spansPair{}
	}
	var list []instr
	far := end{addrs: flowset.AllAddrs()}
	ports, _ := r.ports.on(&far, r.protos, nil)
	if !r.services(r.dst) && len(r.ports.names)+len(r.ports.notNames) == 0 {
		list = append(list, instr{ports: ports, peers: peers})
	} else {
		list = k.byPorts(g, r, peers)
	}
	if r.hasDomains() {
		hosts := g.those(g.all(), func(x *end) match { return k.beyond(r.dst, x, nil) })
		list = append(list, instr{ports: ports, peers: hosts})
	}
	list = append(list, k.addresses(r, self, ports)...)
	g.calico.egress[key] = list
	return list
}

func (r *calicoRule) hasDomains() bool {
	return slices.ContainsFunc(r.dst, func(e *calicoEntity) bool { return len(e.domains) > 0 || e.sel != nil && len(e.sel.domainful) > 0 })
}

// byPorts divides classes by the ports that a rule has of them.
func (k *calico) byPorts(g *grouping, r *calicoRule, peers spansPair) []instr {
	type part struct {
		ports  flowset.Transports
		unsure bool
	}
	var order []part
	classes := map[part][]int32{}
	put := func(n int32, ports flowset.Transports, unsure bool) {
		if ports.IsEmpty() {
			return
		}
		p := part{ports, unsure}
		if classes[p] == nil {
			order = append(order, p)
		}
		classes[p] = append(classes[p], n)
	}
	each := func(spans []span, unsure bool) {
		for _, s := range spans {
			for n := s.first; n < s.end; n++ {
				x := podEnd(g.classes[n].pod)
				sure, possible := r.reach(&x, nil)
				put(n, sure, unsure)
				put(n, possible.Subtract(sure), true)
			}
		}
	}
	each(peers.yes, false)
	each(peers.maybe, true)
	var list []instr
	for _, p := range order {
		in := instr{ports: p.ports}
		if p.unsure {
			in.peers.maybe = spansOf(classes[p])
		} else {
			in.peers.yes = spansOf(classes[p])
		}
		list = append(list, in)
	}
	return list
}

// threeWay is addresses that match for certain, and those that may.
type threeWay struct{ sure, possible flowset.Addrs }

func (a threeWay) and(b threeWay) threeWay {
	return threeWay{a.sure.Intersect(b.sure), a.possible.Intersect(b.possible)}
}

func (a threeWay) not() threeWay { return threeWay{a.possible.Complement(), a.sure.Complement()} }

func exactly(a flowset.Addrs) threeWay { return threeWay{a, a} }

func (x *calicoExpr) addresses() threeWay { return threeWay{x.sure, x.sure.Union(x.some)} }

// addresses is what a rule matches of addresses that are no pod's.
func (k *calico) addresses(r *calicoRule, self *end, ports flowset.Transports) []instr {
	match, s := k.matched(r.dst, self, true)
	if s != nil {
		return k.serviceAddresses(r, s, match)
	}
	return []instr{{ports: ports, addrs: match.sure, some: match.possible.Subtract(match.sure)}}
}

// matched is the addresses that entities of a rule match, where they are no pod's. With a service, they are narrowed to its endpoints yet.
// Domains count for destinations only.
func (k *calico) matched(list []*calicoEntity, self *end, domains bool) (threeWay, *calicoEndpoints) {
	match := exactly(flowset.AllAddrs())
	if len(list) > 0 {
		match = threeWay{}
	}
	for _, e := range list {
		m := exactly(flowset.AllAddrs())
		if e.family != nil {
			if !e.family.Overlaps(self.addrs) {
				continue
			}
			m = exactly(*e.family)
		}
		if e.nets != nil {
			m = m.and(exactly(*e.nets))
		}
		if e.notNets != nil {
			m = m.and(exactly(*e.notNets).not())
		}
		if e.sel != nil {
			m = m.and(e.sel.addresses())
		}
		if e.not != nil {
			m = m.and(e.not.addresses().not())
		}
		if e.service != nil {
			return m, e.service
		}
		if len(e.domains) > 0 { // which alone say where to
			m = threeWay{}
		}
		if domains && (len(e.domains) > 0 || e.sel != nil && len(e.sel.domainful) > 0) {
			m.possible = flowset.AllAddrs()
		}
		match.sure, match.possible = match.sure.Union(m.sure), match.possible.Union(m.possible)
	}
	return match, nil
}

// families is the addresses of the families that entities at the other end are for.
func families(list []*calicoEntity) flowset.Addrs {
	if len(list) == 0 {
		return flowset.AllAddrs()
	}
	var all flowset.Addrs
	for _, e := range list {
		if e.family == nil {
			return flowset.AllAddrs()
		}
		all = all.Union(*e.family)
	}
	return all
}

// anyPort is the endpoints of a service that are no pods, whatever their ports.
func (s *calicoEndpoints) anyPort() threeWay {
	if s.missing != nil {
		return threeWay{possible: flowset.AllAddrs()}
	}
	var t threeWay
	for _, e := range s.addrs {
		if e.sure {
			t.sure = t.sure.Union(e.addrs)
		}
		t.possible = t.possible.Union(e.addrs)
	}
	return t
}

// serviceAddresses is the endpoints of a service that are no pods.
func (k *calico) serviceAddresses(r *calicoRule, s *calicoEndpoints, m threeWay) []instr {
	if s.missing != nil {
		return []instr{{ports: r.protos, some: m.possible}}
	}
	var list []instr
	for _, e := range s.addrs {
		in := instr{ports: e.ports.Intersect(r.protos)}
		if e.sure {
			in.addrs = e.addrs.Intersect(m.sure)
		} else {
			in.some = e.addrs.Intersect(m.possible)
		}
		list = append(list, in)
	}
	return list
}
