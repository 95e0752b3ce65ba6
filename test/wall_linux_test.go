package test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// TestWall meets each way in which a network says no: the program's errno is the same under sallyport, and the finding
// is the one for it.
func TestWall(t *testing.T) {
	p := testhost.NewPair(t)
	p.Server.Wall()
	p.Client.Sysctl("net.ipv4.tcp_syn_retries", "1") // applies to IPv6 too
	for _, tt := range []struct {
		name   string
		port   int
		errno  string
		v6     string // errno over IPv6
		cause  string
		cause6 string
	}{
		{name: "dropped", port: testhost.PortDropped, errno: "ETIMEDOUT", cause: "port-filtered"},
		{name: "reset", port: testhost.PortReset, errno: "ECONNREFUSED", cause: "refused"},
		{name: "nobody-listens", port: 9, errno: "ECONNREFUSED", cause: "refused"},
		{name: "port-unreachable", port: testhost.PortUnreachable, errno: "ECONNREFUSED", cause: "refused"},
		{name: "prohibited", port: testhost.PortProhibited, errno: "EHOSTUNREACH", cause: "unreachable", v6: "EACCES", cause6: "connect-denied"},
		{name: "no-route", port: testhost.PortNoRoute, errno: "ENETUNREACH", cause: "unreachable"},
	} {
		for _, m := range []mode{{name: "bare", bare: true}, {name: "run"}} {
			t.Run(tt.name+"/"+m.name+"-v4", func(t *testing.T) {
				meetWall(t, p.Client, m, fmt.Sprintf("%s:%d", server4, tt.port), tt.errno, tt.cause)
			})
			errno, cause := tt.errno, tt.cause
			if tt.v6 != "" {
				errno, cause = tt.v6, tt.cause6
			}
			t.Run(tt.name+"/"+m.name+"-v6", func(t *testing.T) {
				meetWall(t, p.Client, m, fmt.Sprintf("[%s]:%d", server6, tt.port), errno, cause)
			})
		}
	}
}

func meetWall(t *testing.T, h *testhost.Host, m mode, dest, errno, cause string) {
	argv, report := m.wrap(t, dialer(dest)(t, nil)...)
	got := h.With(t).Run(clientTimeout, "", argv...)
	if got.Status != 1 || !strings.Contains(got.Stderr, "errno "+errno+":") {
		t.Errorf("exit status %d, stderr %q\nwant 1 and %s", got.Status, got.Stderr, errno)
	}
	if report == "" {
		return
	}
	if r := readReport(t, report); r.causes() != cause {
		t.Errorf("findings %q, want %q", r.causes(), cause)
	}
}
