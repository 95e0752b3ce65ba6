package measure

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/sallyport/sallyport/attempt"

	"github.com/sallyport/sallyport/probe"
)

// TestBare connects to a listener so that its program never gets a connection, and then otherwise, so that it does.
func TestBare(t *testing.T) {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	target := probe.Target{Addr: netip.MustParseAddr("127.0.0.1"), Protocol: attempt.TCP, Service: "ssh"}
	connect := func(n int, bare bool) (all []probe.Result) {
		list := make([]probe.Attempt, n)
		for i := range list {
			list[i] = probe.Attempt{Target: &target, Bare: bare, Attempt: attempt.Attempt{Protocol: attempt.TCP, Destination: l.Addr().(*net.TCPAddr).AddrPort()}}
		}
		for r := range Run(t.Context(), slices.Values(list), Limits{Rate: -1, PerHost: -1, Timeout: time.Second}, Meet) {
			all = append(all, r)
		}
		return all
	}
	accepted := func(within time.Duration) int {
		for n := 0; ; n++ {
			if err := l.SetDeadline(time.Now().Add(within)); err != nil {
				t.Fatal(err)
			}
			c, err := l.Accept()
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return n
			}
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
		}
	}
	for _, r := range connect(300, true) {
		if r.Verdict != probe.Allowed || r.Outcome.Kind != attempt.Connected || r.Answer != nil || r.Times.Connect <= 0 {
			t.Fatalf("%+v", r)
		}
	}
	if n := accepted(300 * time.Millisecond); n != 0 {
		t.Errorf("%d of 300 were accepted", n)
	}
	go connect(3, false) // ends when they were accepted and closed
	if n := accepted(3 * time.Second); n != 3 {
		t.Errorf("%d of 3 were accepted", n)
	}
}
