package kube

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/profile/flowset"
)

// EgressSet is what a workload may send to, by the rules about its egress alone: a destination in the cluster may have rules
// about its ingress. Peers are numbers into [Evaluator.Workloads]; addresses are those that no pod of the cluster has.
type EgressSet struct {
	Certain  flowset.Set // allowed
	Possible flowset.Set // allowed or undecidable
}

// Egress is what a workload may send to.
func (e *Evaluator) Egress(from *Workload) EgressSet {
	p := e.byObject[from]
	if p == nil || p.Broken() || len(e.cluster.Unread) > 0 {
		return EgressSet{Possible: flowset.OfBoth(flowset.AllAddrs(), flowset.AllPeers(), ported)}
	}
	set := e.outside(p)
	g := e.groups()
	prog := g.compiled(g.of[p.index])
	var certain, possible flowset.Builder
	certain.AddSet(set.Certain)
	possible.AddSet(set.Possible)
	for i, w := range e.Workloads() {
		q := e.byObject[w]
		reach := everyPort
		switch x := podEnd(q); {
		case q.Broken():
			reach = unknownReach
		case p.family&q.family == 0:
			reach = Reach{}
		case p != q || !p.IsPod():
			reach = g.one(prog.egress, g.of[q.index])
			if q.Pod.HostNetwork && !p.Pod.HostNetwork && e.cilium == nil && e.isOwnNode(p, &x) != no {
				reach = *e.toOwnNode(p, q, &reach)
			}
			reach = reach.Intersect(g.besideEgress(p, q, false))
		}
		certain.AddPeer(flowset.Peer(i), reach.Certain)
		possible.AddPeer(flowset.Peer(i), reach.Possible)
	}
	return EgressSet{certain.Set(), possible.Set()}
}

// outside is which addresses a pod may send to, where they are no pod's.
func (e *Evaluator) outside(p *pod) EgressSet {
	return e.through(p, nil).of(p.family)
}

// cut is an instruction, and the flows to addresses that were undecided when it came to them.
type cut struct {
	in    *instr
	flows flowset.Set
}

// through runs the egress programs of a pod for the addresses of no pod: the tiers', then those of the layers beside them. Where see is
// given, it is told which instruction came to which.
func (e *Evaluator) through(p *pod, see func(cut)) EgressSet {
	g := e.groups()
	c := g.compiled(g.of[p.index])
	set := throughProgram(c.egress, see)
	switch {
	case p.Pod.HostNetwork, e.cilium != nil:
	case e.calico != nil:
		set = e.calico.toHostAddrs(p, set)
	default:
		set.Possible = set.Possible.Union(flowset.Of(e.ownNode(p), ported))
	}
	for i := range c.egressBesides {
		left := throughProgram(c.egressBesides.of(i, true), see)
		set = EgressSet{set.Certain.Intersect(left.Certain), set.Possible.Intersect(left.Possible)}
	}
	return set
}

// of is the part with addresses of some families: a pod that has no address of one reaches none, and none reaches it.
func (s EgressSet) of(f family) EgressSet {
	all := flowset.Of(f.addrs(), ported)
	return EgressSet{s.Certain.Intersect(all), s.Possible.Intersect(all)}
}

// throughProgram is what a program lets through with the addresses that are no pod's. Without see, rules of one action that follow each other
// are taken together: it is all the same which of them comes first.
func throughProgram(prog []instr, see func(cut)) EgressSet {
	s := setState{live: flowset.Of(flowset.AllAddrs(), ported)}
	for i := 0; i < len(prog); i++ {
		in := &prog[i]
		if see != nil && in.op == opRule {
			see(cut{in, s.live.Intersect(flowset.Of(in.addrs.Union(in.some), in.ports))})
		}
		if see != nil || in.op != opRule {
			s = s.step(in)
			continue
		}
		var sure, unsure flowset.Builder
		for ; i < len(prog) && prog[i].op == opRule && prog[i].action == in.action; i++ {
			if prog[i].unsure {
				unsure.Add(prog[i].addrs, prog[i].ports)
			} else {
				sure.Add(prog[i].addrs, prog[i].ports)
			}
			unsure.Add(prog[i].some, prog[i].ports)
		}
		i--
		s = s.rules(in.action, unsure.Set(), true).rules(in.action, sure.Set(), false)
	}
	may := flowset.UnionOf(s.allow, s.live, s.passed)
	return EgressSet{may.Subtract(s.deny), may}
}

// IngressSet is what may send to a workload, by the rules about its ingress alone: a source in the cluster may have rules about its
// egress. Sources stand in its sets where destinations do in others, peers as in [EgressSet].
type IngressSet struct {
	Certain  flowset.Set // allowed
	Possible flowset.Set // allowed or undecidable
}

// Ingress is what may send to a workload.
func (e *Evaluator) Ingress(to *Workload) IngressSet {
	p := e.byObject[to]
	if p == nil || p.Broken() || len(e.cluster.Unread) > 0 {
		return IngressSet{Possible: flowset.OfBoth(flowset.AllAddrs(), flowset.AllPeers(), ported)}
	}
	g := e.groups()
	prog := g.compiled(g.of[p.index]).ingress
	set := IngressSet(e.fromOutside(p).of(p.family))
	var certain, possible flowset.Builder
	certain.AddSet(set.Certain)
	possible.AddSet(set.Possible)
	for i, w := range e.Workloads() {
		q := e.byObject[w]
		reach := g.one(prog, g.of[q.index])
		x := podEnd(q)
		m := no
		if e.cilium == nil { // whose programs have it
			m = e.isOwnNode(p, &x)
		}
		switch {
		case q.Broken():
			reach = unknownReach
		case p.family&q.family == 0:
			reach = Reach{}
		case p == q && p.IsPod():
			reach = everyPort
		case m == yes && !p.Pod.HostNetwork:
			reach = *e.calico.fromHost(q)
		case m == maybe && !p.Pod.HostNetwork:
			reach.Possible = ported
		}
		if !q.Broken() {
			reach = reach.Intersect(g.besideIngress(q, p, false))
		}
		certain.AddPeer(flowset.Peer(i), reach.Certain)
		possible.AddPeer(flowset.Peer(i), reach.Possible)
	}
	return IngressSet{certain.Set(), possible.Set()}
}

// ownNode is the addresses that are, or may be, of the node of a pod.
func (e *Evaluator) ownNode(p *pod) flowset.Addrs {
	var b flowset.AddrsBuilder
	for a, n := range e.nodes {
		if p.Pod.NodeName == "" || n.Name == p.Pod.NodeName {
			b.AddRange(a, a)
		}
	}
	return b.Addrs()
}

// setState is a [state] of all addresses at once.
type setState struct {
	allow, deny, live, passed, before, left flowset.Set
}

func (s setState) step(in *instr) setState {
	switch in.op {
	case opTier:
		s.live, s.passed = s.live.Union(s.passed), flowset.Set{}
	case opBegin:
		s.before, s.left = s.live, s.live
	case opNext:
		s.left, s.live = s.left.Intersect(s.live), s.before
	case opEnd:
		s.live, s.before, s.left = s.left, flowset.Set{}, flowset.Set{}
	case opRule:
		s = s.rule(in, in.addrs, in.unsure)
		s = s.rule(in, in.some, true)
	}
	return s
}

func (s setState) rule(in *instr, addrs flowset.Addrs, unsure bool) setState {
	if addrs.IsEmpty() {
		return s
	}
	return s.rules(in.action, flowset.Of(addrs, in.ports), unsure)
}

func (s setState) rules(action Action, flows flowset.Set, unsure bool) setState {
	if flows.IsEmpty() {
		return s
	}
	hit := s.live.Intersect(flows)
	switch action {
	case Allow:
		s.allow = s.allow.Union(hit)
	case Deny:
		s.deny = s.deny.Union(hit)
	case Pass:
		s.passed = s.passed.Union(hit)
	}
	if !unsure {
		s.live = s.live.Subtract(hit)
	}
	return s
}

// prefix decides for every address of a prefix: those outside of the cluster together, pods each.
func (q *question) prefix(prefix netip.Prefix) Decision {
	all := flowset.AddrsOf(prefix)
	var parts []DecisionPart
	rest := all
	known := make(map[netip.Addr]string, len(q.e.vips))
	for a, p := range q.e.byAddr {
		if prefix.Contains(a) {
			known[a] = p.String()
		}
	}
	for a, services := range q.e.vips {
		if prefix.Contains(a) {
			known[a] = services[0].String()
		}
	}
	for _, a := range q.e.calico.held() {
		if _, there := known[a]; !there && prefix.Contains(a) {
			known[a] = ""
		}
	}
	if q.e.cilium != nil && len(q.e.cilium.hosts) > 0 { // nodes may have rules about their ingress
		for a, n := range q.e.nodes {
			if prefix.Contains(a) && known[a] == "" {
				known[a] = n.String()
			}
		}
	}
	for _, a := range slices.SortedFunc(maps.Keys(known), netip.Addr.Compare) {
		one := flowset.AddrOf(a)
		rest = rest.Subtract(one)
		part := DecisionPart{To: strings.TrimPrefix(known[a]+" at "+a.String(), " at "), Addrs: one.Prefixes(), Decision: q.addr(a)}
		if p := q.e.byAddr[a]; p != nil {
			part.Workload = p.Workload
		}
		parts = append(parts, part)
	}
	slices.SortFunc(parts, func(a, b DecisionPart) int { return a.Addrs[0].Addr().Compare(b.Addrs[0].Addr()) })
	q.direct = true
	set := EgressSet{flowset.Everything(), flowset.Everything()} // of what is no pod: policies don't apply to it
	if q.from.pod != nil {
		set = q.e.outside(q.from.pod)
	}
	reachable := func(s flowset.Set) flowset.Addrs {
		to := flowset.Of(rest, flowset.Transport(q.protocol.transport(), flowset.Port(q.port)))
		return s.Intersect(to).Addrs()
	}
	certain, possible := reachable(set.Certain), reachable(set.Possible)
	add := func(addrs flowset.Addrs) {
		if addrs.IsEmpty() {
			return
		}
		for first := range addrs.Ranges() { // an address for all: what decides is the same
			one := *q
			one.about = addrs
			d := one.families(q.e.endAt(first))
			parts = append(parts, DecisionPart{To: addrs.String(), Addrs: addrs.Prefixes(), Decision: d})
			return
		}
	}
	add(certain)
	add(possible.Subtract(certain))
	add(rest.Subtract(possible))
	if len(parts) == 0 {
		return Decision{Verdict: Denied, Notes: []string{fmt.Sprintf("%v has no address", prefix)}}
	}
	return join(parts)
}
