package flowset

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// portModel is the ranges that a set of ports was made of.
type portModel [][2]int

func (m portModel) has(i int) bool {
	return slices.ContainsFunc(m, func(r [2]int) bool { return r[0] <= i && i <= r[1] })
}

func (c *chooser) portSet() (Ports, portModel) {
	var p Ports
	var m portModel
	for range c.n(40) {
		first := c.n(256)<<8 | c.n(256)
		last := min(first+c.n(256), 65535)
		p = p.Union(PortRange(uint16(first), uint16(last)))
		m = append(m, [2]int{first, last})
	}
	return p, m
}

func checkPorts(t *testing.T, what string, p Ports, at []int, want func(i int) bool) {
	t.Helper()
	for _, i := range at {
		if p.Contains(uint16(i)) != want(i) {
			t.Fatalf("%s: %v has %d: %t", what, p, i, !want(i))
		}
	}
	last, n := -2, 0
	var again Ports
	for first, l := range p.Ranges() {
		if int(first) <= last+1 || l < first {
			t.Fatalf("%s: %v has ranges that touch, or are reversed", what, p)
		}
		last = int(l)
		n += last - int(first) + 1
		again = again.Union(PortRange(first, l))
	}
	if again != p || p.Len() != n {
		t.Fatalf("%s: got %v, of %d ports, from the ranges of %v, of %d", what, again, n, p, p.Len())
	}
	if len(at) < 65536 {
		return
	}
	var ports []uint16
	for i := range 65536 {
		if want(i) {
			ports = append(ports, uint16(i))
		}
	}
	if again := PortsOf(ports...); again != p {
		t.Fatalf("%s: %+v and %+v are one set", what, p, again)
	}
}

// lawfulPorts looks at every port, or only at those where anything may change.
func lawfulPorts(t *testing.T, c *chooser, every bool) {
	t.Helper()
	p, m := c.portSet()
	q, n := c.portSet()
	at := []int{0, 65535}
	for _, r := range slices.Concat(m, n) {
		at = append(at, max(r[0]-1, 0), r[0], r[1], min(r[1]+1, 65535))
	}
	if every {
		at = at[:0]
		for i := range 65536 {
			at = append(at, i)
		}
	}
	checkPorts(t, "p", p, at, m.has)
	checkPorts(t, "union", p.Union(q), at, func(i int) bool { return m.has(i) || n.has(i) })
	checkPorts(t, "intersect", p.Intersect(q), at, func(i int) bool { return m.has(i) && n.has(i) })
	checkPorts(t, "subtract", p.Subtract(q), at, func(i int) bool { return m.has(i) && !n.has(i) })
	checkPorts(t, "complement", p.Complement(), at, func(i int) bool { return !m.has(i) })
	same := !slices.ContainsFunc(at, func(i int) bool { return m.has(i) != n.has(i) })
	if p.Equal(q) != same || (p == q) != same || !p.Intersect(q).SubsetOf(p) || !p.Covers(p.Subtract(q)) {
		t.Fatalf("%v and %v", p, q)
	}
}

func TestPortsAgainstModel(t *testing.T) {
	for seed := range uint64(300) {
		lawfulPorts(t, &chooser{rand: rand.New(rand.NewPCG(seed, 2))}, seed < 10)
	}
}

func FuzzPorts(f *testing.F) {
	f.Add([]byte{3, 255, 255, 0, 0, 0, 1, 0, 1, 9, 2, 0, 0, 255, 255, 254, 9})
	f.Fuzz(func(t *testing.T, data []byte) { lawfulPorts(t, &chooser{data: data}, false) })
}

func TestPortsText(t *testing.T) {
	for want, p := range map[string]Ports{
		"none": {}, "all": PortRange(0, 65535), "80": Port(80), "65535": Port(65535), "0": Port(0),
		"80,443,8000-8080": PortRange(8000, 8080).Union(PortsOf(443, 80)),
		"0-24,26-65535":    Port(25).Complement(),
		"1-3":              PortsOf(3, 1, 2, 2, 3),
	} {
		if got := p.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if !PortRange(2, 1).IsEmpty() || PortsOf(65535, 65534, 65535) != PortRange(65534, 65535) {
		t.Error("a reversed range, or ports at the end")
	}
}

func TestTransportsText(t *testing.T) {
	for want, set := range map[string]Transports{
		"none":                       {},
		"all":                        Transport(TCP, Port(1)).Complement().Union(Transport(TCP, Port(1))),
		"tcp 80,443 udp 53 icmp":     Transport(TCP, PortsOf(80, 443)).Union(Transport(UDP, Port(53))).Union(Transport(ICMP, Port(9))),
		"tcp":                        Transport(TCP, AllPorts()),
		"all except tcp 25":          Transport(TCP, Port(25)).Complement(),
		"all except icmpv6 others":   AllTransports().Subtract(Transport(ICMPv6, AllPorts()).Union(Transport(Others, AllPorts()))),
		"sctp 7 icmpv6 others":       Transport(SCTP, Port(7)).Union(Transport(ICMPv6, AllPorts())).Union(Transport(Others, AllPorts())),
		"tcp 0-24,26-65535":          Transport(TCP, Port(25).Complement()),
		"udp 0-52,54-65535 others":   Transport(UDP, Port(53).Complement()).Union(Transport(Others, AllPorts())),
		"all except tcp udp 1-65535": AllTransports().Subtract(Transport(TCP, AllPorts()).Union(Transport(UDP, PortRange(1, 65535)))),
	} {
		if got := set.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// anyAddrs is a set of ranges anywhere.
func (c *chooser) anyAddrs() Addrs {
	var b AddrsBuilder
	for range c.n(12) {
		var x [16]byte
		for i := range x {
			x[i] = byte(c.n(256))
		}
		a := netip.AddrFrom4([4]byte(x[:4]))
		switch c.n(4) {
		case 0:
			a = netip.AddrFrom16(x)
		case 1: // near what IPv4 takes out
			copy(x[:], "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff")
			x[9+c.n(3)] ^= 1
			a = netip.AddrFrom16(x)
		}
		if c.n(2) == 0 {
			b.AddPrefix(netip.PrefixFrom(a, c.n(a.BitLen()+1)))
			continue
		}
		last := a.As16()
		binary.BigEndian.PutUint32(last[12:], binary.BigEndian.Uint32(last[12:])|uint32(c.n(256)<<c.n(20)))
		b.AddRange(a, netip.AddrFrom16(last))
	}
	return b.Addrs()
}

func lawfulAddrs(t *testing.T, c *chooser) {
	t.Helper()
	a, b := c.anyAddrs(), c.anyAddrs()
	for i, e := range a.edges {
		if i > 0 && !a.edges[i-1].less(e) {
			t.Fatalf("edges are not in order: %v", a.edges)
		}
	}
	prefixes := a.Prefixes()
	if again := AddrsOf(prefixes...); !again.Equal(a) {
		t.Fatalf("got %v from the prefixes %v of %v", again, prefixes, a)
	}
	var again, ranges Addrs
	terms := 0
	for _, block := range a.Blocks() {
		again = again.Union(AddrsOf(block.Prefix).Except(block.Except...))
		terms += 1 + len(block.Except)
	}
	if !again.Equal(a) || terms > len(prefixes) {
		t.Fatalf("got %v from the blocks of %v, %d prefixes where %d would do", again, a, terms, len(prefixes))
	}
	for first, last := range a.Ranges() {
		ranges = ranges.Union(AddrRange(first, last))
		for _, at := range []netip.Addr{first, last} {
			if !a.Contains(at) || !slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(at) }) {
				t.Fatalf("%v has %v at an end", a, at)
			}
		}
		if before := first.Prev(); before.IsValid() && !before.Is4In6() && a.Contains(before) {
			t.Fatalf("%v has %v before a range", a, before)
		}
		if after := last.Next(); after.IsValid() && !after.Is4In6() && a.Contains(after) {
			t.Fatalf("%v has %v after a range", a, after)
		}
	}
	if !ranges.Equal(a) {
		t.Fatalf("got %v from the ranges of %v", ranges, a)
	}
	if !a.Union(b).Complement().Equal(a.Complement().Intersect(b.Complement())) || !a.Subtract(b).Union(a.Intersect(b)).Equal(a) {
		t.Fatalf("laws: %v, %v", a, b)
	}
	if a.SubsetOf(b) != a.Subtract(b).IsEmpty() || !a.Intersect(b).SubsetOf(b) || !a.Covers(a.Subtract(b)) ||
		a.Overlaps(b) == a.Intersect(b).IsEmpty() {
		t.Fatalf("subsets: %v, %v", a, b)
	}
}

func TestAddrs(t *testing.T) {
	for seed := range uint64(2000) {
		lawfulAddrs(t, &chooser{rand: rand.New(rand.NewPCG(seed, 3))})
	}
}

func FuzzAddrs(f *testing.F) {
	f.Add([]byte{2, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 8, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, data []byte) { lawfulAddrs(t, &chooser{data: data}) })
}

func TestAddrsText(t *testing.T) {
	of := func(s ...string) Addrs {
		var b AddrsBuilder
		for _, p := range s {
			b.AddPrefix(netip.MustParsePrefix(p))
		}
		return b.Addrs()
	}
	for _, test := range []struct {
		addrs Addrs
		want  string
	}{
		{Addrs{}, "no address"},
		{of("0.0.0.0/0", "::/0"), "every address"},
		{AllIPv4(), "0.0.0.0/0"},
		{AllIPv6(), "::/0"},
		{of("10.1.2.3/8"), "10.0.0.0/8"},
		{of("10.0.0.0/9", "10.128.0.0/9"), "10.0.0.0/8"},
		{of("::ffff:10.0.0.0/104"), "10.0.0.0/8"},
		{of("::fffe:0:0/95"), "::fffe:0:0/95"}, // half of which is IPv4's
		{of("10.0.0.0/8").Except(netip.MustParsePrefix("10.128.0.0/9")), "10.0.0.0/9"},
		{of("10.0.0.0/8").Except(netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("10.9.9.9/32")), "10.0.0.0/8 except 10.1.0.0/16 and 10.9.9.9"},
		{of("10.0.0.0/8").Complement(), "0.0.0.0/0 except 10.0.0.0/8, ::/0"},
		{of("2001:db8::1/128", "192.0.2.0/24"), "192.0.2.0/24, 2001:db8::1"},
		{AddrRange(netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.6")), "10.0.0.0/29 except 10.0.0.0 and 10.0.0.7"},
		{AddrRange(netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr("10.0.0.1")), "no address"},
		{AddrRange(netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr("::1")), "no address"},
		{AddrOf(netip.Addr{}), "no address"},
		{AddrsOf(netip.Prefix{}), "no address"},
	} {
		if got := test.addrs.String(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestPeers(t *testing.T) {
	for want, p := range map[string]Peers{
		"no peer":                {},
		"every peer":             PeersOf(7).Union(PeersOf(7).Complement()),
		"peer 0":                 PeersOf(0),
		"peers 0-2,64":           PeersOf(1, 0, 64, 2),
		"every peer except 3,70": PeersOf(3, 70).Complement(),
		"every peer except 0-63": AllPeers().Subtract(PeerRange(0, 63)),
		"peers 5-200":            PeerRange(5, 200).Union(PeersOf(6)),
	} {
		if got := p.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if n, finite := PeersOf(1, 2, 1000).Len(); n != 3 || !finite {
		t.Errorf("got %d, %t", n, finite)
	}
	if _, finite := AllPeers().Len(); finite {
		t.Error("all peers are counted")
	}
	var got []Peer
	for p := range PeersOf(2, 700, 63).All() {
		got = append(got, p)
	}
	if !slices.Equal(got, []Peer{2, 63, 700}) {
		t.Errorf("got %v", got)
	}
	got = nil
	for p := range PeerRange(1, 69).Complement().All() {
		if got = append(got, p); len(got) == 4 {
			break
		}
	}
	if !slices.Equal(got, []Peer{0, 70, 71, 72}) {
		t.Errorf("got %v", got)
	}
}

func TestPeersAgainstModel(t *testing.T) {
	const size = 400
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 4))
		one := func() (p Peers, m [size]bool) {
			for range r.IntN(5) {
				first := Peer(r.IntN(300))
				last := first + Peer(r.IntN(90))
				p = p.Union(PeerRange(first, last))
				for i := first; i <= last; i++ {
					m[i] = true
				}
			}
			if r.IntN(2) == 0 {
				p = p.Complement()
				for i := range m {
					m[i] = !m[i]
				}
			}
			return p, m
		}
		p, m := one()
		q, n := one()
		for what, test := range map[string]struct {
			got  Peers
			want func(i int) bool
		}{
			"p":         {p, func(i int) bool { return m[i] }},
			"union":     {p.Union(q), func(i int) bool { return m[i] || n[i] }},
			"intersect": {p.Intersect(q), func(i int) bool { return m[i] && n[i] }},
			"subtract":  {p.Subtract(q), func(i int) bool { return m[i] && !n[i] }},
		} {
			var b PeersBuilder
			if test.want(size - 1) {
				b.AddAll(PeerRange(0, size-1).Complement())
			}
			for i := range size {
				if test.got.Contains(Peer(i)) != test.want(i) {
					t.Fatalf("seed %d: %s of %v and %v is %v: wrong at %d", seed, what, p, q, test.got, i)
				}
				if test.want(i) {
					b.Add(Peer(i))
				}
			}
			if !b.Peers().Equal(test.got) {
				t.Fatalf("seed %d: %s: %+v and %+v are one set", seed, what, test.got, b.Peers())
			}
		}
		if p.Equal(q) != (m == n) || p.SubsetOf(q) != p.Subtract(q).IsEmpty() || p.Overlaps(q) == p.Intersect(q).IsEmpty() {
			t.Fatalf("%v and %v", p, q)
		}
	}
}
