package convert

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/profile/flowset"
)

// world makes profiles whose rules meet, touch and shadow each other.
type world struct{ *rand.Rand }

func newWorld(seed uint64) world { return world{rand.New(rand.NewPCG(seed, 21))} }

var corners = []string{
	"0.0.0.0/0", "::/0", "10.0.0.0/8", "10.0.0.0/9", "10.128.0.0/9", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3/32", "127.0.0.0/8", "127.0.0.1/32",
	"192.0.2.0/24", "192.0.2.128/25", "192.0.2.1/32", "255.255.255.255/32", "0.0.0.0/1", "128.0.0.0/1", "2001:db8::/32", "2001:db8:1::/48",
	"2001:db8:1::7/128", "::1/128", "fc00::/7", "8000::/1", "198.51.100.0/24",
}

func (w world) prefix() netip.Prefix { return netip.MustParsePrefix(corners[w.IntN(len(corners))]) }

func (w world) block() profile.Block {
	switch w.IntN(8) {
	case 0:
		return profile.Block{Word: profile.Loopback}
	case 1, 2: // without some of its parts, or without what is no part of it
		b := profile.Block{Prefix: w.prefix()}
		if w.IntN(4) == 0 {
			b.Prefix = netip.Prefix{}
		}
		for range 1 + w.IntN(3) {
			b.Except = append(b.Except, profile.Block{Prefix: w.prefix()})
		}
		return b
	}
	return profile.Block{Prefix: w.prefix()}
}

func (w world) port() uint16 {
	return []uint16{0, 1, 22, 25, 53, 79, 80, 81, 443, 1023, 1024, 4789, 8080, 65534, 65535}[w.IntN(15)]
}

func (w world) rule() profile.EgressRule {
	var r profile.EgressRule
	for range w.IntN(4) {
		r.Destinations = append(r.Destinations, w.block())
	}
	for range max(w.IntN(6)-2, 0) {
		a, b := w.port(), w.port()
		if w.IntN(2) == 0 {
			b = a
		}
		r.Ports = append(r.Ports, profile.PortRange{First: min(a, b), Last: max(a, b)})
	}
	if w.IntN(3) > 0 {
		for range 1 + w.IntN(3) {
			r.Protocols = append(r.Protocols, []attempt.Protocol{attempt.TCP, attempt.TCP, attempt.UDP, attempt.SCTP, attempt.ICMP, attempt.ICMPv6}[w.IntN(6)])
		}
	}
	if w.IntN(6) == 0 {
		r.Sources = []profile.Block{{Word: []profile.Word{profile.None, profile.Any, profile.Loopback}[w.IntN(3)]}}
	}
	if w.IntN(3) == 0 {
		r.Reason = fmt.Sprint("reason ", w.IntN(4))
	}
	return r
}

func (w world) verdict() profile.Verdict {
	if w.IntN(2) == 0 {
		return profile.Verdict{}
	}
	return []profile.Verdict{
		{Kind: profile.Drop},
		{Kind: profile.Drop, Timeout: 2 * time.Second},
		{Kind: profile.Refuse},
		{Kind: profile.Unreachable},
		{Kind: profile.DenyErrno, Errno: attempt.EACCES},
	}[w.IntN(5)]
}

func (w world) rules(most int) (out []profile.EgressRule) {
	for range w.IntN(most + 1) {
		r := w.rule()
		r.Verdict = w.verdict()
		r.Line = 10 + len(out)
		out = append(out, r)
	}
	return out
}

func (w world) profile() *profile.Profile {
	p := &profile.Profile{Name: "random", File: "random.yaml", Egress: profile.Egress{Default: w.verdict(), Rules: w.rules(8)}}
	for n := range max(w.IntN(5)-2, 0) {
		l := profile.Layer{Name: fmt.Sprint("layer", n), Default: w.verdict(), Rules: w.rules(5)}
		if w.IntN(2) == 0 {
			l.Default = profile.Verdict{Kind: profile.Abstain}
		}
		p.Layers = append(p.Layers, l)
	}
	return p
}

// large has n rules, mostly of single addresses, as a firewall that grew has.
func (w world) large(n int, reasons bool) *profile.Profile {
	p := &profile.Profile{Name: "large", File: "large.yaml", Egress: profile.Egress{Default: profile.Verdict{Kind: profile.Drop}}}
	for i := range n {
		a := netip.AddrFrom4([4]byte{203, byte(w.IntN(64)), byte(w.IntN(256)), byte(w.IntN(256))})
		bits := []int{32, 32, 32, 28, 24}[w.IntN(5)]
		r := profile.EgressRule{
			Destinations: []profile.Block{{Prefix: netip.PrefixFrom(a, bits).Masked()}},
			Ports:        []profile.PortRange{{First: 443, Last: 443}},
			Protocols:    []attempt.Protocol{attempt.TCP},
			Line:         i + 10,
		}
		if w.IntN(10) == 0 {
			r.Ports = []profile.PortRange{{First: 22, Last: 22}, {First: 5432, Last: 5440}}
		}
		if w.IntN(20) == 0 {
			r.Verdict = profile.Verdict{Kind: profile.Drop}
		}
		if reasons {
			r.Reason = fmt.Sprint("service ", i)
		}
		p.Egress.Rules = append(p.Egress.Rules, r)
	}
	return p
}

func portZeroTo(last uint16) flowset.Ports { return flowset.PortRange(0, last) }
