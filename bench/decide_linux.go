package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
)

// decideBudget is what one decision among ruleCount rules may take, in nanoseconds.
const (
	decideBudget = 200
	ruleCount    = 10_000
)

// shapes are kinds of profile, as in the benchmarks of package profile, and how the i-th rule of each looks.
var shapes = []struct {
	name string
	rule func(i int) profile.EgressRule
}{
	{"destinations", func(i int) profile.EgressRule {
		return profile.EgressRule{Destinations: []profile.Block{{Prefix: netip.PrefixFrom(host(i), 24).Masked()}}}
	}},
	{"destinations and ports", func(i int) profile.EgressRule {
		return profile.EgressRule{
			Destinations: []profile.Block{{Prefix: netip.PrefixFrom(host(i/10), 32)}},
			Ports:        []profile.PortRange{{First: uint16(i), Last: uint16(i)}},
			Protocols:    []attempt.Protocol{attempt.TCP},
		}
	}},
	{"ports", func(i int) profile.EgressRule {
		return profile.EgressRule{Ports: []profile.PortRange{{First: uint16(3 * i), Last: uint16(3*i + 1)}}}
	}},
	{"mixed", func(i int) profile.EgressRule {
		var r profile.EgressRule
		if i%2 == 0 {
			r.Destinations = []profile.Block{{Prefix: netip.PrefixFrom(host(i), 24+i%9).Masked()}}
		}
		if i%3 == 0 || i%2 != 0 {
			r.Ports = []profile.PortRange{{First: uint16(i), Last: uint16(i + 20)}}
		}
		if i%5 == 0 {
			r.Sources = []profile.Block{{Word: profile.Loopback}}
		}
		return r
	}},
}

func host(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}) }

// decide measures one decision among many rules, beside a scan of the same rules from the first to the last.
func (b *bench) decide() (Table, error) {
	t := Table{What: fmt.Sprintf("one decision among %d rules", ruleCount), Unit: "ns", Base: "linear scan", ratiosOnly: true}
	attempts := attemptsAtRandom()
	var contenders []contender
	for _, shape := range shapes {
		p := &profile.Profile{Name: "many"}
		for i := range ruleCount {
			r := shape.rule(i)
			r.Verdict.Kind = profile.Refuse
			p.Egress.Rules = append(p.Egress.Rules, r)
		}
		for _, a := range attempts {
			if err := sameDecision(p, a); err != nil {
				return t, fmt.Errorf("%s: %w", shape.name, err)
			}
		}
		contenders = append(contenders,
			contender{shape.name + ": profile", shape.name + ": linear scan", func() (sample, error) {
				return b.perDecision(attempts, func(a attempt.Attempt) { p.DecideEgress(a) }), nil
			}},
			contender{shape.name + ": linear scan", "", func() (sample, error) {
				return b.perDecision(attempts, func(a attempt.Attempt) { scan(p.Egress.Rules, a) }), nil
			}})
	}
	var err error
	t.Series, err = b.interleave(b.rounds, contenders)
	for _, shape := range shapes {
		t.judge(shape.name, "ns", decideBudget, median(t.find(shape.name+": profile").Rounds))
	}
	return t, err
}

// perDecision is how long a decision takes, in nanoseconds.
func (b *bench) perDecision(attempts []attempt.Attempt, decide func(attempt.Attempt)) sample {
	n, begin := 0, time.Now()
	for time.Since(begin) < b.sizes.decide {
		for _, a := range attempts {
			decide(a)
		}
		n += len(attempts)
	}
	return sample{value: float64(time.Since(begin)) / float64(n)}
}

func attemptsAtRandom() []attempt.Attempt {
	r := rand.New(rand.NewPCG(3, 4))
	out := make([]attempt.Attempt, 256)
	for i := range out {
		to := netip.AddrFrom4([4]byte{10, byte(r.IntN(45)), byte(r.IntN(256)), 1})
		out[i] = attempt.Attempt{Protocol: attempt.TCP, Destination: netip.AddrPortFrom(to, uint16(r.IntN(65536)))}
		if i%2 == 0 {
			out[i].Source = attempt.SourceOf(netip.MustParseAddrPort("127.6.26.1:0"))
		}
	}
	return out
}
