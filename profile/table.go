package profile

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// A table finds the first rule that matches. A rule is a condition on each of a few dimensions, and each condition is a
// set of keys, so the ends of all sets on one dimension cut it into cells that no set divides. A tree cuts one
// dimension a level and keeps for each cell the rules that are left; a search is one binary search a level,
// then a scan of the few rules of a leaf. Rules that restrict different dimensions go to different
// trees, since a rule without a condition on the dimension that is cut would be in every cell.
//
// Rules whose sets overlap on every dimension at once would make a tree of quadratic size. A tree that would pass its
// budget stays a leaf: then the search is a linear scan of that leaf, slower and as correct.

// The dimensions.
const (
	dimAddress = iota
	dimPort
	dimProtocol
	dimSource
	dimCount
)

type dims uint8 // a bit for each dimension

const (
	leafRules   = 4  // as many rules are scanned as fast as they are searched
	entryBudget = 64 // entries of cells that a tree may hold for each of its rules
)

// point is what is looked up: a key for each dimension.
type point [dimCount]key

type condition struct {
	sets  [dimCount]set // nil: no condition
	index int32         // of the rule
}

func (c *condition) dims() dims {
	var d dims
	for i, s := range c.sets {
		if s != nil {
			d |= 1 << i
		}
	}
	return d
}

// match looks at the given dimensions only.
func (c *condition) match(p *point, on dims) bool {
	for d := on; d != 0; d &= d - 1 {
		i := bits.TrailingZeros8(uint8(d))
		if c.sets[i] != nil && !c.sets[i].contains(p[i]) {
			return false
		}
	}
	return true
}

type table struct {
	conditions []condition
	trees      []tree // in order of their first rules
}

type tree struct {
	root  *node
	first int32 // position of its first condition
}

type node struct {
	starts []key // for each cell its first key; nil for a leaf
	cells  []*node
	dim    int
	left   dims    // for a leaf: the dimensions not decided on the way
	rules  []int32 // for a leaf: positions in conditions, in order
}

// first is the index of the first rule that matches, or -1. A dimension that is not in known has no
// value: conditions on it are not met.
func (t *table) first(p *point, known dims) int32 {
	if known != 1<<dimCount-1 {
		for i := range t.conditions {
			if c := &t.conditions[i]; c.dims()&^known == 0 && c.match(p, known) {
				return c.index
			}
		}
		return -1
	}
	best := int32(len(t.conditions))
	for i := range t.trees {
		if t.trees[i].first >= best {
			break
		}
		n := t.trees[i].root
		for n.starts != nil {
			n = n.cells[n.cell(p[n.dim])]
		}
		for _, r := range n.rules {
			if r >= best {
				break
			}
			if n.left == 0 || t.conditions[r].match(p, n.left) {
				best = r
				break
			}
		}
	}
	if int(best) == len(t.conditions) {
		return -1
	}
	return t.conditions[best].index
}

// cell is the last cell that begins at or before k; the first begins at the zero key.
func (n *node) cell(k key) int {
	i, j := 0, len(n.starts)
	for j-i > 1 {
		if m := int(uint(i+j) >> 1); k.less(n.starts[m]) {
			j = m
		} else {
			i = m
		}
	}
	return i
}

func newTable(conditions []condition) *table {
	t := &table{conditions: conditions}
	var groups [1 << dimCount][]int32
	for i := range conditions {
		d := conditions[i].dims()
		groups[d] = append(groups[d], int32(i))
	}
	for d, rules := range groups {
		if len(rules) > 0 {
			b := builder{t, entryBudget*len(rules) + 1024}
			t.trees = append(t.trees, tree{b.node(rules, dims(d)), rules[0]})
		}
	}
	slices.SortFunc(t.trees, func(a, b tree) int { return int(a.first - b.first) })
	return t
}

type builder struct {
	table  *table
	budget int
}

// node is the tree of rules whose conditions on left are not decided yet.
func (b *builder) node(rules []int32, left dims) *node {
	if left == 0 && len(rules) > 1 {
		rules = rules[:1] // it matches whatever comes here
	}
	leaf := &node{left: left, rules: rules}
	if len(rules) <= leafRules {
		return leaf
	}
	dim, starts, most, total := -1, []key(nil), 0, 0
	for d := range dimCount {
		if left&(1<<d) == 0 {
			continue
		}
		s := b.starts(rules, d)
		if m, n := b.measure(rules, d, s); n <= b.budget && (dim < 0 || m < most) {
			dim, starts, most, total = d, s, m, n
		}
	}
	if dim < 0 {
		return leaf
	}
	b.budget -= total
	lists := make([][]int32, len(starts))
	for _, r := range rules {
		eachCell(starts, b.table.conditions[r].sets[dim], func(from, to int) {
			for i := from; i < to; i++ {
				lists[i] = append(lists[i], r)
			}
		})
	}
	n := &node{dim: dim}
	known := map[string]*node{} // cells of the same rules share a node
	for i, list := range lists {
		id := make([]byte, 0, 4*len(list))
		for _, r := range list {
			id = binary.NativeEndian.AppendUint32(id, uint32(r))
		}
		kid := known[string(id)]
		if kid == nil {
			kid = b.node(list, left&^(1<<dim))
			known[string(id)] = kid
		}
		if i > 0 && n.cells[len(n.cells)-1] == kid {
			continue
		}
		n.starts, n.cells = append(n.starts, starts[i]), append(n.cells, kid)
	}
	return n
}

// starts is where the cells of a dimension begin.
func (b *builder) starts(rules []int32, dim int) []key {
	starts := []key{{}}
	for _, r := range rules {
		for _, s := range b.table.conditions[r].sets[dim] {
			starts = append(starts, s.first)
			if s.last != lastKey {
				starts = append(starts, s.last.next())
			}
		}
	}
	slices.SortFunc(starts, key.compare)
	return slices.Compact(starts)
}

// measure is the most rules in one cell, and the rules of all cells together.
func (b *builder) measure(rules []int32, dim int, starts []key) (most, total int) {
	change := make([]int, len(starts)+1)
	for _, r := range rules {
		eachCell(starts, b.table.conditions[r].sets[dim], func(from, to int) {
			change[from]++
			change[to]--
			total += to - from
		})
	}
	n := 0
	for _, c := range change {
		n += c
		most = max(most, n)
	}
	return most, total
}

// eachCell calls f with the cells, to not included, that each span of s covers.
func eachCell(starts []key, s set, f func(from, to int)) {
	for _, sp := range s {
		from, _ := slices.BinarySearchFunc(starts, sp.first, key.compare)
		to := len(starts)
		if sp.last != lastKey {
			to, _ = slices.BinarySearchFunc(starts, sp.last.next(), key.compare)
		}
		f(from, to)
	}
}
