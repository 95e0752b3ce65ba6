package diagnose

import (
	"net/netip"
	"testing"

	"github.com/sallyport/sallyport/attempt"
)

func TestAnswersEarly(t *testing.T) {
	expired := attempt.Echo{Outcome: attempt.OutcomeOf(attempt.EHOSTUNREACH), From: netip.MustParseAddr("10.0.0.1"), Type: 11}
	accepted, reset := attempt.Echo{Outcome: attempt.OutcomeOf(0)}, attempt.Echo{Outcome: attempt.OutcomeOf(attempt.ECONNRESET)}
	arrived := attempt.Echo{Outcome: attempt.OutcomeOf(attempt.ECONNREFUSED), From: netip.MustParseAddr("10.9.0.1"), Type: 3, Code: 3}
	var silent attempt.Echo
	type echoes = []attempt.Echo
	for _, tt := range []struct {
		name     string
		tcp, udp echoes
		want     int
	}{
		{"a server behind two routers", echoes{expired, expired, accepted}, echoes{expired, expired, arrived}, 0},
		{"the first router", echoes{accepted, accepted, accepted}, echoes{expired, expired, arrived}, 1},
		{"the first router, which resets", echoes{reset, reset}, echoes{expired, arrived}, 1},
		{"the second of three", echoes{expired, accepted, accepted, accepted}, echoes{expired, expired, expired, arrived}, 2},
		{"ways that differ by one", echoes{expired, accepted, accepted}, echoes{expired, expired, arrived}, 0},
		{"a first router that says nothing", echoes{accepted, accepted}, echoes{silent, arrived}, 0},
		{"a router that is the destination", echoes{accepted, accepted}, echoes{arrived, arrived}, 0},
		{"nothing was sent", nil, nil, 0},
	} {
		if got := answersEarly(tt.tcp, tt.udp); got != tt.want {
			t.Errorf("%s: hop %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestMeshOf(t *testing.T) {
	envoy := &attempt.Process{Exe: "/usr/local/bin/envoy"}
	for _, tt := range []struct {
		holder *attempt.Process
		port   uint16
		pod    bool
		want   mesh
	}{
		{envoy, 15001, false, istio},
		{envoy, 10000, false, noMesh},
		{nil, 15001, true, istio},
		{nil, 15001, false, noMesh},
		{nil, 4140, true, linkerd},
		{&attempt.Process{Command: []string{"/usr/lib/linkerd/linkerd2-proxy"}}, 4140, false, linkerd},
		{&attempt.Process{Exe: "/usr/bin/python3.11"}, 15001, true, noMesh},
	} {
		if got := meshOf(tt.holder, tt.port, tt.pod); got != tt.want {
			t.Errorf("%+v port %d, pod %v: %q, want %q", tt.holder, tt.port, tt.pod, got, tt.want)
		}
	}
}
