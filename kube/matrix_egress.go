package kube

import (
	"fmt"
	"net/netip"

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
		if p != q || !p.IsPod() {
			reach = g.one(prog.egress, g.of[q.index], false)
			x := podEnd(q)
			if q.Pod.HostNetwork && !p.Pod.HostNetwork && e.isOwnNode(p, &x) != no {
				reach = *e.toOwnNode(p, q, &reach)
			}
		}
		certain.AddPeer(flowset.Peer(i), reach.Certain)
		possible.AddPeer(flowset.Peer(i), reach.Possible)
	}
	return EgressSet{certain.Set(), possible.Set()}
}

// outside is which addresses a pod may send to, where they are no pod's.
func (e *Evaluator) outside(p *pod) EgressSet {
	g := e.groups()
	s := setState{live: flowset.Of(flowset.AllAddrs(), ported)}
	for _, in := range g.compiled(g.of[p.index]).egress {
		s = s.step(&in)
	}
	may := flowset.UnionOf(s.allow, s.live, s.passed)
	set := EgressSet{may.Subtract(s.deny), may}
	switch {
	case p.Pod.HostNetwork:
	case e.calico != nil:
		set = e.calico.toHostAddrs(p, set)
	default:
		set.Possible = set.Possible.Union(flowset.Of(e.ownNode(p), ported))
	}
	return set
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
	hit := s.live.Intersect(flowset.Of(addrs, in.ports))
	switch in.action {
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
	for a, p := range q.e.byAddr {
		if !prefix.Contains(a) {
			continue
		}
		one := flowset.AddrOf(a)
		rest = rest.Subtract(one)
		parts = append(parts, DecisionPart{To: p.String() + " at " + a.String(), Workload: p.Workload, Addrs: one.Prefixes(), Decision: q.addr(a)})
	}
	for _, a := range q.e.calico.held() {
		if one := flowset.AddrOf(a); prefix.Contains(a) && rest.Covers(one) {
			rest = rest.Subtract(one)
			parts = append(parts, DecisionPart{To: a.String(), Addrs: one.Prefixes(), Decision: q.addr(a)})
		}
	}
	for a := range q.e.vips {
		if !prefix.Contains(a) {
			continue
		}
		one := flowset.AddrOf(a)
		rest = rest.Subtract(one)
		parts = append(parts, DecisionPart{To: q.e.vips[a].service.String() + " at " + a.String(), Addrs: one.Prefixes(), Decision: q.addr(a)})
	}
	if q.from.pod == nil {
		return Decision{Verdict: Allowed, Parts: parts, Notes: []string{"policies don't apply to what is no pod of the cluster"}}
	}
	set := q.e.outside(q.from.pod)
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
			d := q.families(q.e.endAt(first))
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
