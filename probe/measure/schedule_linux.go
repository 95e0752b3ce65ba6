package measure

import (
	"context"
	"iter"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/probe"
)

const (
	// maxHeld is how many attempts are read ahead, to find those to hosts that have room.
	maxHeld = 4096
	// maxHosts is of how many hosts it is remembered what they answered, once there is nothing more to be tried at them.
	maxHosts = 4096
	// batchSize is how many attempts a worker takes, and how many results it hands on, at a time.
	batchSize = 32
	// slowRate is up to how many attempts a second one worker does them all.
	slowRate = 5000
)

// scheduler hands attempts to workers, no more than the limits allow.
type scheduler struct {
	limits  Limits
	greet   Greet
	results chan []probe.Result // closed once nothing runs any more
	spare   sync.Pool           // of such batches
	greets  sync.WaitGroup      // handshakes under way
	workers []*worker
	noise   noise // of all hosts
	notices notices
	holding atomic.Int64 // attempts that have sockets
	reuse   bool         // sockets may be used again, see reuse_linux.go

	mu      sync.Mutex // guards what follows
	room    *sync.Cond // of mu: fewer attempts are held, or it is over
	stopped bool
	fed     bool // all attempts are read
	running int
	held    int // attempts that wait for their host to have room
	hosts   map[netip.Addr]*host
	added   int     // hosts, ever
	ready   []*host // have attempts waiting, and room
	slot    time.Time
	tracked conntrack
}

// host is attempts to one address.
type host struct {
	addr    netip.Addr
	running int
	queued  bool // is among ready
	waiting []probe.Attempt
	noise   noise
}

// job is an attempt that may be made now.
type job struct {
	attempt probe.Attempt
	host    *host
}

func newScheduler(limits Limits, greet Greet) *scheduler {
	s := &scheduler{limits: limits.withDefaults(), greet: greet, results: make(chan []probe.Result, 4), hosts: map[netip.Addr]*host{}}
	s.spare.New = func() any { b := make([]probe.Result, 0, batchSize); return &b }
	s.room = sync.NewCond(&s.mu)
	s.notices.tell = s.limits.Notice
	s.tracked.read = readConntrack
	s.limits.Concurrency = s.withinDescriptors(s.limits.Concurrency)
	s.limits.PerHost = min(s.limits.PerHost, s.limits.Concurrency)
	return s
}

// start starts the workers, and the goroutine that reads the attempts. They end with ctx, or when all attempts have ended.
func (s *scheduler) start(ctx context.Context, attempts iter.Seq[probe.Attempt]) {
	n := runtime.GOMAXPROCS(0)
	if s.limits.Rate > 0 && s.limits.Rate <= slowRate {
		n = 1
	}
	s.reuse = s.limits.Rate < 0 && s.limits.Concurrency >= batchSize && canReuse()
	var all sync.WaitGroup
	for range n {
		s.workers = append(s.workers, newWorker(s))
	}
	for _, w := range s.workers {
		all.Go(func() { w.run(ctx) })
	}
	all.Go(func() { s.feed(ctx, attempts) })
	go func() {
		all.Wait()
		s.greets.Wait()
		s.mu.Lock()
		for _, w := range s.workers {
			w.close()
		}
		s.mu.Unlock()
		close(s.results)
	}()
}

// feed reads the attempts.
func (s *scheduler) feed(ctx context.Context, attempts iter.Seq[probe.Attempt]) {
	for a := range attempts {
		if !s.offer(&a) {
			break
		}
	}
	s.mu.Lock()
	s.fed = true
	s.wake()
	s.mu.Unlock()
}

// offer puts an attempt into the queue of its host, when there is room.
func (s *scheduler) offer(a *probe.Attempt) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.held >= maxHeld && !s.stopped {
		s.room.Wait()
	}
	if s.stopped {
		return false
	}
	to := a.Peer().Addr()
	h := s.hosts[to]
	if h == nil {
		if s.added++; len(s.hosts) >= maxHosts && s.added%(maxHosts/4) == 0 {
			s.forget()
		}
		h = &host{addr: to}
		s.hosts[h.addr] = h
	}
	h.waiting = append(h.waiting, *a)
	s.held++
	if !h.queued && h.running < s.limits.PerHost {
		h.queued = true
		s.ready = append(s.ready, h)
		s.wake()
	}
	return true
}

// forget lets go of hosts at which nothing is tried any more.
func (s *scheduler) forget() {
	for addr, h := range s.hosts {
		if h.running == 0 && len(h.waiting) == 0 {
			delete(s.hosts, addr)
		}
	}
}

// take gives back what a worker has ended, and puts what it may begin now into its jobs. Where that is nothing, wait is how long it has to
// be so for sure, negative: until the worker is woken. Over: nothing more will come.
func (s *scheduler) take(w *worker) (wait time.Duration, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.idle = false
	for _, h := range w.ended {
		s.done(h)
	}
	if len(w.ended) > 0 && s.running < s.limits.Concurrency && len(s.workers) > 1 {
		s.wake() // others may have been kept back
	}
	w.ended = w.ended[:0]
	w.jobs = w.jobs[:0]
	if s.stopped || s.fed && s.held == 0 {
		return -1, true
	}
	now := time.Now()
	for len(w.jobs) < batchSize && s.running < s.limits.Concurrency && len(s.ready) > 0 {
		if wait = s.pace(now); wait > 0 {
			return wait, false
		}
		h := s.ready[0]
		w.jobs = append(w.jobs, job{h.waiting[0], h})
		h.waiting[0] = probe.Attempt{}
		if h.waiting = h.waiting[1:]; len(h.waiting) == 0 {
			h.waiting = nil // the memory behind it is as large as all that ever waited
		}
		h.running++
		s.running++
		if s.held--; s.held == maxHeld-batchSize || s.held == 0 {
			s.room.Broadcast()
		}
		s.ready = s.ready[1:]
		if h.queued = len(h.waiting) > 0 && h.running < s.limits.PerHost; h.queued {
			s.ready = append(s.ready, h) // hosts take turns
		}
	}
	if s.fed && s.held == 0 {
		s.wake() // for them it is over
	}
	w.idle = len(w.jobs) == 0
	return -1, false
}

// pace is how long to wait before the next attempt; 0 where it may be made now.
func (s *scheduler) pace(now time.Time) time.Duration {
	if wait := s.tracked.wait(now, &s.notices); wait > 0 {
		return wait
	}
	if s.limits.Rate < 0 {
		return 0
	}
	if s.slot.After(now) {
		return s.slot.Sub(now)
	}
	step := time.Second / time.Duration(s.limits.Rate)
	if late := now.Sub(s.slot); late > 10*time.Millisecond { // no more than that is made good
		s.slot = now
	}
	s.slot = s.slot.Add(step)
	return 0
}

// again counts one more try of an attempt that is under way.
func (s *scheduler) again() {
	s.mu.Lock()
	if s.limits.Rate > 0 {
		s.slot = s.slot.Add(time.Second / time.Duration(s.limits.Rate))
	}
	s.tracked.budget--
	s.mu.Unlock()
}

// release is done for an attempt that ended elsewhere than in a worker.
func (s *scheduler) release(h *host) {
	s.mu.Lock()
	s.done(h)
	s.wake()
	s.mu.Unlock()
}

// done counts an attempt as ended. The caller holds mu.
func (s *scheduler) done(h *host) {
	s.running--
	h.running--
	if !h.queued && len(h.waiting) > 0 && h.running < s.limits.PerHost {
		h.queued = true
		s.ready = append(s.ready, h)
	}
}

// wake wakes the workers that wait for something to do. The caller holds mu.
func (s *scheduler) wake() {
	for _, w := range s.workers {
		if w.idle {
			w.idle = false
			w.wake()
		}
	}
}

// stop ends it all.
func (s *scheduler) stop() {
	s.mu.Lock()
	s.stopped = true
	s.room.Broadcast()
	for _, w := range s.workers {
		w.wake()
	}
	s.mu.Unlock()
}

func (s *scheduler) batch() []probe.Result { return (*s.spare.Get().(*[]probe.Result))[:0] }

func (s *scheduler) recycle(b []probe.Result) {
	if cap(b) >= batchSize {
		clear(b)
		s.spare.Put(&b)
	}
}
