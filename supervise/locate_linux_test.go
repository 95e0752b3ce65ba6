package supervise

import (
	"fmt"
	"testing"
	"unsafe"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/sys/unix"
)

// TestLocateBounded: of each process so many stacks are taken and no more, and steps of one place share one.
func TestLocateBounded(t *testing.T) {
	ok := attempt.Step{Call: attempt.CallConnect}
	pending := attempt.Step{Call: attempt.CallConnect, Errno: attempt.EINPROGRESS}
	refused := attempt.Step{Call: attempt.CallConnect, Errno: attempt.ECONNREFUSED}
	for _, c := range []struct {
		name string
		step attempt.Step
		all  bool
		want int
	}{
		{"failures", refused, false, failuresPerProcess},
		{"a connect that succeeds", ok, false, 0},
		{"a connect in progress", pending, false, pendingPerProcess},
		{"all: failures", refused, true, failuresPerProcess + allPerProcess},
		{"all: connects that succeed", ok, true, allPerProcess},
		{"all: connects in progress", pending, true, pendingPerProcess + allPerProcess},
		{"all: a bind", attempt.Step{Call: attempt.CallBind}, true, allPerProcess},
		{"all: a send", attempt.Step{Call: attempt.CallSendto}, true, 0},
		{"all: not its own call", attempt.Step{Call: attempt.CallConnect, How: attempt.Inferred}, true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			taken := 0
			s := New(Options{WhereAll: c.all, Where: func(int) []attempt.Frame {
				taken++
				return []attempt.Frame{{File: "a.py", Line: 1 + taken%2}, {File: "b.py"}}
			}})
			e := s.lives.add(&socket{domain: unix.AF_INET, protocol: attempt.TCP, cookie: 1}, 3, &attempt.Process{})
			stacks := map[*attempt.Frame]bool{}
			for i := range 2 * allPerProcess {
				e.life.Process = &attempt.Process{PID: 7, Command: []string{"thread", fmt.Sprint(i)}} // one process
				st := c.step
				s.locate(&e.life, &st)
				if st.Where != nil {
					stacks[unsafe.SliceData(st.Where)] = true
				}
			}
			if taken != c.want || len(stacks) != min(c.want, 2) {
				t.Errorf("%d stacks taken and %d kept, want %d and %d", taken, len(stacks), c.want, min(c.want, 2))
			}
		})
	}
}

// TestLocateManyPlaces: so many different stacks are kept to be shared, and the others still told.
func TestLocateManyPlaces(t *testing.T) {
	n := 0
	s := New(Options{WhereAll: true, Where: func(int) []attempt.Frame {
		n++
		return []attempt.Frame{{File: fmt.Sprint(n)}}
	}})
	life := &attempt.Life{Process: &attempt.Process{}}
	for range 2 * sharedStacks {
		st := attempt.Step{Call: attempt.CallConnect}
		if s.locate(life, &st); len(st.Where) != 1 {
			t.Fatalf("stack %d: %+v", n, st.Where)
		}
	}
	if s.located.kept != sharedStacks || len(s.located.stacks) != sharedStacks {
		t.Errorf("%d kept, want %d", s.located.kept, sharedStacks)
	}
}
