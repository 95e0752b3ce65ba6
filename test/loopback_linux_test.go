package test

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/testhost"
)

// loopbackSource is an address like a gear's OPENSHIFT_PYTHON_IP.
const loopbackSource = "127.0.250.1"

// TestLoopbackSource is script 1 of the case: what a loopback source does depends on one sysctl and on the profile.
func TestLoopbackSource(t *testing.T) {
	p := testhost.NewPair(t)
	testhost.Nginx(p.Server)
	// One retry: the kernel gives up within seconds rather than after two minutes.
	p.Client.Sysctl("net.ipv4.tcp_syn_retries", "1")
	gear := mode{profile: "openshift-v2-gear"}
	gearFixed := mode{profile: "openshift-v2-gear", withoutBind: true}
	for _, tt := range []struct {
		name           string
		mode           mode
		routeLocalnet  string
		says           string // the dialer's errno; "" when it connects
		cause          string
		atLeast, under time.Duration
	}{
		{name: "bare", mode: mode{bare: true}, routeLocalnet: "0", says: "errno EINVAL", under: time.Second},
		{name: "bare-routed", mode: mode{bare: true}, routeLocalnet: "1", says: "errno ETIMEDOUT", atLeast: time.Second, under: 10 * time.Second},
		{name: "run", routeLocalnet: "0", says: "errno EINVAL", cause: "bind-loopback-source", under: 5 * time.Second},
		{name: "run-routed", routeLocalnet: "1", says: "errno ETIMEDOUT", cause: "bind-loopback-source", atLeast: time.Second, under: 20 * time.Second},
		{name: "without-bind", mode: mode{withoutBind: true}, routeLocalnet: "1", under: 5 * time.Second},
		{name: "openshift-v2-gear", mode: gear, routeLocalnet: "0", says: "errno ETIMEDOUT", cause: "bind-loopback-source", atLeast: 1900 * time.Millisecond, under: 10 * time.Second},
		{name: "openshift-v2-gear-without-bind", mode: gearFixed, routeLocalnet: "0", under: 5 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := p.Client.With(t)
			h.Sysctl("net.ipv4.conf.all.route_localnet", tt.routeLocalnet)
			argv, report := tt.mode.wrap(t, dialer(server4+":80", loopbackSource+":0")(t, nil)...)
			begin := time.Now()
			got := h.Run(clientTimeout, "", argv...)
			took := time.Since(begin)
			if connected := strings.Contains(got.Stdout, "peer 172.16.6.170 "); connected != (tt.says == "") ||
				connected != (got.Status == 0) || !strings.Contains(got.Stderr, tt.says) {
				t.Errorf("%+v\nwant %q, or a connection from 172.16.6.170 where that is empty", got, tt.says)
			}
			if took < tt.atLeast || took > tt.under {
				t.Errorf("took %v, want between %v and %v", took, tt.atLeast, tt.under)
			}
			if report != "" {
				if r := readReport(t, report); r.causes() != tt.cause {
					t.Errorf("findings %q, want %q", r.causes(), tt.cause)
				}
			}
		})
	}
}
