package measure

import (
	"context"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/sallyport/sallyport/attempt"

	"github.com/sallyport/sallyport/probe"
)

// TestAcceptsAll tells a host whose ports all connect, and are mute, from hosts with a closed port, with one that speaks, and with few.
func TestAcceptsAll(t *testing.T) {
	mute := func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }
	speaks := func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-x\r\n"); mute(c) }
	for _, c := range []struct {
		about  string
		ports  int
		speak  bool
		closed bool
		want   bool
	}{
		{"all mute", probe.ManyPorts, false, false, true},
		{"few", probe.ManyPorts - 1, false, false, false},
		{"one speaks", probe.ManyPorts, true, false, false},
		{"one is closed", probe.ManyPorts, false, true, false},
	} {
		t.Run(c.about, func(t *testing.T) {
			var tries []probe.Attempt
			add := func(to netip.AddrPort) {
				tries = append(tries, probe.Attempt{Attempt: attempt.Attempt{Protocol: attempt.TCP, Destination: to}, Target: &probe.Target{Text: "127.0.0.1"}, Variant: "no bind"})
			}
			for i := range c.ports {
				f := mute
				if c.speak && i == 3 {
					f = speaks
				}
				add(listen(t, f))
			}
			if c.closed {
				add(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), freePort(attempt.IPv4)))
			}
			var m probe.Matrix
			for r := range Run(context.Background(), slices.Values(tries), Limits{PerHost: -1, Rate: -1, Timeout: goodTimeout}, Meet) {
				m.Add(&r)
			}
			if got := len(m.AcceptsAll()) == 1; got != c.want {
				t.Errorf("%v", m.AcceptsAll())
			}
		})
	}
}
