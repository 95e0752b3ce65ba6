package profile

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/sallyport/sallyport/attempt"
)

// key is one value of one dimension of a rule: an address, a port or a protocol, as 128 bits. Addresses
// share one space: an IPv4 address is where its v4-mapped form is, which no IPv6 prefix may reach.
type key struct{ hi, lo uint64 }

func (k key) less(o key) bool { return k.hi < o.hi || k.hi == o.hi && k.lo < o.lo }

func (k key) compare(o key) int { return cmp.Or(cmp.Compare(k.hi, o.hi), cmp.Compare(k.lo, o.lo)) }

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

var lastKey = key{^uint64(0), ^uint64(0)}

// addrKey leaves the zone out: a scope is no part of what a rule can say.
func addrKey(a netip.Addr) key {
	b := a.As16()
	return key{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// span is the keys first to last, both included.
type span struct{ first, last key }

// mapped is ::ffff:0:0/96, where IPv4 lives (RFC 4291, section 2.5.5.2).
var mapped = span{key{0, 0xffff << 32}, key{0, 0xffff<<32 | 0xffffffff}}

func prefixSpan(p netip.Prefix) span {
	first := addrKey(p.Addr())
	host := 128 - p.Bits() // bits that vary
	if p.Addr().Is4() {
		host = 32 - p.Bits()
	}
	last := first
	switch {
	case host >= 64:
		last.lo = ^uint64(0)
		if host == 128 {
			last.hi = ^uint64(0)
		} else {
			last.hi |= 1<<(host-64) - 1
		}
	default:
		last.lo |= 1<<host - 1
	}
	return span{first, last}
}

// set is spans in order that neither overlap nor touch. As a rule's condition nil is no condition at all.
type set []span

// union is the set of keys that are in any of the spans, which it reorders.
func union(spans []span) set {
	slices.SortFunc(spans, func(a, b span) int { return a.first.compare(b.first) })
	out := set{}
	for _, s := range spans {
		if n := len(out); n > 0 && (out[n-1].last == lastKey || !out[n-1].last.next().less(s.first)) {
			if out[n-1].last.less(s.last) {
				out[n-1].last = s.last
			}
			continue
		}
		out = append(out, s)
	}
	return out
}

// minus is the keys of s that are not in t.
func (s set) minus(t set) set {
	out := set{}
	for _, a := range s {
		gone := false
		for _, b := range t {
			if b.last.less(a.first) || a.last.less(b.first) {
				continue
			}
			if a.first.less(b.first) {
				out = append(out, span{a.first, b.first.prev()})
			}
			if gone = !b.last.less(a.last); gone {
				break
			}
			a.first = b.last.next()
		}
		if !gone {
			out = append(out, a)
		}
	}
	return out
}

func (s set) contains(k key) bool {
	i, j := 0, len(s) // the last span that begins at or before k is before j
	for i < j {
		if m := int(uint(i+j) >> 1); k.less(s[m].first) {
			j = m
		} else {
			i = m + 1
		}
	}
	return i > 0 && !s[i-1].last.less(k)
}

var (
	anySet = union([]span{
		prefixSpan(netip.PrefixFrom(netip.IPv4Unspecified(), 32)),
		prefixSpan(netip.PrefixFrom(netip.IPv6Unspecified(), 128)),
	})
	loopbackSet = union([]span{
		prefixSpan(netip.MustParsePrefix("127.0.0.0/8")),
		prefixSpan(netip.PrefixFrom(netip.IPv6Loopback(), 128)),
	})
)

// set is the addresses of the block; None has no addresses.
func (b Block) set() set {
	var s set
	switch {
	case b.Word == Any:
		s = anySet
	case b.Word == Loopback:
		s = loopbackSet
	case b.Word != NoWord:
		return set{}
	case b.Prefix.IsValid():
		p := unmapPrefix(b.Prefix).Masked()
		s = set{prefixSpan(p)}
		if p.Addr().Is6() {
			s = s.minus(set{mapped})
		}
	default:
		s = set{{key{}, lastKey}}
	}
	if len(b.Except) > 0 {
		s = s.minus(blockSet(b.Except))
	}
	return s
}

// blockSet is the addresses of any of the blocks, nil for nil.
func blockSet(blocks []Block) set {
	if blocks == nil {
		return nil
	}
	var spans []span
	for _, b := range blocks {
		spans = append(spans, b.set()...)
	}
	return union(spans)
}

func portSet(ports []PortRange) set {
	if ports == nil {
		return nil
	}
	var spans []span
	for _, r := range ports {
		if r.First <= r.Last {
			spans = append(spans, span{key{0, uint64(r.First)}, key{0, uint64(r.Last)}})
		}
	}
	return union(spans)
}

func protocolSet(protocols []attempt.Protocol) set {
	if protocols == nil {
		return nil
	}
	var spans []span
	for _, p := range protocols {
		spans = append(spans, span{protocolKey(p), protocolKey(p)})
	}
	return union(spans)
}

// protocolKey counts MPTCP as TCP: it is TCP on the wire, and falls back to it.
func protocolKey(p attempt.Protocol) key {
	if p == attempt.MPTCP {
		p = attempt.TCP
	}
	return key{0, uint64(p)}
}

// noPort is the port of what has none. Rules that ask for ports ask for less, so it meets none of them.
var noPort = key{0, 1 << 16}

// portKey leaves out what stands in the place of the port in addresses of protocols that have none. A protocol that is not
// known (0) is taken at its word.
func portKey(p attempt.Protocol, port uint16) key {
	switch p {
	case attempt.TCP, attempt.MPTCP, attempt.UDP, attempt.SCTP, 0:
		return key{0, uint64(port)}
	}
	return noPort
}

// unmapPrefix is the IPv4 form of a prefix of v4-mapped addresses, and any other prefix as it is.
func unmapPrefix(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}
