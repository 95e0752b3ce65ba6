package flowset

import (
	"encoding/binary"
	"iter"
	"net/netip"
	"slices"
)

// key is an address as a number. An IPv4 address is where its v4-mapped form is, which no IPv6 prefix reaches.
type key struct{ hi, lo uint64 }

func (k key) less(o key) bool { return k.hi < o.hi || k.hi == o.hi && k.lo < o.lo }

func (k key) compare(o key) int {
	switch {
	case k.less(o):
		return -1
	case o.less(k):
		return 1
	}
	return 0
}

func (k key) next() key {
	if k.lo++; k.lo == 0 {
		k.hi++
	}
	return k
}

func (k key) prev() key {
	if k.lo == 0 {
		k.hi--
	}
	k.lo--
	return k
}

// addr is the address that k stands for.
func (k key) addr() netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], k.hi)
	binary.BigEndian.PutUint64(b[8:], k.lo)
	return netip.AddrFrom16(b).Unmap()
}

func addrKey(a netip.Addr) key {
	b := a.As16()
	return key{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

var (
	lastKey    = key{^uint64(0), ^uint64(0)}
	firstIPv4  = key{0, 0xffff << 32}            // ::ffff:0.0.0.0
	afterIPv4  = key{0, 0x1_0000_0000_0000}      // after ::ffff:255.255.255.255
	ipv4Edges  = []key{firstIPv4, afterIPv4}     // see op.go
	ipv6Edges  = []key{{}, firstIPv4, afterIPv4} // all but these
	everyEdges = []key{{}}
)

// Addrs is a set of addresses, of both families. The zero value is empty. It must not be compared with ==.
type Addrs struct{ edges []key } // see op.go

// AllAddrs is every address of both families.
func AllAddrs() Addrs { return Addrs{everyEdges} }

// AllIPv4 is every IPv4 address.
func AllIPv4() Addrs { return Addrs{ipv4Edges} }

// AllIPv6 is every IPv6 address, without the v4-mapped ones.
func AllIPv6() Addrs { return Addrs{ipv6Edges} }

// AddrsOf is the addresses of any of the prefixes, whose bits beyond their length are not looked at. A prefix that is not valid
// has no address.
func AddrsOf(prefixes ...netip.Prefix) Addrs {
	var b AddrsBuilder
	for _, p := range prefixes {
		b.AddPrefix(p)
	}
	return b.Addrs()
}

// AddrRange is the addresses first to last, both included; empty where they are not of one family, or first is above last.
func AddrRange(first, last netip.Addr) Addrs {
	var b AddrsBuilder
	b.AddRange(first, last)
	return b.Addrs()
}

// AddrOf is the set of one address; empty for one that is not valid.
func AddrOf(a netip.Addr) Addrs { return AddrRange(a, a) }

func (a Addrs) merge(b Addrs, o op) Addrs {
	// Most operations have one large and one small set: a result of that size needs no second allocation.
	return Addrs{mergeKeys(make([]key, 0, len(a.edges)+len(b.edges)), a.edges, b.edges, o)}
}

// Union is the addresses in a, in b or in both.
func (a Addrs) Union(b Addrs) Addrs {
	switch {
	case b.IsEmpty() || a.IsAll():
		return a
	case a.IsEmpty() || b.IsAll():
		return b
	}
	return a.merge(b, opUnion)
}

// Intersect is the addresses in both.
func (a Addrs) Intersect(b Addrs) Addrs {
	switch {
	case a.IsEmpty() || b.IsAll():
		return a
	case b.IsEmpty() || a.IsAll():
		return b
	}
	return a.merge(b, opIntersect)
}

// Subtract is the addresses in a that are not in b.
func (a Addrs) Subtract(b Addrs) Addrs {
	switch {
	case a.IsEmpty() || b.IsEmpty():
		return a
	case b.IsAll():
		return Addrs{}
	}
	return a.merge(b, opSubtract)
}

// Except is the addresses in a that are in none of the prefixes, as in a NetworkPolicy's ipBlock.
func (a Addrs) Except(prefixes ...netip.Prefix) Addrs { return a.Subtract(AddrsOf(prefixes...)) }

// Complement is the addresses of both families that are not in a.
func (a Addrs) Complement() Addrs { return AllAddrs().Subtract(a) }

// Equal reports whether both are the same set.
func (a Addrs) Equal(b Addrs) bool { return slices.Equal(a.edges, b.edges) }

// IsEmpty reports whether no address is in a.
func (a Addrs) IsEmpty() bool { return len(a.edges) == 0 }

// IsAll reports whether every address of both families is in a.
func (a Addrs) IsAll() bool { return len(a.edges) == 1 && a.edges[0] == key{} }

// SubsetOf reports whether every address in a is in b.
func (a Addrs) SubsetOf(b Addrs) bool {
	for i := 0; i < len(a.edges); i += 2 {
		last := lastKey
		if i+1 < len(a.edges) {
			last = a.edges[i+1].prev()
		}
		if !b.has(a.edges[i], last) {
			return false
		}
	}
	return true
}

// Covers reports whether every address in b is in a.
func (a Addrs) Covers(b Addrs) bool { return b.SubsetOf(a) }

// Overlaps reports whether any address is in both.
func (a Addrs) Overlaps(b Addrs) bool { return !a.Intersect(b).IsEmpty() }

// Contains reports whether the address is in a. An address that is not valid is in no set.
func (a Addrs) Contains(addr netip.Addr) bool {
	return addr.IsValid() && a.at(addrKey(addr))&1 != 0
}

// at is how many edges are at or before k: odd where k is in the set.
func (a Addrs) at(k key) int {
	i, j := 0, len(a.edges)
	for i < j {
		if m := int(uint(i+j) >> 1); k.less(a.edges[m]) {
			j = m
		} else {
			i = m + 1
		}
	}
	return i
}

// has reports whether all keys from first to last are in a.
func (a Addrs) has(first, last key) bool {
	n := a.at(first)
	return n&1 != 0 && (n == len(a.edges) || last.less(a.edges[n]))
}

// lacks reports whether none of them is.
func (a Addrs) lacks(first, last key) bool {
	n := a.at(first)
	return n&1 == 0 && (n == len(a.edges) || last.less(a.edges[n]))
}

// Ranges yields the first and the last address of each range: those of IPv4, then those of IPv6, each in order. Ranges of one
// family neither overlap nor touch.
func (a Addrs) Ranges() iter.Seq2[netip.Addr, netip.Addr] {
	return func(yield func(netip.Addr, netip.Addr) bool) {
		for _, family := range []Addrs{a.Intersect(AllIPv4()), a.Subtract(AllIPv4())} {
			for i := 0; i < len(family.edges); i += 2 {
				last := lastKey
				if i+1 < len(family.edges) {
					last = family.edges[i+1].prev()
				}
				if !yield(family.edges[i].addr(), last.addr()) {
					return
				}
			}
		}
	}
}
