package flowset

import (
	"net/netip"
	"slices"
)

// AddrsBuilder makes one set of many prefixes and ranges, in time n log n. Its zero value is ready.
type AddrsBuilder struct{ spans []span }

// span is the keys first to last, both included.
type span struct{ first, last key }

// AddPrefix adds the addresses of a prefix, as [AddrsOf] does.
func (b *AddrsBuilder) AddPrefix(p netip.Prefix) {
	if !p.IsValid() {
		return
	}
	first, bits := addrKey(p.Addr()), p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	s := prefixSpan(first, bits)
	if p.Addr().Is4() || p.Addr().Is4In6() && bits >= 96 {
		b.spans = append(b.spans, s)
		return
	}
	b.addIPv6(s)
}

// AddRange adds the addresses first to last, as [AddrRange] does.
func (b *AddrsBuilder) AddRange(first, last netip.Addr) {
	first, last = first.Unmap(), last.Unmap()
	s := span{addrKey(first), addrKey(last)}
	switch {
	case !first.IsValid() || first.BitLen() != last.BitLen() || s.last.less(s.first):
	case first.Is4():
		b.spans = append(b.spans, s)
	default:
		b.addIPv6(s)
	}
}

// Add adds a set.
func (b *AddrsBuilder) Add(a Addrs) {
	for i := 0; i < len(a.edges); i += 2 {
		last := lastKey
		if i+1 < len(a.edges) {
			last = a.edges[i+1].prev()
		}
		b.spans = append(b.spans, span{a.edges[i], last})
	}
}

// addIPv6 leaves the v4-mapped addresses out. The first address is never one of them, the last of a prefix may be.
func (b *AddrsBuilder) addIPv6(s span) {
	if !s.first.less(firstIPv4) || s.last.less(firstIPv4) {
		b.spans = append(b.spans, s)
		return
	}
	b.spans = append(b.spans, span{s.first, firstIPv4.prev()})
	if !s.last.less(afterIPv4) {
		b.spans = append(b.spans, span{afterIPv4, s.last})
	}
}

// Addrs is what was added. More may be added afterwards.
func (b *AddrsBuilder) Addrs() Addrs {
	switch len(b.spans) {
	case 0:
		return Addrs{}
	case 1:
		return Addrs{appendSpan(make([]key, 0, 2), b.spans[0])}
	}
	slices.SortFunc(b.spans, func(x, y span) int { return x.first.compare(y.first) })
	edges := make([]key, 0, 2*len(b.spans))
	for _, s := range b.spans {
		n := len(edges)
		switch {
		case n&1 != 0: // the last key is in already
		case n > 0 && !edges[n-1].less(s.first): // overlaps or touches the range before
			if s.last == lastKey {
				edges = edges[:n-1]
			} else if edges[n-1].less(s.last.next()) {
				edges[n-1] = s.last.next()
			}
		default:
			edges = appendSpan(edges, s)
		}
	}
	return Addrs{slices.Clip(edges)}
}

func appendSpan(edges []key, s span) []key {
	if edges = append(edges, s.first); s.last != lastKey {
		edges = append(edges, s.last.next())
	}
	return edges
}

// prefixSpan is the keys that have the first bits of k.
func prefixSpan(k key, bits int) span {
	switch host := 128 - bits; {
	case host == 128:
		return span{key{}, lastKey}
	case host >= 64:
		mask := uint64(1)<<(host-64) - 1
		return span{key{k.hi &^ mask, 0}, key{k.hi | mask, ^uint64(0)}}
	default:
		mask := uint64(1)<<host - 1
		return span{key{k.hi, k.lo &^ mask}, key{k.hi, k.lo | mask}}
	}
}
