package measure

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/attempt"

	"github.com/sallyport/sallyport/probe"
)

// worker makes attempts. What is said of one is for its goroutine alone, but idle, which the scheduler guards.
type worker struct {
	s     *scheduler
	poll  int  // epoll(7), of the sockets that wait
	event int  // eventfd(2), to be woken by
	idle  bool // waits for something to do

	jobs    []job
	ended   []*host // an attempt at them has ended, which the scheduler is yet to be told
	results []probe.Result
	dialer

	calls   []*call // that wait, by slot; nil for none
	free    []int   // slots
	unused  []*call
	waiting int
	sweepAt time.Time // when the next of them has to be looked at; zero for never
	events  [128]unix.EpollEvent
	err     error
}

// edge is what a socket that connects is waited for: each change is told once.
const edge = unix.EPOLLOUT | 1<<31 // EPOLLET, whose constant has a sign

// maxSockets is how many sockets an attempt may have at a time, each of which has sent a SYN of its own.
const maxSockets = 11

// call is an attempt under way.
type call struct {
	probe.Result
	host    *host
	slot    int
	gen     int32 // tells events of a socket from those of another that the slot had before
	sockets [maxSockets]struct {
		fd int32
		at time.Duration // when it began, after Begin
	}
	open  int           // of sockets
	next  time.Duration // when to look at it again, after Begin
	until time.Duration // when it is silent, after Begin
	extra bool          // the time was extended, since the network is noisy

	doubt  bool     // too much is lost to take silence for a denial
	file   *os.File // the socket that has connected
	errno  unix.Errno
	failed error // of the handshake
}

func newWorker(s *scheduler) *worker {
	w := &worker{s: s, event: -1, dialer: newDialer(s.reuse)}
	if w.poll, w.err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); w.err != nil {
		return w
	}
	if w.event, w.err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); w.err != nil {
		return w
	}
	w.err = unix.EpollCtl(w.poll, unix.EPOLL_CTL_ADD, w.event, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: -1})
	w.results = s.batch()
	return w
}

// wake ends the wait that the worker is in, or the next. The scheduler's mu is held.
func (w *worker) wake() {
	if w.event >= 0 {
		_, _ = unix.Write(w.event, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}

// close gives the descriptors back. The scheduler's mu is held.
func (w *worker) close() {
	w.dialer.close()
	for _, fd := range []*int{&w.poll, &w.event} {
		if *fd >= 0 {
			_ = unix.Close(*fd)
			*fd = -1
		}
	}
}

// newCall is a call that is not in use.
func (w *worker) newCall() *call {
	if n := len(w.unused); n > 0 {
		c := w.unused[n-1]
		w.unused = w.unused[:n-1]
		return c
	}
	return &call{slot: -1}
}

func (w *worker) run(ctx context.Context) {
	for {
		wait, over := w.s.take(w)
		for i := range w.jobs {
			w.begin(ctx, &w.jobs[i])
		}
		if ctx.Err() != nil {
			w.cancel()
		}
		if over && w.waiting == 0 {
			w.flush()
			return
		}
		now := time.Now()
		if len(w.jobs) > 0 {
			wait = 0
		} else if w.waiting > 0 && !w.sweepAt.IsZero() {
			if due := max(w.sweepAt.Sub(now), 0); wait < 0 || due < wait {
				wait = due
			}
		}
		if wait != 0 {
			w.flush() // nobody knows for how long
		}
		if wait != 0 || w.waiting > 0 {
			w.collect(ctx, wait)
		}
		if w.waiting > 0 && !now.Before(w.sweepAt) { // the time from before: what had come by then is collected
			w.sweep(ctx, now)
		}
	}
}

// collect waits for the ends of connects, and sees to them.
func (w *worker) collect(ctx context.Context, wait time.Duration) {
	ms := -1
	if wait >= 0 {
		ms = int((wait + time.Millisecond - 1) / time.Millisecond)
	}
	for {
		n, err := unix.EpollWait(w.poll, w.events[:], ms)
		if err != nil { // EINTR
			return
		}
		for i := range w.events[:n] {
			e := &w.events[i]
			if e.Fd < 0 {
				var b [8]byte
				_, _ = unix.Read(w.event, b[:])
				continue
			}
			if c := w.calls[e.Fd]; c != nil && c.gen == e.Pad>>4 {
				w.settle(ctx, c, int(e.Pad&15))
			}
		}
		if n < len(w.events) {
			return
		}
		ms = 0
	}
}

// begin makes an attempt, as far as that goes without waiting.
func (w *worker) begin(ctx context.Context, j *job) {
	c := w.newCall()
	c.Result = probe.Result{Attempt: j.attempt, Stage: probe.StageSocket, Begin: time.Now()}
	c.host, c.until = j.host, w.s.limits.Timeout
	c.open, c.extra, c.doubt, c.file, c.errno, c.failed = 0, false, false, nil, 0, nil
	w.try(ctx, c, 0)
}

// try makes one more socket for an attempt, after so long.
func (w *worker) try(ctx context.Context, c *call, at time.Duration) {
	again := c.open > 0
	fd, errno := w.dial(c)
	switch {
	case errno == 0:
		c.Tries++
		w.heard(c, errno, again)
		w.shut(c)
		w.connected(ctx, c, fd)
	case errno == unix.EINPROGRESS:
		c.Tries++
		if !again && c.errno != 0 { // what it lacked is there: its time begins
			c.errno, c.Begin = 0, time.Now()
		}
		if !again {
			w.s.holding.Add(1)
		}
		k := c.open
		c.sockets[k].fd, c.sockets[k].at = int32(fd), at
		c.open++
		w.wait(c)
		e := unix.EpollEvent{Events: edge, Fd: int32(c.slot), Pad: c.gen<<4 | int32(k)}
		if err := unix.EpollCtl(w.poll, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
			w.end(c, errnoOf(err))
			return
		}
		c.next = w.lookAt(c, at)
		w.sweepBy(c.Begin.Add(c.next))
	case w.passing(c, errno):
		if again {
			c.next = w.lookAt(c, at)
			w.sweepBy(c.Begin.Add(c.next))
			return
		}
		if c.Source.Addr.Port() == 0 && (errno == unix.EADDRNOTAVAIL || errno == unix.EADDRINUSE) {
			w.s.notices.add(Notice{Kind: NoPorts})
		}
		c.errno = errno
		w.wait(c)
		c.next = time.Since(c.Begin) + momentPause
		w.sweepBy(c.Begin.Add(c.next))
	default:
		c.Tries++
		if !c.AtOnce {
			w.heard(c, errno, again)
		}
		w.end(c, errno)
	}
}

// momentPause is after how long an attempt is made again that failed for want of something of this host's.
const momentPause = 20 * time.Millisecond

// wait puts an attempt among those that wait.
func (w *worker) wait(c *call) {
	if c.slot >= 0 {
		return
	}
	if n := len(w.free); n > 0 {
		c.slot, w.free = w.free[n-1], w.free[:n-1]
		w.calls[c.slot] = c
	} else {
		c.slot = len(w.calls)
		w.calls = append(w.calls, c)
	}
	w.waiting++
}

func (w *worker) sweepBy(at time.Time) {
	if w.sweepAt.IsZero() || at.Before(w.sweepAt) {
		w.sweepAt = at
	}
}

// settle is for an event of a socket.
func (w *worker) settle(ctx context.Context, c *call, k int) {
	if k >= c.open || c.sockets[k].fd < 0 {
		return
	}
	fd := int(c.sockets[k].fd)
	errno := settled(fd)
	if errno == unix.EINPROGRESS {
		return
	}
	took := time.Since(c.Begin) - c.sockets[k].at
	w.heard(c, errno, k > 0 && c.sockets[k].at > took || isLate(took))
	if errno == 0 {
		_ = unix.EpollCtl(w.poll, unix.EPOLL_CTL_DEL, fd, nil)
		c.sockets[k].fd = -1
		w.shut(c)
		w.connected(ctx, c, fd)
		return
	}
	c.lost(fd)
	c.Local = localOf(fd)
	w.end(c, errno)
}

// heard counts an answer of the far end. An ICMP error tells nothing of what the network loses, since routers send few.
func (w *worker) heard(c *call, errno unix.Errno, late bool) {
	if c.Protocol != attempt.TCP || errno != 0 && errno != unix.ECONNREFUSED && errno != unix.ECONNRESET {
		return
	}
	w.s.noise.answered.Add(1)
	c.host.noise.answered.Add(1)
	if late {
		c.host.noise.late.Add(1)
		w.s.noise.late.Add(1)
	}
}

// connected hands a socket that has connected to the handshake, in a goroutine of its own, which ends with it.
func (w *worker) connected(ctx context.Context, c *call, fd int) {
	w.leave(c)
	c.errno = 0
	c.Took = time.Since(c.Begin)
	c.Times.Connect = c.Took
	c.Local = localOf(fd)
	if c.Protocol == attempt.TCP && c.Local == c.Peer() {
		// On loopback the kernel may choose the port as the source that it is sent to. The socket then connects to itself (RFC 9293, section 3.5,
		// simultaneous open), which shows that nobody listens there.
		_ = unix.Close(fd)
		c.errno = unix.ECONNREFUSED
		w.done(c, nil)
		return
	}
	if c.Protocol == attempt.TCP { // the port is free again at once, and no other socket is kept from it
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	if w.s.greet == nil || c.Bare && c.Protocol == attempt.TCP {
		_ = unix.Close(fd)
		w.done(c, nil)
		return
	}
	c.file = os.NewFile(uintptr(fd), "socket")
	w.s.holding.Add(1)
	w.s.greets.Go(func() {
		r := c.end(w.s.meet(ctx, &c.Attempt, c))
		w.s.holding.Add(-1)
		w.s.release(c.host)
		w.s.results <- append(w.s.batch(), r)
	})
}

// end closes what an attempt has, and hands on what came of it.
func (w *worker) end(c *call, errno unix.Errno) {
	w.shut(c)
	w.leave(c)
	c.errno = errno
	w.done(c, nil)
}

// leave takes an attempt from those that wait.
func (w *worker) leave(c *call) {
	if c.slot >= 0 {
		w.calls[c.slot] = nil
		w.free = append(w.free, c.slot)
		c.slot = -1
		w.waiting--
	}
	c.gen = (c.gen + 1) & (1<<27 - 1)
}

// shut closes the sockets that an attempt waits on.
func (w *worker) shut(c *call) {
	if c.open > 0 {
		w.s.holding.Add(-1)
	}
	for k := range c.sockets[:c.open] {
		if fd := c.sockets[k].fd; fd >= 0 {
			_ = unix.Close(int(fd)) // which takes it out of the epoll set
		}
	}
	c.open = 0
}

// done hands on what came of an attempt.
func (w *worker) done(c *call, answer *probe.Answer) {
	w.results = append(w.results, c.end(answer))
	w.ended = append(w.ended, c.host)
	w.unused = append(w.unused, c)
	if len(w.results) == cap(w.results) {
		w.flush()
	}
}

// flush hands the results on.
func (w *worker) flush() {
	if len(w.results) > 0 {
		w.s.results <- w.results
		w.results = w.s.batch()
	}
}

// cancel ends what waits.
func (w *worker) cancel() {
	for _, c := range w.calls {
		if c != nil {
			w.end(c, unix.ECANCELED)
		}
	}
}
