package profile

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/sallyport/sallyport/attempt"
)

// in is whether an address is in one of the blocks, as docs/profile.md says it, by netip rather than by sets.
func in(blocks []Block, a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, b := range blocks {
		switch {
		case b.Word == None:
			continue
		case b.Word == Any && !a.IsUnspecified():
			continue
		case b.Word == Loopback && !a.IsLoopback():
			continue
		case b.Prefix.IsValid() && !b.Prefix.Contains(a):
			continue
		}
		if !in(b.Except, a) {
			return true
		}
	}
	return false
}

// naive is the first rule that matches, found rule by rule.
func naive(p *Profile, a attempt.Attempt) int {
	for i, r := range p.Egress.Rules {
		ok := r.Destinations == nil || in(r.Destinations, a.Destination.Addr())
		if r.Sources != nil && a.Source.Kind == attempt.SourceNone {
			none := false
			for _, b := range r.Sources {
				none = none || b.Word == None
			}
			ok = ok && none
		} else if r.Sources != nil {
			ok = ok && in(r.Sources, a.Source.Addr.Addr())
		}
		if r.Ports != nil {
			hit := false
			for _, q := range r.Ports {
				hit = hit || a.Protocol != attempt.ICMP && q.First <= a.Destination.Port() && a.Destination.Port() <= q.Last
			}
			ok = ok && hit
		}
		if r.Protocols != nil {
			hit := false
			for _, q := range r.Protocols {
				hit = hit || q == a.Protocol || q == attempt.TCP && a.Protocol == attempt.MPTCP
			}
			ok = ok && hit
		}
		if ok {
			return i + 1
		}
	}
	return 0
}

// world is a small universe, so that random rules and random attempts meet often.
type world struct{ *rand.Rand }

func (w world) addr() netip.Addr {
	switch w.IntN(8) {
	case 0:
		return netip.IPv6Loopback()
	case 1:
		return netip.AddrFrom4([4]byte{127, 0, 0, byte(w.IntN(3))})
	case 2, 3:
		a := [16]byte{0x20, 0x01, 0x0d, 0xb8, 15: byte(w.IntN(16))}
		a[7] = byte(w.IntN(4)) << 6
		return netip.AddrFrom16(a)
	case 4:
		return netip.AddrFrom16(netip.AddrFrom4([4]byte{10, byte(w.IntN(4)) << 6, 0, byte(w.IntN(16))}).As16())
	}
	return netip.AddrFrom4([4]byte{10, byte(w.IntN(4)) << 6, 0, byte(w.IntN(16))})
}

func (w world) block(exceptions bool) Block {
	var b Block
	switch w.IntN(10) {
	case 0:
		return Block{Word: Loopback}
	case 1:
		return Block{Word: Any}
	case 2:
		if exceptions {
			return Block{Word: None}
		}
	case 3: // every address
	default:
		a := w.addr().Unmap()
		b.Prefix = netip.PrefixFrom(a, w.IntN(a.BitLen()+1)).Masked()
	}
	for n := w.IntN(3); exceptions && n > 0; n-- {
		b.Except = append(b.Except, w.block(false))
	}
	return b
}

func (w world) blocks() (out []Block) {
	for n := w.IntN(4); n > 0; n-- {
		out = append(out, w.block(true))
	}
	return out
}

func (w world) rule() EgressRule {
	r := EgressRule{Sources: w.blocks(), Destinations: w.blocks(), Verdict: Verdict{Kind: Refuse}}
	for n := w.IntN(3); n > 0; n-- {
		first := uint16(w.IntN(40))
		r.Ports = append(r.Ports, PortRange{first, first + uint16(w.IntN(10))})
	}
	for n := w.IntN(3); n > 0; n-- {
		r.Protocols = append(r.Protocols, []attempt.Protocol{attempt.TCP, attempt.UDP, attempt.SCTP}[w.IntN(3)])
	}
	return r
}

func (w world) attempt() attempt.Attempt {
	a := attempt.Attempt{
		Protocol:    []attempt.Protocol{attempt.TCP, attempt.UDP, attempt.MPTCP, attempt.ICMP}[w.IntN(4)],
		Destination: netip.AddrPortFrom(w.addr(), uint16(w.IntN(50))),
	}
	switch w.IntN(4) {
	case 0:
		a.Source = attempt.SourceOf(netip.AddrPortFrom(netip.IPv6Unspecified(), 0))
	case 1:
		a.Source = attempt.SourceOf(netip.AddrPortFrom(netip.IPv4Unspecified(), 0))
	case 2:
		a.Source = attempt.SourceOf(netip.AddrPortFrom(w.addr(), 0))
	}
	return a
}

func TestTableAgainstNaive(t *testing.T) {
	hits := 0
	for seed := range uint64(300) {
		w := world{rand.New(rand.NewPCG(seed, 0))}
		p := &Profile{}
		for n := w.IntN(60); n >= 0; n-- {
			p.Egress.Rules = append(p.Egress.Rules, w.rule())
		}
		for range 300 {
			a := w.attempt()
			got, want := 0, naive(p, a)
			if d := p.DecideEgress(a); d.Rule != nil {
				got = d.Rule.Index
				hits++
			}
			if got != want {
				t.Fatalf("seed %d: %v: got rule %d, want rule %d", seed, a, got, want)
			}
		}
	}
	if hits < 10_000 {
		t.Errorf("only %d attempts met a rule: the test says little", hits)
	}
}

// shapes are 10,000 rules each, and an attempt that the last rules decide.
func shapes() map[string]func(i int) EgressRule {
	host := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}) }
	deny := Verdict{Kind: Refuse}
	return map[string]func(i int) EgressRule{
		"destinations": func(i int) EgressRule {
			return EgressRule{Destinations: []Block{{Prefix: netip.PrefixFrom(host(i), 24).Masked()}}, Verdict: deny}
		},
		"destinations and ports": func(i int) EgressRule {
			return EgressRule{
				Destinations: []Block{{Prefix: netip.PrefixFrom(host(i/10), 32)}},
				Ports:        []PortRange{{uint16(i), uint16(i)}},
				Protocols:    []attempt.Protocol{attempt.TCP},
				Verdict:      deny,
			}
		},
		"ports": func(i int) EgressRule {
			return EgressRule{Ports: []PortRange{{uint16(3 * i), uint16(3*i + 1)}}, Verdict: deny}
		},
		"mixed": func(i int) EgressRule {
			r := EgressRule{Verdict: deny}
			if i%2 == 0 {
				r.Destinations = []Block{{Prefix: netip.PrefixFrom(host(i), 24+i%9).Masked()}}
			}
			if i%3 == 0 || i%2 != 0 {
				r.Ports = []PortRange{{uint16(i), uint16(i + 20)}}
			}
			if i%5 == 0 {
				r.Sources = []Block{{Word: Loopback}}
			}
			return r
		},
		"one linear leaf": func(i int) EgressRule { // wide ranges on two dimensions: no tree within its budget
			r := EgressRule{Destinations: []Block{{Except: []Block{{Prefix: netip.PrefixFrom(host(i), 32)}}}}, Verdict: deny}
			r.Ports = []PortRange{{uint16(i), uint16(i + 40_000)}}
			return r
		},
	}
}

func many(rule func(int) EgressRule) *Profile {
	p := &Profile{Name: "many"}
	for i := range 10_000 {
		p.Egress.Rules = append(p.Egress.Rules, rule(i))
	}
	return p
}

// TestShapes also keeps the large tables right, that the benchmark measures.
func TestShapes(t *testing.T) {
	for name, rule := range shapes() {
		t.Run(name, func(t *testing.T) {
			p := many(rule)
			w := rand.New(rand.NewPCG(1, 2))
			for range 200 {
				a := attempt.Attempt{Protocol: attempt.TCP, Destination: netip.AddrPortFrom(
					netip.AddrFrom4([4]byte{10, byte(w.IntN(45)), byte(w.IntN(256)), 1}), uint16(w.IntN(65536)))}
				got := 0
				if d := p.DecideEgress(a); d.Rule != nil {
					got = d.Rule.Index
				}
				if want := naive(p, a); got != want {
					t.Fatalf("%v: got rule %d, want rule %d", a, got, want)
				}
			}
		})
	}
}

func TestDecisionsDoNotAllocate(t *testing.T) {
	gear, _ := Builtin("openshift-v2-gear")
	source := attempt.SourceOf(netip.MustParseAddrPort("127.6.26.1:0"))
	a := attempt.Attempt{Protocol: attempt.TCP, Source: source, Destination: netip.MustParseAddrPort("192.0.2.1:80")}
	b := attempt.Attempt{Protocol: attempt.UDP, Destination: netip.MustParseAddrPort("[fe80::1%eth0]:80")}
	large := many(shapes()["mixed"])
	layers := inLayers(large)
	for name, f := range map[string]func(){
		"bind":             func() { gear.DecideBind(attempt.TCP, netip.MustParseAddrPort("0.0.0.0:0")) },
		"bind of none":     func() { gear.DecideBind(attempt.TCP, netip.AddrPort{}) },
		"egress":           func() { gear.DecideEgress(a) },
		"egress with zone": func() { gear.DecideEgress(b) },
		"10,000 rules":     func() { large.DecideEgress(a) },
		"layers":           func() { layers.DecideEgress(a) },
		"as a whole":       func() { gear.Decide(a) },
	} {
		f() // the first decision of a profile made by hand compiles it
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations, want none", name, n)
		}
	}
}

func BenchmarkDecideBind(b *testing.B) {
	p, _ := Builtin("openshift-v2-gear")
	addr := netip.MustParseAddrPort("0.0.0.0:0")
	b.ReportAllocs()
	for b.Loop() {
		p.DecideBind(attempt.TCP, addr)
	}
}

func BenchmarkDecideEgress(b *testing.B) {
	gear, _ := Builtin("openshift-v2-gear")
	b.Run("built-in", func(b *testing.B) {
		benchmarkEgress(b, gear)
	})
	for _, name := range []string{"destinations", "destinations and ports", "ports", "mixed", "one linear leaf"} {
		b.Run(fmt.Sprintf("10,000 rules, %s", name), func(b *testing.B) {
			benchmarkEgress(b, many(shapes()[name]))
		})
	}
	for _, name := range []string{"destinations", "destinations and ports", "ports", "mixed"} {
		b.Run(fmt.Sprintf("10,000 rules in 4 layers, %s", name), func(b *testing.B) {
			benchmarkEgress(b, inLayers(many(shapes()[name])))
		})
	}
}

func benchmarkEgress(b *testing.B, p *Profile) {
	w := rand.New(rand.NewPCG(3, 4))
	attempts := make([]attempt.Attempt, 1024)
	for i := range attempts {
		attempts[i] = attempt.Attempt{Protocol: attempt.TCP, Destination: netip.AddrPortFrom(
			netip.AddrFrom4([4]byte{10, byte(w.IntN(45)), byte(w.IntN(256)), 1}), uint16(w.IntN(65536)))}
		if i%2 == 0 {
			attempts[i].Source = attempt.SourceOf(netip.MustParseAddrPort("127.6.26.1:0"))
		}
	}
	p.DecideEgress(attempts[0])
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		p.DecideEgress(attempts[i&1023])
		i++
	}
}

// BenchmarkCompile is what a profile of 10,000 rules costs before its first decision.
func BenchmarkCompile(b *testing.B) {
	for _, name := range []string{"destinations", "mixed", "one linear leaf"} {
		b.Run(name, func(b *testing.B) {
			p := many(shapes()[name])
			b.ReportAllocs()
			for b.Loop() {
				p.compile()
			}
		})
	}
}

// inLayers spreads the rules of a profile over egress and three layers, as a cluster with several kinds of policy has them.
func inLayers(p *Profile) *Profile {
	rules := p.Egress.Rules
	n := len(rules) / 4
	q := &Profile{Name: "layered", Egress: Egress{Rules: rules[:n]}}
	for i := 1; i < 4; i++ {
		q.Layers = append(q.Layers, Layer{Name: fmt.Sprint("l", i), Default: Verdict{Kind: Abstain}, Rules: rules[i*n : (i+1)*n]})
	}
	return q
}
