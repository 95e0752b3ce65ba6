package diagnose

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func ap(s string) netip.AddrPort {
	if s == "" {
		return netip.AddrPort{}
	}
	return netip.MustParseAddrPort(s)
}

// life is a life of process pid with a step every millisecond from start on.
func life(pid int, p attempt.Protocol, f attempt.Family, start time.Duration, steps ...attempt.Step) *attempt.Life {
	l := &attempt.Life{Process: &attempt.Process{PID: pid, Command: []string{"/usr/bin/python3", "bot.py"}}, FD: 5, Protocol: p, Family: f, Steps: steps}
	at := noon.Add(start)
	for i := range l.Steps {
		l.Steps[i].At = at
		at = at.Add(time.Millisecond + l.Steps[i].Took)
	}
	return l
}

func tcp4(start time.Duration, steps ...attempt.Step) *attempt.Life {
	return life(123, attempt.TCP, attempt.IPv4, start, steps...)
}

func bind(addr string, e attempt.Errno) attempt.Step {
	return attempt.Step{Call: attempt.CallBind, Address: ap(addr), Errno: e, Took: 12 * time.Microsecond}
}

func connect(addr string, e attempt.Errno, took ...time.Duration) attempt.Step {
	s := attempt.Step{Call: attempt.CallConnect, Address: ap(addr), Errno: e, Took: 40 * time.Microsecond}
	if len(took) > 0 {
		s.Took = took[0]
	}
	return s
}

func decided(rule string, s attempt.Step) attempt.Step {
	s.How, s.Rule = attempt.Decided, rule
	return s
}

// outcomes is a Trier that answers by the text form of the attempt, and counts.
type outcomes struct {
	mu    sync.Mutex
	by    map[string]attempt.Outcome
	asked []string
}

func (o *outcomes) Try(_ context.Context, _ int, a attempt.Attempt) (attempt.Outcome, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked = append(o.asked, a.String())
	if out, ok := o.by[a.String()]; ok {
		return out, nil
	}
	return attempt.Outcome{}, errors.New("no route to the test")
}

// investigate does what the supervisor does: it reports each failure, and asks for the findings.
func investigate(t *testing.T, trier Trier, f Facts, o Options, ended time.Duration, lives ...*attempt.Life) ([]Finding, []Note) {
	t.Helper()
	v := New(trier, func() Facts { return f }, o)
	defer v.Close()
	v.now = func() time.Time { return noon.Add(ended) }
	v.capOf = func(int) Answer { return Unknown }
	for _, l := range lives {
		for _, r := range l.Attempts() {
			if r.Failed() {
				v.Failed(l, r)
			}
		}
	}
	return v.Findings(t.Context(), lives)
}

func causesOf(findings []Finding) string {
	var out []string
	for _, f := range findings {
		out = append(out, f.Cause)
	}
	return strings.Join(out, " ")
}

func kindsOf(notes []Note) string {
	var out []string
	for _, n := range notes {
		out = append(out, n.Kind)
	}
	return strings.Join(out, " ")
}
