package kube

import (
	"iter"
	"runtime"
	"sync"

	"github.com/sallyport/sallyport/profile/flowset"
)

// Row is what one workload may reach.
type Row struct {
	From *Workload
	// Reach is for each of [Evaluator.Workloads], in their order: egress of the source and ingress of the destination together.
	// It is only valid until the next row. Equal ones need not be the same.
	Reach []*Reach
}

// blockSize is how many sources are worked on together: what the rules of destinations say of sources is turned around for so many at
// once, which bounds the memory.
const blockSize = 256

// Matrix is who may reach whom, a row for each of [Evaluator.Workloads]. Several goroutines work at it, and end before it does.
func (e *Evaluator) Matrix() iter.Seq[Row] {
	return func(yield func(Row) bool) {
		g := e.groups()
		work := e.Workloads()
		pods := make([]*pod, len(work))
		to := make([]int32, len(work))             // classes of the workloads
		members := make([][]int32, len(g.classes)) // by class: numbers of workloads
		for i, w := range work {
			p := e.byObject[w]
			c := g.of[p.index]
			pods[i], to[i] = p, c
			members[c] = append(members[c], int32(i))
		}
		row := Row{Reach: make([]*Reach, len(work))}
		for c, r := range g.rows() {
			fill := func() {
				for i, class := range to {
					row.Reach[i] = r.to(class)
				}
			}
			if len(members[c]) > 0 {
				fill()
			}
			for n, i := range members[c] {
				if n > 0 && g.hosts { // pods of a class may be on different nodes
					fill()
				}
				p := pods[i]
				kept := row.Reach[i]
				row.From = p.Workload
				e.withoutPolicies(g, p, pods, row.Reach)
				if p.IsPod() && !e.unsure(p) {
					row.Reach[i] = &everyPort
				}
				if !yield(row) {
					return
				}
				row.Reach[i] = kept
			}
		}
	}
}

// classRow is what a class may reach.
type classRow struct {
	*block
	reaches []int32 // by class: the number of the Reach
}

func (r classRow) to(class int32) *Reach { return &r.block.reaches[r.reaches[class]] }

// rows works out the rows of all classes, in their order.
func (g *grouping) rows() iter.Seq2[int32, classRow] {
	return func(yield func(int32, classRow) bool) {
		progs := g.compileAll()
		// Workers take blocks of classes in turns, and each hands over its blocks by a channel of its own: so blocks come in order.
		workers := max(1, min(runtime.GOMAXPROCS(0), len(progs)/blockSize+1))
		blocks := make([]chan *block, workers)
		stop := make(chan struct{})
		var ends sync.WaitGroup
		defer ends.Wait()
		defer close(stop)
		for i := range blocks {
			blocks[i] = make(chan *block)
			ends.Go(func() {
				m := newMachine()
				for first := i * blockSize; first < len(progs); first += workers * blockSize {
					select {
					case blocks[i] <- g.block(m, progs, first):
					case <-stop:
						return
					}
				}
			})
		}
		for first, n := 0, 0; first < len(progs); first, n = first+blockSize, n+1 {
			b := <-blocks[n%len(blocks)]
			for c := first; c < min(first+blockSize, len(progs)); c++ {
				if !yield(int32(c), classRow{b, b.rows[c-first]}) {
					return
				}
			}
		}
	}
}

// unsure reports whether nothing is certain of a pod: it has an error, or an object could not be read.
func (e *Evaluator) unsure(p *pod) bool { return p.Broken() || len(e.cluster.Unread) > 0 }

// withoutPolicies opens and widens what a pod reaches without policies being asked: between pods and their nodes.
func (e *Evaluator) withoutPolicies(g *grouping, p *pod, pods []*pod, reach []*Reach) {
	if e.unsure(p) {
		return
	}
	if p.Pod.HostNetwork {
		e.fromNode(g, p, pods, reach)
	}
	e.toNode(g, p, pods, reach)
}

// fromNode opens what a pod on the host network reaches of the pods of its own node.
func (e *Evaluator) fromNode(g *grouping, p *pod, pods []*pod, reach []*Reach) {
	if e.cilium != nil { // the programs have it
		return
	}
	x := podEnd(p)
	open := e.calico.fromHost(p)
	for i, q := range pods {
		if q.Pod.HostNetwork || q.Broken() || p.family&q.family == 0 {
			continue
		}
		switch e.isOwnNode(q, &x) {
		case yes:
			reach[i] = open // a pod on the host network is not held by egress rules
			if len(e.layers) > 0 {
				r := open.Intersect(g.beside(p, q, false))
				reach[i] = &r
			}
		case maybe:
			reach[i] = &Reach{reach[i].Certain, g.beside(p, q, false).Possible}
		}
	}
}

// toNode widens what a pod reaches of its own node.
func (e *Evaluator) toNode(g *grouping, p *pod, pods []*pod, reach []*Reach) {
	if !g.hosts || p.Pod.HostNetwork || e.cilium != nil {
		return
	}
	for i, q := range pods {
		if !q.Pod.HostNetwork || q.Broken() || p.family&q.family == 0 {
			continue
		}
		x := podEnd(q)
		if e.isOwnNode(p, &x) != no {
			r := e.toOwnNode(p, q, reach[i])
			reach[i] = &Reach{r.Certain, r.Possible.Intersect(g.beside(p, q, false).Possible)}
		}
	}
}

// toOwnNode is what a pod reaches of a pod on the network of what is, or may be, its own node.
func (e *Evaluator) toOwnNode(p, q *pod, r *Reach) *Reach {
	if e.calico != nil {
		return e.calico.toHost(p, q, r)
	}
	return &Reach{r.Certain, ported}
}

// compiled is the programs of a class, with their effects. Pods on the host network have none, and pods with an error may
// reach and be reached by anything.
type compiled struct {
	egress, ingress               []instr
	egressBesides, ingressBesides besides // what the layers beside the tiers say
	broken                        bool
	family                        family
}

func (g *grouping) compileAll() []compiled {
	progs := make([]compiled, len(g.classes))
	for i := range progs {
		progs[i] = *g.compiled(int32(i))
	}
	return progs
}

func (g *grouping) compiled(n int32) *compiled {
	g.once.Lock()
	defer g.once.Unlock()
	p := g.progs[n]
	if p == nil {
		c := g.classes[n]
		p = &compiled{broken: c.Broken() || len(g.e.cluster.Unread) > 0, family: c.family}
		if !p.broken && (!c.Pod.HostNetwork || g.e.cilium != nil) {
			p.egress, p.ingress = g.program(c, Egress), g.program(c, Ingress)
			if !c.Pod.HostNetwork {
				p.egressBesides, p.ingressBesides = g.besides(c, Egress), g.besides(c, Ingress)
			}
		} else if g.e.calico.holds(c.pod) != nil {
			p.egress = []instr{g.everything(Deny, true)}
			p.ingress = p.egress
		}
		g.progs[n] = p
	}
	return p
}

// block is the rows of some classes: for each, the number of the Reach of every class.
type block struct {
	rows    [][]int32
	reaches []Reach
}

func (g *grouping) block(m *machine, progs []compiled, first int) *block {
	size := min(blockSize, len(progs)-first)
	b := &block{rows: make([][]int32, size)}
	flat := make([]int32, size*len(progs))
	scratch := make([]int32, len(progs))
	for i := range b.rows {
		row := flat[i*len(progs) : (i+1)*len(progs)]
		m.run(progs[first+i].egress, row, 0)
		for j, s := range row {
			row[j] = m.end(s)
		}
		m.runBeside(progs[first+i].egressBesides, row, scratch, 0)
		b.rows[i] = row
	}
	column, unknown, none := make([]int32, size), m.reach(unknownReach), m.reach(Reach{})
	for j := range progs {
		clear(column)
		m.run(progs[j].ingress, column, int32(first))
		for i, s := range column {
			column[i] = m.end(s)
		}
		m.runBeside(progs[j].ingressBesides, column, scratch[:size], int32(first))
		for i, in := range column {
			if progs[j].broken || progs[first+i].broken { // nothing is certain, whatever the other end's policies say
				b.rows[i][j] = unknown
				continue
			}
			if progs[j].family&progs[first+i].family == 0 { // they have no address for each other
				b.rows[i][j] = none
				continue
			}
			b.rows[i][j] = m.both(b.rows[i][j], in)
		}
	}
	b.reaches = m.reaches[:len(m.reaches):len(m.reaches)]
	return b
}

// run runs a program for the classes from offset on, as many as the row has.
func (m *machine) run(prog []instr, row []int32, offset int32) {
	window := []span{{offset, offset + int32(len(row))}}
	for i := range prog {
		in := &prog[i]
		if in.op != opRule {
			m.apply(row, m.effect(effect{op: in.op}))
			continue
		}
		if in.ports.IsEmpty() {
			continue
		}
		run := func(spans []span, unsure bool) {
			if len(spans) == 0 {
				return
			}
			x := int32(-1)
			for _, s := range spans {
				s.first, s.end = max(s.first, window[0].first), min(s.end, window[0].end)
				if s.first >= s.end {
					continue
				}
				if x < 0 {
					x = m.effect(effect{opRule, in.action, unsure, in.ports})
				}
				m.apply(row[s.first-offset:s.end-offset], x)
			}
		}
		run(in.peers.yes, in.unsure)
		run(in.peers.maybe, true)
	}
}

// Allowed is by which ports one workload may reach another: egress of the one and ingress of the other together.
func (e *Evaluator) Allowed(from, to *Workload) Reach {
	return e.allowed(from, to, false)
}

// allowed is [Evaluator.Allowed], or what is left of it where the other is only asked for by its own address.
func (e *Evaluator) allowed(from, to *Workload, direct bool) Reach {
	p, q := e.byObject[from], e.byObject[to]
	if p == nil || q == nil || e.unsure(p) || e.unsure(q) {
		return unknownReach
	}
	if p == q && p.IsPod() {
		return everyPort
	}
	if p.family&q.family == 0 {
		return Reach{}
	}
	g := e.groups()
	a, b := g.of[p.index], g.of[q.index]
	pa, pb := g.compiled(a), g.compiled(b)
	reach := []*Reach{new(Reach)}
	*reach[0] = g.one(pa.egress, b).Intersect(g.one(pb.ingress, a))
	e.withoutPolicies(g, p, []*pod{q}, reach)
	return reach[0].Intersect(g.beside(p, q, direct))
}

// one runs a program for one peer.
func (g *grouping) one(prog []instr, peer int32) Reach { return g.watch(prog, peer, nil) }

// watch runs a program for one peer, and tells see, where it is given, of each instruction for the peer, and what ports are undecided before it.
func (g *grouping) watch(prog []instr, peer int32, see func(in *instr, live flowset.Transports)) Reach {
	s := start
	for i := range prog {
		in := &prog[i]
		if in.op != opRule {
			s = s.step(in.op, 0, flowset.Transports{}, false)
			continue
		}
		sure := has(in.peers.yes, peer)
		if !sure && !has(in.peers.maybe, peer) {
			continue
		}
		if see != nil {
			see(in, s.live)
		}
		s = s.step(opRule, in.action, in.ports, in.unsure || !sure)
	}
	return s.end()
}
