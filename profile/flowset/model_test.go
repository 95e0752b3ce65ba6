package flowset

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// The model of a set is one truth value for each flow of a small universe, whose addresses, peers and ports stand at the ends
// of what there is. Sets are only made with edges between them, so two sets that differ also differ in their models.

// universe is 8 addresses at each end of each family, those around the v4-mapped ones that IPv4 takes out of IPv6 among them. The
// gaps between are represented by the address after, which no range begins or ends at, and the middle for prefixes of one bit.
var (
	universe []netip.Addr
	ends     []netip.Addr // those of universe that ranges begin and end at
	ports    = []uint16{0, 1, 2, 3, 4, 65532, 65533, 65534, 65535}
	peers    = []Peer{0, 1, 2, 62, 63, 64, 65, 127, 128, 1000}
)

const gapPort, gapPeer = 4, 1000 // as in universe

func init() {
	for _, first := range []string{
		"0.0.0.0", "255.255.255.248", "::", "::fffe:ffff:fff8", "::1:0:0:0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff8",
	} {
		a := netip.MustParseAddr(first)
		for range 8 {
			universe, ends = append(universe, a), append(ends, a)
			a = a.Next()
		}
		if a.IsValid() && !a.Is4In6() {
			universe = append(universe, a)
		}
	}
	universe = append(universe, netip.MustParseAddr("128.0.0.0"), netip.MustParseAddr("8000::"))
	slices.SortFunc(universe, netip.Addr.Compare)
}

// flow is one flow of the universe.
type flow struct {
	addr     netip.Addr // not valid for one to a peer
	peer     Peer
	protocol Protocol
	port     uint16
}

func flows() (all []flow) {
	for p := range protocolCount {
		of := ports
		if !p.HasPorts() {
			of = ports[:1]
		}
		for _, port := range of {
			for _, a := range universe {
				all = append(all, flow{addr: a, protocol: p, port: port})
			}
			for _, peer := range peers {
				all = append(all, flow{peer: peer, protocol: p, port: port})
			}
		}
	}
	return all
}

type model []bool

func (s Set) has(f flow) bool {
	if f.addr.IsValid() {
		return s.Contains(f.addr, f.protocol, f.port)
	}
	return s.ContainsPeer(f.peer, f.protocol, f.port)
}

func modelOf(all []flow, has func(flow) bool) model {
	m := make(model, len(all))
	for i, f := range all {
		m[i] = has(f)
	}
	return m
}

func (m model) op(n model, o op) model {
	out := make(model, len(m))
	for i := range m {
		out[i] = o.of(m[i], n[i])
	}
	return out
}

// chooser takes decisions from a fuzzer's bytes, or at random without any.
type chooser struct {
	data []byte
	rand *rand.Rand
}

func (c *chooser) n(n int) int {
	if c.rand != nil {
		return c.rand.IntN(n)
	}
	if len(c.data) == 0 {
		return 0
	}
	b := c.data[0]
	c.data = c.data[1:]
	return int(b) % n
}

// addrs is a set of addresses, and whether each address is in it, by netip's own order and prefixes.
func (c *chooser) addrs() (Addrs, func(netip.Addr) bool) {
	a := ends[c.n(len(ends))]
	switch c.n(4) {
	case 0:
		return AllAddrs(), func(netip.Addr) bool { return true }
	case 1:
		host := []int{0, 1, 2, 3, a.BitLen() - 1, a.BitLen()}[c.n(6)]
		p := netip.PrefixFrom(a, a.BitLen()-host)
		has := func(x netip.Addr) bool { return p.Contains(x) && x.Is4() == a.Is4() }
		if c.n(2) == 0 {
			b := ends[c.n(len(ends))]
			q := netip.PrefixFrom(b, b.BitLen())
			return AddrsOf(p).Except(q), func(x netip.Addr) bool { return has(x) && x != b }
		}
		return AddrsOf(p), has
	}
	b := ends[c.n(len(ends))]
	if a.Is4() == b.Is4() && b.Less(a) {
		a, b = b, a
	}
	return AddrRange(a, b), func(x netip.Addr) bool {
		return a.Is4() == b.Is4() && x.Is4() == a.Is4() && a.Compare(x) <= 0 && x.Compare(b) <= 0
	}
}

func (c *chooser) ports() (Ports, func(uint16) bool) {
	a, b := ports[c.n(len(ports))], ports[c.n(len(ports))]
	switch {
	case c.n(4) == 0:
		return AllPorts(), func(uint16) bool { return true }
	case a == gapPort || b == gapPort:
		return AllPorts().Subtract(Port(3)), func(p uint16) bool { return p != 3 }
	case c.n(2) == 0:
		return PortsOf(a, b, a), func(p uint16) bool { return p == a || p == b }
	}
	return PortRange(a, b), func(p uint16) bool { return a <= p && p <= b }
}

func (c *chooser) transports() (Transports, func(Protocol, uint16) bool) {
	p := Protocol(c.n(int(protocolCount) + 1))
	q, has := c.ports()
	switch {
	case p == protocolCount:
		return AllTransports(), func(Protocol, uint16) bool { return true }
	case !p.HasPorts():
		return Transport(p, AllPorts()), func(r Protocol, _ uint16) bool { return r == p }
	}
	return Transport(p, q), func(r Protocol, port uint16) bool { return r == p && has(port) }
}

func (c *chooser) peers() (Peers, func(Peer) bool) {
	a, b := peers[c.n(len(peers))], peers[c.n(len(peers))]
	switch {
	case c.n(4) == 0:
		return AllPeers(), func(Peer) bool { return true }
	case a == gapPeer || b == gapPeer:
		return PeersOf(1, 63).Complement(), func(p Peer) bool { return p != 1 && p != 63 }
	case c.n(2) == 0:
		return PeersOf(a, b), func(p Peer) bool { return p == a || p == b }
	}
	return PeerRange(a, b), func(p Peer) bool { return a <= p && p <= b }
}

// set is a set made of few operations, and its model over all.
func (c *chooser) set(all []flow) (Set, model) {
	s, m := Set{}, make(model, len(all))
	for n := 1 + c.n(4); n > 0; n-- {
		t, hasT := c.transports()
		var one Set
		var has func(flow) bool
		if c.n(3) == 0 {
			peers, hasP := c.peers()
			one = OfPeers(peers, t)
			has = func(f flow) bool { return !f.addr.IsValid() && hasP(f.peer) && hasT(f.protocol, f.port) }
		} else {
			addrs, hasA := c.addrs()
			one = Of(addrs, t)
			has = func(f flow) bool { return f.addr.IsValid() && hasA(f.addr) && hasT(f.protocol, f.port) }
		}
		n := modelOf(all, has)
		switch c.n(4) {
		case 0:
			s, m = s.Subtract(one), m.op(n, opSubtract)
		case 1:
			s, m = s.Complement().Union(one), m.op(m, 0b0001).op(n, opUnion)
		default:
			s, m = s.Union(one), m.op(n, opUnion)
		}
	}
	return s, m
}

// check fails the test unless s is what its model says, in canonical form.
func check(t *testing.T, what string, s Set, want model, all []flow) {
	t.Helper()
	for i, f := range all {
		if s.has(f) != want[i] {
			t.Fatalf("%s: is %v: %+v is in it: %t, want %t", what, s, f, s.has(f), want[i])
		}
	}
	if problem := s.canonical(); problem != "" {
		t.Fatalf("%s: %v is not canonical: %s: %+v", what, s, problem, s)
	}
	var again Set
	for part := range s.All() {
		if part.Transports.IsEmpty() || part.Addrs.IsEmpty() && part.Peers.IsEmpty() {
			t.Fatalf("%s: %v has an empty part %v", what, s, part)
		}
		one := OfBoth(part.Addrs, part.Peers, part.Transports)
		if again.Addrs().Overlaps(part.Addrs) || again.Peers().Overlaps(part.Peers) {
			t.Fatalf("%s: %v: a destination is in two parts", what, s)
		}
		again = one.Union(again)
	}
	if !again.Equal(s) {
		t.Fatalf("%s: got %v from the parts of %v", what, again, s)
	}
}

// canonical says what about the representation is not as package and type promise.
func (s Set) canonical() string {
	seen := uint32(0)
	next := func(c uint32) bool {
		if c == seen+1 {
			seen++
		}
		return c <= seen
	}
	last := uint32(0)
	for i, c := range s.cells {
		switch {
		case i > 0 && !s.cells[i-1].from.less(c.from):
			return "cells are not in order"
		case c.class == last:
			return "neighbours have one class"
		case !next(c.class):
			return "classes are not in order of cells"
		}
		last = c.class
	}
	inCells := seen
	var all Peers
	for i, g := range s.groups {
		switch {
		case g.peers.IsEmpty() || all.Overlaps(g.peers):
			return "a group is empty, or has another's peers"
		case i > 0 && s.groups[i-1].class >= g.class:
			return "groups are not in order of classes"
		case g.class > inCells && i > 0 && s.groups[i-1].class > inCells && s.groups[i-1].peers.min() > g.peers.min():
			return "classes are not in order of peers"
		case !next(g.class):
			return "a class is missing"
		case len(g.peers.words) > 0 && g.peers.words[len(g.peers.words)-1] == g.peers.rest:
			return "peers are not trimmed"
		}
		all = all.Union(g.peers)
	}
	if int(seen) != len(s.transports) {
		return "a class is not used"
	}
	for i, t := range s.transports {
		if t.IsEmpty() || slices.Contains(s.transports[:i], t) {
			return "transports are empty, or are there twice"
		}
	}
	return ""
}
