package attempt

import (
	"net/netip"
	"testing"
	"time"
)

func TestStepString(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 1, 123e6, time.UTC)
	any4, dst := netip.MustParseAddrPort("0.0.0.0:0"), netip.MustParseAddrPort("192.0.2.1:80")
	for _, tt := range []struct {
		name string
		step Step
		want string
	}{
		{
			"failed",
			Step{Call: CallBind, Errno: EACCES, Address: any4, At: at, Took: 12 * time.Microsecond},
			"bind(0.0.0.0:0) = -1 EACCES (permission denied), at 12:00:01.123, took 12 µs",
		},
		{"performed", Step{Call: CallSendto, Result: 7, Address: dst, At: at}, "sendto(192.0.2.1:80) = 7, at 12:00:01.123"},
		{
			"elided",
			Step{Call: CallBind, How: Elided, Address: any4, At: at},
			"bind(0.0.0.0:0) = 0, not performed (--without-bind), at 12:00:01.123",
		},
		{
			"decided",
			Step{Call: CallConnect, How: Decided, Rule: "gear, egress rule 2", Errno: ETIMEDOUT, Address: dst, At: at, Took: 2 * time.Second},
			"connect(192.0.2.1:80) = -1 ETIMEDOUT (connection timed out), decided by gear, egress rule 2, at 12:00:01.123, took 2 s",
		},
		{
			"repeated",
			Step{Call: CallBind, Errno: EADDRINUSE, Address: any4, Count: 3, At: at},
			"bind(0.0.0.0:0) = -1 EADDRINUSE (address already in use), 3 times, at 12:00:01.123",
		},
		{
			"error read",
			Step{Call: CallSoError, Errno: ECONNREFUSED, At: at},
			"getsockopt(SO_ERROR) = 0, the error is ECONNREFUSED (connection refused), at 12:00:01.123",
		},
		{"ended", Step{Call: CallReady, At: at}, "the connect ended: connected, at 12:00:01.123"},
		{"given up", Step{Call: CallClose, How: Inferred, Errno: ECANCELED, At: at}, "the program closed the socket, at 12:00:01.123"},
		{"unseen", Step{Call: CallConnect, How: Unseen, Address: dst, At: at}, "connect(192.0.2.1:80) = ?, at 12:00:01.123"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.step.String(); got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestDurationText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 ns", 12 * time.Microsecond: "12 µs", 1200 * time.Nanosecond: "1.2 µs", 3061 * time.Millisecond: "3.1 s",
		999900 * time.Nanosecond: "1 ms", 127 * time.Second: "2 min 7 s", 3 * time.Hour: "3 h 0 min", 59990 * time.Millisecond: "1 min 0 s",
	} {
		if got := DurationText(d); got != want {
			t.Errorf("DurationText(%d) = %q, want %q", d, got, want)
		}
	}
}
