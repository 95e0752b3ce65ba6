package supervise

import (
	"context"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
	"golang.org/x/sys/unix"
)

func TestTry(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var places sinks
	defer places.close()
	tcp := &socket{domain: unix.AF_INET, protocol: attempt.TCP}
	local := netip.MustParseAddrPort("127.0.0.1:1")
	silent, closed := places.silent(tcp, local).addrPort(), places.closed(tcp, local).addrPort()
	gear, ok := profile.Builtin("openshift-v2-gear")
	if !ok {
		t.Fatal("no profile openshift-v2-gear")
	}
	from := func(s string) attempt.Source { return attempt.SourceOf(netip.MustParseAddrPort(s)) }
	open := netip.MustParseAddrPort(l.Addr().String())
	for _, tt := range []struct {
		name    string
		profile *profile.Profile
		a       attempt.Attempt
		want    attempt.Outcome
	}{
		{"connected", nil, attempt.Attempt{Destination: open}, attempt.Outcome{Kind: attempt.Connected}},
		{"from a source", nil, attempt.Attempt{Destination: open, Source: from("127.0.0.9:0")}, attempt.Outcome{Kind: attempt.Connected}},
		{"refused", nil, attempt.Attempt{Destination: closed}, attempt.OutcomeOf(attempt.ECONNREFUSED)},
		{"silence", nil, attempt.Attempt{Destination: silent}, attempt.Outcome{Kind: attempt.TimedOut}},
		{"by a device", nil, attempt.Attempt{Destination: open, Device: "lo"}, attempt.Outcome{Kind: attempt.Connected}},
		{"source not local", nil, attempt.Attempt{Destination: open, Source: from("192.0.2.1:0")}, attempt.Outcome{Kind: attempt.Failed, Errno: attempt.EADDRNOTAVAIL}},
		{"the profile denies the bind", gear, attempt.Attempt{Destination: open, Source: from("0.0.0.0:0")}, attempt.OutcomeOf(attempt.EACCES)},
		{"the profile drops", gear, attempt.Attempt{Destination: netip.MustParseAddrPort("192.0.2.1:80"), Source: from("127.0.0.9:0")}, attempt.OutcomeOf(attempt.ETIMEDOUT)},
		{"the profile allows", gear, attempt.Attempt{Destination: open}, attempt.Outcome{Kind: attempt.Connected}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			tt.a.Protocol = attempt.TCP
			got, err := New(Options{Profile: tt.profile}).Try(ctx, os.Getpid(), tt.a)
			if err != nil || got != tt.want {
				t.Errorf("%v, %v; want %v", got, err, tt.want)
			}
		})
	}
	if _, err := New(Options{}).Try(t.Context(), os.Getpid(), attempt.Attempt{Protocol: attempt.TCP}); err == nil {
		t.Error("an attempt without a destination was made")
	}
}
