//go:build linux

package measure

import (
	"context"
	"iter"
	"os"
	"time"

	"github.com/sallyport/sallyport/probe"
)

// Limits are how gently attempts are made. The zero value of a field is its default.
type Limits struct {
	Timeout     time.Duration // how long a connect, and each step of a handshake, may take: 3 s
	Concurrency int           // attempts under way: 64; no more than there are descriptors for
	PerHost     int           // of these, to one address: 4; negative: as many as Concurrency
	Rate        int           // attempts a second: 100; negative: as fast as it goes

	// Notice is told what keeps attempts back, each kind once. It is called by a goroutine of Run's, before the last result is yielded.
	Notice func(Notice)
}

func (l Limits) withDefaults() Limits {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	if l.Timeout == 0 {
		l.Timeout = 3 * time.Second
	}
	def(&l.Concurrency, 64)
	def(&l.PerHost, 4)
	def(&l.Rate, 100)
	if l.PerHost < 0 {
		l.PerHost = l.Concurrency
	}
	return l
}

// Greet is a handshake with the other end of a socket that connected: what it is that answers. It returns within the timeout for each of its
// steps, and leaves the socket open.
type Greet func(ctx context.Context, a *probe.Attempt, f *os.File, timeout time.Duration) (*probe.Answer, error)

// Run makes attempts, and yields what came of each as it ends, in no order. It stops when ctx is done, or the loop over it is
// left: attempts under way then are yielded as cancelled, or not at all. The sequence of attempts is read as attempts are made, by one goroutine of
// Run's; where reading it may wait for long, it has to end when ctx does. Greet may be nil.
func Run(ctx context.Context, attempts iter.Seq[probe.Attempt], limits Limits, greet Greet) iter.Seq[probe.Result] {
	return func(yield func(probe.Result) bool) {
		ctx, stop := context.WithCancel(ctx)
		s := newScheduler(limits, greet)
		s.start(ctx, attempts)
		unhook := context.AfterFunc(ctx, s.stop)
		defer func() { // whoever leaves the loop waits for what is under way, which ends at once
			stop()
			for batch := range s.results {
				s.recycle(batch)
			}
			unhook()
		}()
		for batch := range s.results {
			for i := range batch {
				if !yield(batch[i]) {
					return
				}
			}
			s.recycle(batch)
		}
	}
}
