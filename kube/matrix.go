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
		work := e.Workloads()
		pods := make([]*pod, len(work))
		for i, w := range work {
			pods[i] = e.byObject[w]
		}
		g := e.groups()
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
		rows := make([][]int32, len(pods)) // by class: the rows of workloads
		for i, p := range pods {
			c := g.of[p.index]
			for int(c) >= len(rows) {
				rows = append(rows, nil)
			}
			rows[c] = append(rows[c], int32(i))
		}
		e.emit(g, pods, blocks, rows, len(progs), yield)
	}
}

// emit puts the rows of classes out as rows of workloads, class by class.
func (e *Evaluator) emit(g *grouping, pods []*pod, blocks []chan *block, rows [][]int32, classes int, yield func(Row) bool) {
	to := make([]int32, len(pods))
	for i, p := range pods {
		to[i] = g.of[p.index]
	}
	row := Row{Reach: make([]*Reach, len(pods))}
	for first, n := 0, 0; first < classes; first, n = first+blockSize, n+1 {
		b := <-blocks[n%len(blocks)]
		for c := first; c < min(first+blockSize, classes); c++ {
			if c >= len(rows) || len(rows[c]) == 0 {
				continue
			}
			reaches := b.rows[c-first]
			fill := func() {
				for i, class := range to {
					row.Reach[i] = &b.reaches[reaches[class]]
				}
			}
			fill()
			for n, i := range rows[c] {
				if n > 0 && g.hosts { // pods of a class may be on different nodes
					fill()
				}
				p := pods[i]
				kept := row.Reach[i]
				if p.IsPod() {
					row.Reach[i] = &everyPort
				}
				row.From = p.Workload
				if p.Pod.HostNetwork {
					e.fromNode(g, p, pods, row.Reach)
				}
				e.toNode(g, p, pods, row.Reach)
				if !yield(row) {
					return
				}
				row.Reach[i] = kept
			}
		}
	}
}

// fromNode opens what a pod on the host network reaches of the pods of its own node.
func (e *Evaluator) fromNode(g *grouping, p *pod, pods []*pod, reach []*Reach) {
	if e.cilium != nil { // the programs have it
		return
	}
	x := podEnd(p)
	for i, q := range pods {
		if q.Pod.HostNetwork {
			continue
		}
		switch e.isOwnNode(q, &x) {
		case yes:
			reach[i] = &everyPort // a pod on the host network is not held by egress rules
			if len(e.layers) > 0 {
				r := g.beside(p, q, false)
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
		if !q.Pod.HostNetwork {
			continue
		}
		x := podEnd(q)
		if e.isOwnNode(p, &x) != no {
			reach[i] = &Reach{reach[i].Certain, g.beside(p, q, false).Possible}
		}
	}
}

// compiled is the programs of a class, with their effects. Pods on the host network have none, and pods with an error may
// reach and be reached by anything.
type compiled struct {
	egress, ingress               []instr
	egressBesides, ingressBesides besides // what the layers beside the tiers say
	broken                        bool
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
		p = &compiled{broken: c.Broken() || len(g.e.cluster.Unread) > 0}
		if !p.broken && (!c.Pod.HostNetwork || g.e.cilium != nil) {
			p.egress, p.ingress = g.program(c, Egress), g.program(c, Ingress)
		}
		if !p.broken && !c.Pod.HostNetwork {
			p.egressBesides, p.ingressBesides = g.besides(c, Egress), g.besides(c, Ingress)
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
		if progs[first+i].broken {
			m.blur(row)
		}
		b.rows[i] = row
	}
	column := make([]int32, size)
	for j := range progs {
		clear(column)
		m.run(progs[j].ingress, column, int32(first))
		for i, s := range column {
			column[i] = m.end(s)
		}
		m.runBeside(progs[j].ingressBesides, column, scratch[:size], int32(first))
		if progs[j].broken {
			m.blur(column)
		}
		for i, in := range column {
			b.rows[i][j] = m.both(b.rows[i][j], in)
		}
	}
	b.reaches = m.reaches[:len(m.reaches):len(m.reaches)]
	return b
}

// blur makes a row of what may be, and is not certain.
func (m *machine) blur(row []int32) {
	n := m.reach(Reach{Possible: ported})
	for i := range row {
		row[i] = n
	}
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
	if p == nil || q == nil || len(e.cluster.Unread) > 0 {
		return Reach{Possible: ported}
	}
	if p == q && p.IsPod() {
		return everyPort
	}
	g := e.groups()
	a, b := g.of[p.index], g.of[q.index]
	pa, pb := g.compiled(a), g.compiled(b)
	reach := []*Reach{new(Reach)}
	*reach[0] = g.one(pa.egress, b, pa.broken).Intersect(g.one(pb.ingress, a, pb.broken))
	if p.Pod.HostNetwork {
		e.fromNode(g, p, []*pod{q}, reach)
	}
	e.toNode(g, p, []*pod{q}, reach)
	if pa.broken || pb.broken {
		return *reach[0]
	}
	return reach[0].Intersect(g.beside(p, q, direct))
}

// one runs a program for one peer.
func (g *grouping) one(prog []instr, peer int32, broken bool) Reach {
	if broken {
		return Reach{Possible: ported}
	}
	s := start
	for i := range prog {
		in := &prog[i]
		switch {
		case in.op != opRule:
			s = s.step(in.op, 0, flowset.Transports{}, false)
		case has(in.peers.yes, peer):
			s = s.step(opRule, in.action, in.ports, in.unsure)
		case has(in.peers.maybe, peer):
			s = s.step(opRule, in.action, in.ports, true)
		}
	}
	return s.end()
}
