package supervise

import (
	"slices"
	"sync"

	"github.com/sallyport/sallyport/attempt"
)

// located bounds the stacks that are taken of each process: what fails a thousand times fails in few places, and a
// stack takes longer than the call. Stacks that are alike are kept once, so that many sockets of one place cost no room.
type located struct {
	mu       sync.Mutex
	failures map[program]int
	pending  map[program]int                     // of connects left in progress, whose end comes without the thread
	all      map[program]int                     // where all were asked for, what comes after the failures
	stacks   map[attempt.Frame][][]attempt.Frame // by the innermost frame
	kept     int
}

// program is one that runs in one process. Its attempt.Process won't do: each thread may have its own.
type program struct {
	pid int
	exe string
}

func programOf(p *attempt.Process) program {
	if p == nil {
		return program{}
	}
	return program{p.PID, p.Exe}
}

// Limits of the stacks that are taken: of failures, of connects left in progress (and one more for each that failed without),
// of binds and connects where all were asked for, of processes, and of different stacks that are kept to be shared.
const (
	failuresPerProcess = 32
	pendingPerProcess  = 32
	allPerProcess      = 4096
	locatedProcesses   = 1024
	sharedStacks       = 1024
)

// locate fills in the call stack of a step, where it is asked for. Inferred steps have no caller that waits.
func (s *Supervisor) locate(l *attempt.Life, st *attempt.Step) {
	if s.opts.Where == nil || st.How == attempt.Inferred {
		return
	}
	c := &s.located
	failed := st.Errno != 0 && mayEnd(st)
	pending := st.Call == attempt.CallConnect && st.Errno == attempt.EINPROGRESS
	named := st.Call == attempt.CallBind || st.Call == attempt.CallConnect
	switch {
	case failed && c.once(&c.failures, l.Process, failuresPerProcess):
	case pending && c.once(&c.pending, l.Process, pendingPerProcess):
	case s.opts.WhereAll && named && c.once(&c.all, l.Process, allPerProcess):
	default:
		return
	}
	st.Where = c.share(s.opts.Where(int(st.TID)))
}

// once reports whether one more stack of a process may be taken.
func (c *located) once(taken *map[program]int, process *attempt.Process, most int) bool {
	p := programOf(process)
	c.mu.Lock()
	defer c.mu.Unlock()
	if *taken == nil {
		*taken = map[program]int{}
	}
	if n, known := (*taken)[p]; n >= most || !known && len(*taken) >= locatedProcesses {
		return false
	}
	(*taken)[p]++
	return true
}

// pendingFailed gives a process one more stack of a connect left in progress, since one such connect failed without.
func (c *located) pendingFailed(process *attempt.Process) {
	p := programOf(process)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending[p] > 0 {
		c.pending[p]--
	}
}

// share is a stack that is alike, where one is kept.
func (c *located) share(frames []attempt.Frame) []attempt.Frame {
	if len(frames) == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, known := range c.stacks[frames[0]] {
		if slices.Equal(known, frames) {
			return known
		}
	}
	if c.kept >= sharedStacks {
		return frames
	}
	if c.stacks == nil {
		c.stacks = map[attempt.Frame][][]attempt.Frame{}
	}
	c.kept++
	c.stacks[frames[0]] = append(c.stacks[frames[0]], frames)
	return frames
}
