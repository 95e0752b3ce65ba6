package kube

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"slices"
)

// Group is rows of the matrix that are equal, but for what single pods reach of themselves. Numbers are of [Evaluator.Workloads].
type Group struct {
	From    []int
	Reach   []GroupReach // by the first destination; destinations in none of them cannot be reached
	Outside EgressSet    // addresses that no pod has
}

// GroupReach is the destinations that are reached alike.
type GroupReach struct {
	Reach
	to bitset
}

// To is the numbers of the destinations, sorted.
func (r *GroupReach) To() []int { return r.to.list() }

// Groups are the rows of the matrix, equal ones together, in the order of the first of each. It holds of each group one row, and of
// a row a bit for each destination.
func (e *Evaluator) Groups(from, to Choice) []Group {
	work := e.Workloads()
	number := make(map[*Workload]int, len(work))
	for i, w := range work {
		number[w] = i
	}
	b := grouper{known: map[Reach]int{}, groups: map[rowSum]*rowGroup{}, columns: len(work)}
	if !slices.Contains(from.Workloads, true) {
		return nil
	}
	for row := range e.Matrix() {
		i := number[row.From]
		if !from.Workloads[i] {
			continue
		}
		b.row(i, &row, to.Workloads)
		var outside EgressSet
		base := rowSum{}
		if to.Outside {
			outside = e.Outside(row.From).To
			base = sha256.Sum256([]byte(outside.Certain.String() + "\x00" + outside.Possible.String()))
		}
		b.place(i, base, row.From.Single() && to.Workloads[i], outside)
	}
	return b.result()
}

// rowSum is a hash that tells rows apart.
type rowSum [sha256.Size]byte

func (s rowSum) xor(o rowSum) rowSum {
	for i := range s {
		s[i] ^= o[i]
	}
	return s
}

// grouper puts rows together.
type grouper struct {
	columns int
	reaches []Reach
	known   map[Reach]int
	seen    map[*Reach]int // of known, by where they were: for the row at hand and a few before it
	sets    []bitset       // of the row at hand, by number of its Reach; nil where it has none
	used    []int
	groups  map[rowSum]*rowGroup
	list    []*rowGroup
}

type bitset []uint64

func (s bitset) flip(i int) { s[i/64] ^= 1 << (i % 64) }

func (s bitset) list() []int {
	var out []int
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			out = append(out, 64*i+bits.TrailingZeros64(w))
		}
	}
	return out
}

// first is the lowest number, -1 where there is none.
func (s bitset) first() int {
	for i, w := range s {
		if w != 0 {
			return 64*i + bits.TrailingZeros64(w)
		}
	}
	return -1
}

// rowGroup is a group that may grow. Where its only row may have its own column in any of the sets, it is found by each.
type rowGroup struct {
	from    []int
	ids     []int
	sets    []bitset
	keys    []rowSum
	own     []int // for each key, the set that has the column of the only row: -1 for none
	outside EgressSet
}

// row takes a row apart into the destinations of each Reach.
func (b *grouper) row(i int, row *Row, to []bool) {
	for _, id := range b.used {
		b.sets[id] = nil
	}
	b.used = b.used[:0]
	if b.seen == nil || len(b.seen) > 1<<16 {
		b.seen = map[*Reach]int{}
	}
	var last *Reach
	id := -1
	for j, r := range row.Reach {
		if !to[j] || i == j && row.From.Single() {
			continue
		}
		if r != last {
			last, id = r, b.id(r)
		}
		if id < 0 {
			continue
		}
		if b.sets[id] == nil {
			b.sets[id] = make(bitset, (b.columns+63)/64)
			b.used = append(b.used, id)
		}
		b.sets[id].flip(j)
	}
	slices.Sort(b.used)
}

// id is the number of a Reach: -1 where nothing is reached.
func (b *grouper) id(r *Reach) int {
	id, there := b.seen[r]
	if there {
		return id
	}
	if r.Possible.IsEmpty() {
		id = -1
	} else if id, there = b.known[*r]; !there {
		id = len(b.reaches)
		b.known[*r] = id
		b.reaches = append(b.reaches, *r)
		b.sets = append(b.sets, nil)
	}
	b.seen[r] = id
	return id
}

func setSum(id int, s bitset) rowSum {
	buf := binary.LittleEndian.AppendUint64(make([]byte, 0, 8*(len(s)+1)), uint64(id))
	for _, w := range s {
		buf = binary.LittleEndian.AppendUint64(buf, w)
	}
	return sha256.Sum256(buf)
}

// place puts the row at hand into the group that it equals. Free tells that its own column may be in any set.
func (b *grouper) place(i int, base rowSum, free bool, outside EgressSet) {
	sums := make([]rowSum, len(b.used))
	for k, id := range b.used {
		sums[k] = setSum(id, b.sets[id])
		base = base.xor(sums[k])
	}
	keys, own := []rowSum{base}, []int{-1}
	if free {
		for k, id := range b.used {
			b.sets[id].flip(i)
			keys = append(keys, base.xor(sums[k]).xor(setSum(id, b.sets[id])))
			own = append(own, k)
			b.sets[id].flip(i)
		}
	}
	for _, key := range keys {
		g := b.groups[key]
		if g == nil {
			continue
		}
		if len(g.from) == 1 { // now it is known where the column of its row belongs
			for n, k := range g.keys {
				if k != key {
					delete(b.groups, k)
				} else if g.own[n] >= 0 {
					g.sets[g.own[n]].flip(g.from[0])
				}
			}
			g.keys = nil
		}
		g.from = append(g.from, i)
		return
	}
	g := &rowGroup{from: []int{i}, ids: slices.Clone(b.used), keys: keys, own: own, outside: outside}
	for _, id := range b.used {
		g.sets = append(g.sets, b.sets[id])
	}
	b.list = append(b.list, g)
	for _, key := range keys {
		b.groups[key] = g
	}
}

func (b *grouper) result() []Group {
	var out []Group
	for _, g := range b.list {
		slices.Sort(g.from)
		group := Group{From: g.from, Outside: g.outside}
		for k, id := range g.ids {
			if g.sets[k].first() >= 0 {
				group.Reach = append(group.Reach, GroupReach{b.reaches[id], g.sets[k]})
			}
		}
		slices.SortFunc(group.Reach, func(x, y GroupReach) int { return cmp.Compare(x.to.first(), y.to.first()) })
		out = append(out, group)
	}
	slices.SortFunc(out, func(x, y Group) int { return cmp.Compare(x.From[0], y.From[0]) })
	return out
}
