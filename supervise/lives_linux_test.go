package supervise

import (
	"net/netip"
	"testing"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/sys/unix"
)

// A program may open any number of sockets: the record of them is bounded, and keeps the ones that failed.
func TestLivesBounded(t *testing.T) {
	l := lives{max: 100}
	for i := range 10_000 {
		e := l.add(&socket{domain: unix.AF_INET, protocol: attempt.TCP, cookie: uint64(i + 1)}, 3, nil)
		if i%500 == 0 {
			e.failed = true
		}
	}
	all := l.all()
	if len(all) > 100 || len(l.byID) != len(all) {
		t.Errorf("%d lives in order, %d by cookie, want at most 100 and the same", len(all), len(l.byID))
	}
	if got := len(all) + l.dropped; got != 10_000 {
		t.Errorf("%d kept and dropped, want 10,000", got)
	}
	for i := 0; i < 10_000; i += 500 {
		if l.find(uint64(i+1)) == nil {
			t.Errorf("socket %d, which failed, is forgotten", i+1)
		}
	}
	if l.find(10_000) == nil {
		t.Error("the newest socket is forgotten")
	}
}

// One socket may send to any number of destinations: its record keeps its first steps and its last.
func TestStepsBounded(t *testing.T) {
	s := New(Options{})
	e := s.lives.add(&socket{domain: unix.AF_INET, protocol: attempt.UDP, cookie: 1}, 3, nil)
	to := func(i int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)}), 53)
	}
	for i := range 5000 {
		for range 3 { // alike and in a row: one step
			s.record(e, attempt.Step{Call: attempt.CallSendto, Address: to(i), At: time.Unix(int64(i), 0)})
		}
	}
	steps := e.life.Steps
	if len(steps) != maxSteps {
		t.Fatalf("%d steps, want %d", len(steps), maxSteps)
	}
	if steps[0].Address != to(0) || steps[len(steps)-1].Address != to(4999) || steps[7].Count != 3 {
		t.Errorf("first %v, last %v, count %d; want %v, %v, 3", steps[0].Address, steps[len(steps)-1].Address, steps[7].Count, to(0), to(4999))
	}
}

// An attempt that failed is told of once, with the errno that the program was given.
func TestFailedOnce(t *testing.T) {
	var failed []attempt.Outcome
	s := New(Options{OnFailed: func(_ *attempt.Life, r attempt.Result) { failed = append(failed, r.Outcome) }})
	e := s.lives.add(&socket{domain: unix.AF_INET, protocol: attempt.TCP, cookie: 1}, 3, nil)
	to := netip.MustParseAddrPort("192.0.2.1:80")
	for _, st := range []attempt.Step{
		{Call: attempt.CallConnect, Address: to, Errno: attempt.EINPROGRESS},
		{Call: attempt.CallReady, How: attempt.Inferred, Result: -1},
		{Call: attempt.CallSoError, Errno: attempt.ECONNREFUSED},
		{Call: attempt.CallSoError},
	} {
		s.record(e, st)
	}
	if len(failed) != 1 || failed[0] != attempt.OutcomeOf(attempt.ECONNREFUSED) {
		t.Errorf("told of %v, want one refusal", failed)
	}
}
