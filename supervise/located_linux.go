package supervise

import (
	"sync"

	"github.com/sallyport/sallyport/attempt"
)

// located counts the stacks that were taken of each process: what fails a thousand times fails in few places, and a stack
// takes longer than the call.
type located struct {
	mu    sync.Mutex
	taken map[*attempt.Process]*stacks
}

// stacks is how many stacks were taken of one process.
type stacks struct{ failed, pending int }

// Limits of the stacks that are taken.
const (
	failedStacks     = 32 // of calls that failed, for each process
	pendingStacks    = 32 // of connects left in progress, for each process; one more for each that fails
	locatedProcesses = 1024
)

// locate takes the stack of a step whose caller waits for its answer, where that is worth its time. The entry's lock is held.
func (s *Supervisor) locate(l *attempt.Life, st *attempt.Step) {
	switch {
	case st.How == attempt.Inferred || st.Errno == 0:
	case mayEnd(st):
		if s.opts.Where != nil && s.located.take(l.Process, func(n *stacks) *int { return &n.failed }, failedStacks) {
			st.Where = s.opts.Where(int(st.TID))
		}
	case st.Call == attempt.CallConnect && st.Errno == attempt.EINPROGRESS:
		if s.opts.WherePending != nil && s.located.take(l.Process, func(n *stacks) *int { return &n.pending }, pendingStacks) {
			st.Where = s.opts.WherePending(int(st.TID))
		}
	}
}

// take counts one more stack of a process, and reports whether it may be taken.
func (c *located) take(p *attempt.Process, which func(*stacks) *int, limit int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.taken[p]
	if n == nil {
		if len(c.taken) >= locatedProcesses {
			return false
		}
		if c.taken == nil {
			c.taken = map[*attempt.Process]*stacks{}
		}
		n = &stacks{}
		c.taken[p] = n
	}
	count := which(n)
	if *count >= limit {
		return false
	}
	*count++
	return true
}

// pendingFailed gives a process one more stack of a connect left in progress, since one such connect failed without.
func (c *located) pendingFailed(p *attempt.Process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.taken[p]; n != nil && n.pending > 0 {
		n.pending--
	}
}
