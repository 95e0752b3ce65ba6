package diagnose

import (
	"context"
	"net/netip"
	"testing"

	"github.com/sallyport/sallyport/attempt"
)

var (
	farHost = netip.MustParseAddr("192.0.2.1")
	router1 = netip.MustParseAddr("10.0.0.1")
)

func expired() attempt.Echo {
	return attempt.Echo{Outcome: attempt.OutcomeOf(attempt.EHOSTUNREACH), From: router1, Type: 11}
}

func closedBy(a netip.Addr) attempt.Echo {
	return attempt.Echo{Outcome: attempt.OutcomeOf(attempt.ECONNREFUSED), From: a, Type: 3, Code: 3}
}

func TestDistance(t *testing.T) {
	silent := attempt.Echo{}
	for _, tt := range []struct {
		name string
		udp  []attempt.Echo
		want int
	}{
		{"next to us", []attempt.Echo{closedBy(farHost), closedBy(farHost)}, 1},
		{"behind two routers", []attempt.Echo{expired(), expired(), closedBy(farHost), silent}, 3},
		{"a router that says nothing", []attempt.Echo{silent, expired(), closedBy(farHost)}, 3},
		{"the last router says nothing", []attempt.Echo{expired(), silent, closedBy(farHost)}, 0}, // or the host's first answer was lost
		{"a router refuses in its own name", []attempt.Echo{expired(), closedBy(router1), closedBy(router1)}, 0},
		{"two ways, one longer", []attempt.Echo{expired(), closedBy(farHost), expired(), closedBy(farHost)}, 0},
		{"silence", []attempt.Echo{silent, silent}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := distance(tt.udp, farHost); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

// ttls answers SYNs with packets that arrive with so many hops left, by port.
type ttls map[uint16]int

func (h ttls) Sound(_ context.Context, _ int, probes []attempt.Probe) ([]attempt.Echo, error) {
	echoes := make([]attempt.Echo, len(probes))
	for i, p := range probes {
		if left := h[p.To.Port()]; left >= p.MinHops && left > 0 {
			echoes[i].Outcome = attempt.OutcomeOf(attempt.ECONNREFUSED)
		}
	}
	return echoes, nil
}

func (ttls) NextHop(int, netip.Addr) (attempt.NextHop, error) { return attempt.NextHop{}, nil }

// TestAnswerer has a host three hops away: its packets arrive with 62 hops left.
func TestAnswerer(t *testing.T) {
	refused := attempt.Echo{Outcome: attempt.OutcomeOf(attempt.ECONNREFUSED)}
	udp := []attempt.Echo{expired(), expired(), closedBy(farHost)}
	late, early := []attempt.Echo{expired(), expired(), refused}, []attempt.Echo{expired(), refused, refused}
	for _, tt := range []struct {
		name         string
		tcp, udp     []attempt.Echo
		left         ttls
		host, nearer bool
	}{
		{"the host", late, udp, ttls{8080: 62, 22: 62}, true, false},
		{"the host, alone", late, udp, ttls{8080: 62}, true, false},
		{"a router", late, udp, ttls{8080: 63, 22: 62}, false, true},
		{"a router, of every port", late, udp, ttls{8080: 63, 22: 63, 443: 63, 9: 63}, false, false},
		{"a router, nothing to compare with", late, udp, ttls{8080: 63}, false, false},
		{"only port 80 to compare with", late, udp, ttls{8080: 63, 80: 62}, false, false},
		{"a host that starts with 128", late, udp, ttls{8080: 126, 22: 126}, false, false},
		{"a host that starts with 255, a router with 64", late, udp, ttls{8080: 63, 22: 253}, false, false},
		{"an answer from further away", late, udp, ttls{8080: 61, 22: 62}, false, false},
		{"too few hops for the host", early, udp, ttls{8080: 62}, false, true},
		{"no distance", early, nil, ttls{8080: 63, 22: 62}, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var a answerer
			a.find(t.Context(), tt.left, 0, netip.AddrPortFrom(farHost, 8080), &path{same: refused, tcp: tt.tcp, udp: tt.udp})
			if a.host != tt.host || a.nearer != tt.nearer {
				t.Errorf("got %+v", a)
			}
		})
	}
}
