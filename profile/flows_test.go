package profile

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile/flowset"
)

func (w world) verdict() Verdict {
	if w.IntN(2) == 0 {
		return Verdict{}
	}
	return Verdict{Kind: VerdictKind(1 + w.IntN(4)), Errno: attempt.EACCES}
}

func (w world) egressRules() (out []EgressRule) {
	for n := w.IntN(12); n > 0; n-- {
		r := w.rule()
		r.Verdict = w.verdict()
		out = append(out, r)
	}
	return out
}

func (w world) profile() *Profile {
	p := &Profile{Name: fmt.Sprint("p", w.IntN(1000)), Egress: Egress{w.verdict(), w.egressRules(), 0}}
	for n := w.IntN(3); n > 0; n-- {
		l := Layer{Name: fmt.Sprint("l", n), Rules: w.egressRules(), Default: w.verdict()}
		if w.IntN(2) == 0 {
			l.Default = Verdict{Kind: Abstain}
		}
		p.Layers = append(p.Layers, l)
	}
	if p.Bind.Default = (Verdict{}); w.IntN(2) == 0 {
		p.Bind.Default = Verdict{Kind: DenyErrno, Errno: attempt.EPERM}
	}
	for _, r := range w.egressRules() {
		b := BindRule{Addresses: r.Sources, Ports: r.Ports, Protocols: r.Protocols}
		if r.Verdict.Denies() {
			b.Verdict = Verdict{Kind: DenyErrno, Errno: attempt.EACCES}
		}
		p.Bind.Rules = append(p.Bind.Rules, b)
	}
	return p
}

// edge is an attempt whose destination and source stand where a rule begins or ends, or one beside.
func (w world) edge(profiles ...*Profile) attempt.Attempt {
	var rules []EgressRule
	for _, p := range profiles {
		rules = append(rules, p.Egress.Rules...)
		for _, l := range p.Layers {
			rules = append(rules, l.Rules...)
		}
	}
	a := w.attempt()
	a.Protocol = []attempt.Protocol{attempt.TCP, attempt.UDP, attempt.SCTP, attempt.MPTCP, attempt.ICMP, attempt.ICMPv6, 136}[w.IntN(7)]
	if len(rules) == 0 {
		return a
	}
	r := rules[w.IntN(len(rules))]
	to, port := a.Destination.Addr(), a.Destination.Port()
	if at, ok := w.end(r.Destinations); ok && w.IntN(4) > 0 {
		to = at
	}
	if len(r.Ports) > 0 && w.IntN(4) > 0 {
		q := r.Ports[w.IntN(len(r.Ports))]
		port = []uint16{q.First - 1, q.First, q.Last, q.Last + 1}[w.IntN(4)]
	}
	a.Destination = netip.AddrPortFrom(to, port)
	if at, ok := w.end(r.Sources); ok && w.IntN(2) == 0 {
		a.Source = attempt.SourceOf(netip.AddrPortFrom(at, 0))
	}
	return a
}

func (w world) end(blocks []Block) (netip.Addr, bool) {
	var ends []netip.Addr
	for first, last := range blockAddrs(blocks).Ranges() {
		for _, a := range []netip.Addr{first.Prev(), first, last, last.Next()} {
			if a.IsValid() {
				ends = append(ends, a.Unmap())
			}
		}
	}
	if len(ends) == 0 {
		return netip.Addr{}, false
	}
	return ends[w.IntN(len(ends))], true
}

// in reports whether a set has the flow of an attempt.
func flowIn(s flowset.Set, a attempt.Attempt) bool {
	return s.Contains(reached(a.Destination.Addr(), a.Source), FlowProtocol(a.Protocol), a.Destination.Port())
}

func TestFlowsAgreeWithDecisions(t *testing.T) {
	denied, byLayer := 0, 0
	for seed := range uint64(80) {
		w := world{rand.New(rand.NewPCG(seed, 7))}
		p := w.profile()
		binds := p.Binds()
		for range 60 {
			a := w.edge(p)
			d := p.DecideEgress(a)
			if got := flowIn(p.Flows(a.Source), a); got == d.Verdict.Denies() {
				t.Fatalf("seed %d: %v: in the set of flows: %t, but it is %v by %s", seed, a, got, d.Verdict, d.Words())
			}
			var by Decision
			for _, s := range p.Shares(a.Source, everywhere) {
				if flowIn(s.Flows, a) {
					if by.fallback != nil {
						t.Fatalf("seed %d: %v is in two shares", seed, a)
					}
					by = s.By
				}
			}
			if by != d {
				t.Fatalf("seed %d: %v: its share is %v by %s, but it is %v by %s", seed, a, by.Verdict, by.Words(), d.Verdict, d.Words())
			}
			decided := false
			for _, c := range p.Explain(a) {
				if c.Layer != "bind" && c.Verdict.Denies() && !decided {
					decided = true
					if c.Verdict != d.Verdict || c.Rule != d.Rule || c.By() == nil {
						t.Fatalf("seed %d: %v: explained by %s, decided by %s", seed, a, c.By(), d.Words())
					}
				}
			}
			if decided != d.Verdict.Denies() {
				t.Fatalf("seed %d: %v: explained as denied: %t, decided %v", seed, a, decided, d.Verdict)
			}
			if decided {
				denied++
				if d.fallback.Section != "egress" {
					byLayer++
				}
			}
			b := p.DecideBind(a.Protocol, a.Destination)
			if got := binds.Contains(a.Destination.Addr(), FlowProtocol(a.Protocol), a.Destination.Port()); got == b.Verdict.Denies() {
				t.Fatalf("seed %d: bind to %v: in the set: %t, decided %v by %s", seed, a.Destination, got, b.Verdict, b.Words())
			}
		}
	}
	if denied < 1500 || byLayer < 400 {
		t.Errorf("only %d were denied, %d of them by a layer: the test says little", denied, byLayer)
	}
}

func TestDiffAgreesWithDecisions(t *testing.T) {
	differ, binds := 0, 0
	for seed := range uint64(60) {
		w := world{rand.New(rand.NewPCG(seed, 8))}
		a := w.profile()
		b := w.profile()
		if w.IntN(2) == 0 { // alike but for one rule
			b = &Profile{Name: "b", Egress: a.Egress, Bind: a.Bind, Layers: a.Layers}
			b.Egress.Rules = append([]EgressRule{w.rule()}, a.Egress.Rules...)
		}
		d := Diff(a, b)
		for range 60 {
			at := w.edge(a, b)
			if at.Destination.Addr().IsUnspecified() {
				continue // no destination, see Flows
			}
			da, db := a.DecideEgress(at), b.DecideEgress(at)
			differ += differs(t, d, at, false, da, db)
			binds += differs(t, d, at, true, a.DecideBind(at.Protocol, at.Destination), b.DecideBind(at.Protocol, at.Destination))
		}
		if same := Diff(a, a); len(same.OnlyA) > 0 || len(same.OnlyB) > 0 {
			t.Fatalf("seed %d: a profile differs from itself: %+v", seed, same)
		}
	}
	if differ < 250 || binds < 250 {
		t.Errorf("%d connects and %d binds differed: the test says little", differ, binds)
	}
}

// differs checks that an attempt is among the differences as two decisions about it demand, and returns 1 where they differ.
func differs(t *testing.T, d Differences, at attempt.Attempt, bind bool, a, b Decision) int {
	t.Helper()
	for i, list := range [][]Difference{d.OnlyA, d.OnlyB} {
		allowed, denied := a, b
		if i == 1 {
			allowed, denied = b, a
		}
		found := 0
		for _, e := range list {
			if e.Bind != bind || !bind && !hasSource(e.Sources, at.Source) || !flowIn(e.Flows, at) {
				continue
			}
			found++
			if e.Allowed != allowed || e.Denied != denied {
				t.Fatalf("%v: the difference is by %s and %s, the decisions by %s and %s",
					at, e.Allowed.Words(), e.Denied.Words(), allowed.Words(), denied.Words())
			}
		}
		want := 0
		if !allowed.Verdict.Denies() && denied.Verdict.Denies() {
			want = 1
		}
		if found != want {
			t.Fatalf("%v (bind %t): in %d differences of list %d, want %d: %v by %s, %v by %s",
				at, bind, found, i, want, a.Verdict, a.Words(), b.Verdict, b.Words())
		}
	}
	if a.Verdict.Denies() != b.Verdict.Denies() {
		return 1
	}
	return 0
}

func hasSource(s Sources, src attempt.Source) bool {
	if src.Kind == attempt.SourceNone {
		return s.None
	}
	return s.Addrs.Contains(src.Addr.Addr())
}

func TestSourcesText(t *testing.T) {
	ten := flowset.AddrsOf(netip.MustParsePrefix("10.0.0.0/8"))
	for want, s := range map[string]Sources{
		"every source":                     {true, flowset.AllAddrs()},
		"none":                             {true, flowset.Addrs{}},
		"any":                              {false, wildcards},
		"none, any":                        {true, wildcards},
		"loopback":                         {false, loopback},
		"every given address but loopback": {false, wildcards.Union(loopback).Complement()},
		"any, every given address":         {false, flowset.AllAddrs()},
		"none, 10.0.0.0/8":                 {true, ten},
		"any, 10.0.0.0/8":                  {false, ten.Union(wildcards)},
		"every given address":              {false, wildcards.Complement()},
		"0.0.0.0":                          {false, flowset.AddrOf(netip.IPv4Unspecified())},
		"0.0.0.0/0 except 10.0.0.0/8":      {false, flowset.AllIPv4().Subtract(ten)},
		"none, any, every given address but loopback": {true, loopback.Complement()},
	} {
		if got := s.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestManyRules keeps the sets of a large profile right, and their making far from quadratic.
func TestManyRules(t *testing.T) {
	for name, rule := range shapes() {
		t.Run(name, func(t *testing.T) {
			n := 400
			p, q := &Profile{Name: "p"}, &Profile{Name: "q"}
			for i := range n {
				r := rule(i)
				if i%3 == 0 {
					r.Verdict = Verdict{}
				}
				p.Egress.Rules = append(p.Egress.Rules, r)
				if i != n/2 {
					q.Egress.Rules = append(q.Egress.Rules, r)
				}
			}
			d := Diff(p, q)
			w := world{rand.New(rand.NewPCG(9, 9))}
			for range 300 {
				at := w.edge(p)
				at.Destination = netip.AddrPortFrom(reached(at.Destination.Addr(), at.Source), at.Destination.Port())
				differs(t, d, at, false, p.DecideEgress(at), q.DecideEgress(at))
			}
		})
	}
}

func BenchmarkFlows(b *testing.B) {
	for _, name := range []string{"destinations", "destinations and ports", "mixed"} {
		b.Run(name, func(b *testing.B) {
			p := many(shapes()[name])
			for i := range p.Egress.Rules {
				if i%3 == 0 {
					p.Egress.Rules[i].Verdict = Verdict{}
				}
			}
			q := &Profile{Egress: Egress{Rules: p.Egress.Rules[:len(p.Egress.Rules)-1]}}
			p.load()
			q.load()
			b.Run("set", func(b *testing.B) {
				for b.Loop() {
					p.Flows(attempt.Source{})
				}
			})
			b.Run("diff", func(b *testing.B) {
				for b.Loop() {
					Diff(p, q)
				}
			})
		})
	}
}
