package test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/testhost"
)

// skewedNTP tells the time at its address, so many seconds ahead.
const skewedNTP = `
import socket, struct, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 123))
while True:
    q, who = s.recvfrom(512)
    now = time.time() + 2208988800 + float(sys.argv[2])
    stamp = struct.pack(">II", int(now), int((now % 1) * 2**32))
    s.sendto(bytes([0x24, 2, 6, 0xec]) + bytes(8) + b"\x7f\0\0\1" + stamp + q[40:48] + stamp + stamp, who)
`

// TestProbeClock puts two servers' time beside this host's, and a certificate that is expired by this host's alone.
func TestProbeClock(t *testing.T) {
	p := testhost.NewPair(t)
	ca := testhost.NewAuthority(t, "Example CA")
	testhost.TLSServer(p.Server, ca, "TLSv1.2 TLSv1.3", time.Now().Add(-time.Hour), serverName)
	for i, skew := range []int{-7200, -7201} {
		testhost.PythonUDP(p.Server, 123, skewedNTP, p.Server.V4[i].String(), fmt.Sprint(skew))
	}
	doc := beyondIn(t, p.Client, nil, "--sources", "none", "--timeout", "2s", "tls://"+server4, "ntp://172.16.6.1", "ntp://172.16.6.2")
	all := strings.Join(doc.Beyond.Clock.Words, "\n")
	for _, want := range []string{"this host's clock is 2 h 0 min ahead: 172.16.6.", "by ntp say so", "for this alone the certificate of 172.16.6.1:443 is refused", "set the clock"} {
		if !strings.Contains(all, want) {
			t.Errorf("%s\nwant %q", all, want)
		}
	}
	if !doc.Beyond.Clock.Sure {
		t.Errorf("two servers agree, and it is not sure: %s", all)
	}
	// nginx's own Date, which is right, makes it a dispute.
	doc = beyondIn(t, p.Client, nil, "--sources", "none", "--timeout", "2s", "https://"+server4, "ntp://172.16.6.1")
	if all = strings.Join(doc.Beyond.Clock.Words, "\n"); doc.Beyond.Clock.Sure || !strings.Contains(all, "servers disagree about the time") {
		t.Errorf("%s\nwant a dispute", all)
	}
}
