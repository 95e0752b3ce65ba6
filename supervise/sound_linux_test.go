package supervise

import (
	"context"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// TestSound asks this machine: an open port, one where nobody listens, and by UDP, where the sender of the ICMP error is told.
func TestSound(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	open := l.Addr().(*net.TCPAddr).AddrPort()
	shut, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := shut.Addr().(*net.TCPAddr).AddrPort()
	shut.Close()
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	got, err := New(Options{}).Sound(ctx, os.Getpid(), []attempt.Probe{
		{Protocol: attempt.TCP, To: open},
		{Protocol: attempt.TCP, To: closed},
		{Protocol: attempt.UDP, To: closed},
		{Protocol: attempt.UDP, To: closed, Size: 1200},
	})
	if err != nil {
		t.Fatal(err)
	}
	host := netip.MustParseAddr("127.0.0.1")
	for i, want := range []struct {
		kind attempt.Kind
		from netip.Addr
	}{{kind: attempt.Connected}, {kind: attempt.Refused}, {attempt.Refused, host}, {attempt.Refused, host}} {
		if got[i].Outcome.Kind != want.kind || got[i].From != want.from {
			t.Errorf("probe %d: %+v, want %+v", i, got[i], want)
		}
	}
}

// TestSoundMinHops asks a closed port of this machine, whose resets arrive with all the hops that they start with.
func TestSoundMinHops(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		network := "tcp4"
		if host == "::1" {
			network = "tcp6"
		}
		shut, err := net.Listen(network, net.JoinHostPort(host, "0"))
		if err != nil {
			t.Skipf("needs %s: %v", host, err)
		}
		closed := shut.Addr().(*net.TCPAddr).AddrPort()
		shut.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		got, err := New(Options{}).Sound(ctx, os.Getpid(), []attempt.Probe{
			{Protocol: attempt.TCP, To: closed, MinHops: 1},
			{Protocol: attempt.TCP, To: closed, MinHops: 64},
			{Protocol: attempt.TCP, To: closed, MinHops: 65},
		})
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []attempt.Kind{attempt.Refused, attempt.Refused, attempt.InProgress} {
			if got[i].Outcome.Kind != want {
				t.Errorf("%s, probe %d: %+v, want %v", host, i, got[i], want)
			}
		}
	}
}

func TestNextHopOfThisMachine(t *testing.T) {
	hop, err := New(Options{}).NextHop(os.Getpid(), netip.MustParseAddr("127.0.0.1"))
	if err != nil || !hop.Local || hop.Gateway.IsValid() || hop.Silent {
		t.Errorf("got %+v, %v", hop, err)
	}
}

// TestDumpTCP finds a connection of this process by its cookie.
func TestDumpTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	if _, err := c.Write(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	if _, err := far.Read(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var cookie [8]byte
	if err := raw.Control(func(fd uintptr) { getsockopt(int(fd), 1, 57, cookie[:]) }); err != nil { // SOL_SOCKET, SO_COOKIE
		t.Fatal(err)
	}
	want := uint64(word(cookie[:], 0))
	var found *attempt.Traffic
	if err := dumpTCP(2, func(cookie uint64) bool { return cookie == want }, func(_ uint64, tr *attempt.Traffic) { // AF_INET
		found = tr
	}); err != nil {
		t.Fatal(err)
	}
	if found == nil || found.Sent != 1000 || found.PMTU == 0 || found.MSS == 0 || found.Hole || found.Stalled() {
		t.Errorf("got %+v", found)
	}
}
