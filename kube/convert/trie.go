package convert

import (
	"cmp"
	"net/netip"
	"slices"
)

// entry is a prefix, all of whose addresses have a label. Entries do not overlap.
type entry struct {
	prefix netip.Prefix
	label  int
}

// placement is a prefix whose addresses have a label, but for those of longer prefixes. Around is the label there, and depth how many
// placements are around it.
type placement struct {
	prefix netip.Prefix
	label  int
	around int
	depth  int
}

// place finds the prefixes of the least weight such that by the longest that holds it, or by base, each address has the label
// that the entries give it; 0 where they give none. What may have any label is loopback, and in IPv6 the v4-mapped addresses. It is the
// minimisation of routing tables (Draves, King, Venkatachary and Zill, "Constructing optimal IP routing tables", 1999), with
// weights.
func place(entries []entry, weights []int, base int) []placement {
	var four, six []entry
	for _, e := range entries {
		if e.prefix.Addr().Is4() {
			four = append(four, e)
		} else {
			six = append(six, e)
		}
	}
	four = append(four, entry{netip.MustParsePrefix("127.0.0.0/8"), anyLabel})
	six = append(six, entry{netip.MustParsePrefix("::1/128"), anyLabel}, entry{netip.MustParsePrefix("::ffff:0:0/96"), anyLabel})
	var out []placement
	for _, family := range []struct {
		root    netip.Prefix
		entries []entry
	}{{netip.MustParsePrefix("0.0.0.0/0"), drop(four)}, {netip.MustParsePrefix("::/0"), drop(six)}} {
		slices.SortFunc(family.entries, func(a, b entry) int {
			return cmp.Or(a.prefix.Addr().Compare(b.prefix.Addr()), cmp.Compare(a.prefix.Bits(), b.prefix.Bits()))
		})
		t := trie{weights: weights}
		t.put(t.grow(family.root, family.entries), base, 0, &out)
	}
	return out
}

const anyLabel = -1

// drop takes out the entries of any label that are within another's.
func drop(entries []entry) []entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e entry) bool {
		return e.label == anyLabel && slices.ContainsFunc(entries, func(f entry) bool {
			return f.label != anyLabel && f.prefix.Bits() < e.prefix.Bits() && f.prefix.Contains(e.prefix.Addr())
		})
	})
}

// branch is a prefix in the tree, with what it costs.
type branch struct {
	prefix      netip.Prefix
	left, right *branch // nil for a leaf, which has one label
	least       int     // the cost with the best label placed here
	best        int     // that label
	// under is the cost without a placement here, by the label that holds around it, where that is less than least. It is least for others.
	under map[int]int
}

type trie struct{ weights []int }

// grow makes the branch of a prefix, from the entries that overlap it.
func (t *trie) grow(p netip.Prefix, entries []entry) *branch {
	if len(entries) == 0 {
		return t.leaf(p, 0)
	}
	if e := entries[0]; len(entries) == 1 && e.prefix.Bits() <= p.Bits() {
		return t.leaf(p, e.label)
	}
	left, right := halves(p)
	i, _ := slices.BinarySearchFunc(entries, right.Addr(), func(e entry, a netip.Addr) int { return e.prefix.Addr().Compare(a) })
	return t.join(p, t.grow(left, entries[:i]), t.grow(right, entries[i:]))
}

func (t *trie) leaf(p netip.Prefix, label int) *branch {
	if label == anyLabel {
		return &branch{prefix: p, best: anyLabel}
	}
	return &branch{prefix: p, least: t.weights[label], best: label, under: map[int]int{label: 0}}
}

func (b *branch) cost(label int) int {
	if c, ok := b.under[label]; ok {
		return c
	}
	return b.least
}

func (t *trie) join(p netip.Prefix, left, right *branch) *branch {
	b := &branch{prefix: p, left: left, right: right, best: anyLabel, least: left.least + right.least}
	if left.best == anyLabel && right.best == anyLabel {
		b.left, b.right = nil, nil
		return b
	}
	under := make(map[int]int, len(left.under)+len(right.under))
	labels := make([]int, 0, len(left.under)+len(right.under))
	for _, side := range []*branch{left, right} {
		for l := range side.under {
			if _, there := under[l]; !there {
				under[l] = left.cost(l) + right.cost(l)
				labels = append(labels, l)
			}
		}
	}
	slices.Sort(labels) // of those that cost the same the first, each time
	b.best = labels[0]
	b.least = under[labels[0]] + t.weights[labels[0]]
	for _, l := range labels {
		if c := under[l] + t.weights[l]; c < b.least {
			b.best, b.least = l, c
		}
	}
	for l, c := range under {
		if c >= b.least {
			delete(under, l)
		}
	}
	b.under = under
	return b
}

// put places what the branch needs, where a label holds around it.
func (t *trie) put(b *branch, label, depth int, out *[]placement) {
	if b.best == anyLabel {
		return
	}
	if _, cheaper := b.under[label]; !cheaper {
		*out = append(*out, placement{b.prefix, b.best, label, depth})
		label = b.best
		depth++
	}
	if b.left != nil {
		t.put(b.left, label, depth, out)
		t.put(b.right, label, depth, out)
	}
}

// halves is the two prefixes that a prefix is made of.
func halves(p netip.Prefix) (left, right netip.Prefix) {
	bit := p.Bits()
	left = netip.PrefixFrom(p.Addr(), bit+1)
	if p.Addr().Is4() {
		a := p.Addr().As4()
		a[bit/8] |= 0x80 >> (bit % 8)
		return left, netip.PrefixFrom(netip.AddrFrom4(a), bit+1)
	}
	a := p.Addr().As16()
	a[bit/8] |= 0x80 >> (bit % 8)
	return left, netip.PrefixFrom(netip.AddrFrom16(a), bit+1)
}
