package attempt

import (
	"net/netip"
	"testing"
	"time"
)

func TestStalled(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name               string
		traffic            *Traffic
		sending, receiving bool
	}{
		{name: "never sampled"},
		{name: "idle", traffic: &Traffic{At: at, Moved: at.Add(-time.Hour)}},
		{name: "one loss", traffic: &Traffic{At: at, Moved: at, Unacked: 3, Retransmits: 1, Backoff: 0}},
		{name: "three in a row", traffic: &Traffic{At: at, Moved: at, Unacked: 3, Retransmits: 3, Backoff: 3}, sending: true},
		{name: "a closed window is probed", traffic: &Traffic{At: at, Moved: at, Unacked: 0, Backoff: 9}},
		{name: "gone, and may have got well", traffic: &Traffic{At: at, Moved: at, Unacked: 3, Retransmits: 3, Backoff: 3, Lost: true}},
		{name: "gone after many", traffic: &Traffic{At: at, Moved: at, Unacked: 3, Retransmits: 5, Backoff: 5, Lost: true}, sending: true},
		{name: "a hole just now", traffic: &Traffic{At: at, Moved: at.Add(-time.Second), Hole: true}},
		{name: "a hole that stays", traffic: &Traffic{At: at, Moved: at.Add(-2 * time.Second), Hole: true}, receiving: true},
	} {
		if got := c.traffic.StalledSending(); got != c.sending {
			t.Errorf("%s: sending %v, want %v", c.name, got, c.sending)
		}
		if got := c.traffic.StalledReceiving(); got != c.receiving {
			t.Errorf("%s: receiving %v, want %v", c.name, got, c.receiving)
		}
	}
}

func TestEchoInWords(t *testing.T) {
	four, six := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	for _, c := range []struct {
		echo                Echo
		icmp                string
		expired, prohibited bool
	}{
		{echo: Echo{Type: 3, Code: 13}},
		{echo: Echo{From: four, Type: 3, Code: 1}, icmp: "host unreachable"},
		{echo: Echo{From: four, Type: 3, Code: 13}, icmp: "communication administratively prohibited", prohibited: true},
		{echo: Echo{From: four, Type: 11}, icmp: "time exceeded", expired: true},
		{echo: Echo{From: four, Type: 11, Code: 1}}, // reassembly: none of ours
		{echo: Echo{From: six, Type: 3}, icmp: "time exceeded", expired: true},
		{echo: Echo{From: six, Type: 1, Code: 1}, icmp: "communication administratively prohibited", prohibited: true},
		{echo: Echo{From: six, Type: 1, Code: 4}, icmp: "port unreachable"},
		{echo: Echo{From: six, Type: 2}},
	} {
		if got := c.echo.ICMP(); got != c.icmp || c.echo.Expired() != c.expired || c.echo.Prohibited() != c.prohibited {
			t.Errorf("%+v: %q, expired %v, prohibited %v", c.echo, got, c.echo.Expired(), c.echo.Prohibited())
		}
	}
}
