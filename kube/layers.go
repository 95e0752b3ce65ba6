package kube

import "github.com/sallyport/sallyport/profile/flowset"

// layer is policy of its own beside the Kubernetes tiers, or what takes their place: an attempt has to pass it as well. A layer
// is not asked about pods on the host network, about what is no pod, and about a pod that reaches itself.
//
// Both ways of deciding have to come to the same (TestAgree).
type layer interface {
	// decide is what comes of a flow at one of its ends. It is 0 where the layer has no part in what the pod there does.
	decide(f *flow, d Direction, o *observer) outcome
	// program is the same for all peers at once, nil where the layer has no part in what the pods of a class do. What no
	// instruction decides is allowed. Direct is the program for peers by their own addresses, where that is another.
	program(g *grouping, c *class, d Direction) (prog, direct []instr)
	// key is what the layer tells apart in pods, but for what [pod.key] has.
	key(p *pod) string
	// signs are the addresses that it tells apart in pods.
	signs() []flowset.Addrs
}

// besides is the programs of the layers for a class, in one direction.
type besides []struct{ prog, direct []instr }

// of is the program of one layer.
func (b besides) of(i int, direct bool) []instr {
	if direct && b[i].direct != nil {
		return b[i].direct
	}
	return b[i].prog
}

// compileLayers makes the layers that the cluster's objects call for.
func (e *Evaluator) compileLayers() {
	e.layers = append(e.layers, e.compileFirewalls()...)
	e.layers = append(e.layers, e.compileMesh()...)
}

// and is what comes of two that both have to let a flow pass.
func (o outcome) and(p outcome) outcome {
	return o&p&mayAllow | (o|p)&mayDeny
}

// beside is what the layers make of a flow at one of its ends.
func (e *Evaluator) beside(f *flow, d Direction, o *observer) outcome {
	self, peer := &f.from, &f.to
	if d == Ingress {
		self, peer = peer, self
	}
	out := mayAllow
	if !e.layered(self.pod, peer.pod) {
		return out
	}
	for _, l := range e.layers {
		if r := l.decide(f, d, o); r != 0 {
			out = out.and(r)
		}
	}
	return out
}

// layered reports whether layers have a say in what a pod does with another, which is nil where the peer is none.
func (e *Evaluator) layered(self, peer *pod) bool {
	return len(e.layers) > 0 && self != nil && !self.Pod.HostNetwork && (self != peer || !self.IsPod())
}

// layerSigns are the addresses that layers tell apart in pods.
func layerSigns(layers []layer) []flowset.Addrs {
	var list []flowset.Addrs
	for _, l := range layers {
		list = append(list, l.signs()...)
	}
	return list
}

// besides makes the programs of the layers for a class.
func (g *grouping) besides(c *class, d Direction) besides {
	var list besides
	for _, l := range g.e.layers {
		if prog, direct := l.program(g, c, d); prog != nil || direct != nil {
			list = append(list, struct{ prog, direct []instr }{prog, direct})
		}
	}
	return list
}

// beside is what the layers leave at both ends.
func (g *grouping) beside(p, q *pod, direct bool) Reach {
	return g.besideEgress(p, q, direct).Intersect(g.besideIngress(p, q, direct))
}

// besideEgress is what the layers leave of what one pod may send to another, by its egress alone.
func (g *grouping) besideEgress(p, q *pod, direct bool) Reach {
	if !g.e.layered(p, q) {
		return everyPort
	}
	return g.left(g.compiled(g.of[p.index]).egressBesides, q, direct)
}

// besideIngress is what the layers leave of it by the ingress there alone.
func (g *grouping) besideIngress(p, q *pod, direct bool) Reach {
	if !g.e.layered(q, p) {
		return everyPort
	}
	return g.left(g.compiled(g.of[q.index]).ingressBesides, p, direct)
}

// left is what programs leave together for one peer.
func (g *grouping) left(b besides, peer *pod, direct bool) Reach {
	reach := everyPort
	for i := range b {
		reach = reach.Intersect(g.one(b.of(i, direct), g.of[peer.index]))
	}
	return reach
}

// runBeside narrows rows that programs have ended with to what the layers leave. The scratch is as long as the row.
func (m *machine) runBeside(b besides, row, scratch []int32, offset int32) {
	for i := range b {
		clear(scratch)
		m.run(b.of(i, false), scratch, offset)
		for j, s := range scratch {
			row[j] = m.both(row[j], m.end(s))
		}
	}
}
