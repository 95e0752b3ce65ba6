package demo

import (
	"bufio"
	"net"
	"net/netip"
	"testing"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
)

// What the scripts write, in either language, is read for how it ended.
func TestListen(t *testing.T) {
	local := netip.MustParseAddrPort("172.16.6.170:17919")
	failed := attempt.Outcome{Kind: attempt.Failed}
	for _, tt := range []struct {
		name, saw string
		status    int
		want      attempt.Outcome
		local     netip.AddrPort
	}{
		{name: "timed out", saw: "script1: connect: [Errno 110] connection timed out\n", status: 1, want: attempt.OutcomeOf(attempt.ETIMEDOUT)},
		{name: "denied, Python", saw: "Traceback (most recent call last):\nPermissionError: [Errno 13] Permission denied\n", status: 1, want: attempt.OutcomeOf(attempt.EACCES)},
		{name: "connected", saw: "connected from 172.16.6.170:17919\n" + greeting, want: attempt.OutcomeOf(0), local: local},
		{name: "connected, no greeting", saw: "connected from 172.16.6.170:17919\nscript3: read: EOF\n", status: 1, want: failed},
		{name: "no such errno", saw: "[Errno 99999999]", status: 1, want: failed},
		{name: "killed", status: 137, want: failed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := Run{Saw: tt.saw, ExitStatus: tt.status}
			r.listen()
			if r.Outcome != tt.want || r.Local != tt.local {
				t.Errorf("got  %v from %v\nwant %v from %v", r.Outcome, r.Local, tt.want, tt.local)
			}
		})
	}
}

// Wherever the server is, the profile has the same three verdicts for the three scripts.
func TestStageProfile(t *testing.T) {
	for _, server := range []string{"203.0.113.10:8001", "172.17.0.2:8001", "127.203.113.10:8001"} {
		t.Run(server, func(t *testing.T) {
			to := netip.MustParseAddrPort(server)
			p, err := stageProfile(to.Addr())
			if err != nil {
				t.Fatal(err)
			}
			own := netip.MustParseAddrPort(p.Facts.Environment[gearVariable] + ":0")
			if d := p.DecideBind(attempt.TCP, own); d.Verdict.Kind != profile.Allow {
				t.Errorf("bind to %v: %v, want allow", own, d.Verdict)
			}
			d := p.DecideEgress(attempt.Attempt{Protocol: attempt.TCP, Source: attempt.SourceOf(own), Destination: to})
			if d.Verdict.Kind != profile.Drop || d.Verdict.Timeout == 0 {
				t.Errorf("from %v: %v, want drop with a timeout", own, d.Verdict)
			}
			if d := p.DecideBind(attempt.TCP, netip.MustParseAddrPort("0.0.0.0:0")); d.Verdict.Errno != attempt.EACCES {
				t.Errorf("bind to any address: %v, want EACCES", d.Verdict)
			}
			if d := p.DecideEgress(attempt.Attempt{Protocol: attempt.TCP, Destination: to}); d.Verdict.Kind != profile.Allow {
				t.Errorf("without a bind: %v, want allow", d.Verdict)
			}
		})
	}
	p, _ := profile.Builtin(gearProfile)
	if r := p.Egress.Rules; len(r) != 1 || len(r[0].Sources) != 1 || r[0].Sources[0].Word != profile.Loopback {
		t.Errorf("the built-in profile has other rules than the variant is made from: %v", r)
	}
}

// The server serves the one address that it was told, and resets everybody else.
func TestGreet(t *testing.T) {
	at, from := netip.MustParseAddrPort("127.0.0.1:0"), netip.MustParseAddr("127.0.0.2")
	l, err := greet(at, from)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for source, want := range map[string]string{"127.0.0.2": greeting, "127.0.0.3": ""} {
		if got := dial(t, source, l.at.String()); got != want {
			t.Errorf("from %s: %q, want %q", source, got, want)
		}
	}
}

// dial connects from an address, and returns the first line that comes.
func dial(t *testing.T, source, to string) string {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
	c, err := d.DialContext(t.Context(), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	line, _ := bufio.NewReader(c).ReadString('\n')
	return line
}
