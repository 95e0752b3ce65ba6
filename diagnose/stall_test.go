package diagnose

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"

	"github.com/sallyport/sallyport/attempt"
)

// link answers UDP probes as a host behind a link would.
type link struct {
	passes int  // the largest packet
	tells  bool // a router says so of larger ones
	tokens int  // how many answers the host gives at once (icmp_ratelimit); it gets no new ones
	sent   int
}

func (l *link) Sound(ctx context.Context, _ int, probes []attempt.Probe) ([]attempt.Echo, error) {
	l.sent++
	out := make([]attempt.Echo, 1)
	switch {
	case probes[0].Size > l.passes && l.tells:
		out[0] = attempt.Echo{Outcome: attempt.OutcomeOf(attempt.EMSGSIZE), From: netip.MustParseAddr("192.0.2.254"), Type: 3, Code: 4}
	case probes[0].Size > l.passes || l.tokens == 0:
		<-ctx.Done()
	default:
		l.tokens--
		out[0] = attempt.Echo{Outcome: attempt.OutcomeOf(attempt.ECONNREFUSED), From: probes[0].To.Addr(), Type: 3, Code: 3}
	}
	return out, nil
}

func (l *link) NextHop(int, netip.Addr) (attempt.NextHop, error) { return attempt.NextHop{}, nil }

func TestBlackHoleIsShownOrNotNamed(t *testing.T) {
	for _, c := range []struct {
		name             string
		link             link
		shown            bool
		passes, vanishes int
	}{
		{name: "a tunnel", link: link{passes: 1420, tokens: 6}, shown: true, passes: 1420, vanishes: 1450},
		{name: "IPv6's least", link: link{passes: 1280, tokens: 6}, shown: true, passes: 1280, vanishes: 1360},
		{name: "all passes", link: link{passes: 1500, tokens: 6}},
		{name: "a router tells", link: link{passes: 1280, tells: true, tokens: 6}},
		{name: "a host that never answers", link: link{passes: 1500}},
		{name: "a host that answers once", link: link{passes: 1500, tokens: 1}},
		{name: "a host that answers a few times", link: link{passes: 1280, tokens: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var z sizes
				z.measure(t.Context(), &c.link, 0, netip.MustParseAddr("192.0.2.1"), 1500)
				if z.blackHole != c.shown || c.shown && (z.passes != c.passes || z.vanishes != c.vanishes) {
					t.Errorf("shown %v, %d passes, %d vanishes", z.blackHole, z.passes, z.vanishes)
				}
				if c.link.sent > 8 {
					t.Errorf("%d packets sent", c.link.sent)
				}
			})
		})
	}
}
