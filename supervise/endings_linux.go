package supervise

import (
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/sys/unix"
)

// endings hears of each TCP connection that is over, and what it came to: the kernel tells who listens of every TCP socket that it destroys
// in a network namespace (net/core/sock_diag.c), with its cookie and its tcp_info, and asks for no rights. Nothing is opened before a program
// makes its first TCP connect. Then there is one goroutine for each namespace; they end with stop, those of other
// namespaces than sallyport's also when the last process there that connected is gone, since a listener keeps its namespace alive.
type endings struct {
	s    *Supervisor
	last atomic.Uint64 // the namespace of the last connect, when it is sallyport's own and listened to

	mu      sync.Mutex
	at      map[uint64]*endingsAt // by SO_NETNS_COOKIE; nil: not to be opened (again)
	stopped bool
	running sync.WaitGroup
	stopfd  int // an eventfd(2)
	own     uint64

	heard chan struct{} // has a token when something was heard since it was last taken
}

// endingsAt listens in one network namespace.
type endingsAt struct {
	cookie uint64
	fd     int
	link   string       // of a namespace that is not sallyport's own: what /proc/PID/ns/net says
	pids   map[int]bool // the same: who connected there; guarded by the lock of endings
}

const (
	maxEndings    = 16                     // namespaces that are listened to
	endingsBatch  = 20 * time.Millisecond  // what is heard in this time costs one wake-up
	endingsEvery  = time.Second            // how often it is looked whether a namespace is still in use
	endingsBuffer = 1 << 20                // bytes; about 1.5 kB a message, so more than 30,000 connections a second
	endingsWait   = 300 * time.Millisecond // for the last FINs to be acknowledged
	endingsMost   = 1000                   // heard in one second: with more the kernel's messages cost whoever closes connections too much
)

// watch sees to it that the end of the connection which w's caller is about to make will be heard of.
func (n *endings) watch(w *worker) {
	ns := w.sock.entry.life.Netns
	if ns == 0 || ns == n.last.Load() || n.s == nil {
		return
	}
	pid := 0
	if p := w.sock.entry.life.Process; p != nil {
		pid = p.PID
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.at == nil {
		n.begin()
	}
	if l, known := n.at[ns]; known {
		if l != nil && ns != n.own {
			l.pids[pid] = true
		}
	} else if !n.stopped && len(n.at) < maxEndings {
		n.at[ns] = n.listen(ns, pid)
	}
	if ns == n.own {
		n.last.Store(ns)
	}
}

// begin finds out which namespace is sallyport's own. The lock is held.
func (n *endings) begin() {
	n.at = make(map[uint64]*endingsAt)
	var err error
	if n.stopfd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		n.stopped = true
		return
	}
	if fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err == nil {
		n.own = netnsOf(fd)
		_ = unix.Close(fd)
	}
}

// listen opens a listener; nil where that fails. The lock is held.
func (n *endings) listen(ns uint64, pid int) *endingsAt {
	l := &endingsAt{cookie: ns, fd: -1, pids: map[int]bool{pid: true}}
	open := func() (err error) {
		if l.fd, err = destroyedTCP(); err == nil && netnsOf(l.fd) != ns {
			err = unix.ESRCH // the process went elsewhere
		}
		return err
	}
	var err error
	if ns == n.own {
		err = open()
	} else {
		l.link, _ = os.Readlink(namespaceOf(pid))
		err = inNamespaceOf(pid, open)
	}
	if err != nil {
		if l.fd >= 0 {
			_ = unix.Close(l.fd)
		}
		return nil
	}
	n.running.Add(1)
	go n.read(l)
	return l
}

// read is the goroutine of a listener.
func (n *endings) read(l *endingsAt) {
	defer n.running.Done()
	defer unix.Close(l.fd)
	wait := -1
	if l.link != "" {
		wait = int(endingsEvery.Milliseconds())
	}
	b := make([]byte, 1<<13)
	begin, heard := time.Now(), 0
	for {
		polled := []unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLIN}, {Fd: int32(n.stopfd), Events: unix.POLLIN}}
		got, err := unix.Poll(polled, wait)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return
		case got == 0 && n.deserted(l):
			return
		}
		if polled[0].Revents != 0 && polled[1].Revents == 0 {
			_, _ = unix.Poll(polled[1:], int(endingsBatch.Milliseconds()))
		}
		if now := time.Now(); now.Sub(begin) > time.Second {
			begin, heard = now, 0
		}
		if heard += n.drain(l, b); polled[1].Revents != 0 {
			return
		}
		if heard > endingsMost {
			n.giveUp(l)
			return
		}
	}
}

// giveUp sees to it that a namespace with many connections is not listened to again.
func (n *endings) giveUp(l *endingsAt) {
	n.mu.Lock()
	n.at[l.cookie] = nil
	n.mu.Unlock()
}

// deserted reports whether a namespace has none of the processes left that connected there; it is forgotten then.
func (n *endings) deserted(l *endingsAt) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for pid := range l.pids {
		if link, err := os.Readlink(namespaceOf(pid)); err == nil && link == l.link {
			return false
		}
		delete(l.pids, pid)
	}
	delete(n.at, l.cookie)
	return true
}

// drain reads what is there, and counts it. Messages that found no room are lost, of which ENOBUFS tells; what comes after is not.
func (n *endings) drain(l *endingsAt, b []byte) (count int) {
	for {
		got, _, err := unix.Recvfrom(l.fd, b, unix.MSG_DONTWAIT)
		if err == unix.ENOBUFS || err == unix.EINTR {
			continue
		}
		if err != nil {
			return count
		}
		for m := range diagMessages(b[:got]) {
			count++
			n.hear(m)
		}
	}
}

// hear keeps an ending with the life that it is of.
func (n *endings) hear(m diagMessage) {
	e := n.s.lives.find(m.cookie())
	if e == nil {
		return
	}
	ending := endingOf(m)
	e.mu.Lock()
	if e.life.Protocol == attempt.TCP {
		e.life.Ending = &ending
	}
	e.mu.Unlock()
	select {
	case n.heard <- struct{}{}:
	default:
	}
}

// stop ends the goroutines. It may be called again.
func (n *endings) stop() {
	n.mu.Lock()
	opened := n.at != nil && !n.stopped
	n.stopped = true
	if opened {
		_, _ = unix.Write(n.stopfd, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
	n.mu.Unlock()
	if opened {
		n.running.Wait()
		_ = unix.Close(n.stopfd)
	}
}

// AwaitEndings waits a little, once the program has ended, until what became of its TCP connections is known of all of them. Those that processes
// of the program still have are waited for in vain.
func (s *Supervisor) AwaitEndings() {
	limit := time.NewTimer(endingsWait)
	defer limit.Stop()
	for s.endings.missing() {
		select {
		case <-s.endings.heard:
		case <-limit.C:
			return
		}
	}
}

// missing reports whether a connection was made whose end is not known.
func (n *endings) missing() bool {
	n.mu.Lock()
	listening := n.at != nil && !n.stopped
	n.mu.Unlock()
	if !listening {
		return false
	}
	for _, e := range n.s.lives.all() {
		e.mu.Lock()
		l := &e.life
		missing := l.Ending == nil && l.Protocol == attempt.TCP && connects(l)
		e.mu.Unlock()
		if missing {
			return true
		}
	}
	return false
}
