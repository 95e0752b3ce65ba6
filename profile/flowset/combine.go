package flowset

import (
	"slices"
)

// combine is a op b, for an op under which what is in neither set is not in the result.
func combine(a, b *Set, o op) Set {
	m := newMerger(a, b, o)
	var out Set
	if cells := m.cells(); len(cells) > 0 {
		out.cells = cells
	}
	out.groups = m.groups()
	out.transports = m.transports
	return out
}

// merger numbers the transports of a result as they come up.
type merger struct {
	a, b       *Set
	op         op
	transports []Transports
	numbers    map[Transports]uint32 // of transports, once they are many
	table      []uint32              // for each class of a and each of b the class of the result, or unknown
	sparse     map[uint64]uint32     // instead of table where that would be larger than the work to be done
}

const (
	unknown     = ^uint32(0)
	fewClasses  = 8 // as many are compared as fast as they are hashed
	fewGroups   = 64
	tableFactor = 8 // entries of the table for each cell of the work
)

func newMerger(a, b *Set, o op) *merger {
	m := &merger{a: a, b: b, op: o}
	size := (len(a.transports) + 1) * (len(b.transports) + 1)
	if size > 256 && size > tableFactor*(len(a.cells)+len(b.cells)) {
		m.sparse = map[uint64]uint32{}
		return m
	}
	m.table = make([]uint32, size)
	for i := range m.table {
		m.table[i] = unknown
	}
	return m
}

// class is the class of what is in class i of a and class j of b.
func (m *merger) class(i, j uint32) uint32 {
	if i == 0 && j == 0 {
		return 0
	}
	if m.sparse != nil {
		at := uint64(i)<<32 | uint64(j)
		c, ok := m.sparse[at]
		if !ok {
			c = m.number(m.combined(i, j))
			m.sparse[at] = c
		}
		return c
	}
	c := &m.table[int(i)*(len(m.b.transports)+1)+int(j)]
	if *c == unknown {
		*c = m.number(m.combined(i, j))
	}
	return *c
}

func (m *merger) combined(i, j uint32) Transports {
	switch {
	case i > 0 && j > 0:
		return m.a.transports[i-1].combine(&m.b.transports[j-1], m.op)
	case i > 0 && m.op.of(true, false):
		return m.a.transports[i-1]
	case j > 0 && m.op.of(false, true):
		return m.b.transports[j-1]
	}
	return Transports{}
}

func (m *merger) number(t Transports) uint32 {
	if t.IsEmpty() {
		return 0
	}
	if m.numbers != nil {
		if c, ok := m.numbers[t]; ok {
			return c
		}
	} else if i := slices.Index(m.transports, t); i >= 0 {
		return uint32(i) + 1
	}
	m.transports = append(m.transports, t)
	n := uint32(len(m.transports))
	switch {
	case m.numbers != nil:
		m.numbers[t] = n
	case n > fewClasses:
		m.numbers = make(map[Transports]uint32, 2*n)
		for i, t := range m.transports {
			m.numbers[t] = uint32(i) + 1
		}
	}
	return n
}

func (m *merger) cells() []cell {
	a, b := m.a.cells, m.b.cells
	out := make([]cell, 0, len(a)+len(b))
	i, j := 0, 0
	var inA, inB, now uint32
	for i < len(a) || j < len(b) {
		var at key
		switch {
		case j == len(b) || i < len(a) && a[i].from.less(b[j].from):
			at, inA = a[i].from, a[i].class
			i++
		case i == len(a) || b[j].from.less(a[i].from):
			at, inB = b[j].from, b[j].class
			j++
		default:
			at, inA, inB = a[i].from, a[i].class, b[j].class
			i++
			j++
		}
		if c := m.class(inA, inB); c != now {
			out, now = append(out, cell{at, c}), c
		}
	}
	return out
}
