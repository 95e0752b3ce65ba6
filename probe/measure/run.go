//go:build linux

package measure

import (
	"context"
	"iter"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/probe"
)

// Limits are how gently attempts are made. The zero value of a field is its default.
type Limits struct {
	Timeout     time.Duration // how long a connect, and each step of a handshake, may take: 3 s
	Concurrency int           // attempts under way: 64
	PerHost     int           // of these, to one address: 4; negative: as many as Concurrency
	Rate        int           // attempts a second: 100; negative: as fast as it goes
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
// left: attempts under way then are yielded as cancelled, or not at all. The sequence of attempts is read as attempts are made, by one goroutine at a
// time. Greet may be nil.
func Run(ctx context.Context, attempts iter.Seq[probe.Attempt], limits Limits, greet Greet) iter.Seq[probe.Result] {
	return func(yield func(probe.Result) bool) {
		ctx, stop := context.WithCancel(ctx)
		s := &scheduler{
			limits:  limits.withDefaults(),
			greet:   greet,
			results: make(chan probe.Result, 256),
			hosts:   map[netip.Addr]*host{},
			free:    sync.NewCond(&sync.Mutex{}),
		}
		next, end := iter.Pull(attempts)
		s.next = next
		unhook := context.AfterFunc(ctx, func() {
			s.free.L.Lock()
			s.free.Broadcast()
			s.free.L.Unlock()
		})
		var workers sync.WaitGroup
		for range max(2, runtime.GOMAXPROCS(0)) {
			workers.Go(func() { s.work(ctx) })
		}
		go func() {
			workers.Wait()
			s.waits.Wait()
			close(s.results)
		}()
		defer func() { // whoever leaves the loop waits for what is under way, which ends at once
			stop()
			for range s.results {
			}
			unhook()
			end()
		}()
		for r := range s.results {
			if !yield(r) {
				return
			}
		}
	}
}

// scheduler hands attempts to workers, no more than the limits allow.
type scheduler struct {
	limits  Limits
	greet   Greet
	results chan probe.Result
	waits   sync.WaitGroup // for attempts that wait for an answer

	free    *sync.Cond // guards what follows, and tells that an attempt ended
	next    func() (probe.Attempt, bool)
	over    bool
	running int
	hosts   map[netip.Addr]*host
	ready   []*host // have attempts waiting, and room
	held    int     // attempts waiting
	slot    time.Time
}

// host is attempts to one address.
type host struct {
	addr    netip.Addr
	running int
	waiting []probe.Attempt
}

// maxHeld is how many attempts are read ahead, to find those to hosts that have room.
const maxHeld = 4096

// work makes attempts until there are no more. What ends at once is its own; what has to wait, waits in a goroutine of its own.
func (s *scheduler) work(ctx context.Context) {
	for {
		a, h, ok := s.take(ctx)
		if !ok {
			return
		}
		c := begin(&a, s.limits.Timeout)
		if c.ended() && c.file == nil {
			s.done(h)
			s.results <- c.end(nil)
			continue
		}
		s.waits.Go(func() {
			c.wait(ctx)
			var answer *probe.Answer
			if c.file != nil && s.greet != nil && !(a.Bare && a.Protocol == attempt.TCP) {
				answer = s.meet(ctx, &a, c)
			}
			r := c.end(answer)
			s.done(h)
			s.results <- r
		})
	}
}

func (s *scheduler) meet(ctx context.Context, a *probe.Attempt, c *call) *probe.Answer {
	begin := time.Now()
	answer, err := s.greet(ctx, a, c.file, s.limits.Timeout)
	c.Times.Handshake = time.Since(begin)
	if answer != nil && answer.TLS != nil {
		c.Times.TLS = answer.TLS.Took
		c.Times.Handshake -= c.Times.TLS
	}
	if err != nil {
		c.failed = err
	}
	return answer
}

// take is the next attempt that may be made, when it may.
func (s *scheduler) take(ctx context.Context) (probe.Attempt, *host, bool) {
	s.free.L.Lock()
	defer s.free.L.Unlock()
	for {
		if ctx.Err() != nil {
			return probe.Attempt{}, nil, false
		}
		if s.running < s.limits.Concurrency {
			if a, h, ok := s.pick(); ok {
				s.running++
				h.running++
				if pause := s.pace(); pause > 0 {
					s.free.L.Unlock()
					ok = sleep(ctx, pause)
					s.free.L.Lock()
					if !ok {
						s.running--
						return probe.Attempt{}, nil, false
					}
				}
				return a, h, true
			}
			if s.over && s.held == 0 {
				return probe.Attempt{}, nil, false
			}
		}
		s.free.Wait()
	}
}

// pick finds an attempt to a host that has room.
func (s *scheduler) pick() (probe.Attempt, *host, bool) {
	for len(s.ready) > 0 {
		h := s.ready[0]
		if len(h.waiting) == 0 || h.running >= s.limits.PerHost {
			s.ready = s.ready[1:]
			continue
		}
		a := h.waiting[0]
		h.waiting = h.waiting[1:]
		s.held--
		return a, h, true
	}
	for !s.over && s.held < maxHeld {
		a, more := s.next()
		if !more {
			s.over = true
			s.free.Broadcast()
			break
		}
		h := s.hosts[a.Destination.Addr()]
		if h == nil {
			h = &host{addr: a.Destination.Addr()}
			s.hosts[a.Destination.Addr()] = h
		}
		if h.running < s.limits.PerHost && len(h.waiting) == 0 {
			return a, h, true
		}
		h.waiting = append(h.waiting, a)
		s.held++
	}
	return probe.Attempt{}, nil, false
}

// pace is how long to wait before the next attempt.
func (s *scheduler) pace() time.Duration {
	if s.limits.Rate < 0 {
		return 0
	}
	now := time.Now()
	if s.slot.Before(now) {
		s.slot = now
	}
	pause := s.slot.Sub(now)
	s.slot = s.slot.Add(time.Second / time.Duration(s.limits.Rate))
	return pause
}

func (s *scheduler) done(h *host) {
	s.free.L.Lock()
	s.running--
	h.running--
	switch {
	case len(h.waiting) > 0:
		s.ready = append(s.ready, h)
	case h.running == 0:
		delete(s.hosts, h.addr)
	}
	s.free.L.Unlock()
	s.free.Signal()
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
