package convert

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// labelOf is the label of an address by the longest placement that holds it.
func labelOf(a netip.Addr, placed []placement, base int) int {
	label, bits := base, -1
	for _, p := range placed {
		if p.prefix.Contains(a) && p.prefix.Bits() > bits {
			label, bits = p.label, p.prefix.Bits()
		}
	}
	return label
}

// leaves are the parts of 10.0.0.0/29, as prefixes that do not overlap, with labels.
func leaves(r *rand.Rand, p netip.Prefix, labels int) []entry {
	if p.Bits() == 32 || r.IntN(3) == 0 {
		if l := r.IntN(labels); l > 0 {
			return []entry{{p, l}}
		}
		return nil
	}
	a, b := halves(p)
	return append(leaves(r, a, labels), leaves(r, b, labels)...)
}

func weightOf(placed []placement, weights []int) int {
	n := 0
	for _, p := range placed {
		n += weights[p.label]
	}
	return n
}

// cheapest tries every way to place labels in a tree of eight addresses.
func cheapest(p netip.Prefix, want map[netip.Addr]int, weights []int, around int) int {
	best := 1 << 20
	try := func(label, cost int) {
		if p.Bits() == 32 {
			if want[p.Addr()] != label {
				return
			}
		} else {
			a, b := halves(p)
			cost += cheapest(a, want, weights, label) + cheapest(b, want, weights, label)
		}
		best = min(best, cost)
	}
	try(around, 0)
	for l := range weights {
		try(l, weights[l])
	}
	return best
}

func TestPlaceIsRightAndCheapest(t *testing.T) {
	root := netip.MustParsePrefix("10.0.0.0/29")
	longest := 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 4))
		weights := []int{1, 1, 1 + r.IntN(3), 1 + r.IntN(3)}
		base := r.IntN(2)
		entries := leaves(r, root, len(weights))
		want := map[netip.Addr]int{}
		for a := root.Addr(); root.Contains(a); a = a.Next() {
			want[a] = 0
			for _, e := range entries {
				if e.prefix.Contains(a) {
					want[a] = e.label
				}
			}
		}
		placed := place(slices.Clone(entries), weights, base)
		for a, l := range want {
			if got := labelOf(a, placed, base); got != l {
				t.Fatalf("seed %d: %v has label %d, want %d, by %v", seed, a, got, l, placed)
			}
		}
		// Outside of the root all has label 0, so that with base 0 nothing is needed there.
		if base == 0 {
			if got, least := weightOf(placed, weights), cheapest(root, want, weights, 0); got != least {
				t.Fatalf("seed %d: weight %d, want %d: %v", seed, got, least, placed)
			}
		}
		longest = max(longest, len(placed))
	}
	if longest < 5 {
		t.Errorf("at most %d placements: the test says little", longest)
	}
}

func TestSplit(t *testing.T) {
	clauses := func(n int) (out []clause) {
		w := newWorld(1)
		for range n {
			k := newClause(prefixes(corners[w.IntN(len(corners))], corners[w.IntN(len(corners))]), withPorts(portZeroTo(w.port())))
			if !k.to.IsEmpty() {
				out = append(out, k)
			}
		}
		return out
	}
	for _, most := range []int{4, 9, 40} {
		all := clauses(60)
		parts := split(all, most)
		var again []clause
		for _, p := range parts {
			if n := clauseTerms(p); n > most && len(p) > 1 {
				t.Errorf("%d terms in an object, want %d at most", n, most)
			}
			again = append(again, p...)
		}
		for i := range again { // split by their blocks, which leaves their addresses as they were
			if !again[i].everywhere {
				again[i].to = addrsOf(again[i].blocks)
			}
		}
		if got, want := unionOf(again, sayPorts), unionOf(all, sayPorts); !got.Equal(want) {
			t.Errorf("split in %d, %v is not there", len(parts), want.Subtract(got))
		}
	}
	if n := len(split(nil, 10)); n != 1 {
		t.Errorf("no clause makes %d objects, want 1", n)
	}
}
