package flowset

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

func TestSetAgainstModel(t *testing.T) {
	all := flows()
	equal, subsets := 0, 0
	for seed := range uint64(300) {
		c := &chooser{rand: rand.New(rand.NewPCG(seed, 1))}
		a, ma := c.set(all)
		b, mb := c.set(all)
		d, md := c.set(all)
		lawful(t, a, b, d, ma, mb, md, all)
		if a.Equal(b) {
			equal++
		}
		if a.SubsetOf(b) {
			subsets++
		}
	}
	if equal < 5 || subsets < 10 {
		t.Errorf("of 300 pairs %d were equal, %d subsets: the test says little", equal, subsets)
	}
}

// lawful checks every operation against the models, and the laws that sets obey.
func lawful(t *testing.T, a, b, d Set, ma, mb, md model, all []flow) {
	t.Helper()
	check(t, "a", a, ma, all)
	check(t, "b", b, mb, all)
	check(t, "a union b", a.Union(b), ma.op(mb, opUnion), all)
	check(t, "a intersect b", a.Intersect(b), ma.op(mb, opIntersect), all)
	check(t, "a subtract b", a.Subtract(b), ma.op(mb, opSubtract), all)
	check(t, "complement of a", a.Complement(), ma.op(ma, 0b0001), all)
	same := true
	subset := true
	for i := range ma {
		same = same && ma[i] == mb[i]
		subset = subset && (!ma[i] || mb[i])
	}
	if a.Equal(b) != same || (a.String() == b.String()) != same {
		t.Fatalf("%v equals %v: %t, same text: %t, want %t", a, b, a.Equal(b), a.String() == b.String(), same)
	}
	if a.SubsetOf(b) != subset || b.Covers(a) != subset {
		t.Fatalf("%v is a subset of %v: %t, want %t", a, b, a.SubsetOf(b), subset)
	}
	for law, sides := range map[string][2]Set{
		"union commutes":            {a.Union(b), b.Union(a)},
		"intersection commutes":     {a.Intersect(b), b.Intersect(a)},
		"union associates":          {a.Union(b).Union(d), a.Union(b.Union(d))},
		"intersection associates":   {a.Intersect(b).Intersect(d), a.Intersect(b.Intersect(d))},
		"intersection distributes":  {a.Intersect(b.Union(d)), a.Intersect(b).Union(a.Intersect(d))},
		"De Morgan, of the union":   {a.Union(b).Complement(), a.Complement().Intersect(b.Complement())},
		"De Morgan, of what meets":  {a.Intersect(b).Complement(), a.Complement().Union(b.Complement())},
		"a complement's complement": {a.Complement().Complement(), a},
		"nothing is in both":        {a.Intersect(a.Complement()), {}},
		"everything is in either":   {a.Union(a.Complement()), Everything()},
		"what is taken away":        {a.Subtract(b), a.Intersect(b.Complement())},
		"cut in two":                {a.Subtract(b).Union(a.Intersect(b)), a},
		"what some addresses have":  {a.Within(b.Addrs()), a.Intersect(Of(b.Addrs(), AllTransports()))},
		"the union of many":         {UnionOf(a, b, d), a.Union(b).Union(d)},
	} {
		if !sides[0].Equal(sides[1]) {
			t.Fatalf("%s: got %v and %v for a = %v, b = %v, d = %v", law, sides[0], sides[1], a, b, d)
		}
	}
	if a.Overlaps(b) != !a.Intersect(b).IsEmpty() {
		t.Fatalf("overlaps: %v, %v", a, b)
	}
}

func FuzzSet(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20})
	f.Add([]byte("\x03\x06\x00\x02\x07\x00\x03\x01\x04\x01\x10\x00\x02\x02\x02\x30\x01\x05"))
	all := flows()
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &chooser{data: data}
		a, ma := c.set(all)
		b, mb := c.set(all)
		d, md := c.set(all)
		lawful(t, a, b, d, ma, mb, md, all)
	})
}

// TestBuilder also has many classes, which combine keeps in maps instead of tables.
func TestBuilder(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var b Builder
	var want Set
	for i := range 400 {
		to := AddrOf(netip.AddrFrom4([4]byte{10, 0, byte(r.IntN(4)), byte(r.IntN(64))}))
		p, q := Transport(TCP, Port(uint16(r.IntN(200)))), Transport(UDP, PortRange(uint16(i), uint16(2*i)))
		peer := Peer(r.IntN(300))
		b.Add(to, p)
		b.AddPeer(peer, q)
		b.AddPeers(PeersOf(peer+1, peer+7), p)
		b.AddSet(Of(to, q))
		want = want.Union(Of(to, p.Union(q))).Union(OfPeers(PeersOf(peer), q)).Union(OfPeers(PeersOf(peer+1, peer+7), p))
	}
	got := b.Set()
	if !got.Equal(want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if problem := got.canonical(); problem != "" {
		t.Error(problem)
	}
	if len(got.transports) < 100 {
		t.Errorf("only %d classes: the test says little", len(got.transports))
	}
	if !got.Equal(b.Set()) {
		t.Error("a second set of the same builder differs")
	}
	if !(&Builder{}).Set().IsEmpty() {
		t.Error("the set of nothing is not empty")
	}
}

func TestSetText(t *testing.T) {
	web := Transport(TCP, PortsOf(443, 80))
	ten := AddrsOf(netip.MustParsePrefix("10.0.0.0/8"))
	for _, test := range []struct {
		set  Set
		want string
	}{
		{Set{}, "nothing"},
		{Everything(), "everything"},
		{Of(Addrs{}, web), "nothing"},
		{Of(ten, Transports{}), "nothing"},
		{Of(AllAddrs(), AllTransports()), "every address: all"},
		{Of(ten.Except(netip.MustParsePrefix("10.1.0.0/16")), web), "10.0.0.0/8 except 10.1.0.0/16: tcp 80,443"},
		{
			Of(ten, web).Union(Of(AddrOf(netip.MustParseAddr("10.0.0.1")), Transport(UDP, Port(53)))),
			"10.0.0.0/8 except 10.0.0.1: tcp 80,443; 10.0.0.1: tcp 80,443 udp 53",
		},
		{OfBoth(ten, PeersOf(3, 1, 2, 9), Transport(ICMP, AllPorts())), "10.0.0.0/8, peers 1-3,9: icmp"},
		{Everything().Subtract(Of(AllAddrs(), Transport(TCP, Port(25)))), "every address: all except tcp 25; every peer: all"},
		{Everything().Intersect(OfBoth(AllAddrs(), AllPeers(), web)), "every destination: tcp 80,443"},
	} {
		if got := test.set.String(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestMappedAddressesAreIPv4(t *testing.T) {
	four, mapped := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("::ffff:10.0.0.1")
	s := Of(AddrOf(mapped), AllTransports())
	if !s.Equal(Of(AddrOf(four), AllTransports())) || !s.Contains(four, TCP, 1) || !s.Contains(mapped, TCP, 1) {
		t.Errorf("got %v", s)
	}
	if s := Of(AddrsOf(netip.MustParsePrefix("::/0")), AllTransports()); s.Contains(mapped, TCP, 1) || s.Contains(four, TCP, 1) {
		t.Errorf("::/0 has an IPv4 address: %v", s)
	}
	if !Everything().Contains(netip.MustParseAddr("fe80::1%eth0"), TCP, 1) || Everything().Contains(netip.Addr{}, TCP, 1) {
		t.Error("an address with a zone is an address, and one that is not valid is none")
	}
}

func TestQuestionsDoNotAllocate(t *testing.T) {
	s := Of(AddrsOf(netip.MustParsePrefix("10.0.0.0/8")), Transport(TCP, PortsOf(1, 3, 5, 7, 9, 11))).
		Union(OfPeers(PeersOf(1, 900), Transport(UDP, Port(53))))
	to := netip.MustParseAddr("10.1.2.3")
	for name, f := range map[string]func(){
		"Contains":     func() { s.Contains(to, TCP, 9) },
		"ContainsPeer": func() { s.ContainsPeer(900, UDP, 53) },
		"one port":     func() { Port(80).Union(Port(81)).Intersect(AllPorts()).Contains(80) },
		"transports":   func() { Transport(TCP, Port(80)).Union(AllTransports()).Contains(TCP, 80) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations, want none", name, n)
		}
	}
}
