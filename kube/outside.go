package kube

import "github.com/sallyport/sallyport/profile/flowset"

// Outside is what passes between a workload and addresses that no pod of the cluster has. The addresses of a set are those of the other
// end; for what comes in, the ports are the workload's. It comes of policies alone: whether a network leads there, and whether
// something puts another address in the place of the source's, is not known.
type Outside struct {
	To, From EgressSet
}

// Outside is what a workload may send to addresses outside, and take from them, of the families that it has.
func (e *Evaluator) Outside(w *Workload) Outside {
	p := e.byObject[w]
	if p == nil || p.Broken() || len(e.cluster.Unread) > 0 {
		maybe := EgressSet{Possible: flowset.Of(flowset.AllAddrs(), ported)}
		return Outside{maybe, maybe}
	}
	o := e.outsideOf(p)
	for _, family := range []flowset.Addrs{flowset.AllIPv4(), flowset.AllIPv6()} {
		if !p.addrs.Overlaps(family) {
			rest := flowset.Of(family.Complement(), ported)
			o = Outside{o.To.within(rest), o.From.within(rest)}
		}
	}
	return o
}

func (s EgressSet) within(t flowset.Set) EgressSet {
	return EgressSet{s.Certain.Intersect(t), s.Possible.Intersect(t)}
}

// outsideOf is of every family. Workloads that no rule tells apart have equal ones.
func (e *Evaluator) outsideOf(p *pod) Outside {
	g := e.groups()
	class := g.of[p.index]
	g.once.Lock()
	o, there := g.apart[class]
	g.once.Unlock()
	if there && !g.hosts && len(e.nodes) == 0 { // else it depends on the pod's own node
		return o
	}
	o = Outside{e.outside(p), e.fromOutside(p)}
	g.once.Lock()
	g.apart[class] = o
	g.once.Unlock()
	return o
}

// fromOutside is which addresses may send to a pod, where they are no pod's. Its own node always may.
func (e *Evaluator) fromOutside(p *pod) EgressSet {
	g := e.groups()
	c := g.compiled(g.of[p.index])
	set := throughProgram(c.ingress, nil)
	if !p.Pod.HostNetwork && e.cilium == nil {
		own := flowset.Of(e.ownNode(p), ported)
		set.Possible = set.Possible.Union(own)
		if p.Pod.NodeName != "" {
			set.Certain = set.Certain.Union(own)
		}
	}
	for i := range c.ingressBesides {
		left := throughProgram(c.ingressBesides.of(i, true), nil)
		set = EgressSet{set.Certain.Intersect(left.Certain), set.Possible.Intersect(left.Possible)}
	}
	return set
}
