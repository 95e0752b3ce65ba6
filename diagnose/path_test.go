package diagnose

import (
	"net/netip"
	"testing"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

func TestWhatProvesThatAHostIsUp(t *testing.T) {
	host, firewall := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.254")
	refused, connected := attempt.OutcomeOf(attempt.ECONNREFUSED), attempt.OutcomeOf(0)
	for _, c := range []struct {
		name  string
		ports map[uint16]attempt.Echo
		want  uint16
	}{
		{name: "nothing was asked"},
		{name: "silence", ports: map[uint16]attempt.Echo{443: {}, 9: {}}},
		{name: "a reset", ports: map[uint16]attempt.Echo{443: {}, 9: {Outcome: refused}}, want: 9},
		{name: "its own ICMP", ports: map[uint16]attempt.Echo{22: {Outcome: refused, From: host}}, want: 22},
		{name: "somebody else's ICMP", ports: map[uint16]attempt.Echo{22: {Outcome: refused, From: firewall}}},
		{name: "a proxy in its name, perhaps", ports: map[uint16]attempt.Echo{80: {Outcome: connected}}},
		{name: "an open port", ports: map[uint16]attempt.Echo{443: {Outcome: connected}}, want: 443},
		{name: "a router that says no route", ports: map[uint16]attempt.Echo{22: {Outcome: attempt.OutcomeOf(attempt.EHOSTUNREACH), From: firewall}}},
	} {
		p := path{ports: c.ports}
		if got := p.alive(host); got != c.want {
			t.Errorf("%s: port %d, want %d", c.name, got, c.want)
		}
	}
}

func TestWhichFailuresGetAPath(t *testing.T) {
	f := Facts{Addresses: []Address{{Addr: netip.MustParseAddr("10.0.0.5")}}}
	to := func(dst string, errno attempt.Errno) attempt.Result {
		return attempt.Result{
			Attempt: attempt.Attempt{Protocol: attempt.TCP, Destination: netip.MustParseAddrPort(dst)}, Outcome: attempt.OutcomeOf(errno),
		}
	}
	decided := to("192.0.2.1:80", attempt.ETIMEDOUT)
	decided.Decided = true
	bound := to("192.0.2.1:80", attempt.ETIMEDOUT)
	bound.Source = attempt.SourceOf(netip.MustParseAddrPort("10.0.0.5:0"))
	udp := to("192.0.2.1:53", attempt.ECONNREFUSED)
	udp.Protocol = attempt.UDP
	for _, c := range []struct {
		name string
		r    attempt.Result
		want bool
	}{
		{"silence", to("192.0.2.1:80", attempt.ETIMEDOUT), true},
		{"a refusal", to("192.0.2.1:80", attempt.ECONNREFUSED), true},
		{"EACCES over IPv6 can be a router's", to("[2001:db8::1]:80", attempt.EACCES), true},
		{"EACCES over IPv4 is this machine's", to("192.0.2.1:80", attempt.EACCES), false},
		{"EPERM is this machine's", to("[2001:db8::1]:80", attempt.EPERM), false},
		{"a profile decided", decided, false},
		{"the bind may be what is wrong", bound, false},
		{"the machine itself", to("10.0.0.5:80", attempt.ECONNREFUSED), false},
		{"loopback", to("127.0.0.1:80", attempt.ECONNREFUSED), false},
		{"UDP", udp, false},
	} {
		if got := worthAPath(c.r, f); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestABusyServerIsNoFilter: the same port connected in this run, so its silence may be a full queue.
func TestABusyServerIsNoFilter(t *testing.T) {
	silent := tcp4(0, connect("192.0.2.1:5432", attempt.ETIMEDOUT, time.Minute))
	for _, busy := range []bool{false, true} {
		lives := []*attempt.Life{silent}
		if busy {
			lives = append([]*attempt.Life{tcp4(0, connect("192.0.2.1:5432", 0))}, lives...)
		}
		rec := gather(lives, time.Now())
		m := &rec.all[len(rec.all)-1]
		for i := range rec.all {
			if rec.all[i].Failed() {
				m = &rec.all[i]
			}
		}
		x := &examined{made: m, rec: rec, experiment: &experiment{
			cfs:  []Counterfactual{{Change: changeNothing, Outcome: attempt.Outcome{Kind: attempt.TimedOut}}},
			path: path{known: true, ports: map[uint16]attempt.Echo{9: {Outcome: attempt.OutcomeOf(attempt.ECONNREFUSED)}}},
		}}
		want := PortFiltered
		if busy {
			want = TimedOut
		}
		if got := x.cause(); got != want {
			t.Errorf("busy %v: %s, want %s", busy, got, want)
		}
	}
}
