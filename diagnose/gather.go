package diagnose

import (
	"slices"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// made is one attempt with the life that it comes from.
type made struct {
	attempt.Result
	life    *attempt.Life
	index   int // of the life among all
	process string
	waited  time.Duration // how long it was waited for
}

// record is every attempt of a run, in order of time.
type record struct {
	all   []made
	lives []*attempt.Life
	ended time.Time

	succeeded bool            // the program is known to have ended with status 0
	resolvers map[uint64]bool // the cookies of the sockets that questions were asked on

	resolutions []*resolution // the names that were asked for
}

// gather reads the attempts off all lives. ended is when the program did.
func gather(lives []*attempt.Life, ended time.Time) *record {
	rec := &record{lives: lives, ended: ended}
	for i, l := range lives {
		for _, r := range l.Attempts() {
			m := made{Result: r, life: l, index: i, process: processKey(l), waited: r.End.Sub(r.Begin)}
			if r.Call == attempt.CallConnect && r.First < r.Last {
				m.waited = r.End.Sub(l.Steps[connectStep(l, r)].At)
			}
			if r.Outcome.Kind == attempt.InProgress {
				m.waited = ended.Sub(r.Begin)
			}
			rec.all = append(rec.all, m)
		}
	}
	slices.SortStableFunc(rec.all, func(a, b made) int { return a.Begin.Compare(b.Begin) })
	return rec
}

// connectStep is the index of the step that the attempt's connect is; r.First where it has none.
func connectStep(l *attempt.Life, r attempt.Result) int {
	for i := r.First; i <= r.Last && i < len(l.Steps); i++ {
		if l.Steps[i].Call == attempt.CallConnect {
			return i
		}
	}
	return r.First
}

// processKey tells programs apart for folding and retries: a loop in a shell starts the same command
// again and again, each time as another process.
func processKey(l *attempt.Life) string {
	if l.Process == nil {
		return ""
	}
	if len(l.Process.Command) > 0 {
		return CommandLine(l.Process.Command)
	}
	return l.Process.Exe
}

func (m *made) pid() int {
	if m.life.Process == nil {
		return 0
	}
	return m.life.Process.PID
}

// program reports whether two attempts were made by the same process, or by the same command run again.
func (m *made) program(o *made) bool {
	return m.pid() == o.pid() || m.process != "" && m.process == o.process
}

func (m *made) connected() bool { return m.Outcome.Kind == attempt.Connected }

// connectedTo is a connected attempt to the same host on another port; nil where there is none.
func (rec *record) connectedTo(m *made) *made {
	for i := range rec.all {
		o := &rec.all[i]
		if o.connected() && o.Protocol.Stream() && o.Destination.Addr().Unmap() == m.Destination.Addr().Unmap() && o.Destination.Port() != m.Destination.Port() {
			return o
		}
	}
	return nil
}

// withoutBind is a connected attempt of the same program that had no source of its own; nil where there
// is none.
func (rec *record) withoutBind(m *made) *made {
	for i := range rec.all {
		o := &rec.all[i]
		if o.connected() && o.Protocol == m.Protocol && o.program(m) && (o.Source.Kind == attempt.SourceNone || o.Elided) &&
			!o.Destination.Addr().IsLoopback() {
			return o
		}
	}
	return nil
}
