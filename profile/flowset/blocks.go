package flowset

import (
	"net/netip"
	"slices"
	"strings"
)

// Block is the addresses of a prefix that are in none of the prefixes of Except, as in a NetworkPolicy's ipBlock.
type Block struct {
	Prefix netip.Prefix
	Except []netip.Prefix
}

// String is "10.0.0.0/8 except 10.1.0.0/16 and 10.2.0.0/16"; an address for a prefix of full length.
func (b Block) String() string {
	var s strings.Builder
	b.write(&s)
	return s.String()
}

func (b Block) write(s *strings.Builder) {
	writePrefix(s, b.Prefix)
	for i, e := range b.Except {
		if i == 0 {
			s.WriteString(" except ")
		} else {
			s.WriteString(" and ")
		}
		writePrefix(s, e)
	}
}

func writePrefix(s *strings.Builder, p netip.Prefix) {
	if p.IsSingleIP() {
		s.WriteString(p.Addr().String())
		return
	}
	s.WriteString(p.String())
}

// Prefixes is the smallest list of prefixes that has the addresses of a, IPv4 first, each family in order. ::/0 does not
// have the v4-mapped addresses.
func (a Addrs) Prefixes() []netip.Prefix {
	var out []netip.Prefix
	for _, root := range roots {
		out = append(out, a.shorten(root).prefixes...)
	}
	return out
}

// Blocks is the shortest list of blocks that has the addresses of a, counting every prefix in it. IPv4 comes first, each family
// in order.
func (a Addrs) Blocks() []Block {
	var out []Block
	for _, root := range roots {
		out = append(out, a.shorten(root).blocks...)
	}
	return out
}

// String is the blocks of a: "10.0.0.0/8 except 10.1.0.0/16, 192.0.2.1"; "every address", "no address".
func (a Addrs) String() string {
	switch {
	case a.IsEmpty():
		return "no address"
	case a.IsAll():
		return "every address"
	}
	var s strings.Builder
	for i, b := range a.Blocks() {
		if i > 0 {
			s.WriteString(", ")
		}
		b.write(&s)
	}
	return s.String()
}

// root is where the prefixes of a family begin.
type root struct {
	first key
	bits  int
}

var roots = []root{{firstIPv4, 96}, {key{}, 0}}

// forms is how the addresses of a part of the tree of prefixes may be written.
type forms struct {
	prefixes []netip.Prefix // all of them, without exceptions
	except   []netip.Prefix // all that are missing
	blocks   []Block        // the shortest form
	terms    int            // how many prefixes are in blocks
}

// shorten is the forms of the family that begins at r.
func (a Addrs) shorten(r root) forms {
	if r.bits > 0 {
		return shortener{a, a}.forms(r.first, r.bits)
	}
	return shortener{a.Union(AllIPv4()), a.Subtract(AllIPv4())}.forms(r.first, r.bits)
}

// shortener holds what is written out, with and without the keys that do not matter, which are those of IPv4 while IPv6 is
// written out.
type shortener struct{ with, without Addrs }

func (s shortener) forms(k key, bits int) forms {
	sp := prefixSpan(k, bits)
	full, empty := s.with.has(sp.first, sp.last), s.without.lacks(sp.first, sp.last)
	switch p := k.prefix(bits); {
	case full && empty:
		return forms{}
	case full:
		return forms{prefixes: []netip.Prefix{p}, blocks: []Block{{Prefix: p}}, terms: 1}
	case empty:
		return forms{except: []netip.Prefix{p}}
	}
	f, g := s.forms(k, bits+1), s.forms(k.sibling(bits), bits+1)
	f.prefixes = append(f.prefixes, g.prefixes...)
	f.except = append(f.except, g.except...)
	if n := 1 + len(f.except); n < f.terms+g.terms {
		f.blocks, f.terms = []Block{{k.prefix(bits), slices.Clip(f.except)}}, n
		return f
	}
	f.blocks, f.terms = append(f.blocks, g.blocks...), f.terms+g.terms
	return f
}

// sibling is k with bit set, counted from the highest, 0.
func (k key) sibling(bit int) key {
	if bit < 64 {
		k.hi |= 1 << (63 - bit)
	} else {
		k.lo |= 1 << (127 - bit)
	}
	return k
}

// prefix is one of IPv4 where k is an IPv4 address.
func (k key) prefix(bits int) netip.Prefix {
	a := k.addr()
	if a.Is4() {
		bits -= 96 // an IPv6 prefix that begins at such a key is longer than 96 bits too: it is one of IPv4
	}
	return netip.PrefixFrom(a, bits)
}
