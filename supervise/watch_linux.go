package supervise

import (
	"errors"
	"sync"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/unotify"
	"golang.org/x/sys/unix"
)

// watch follows connects that were left in progress to their end. It holds no duplicate of their sockets: an epoll
// registration stays when the descriptor that made it is closed, as long as the program has the socket, and goes with the
// socket (epoll(7)). So the program's close is a close, and an end is seen when it comes.
type watch struct {
	s      *Supervisor
	mu     sync.Mutex
	epfd   int
	stopfd int
	open   map[uint64]*pendingConnect // by cookie
	binds  []*pendingBind
	next   time.Time // when to look after the connects again
	done   chan struct{}
}

// pendingConnect is one connect in progress.
type pendingConnect struct {
	e       *entry
	tid     int
	fd      int
	inode   uint64
	checked time.Time // when the socket was last seen in the program's hands
	unseen  bool      // the program makes the call itself, and it may not have been made yet
	failed  bool      // it is known to have failed, and the program has not asked for the errno
}

// start starts the goroutine that waits for ends; stop ends it.
func (wt *watch) start() error {
	var err error
	if wt.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	if wt.stopfd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		_ = unix.Close(wt.epfd)
		return err
	}
	wt.open = map[uint64]*pendingConnect{}
	wt.done = make(chan struct{})
	if err := unix.EpollCtl(wt.epfd, unix.EPOLL_CTL_ADD, wt.stopfd, &unix.EpollEvent{Events: unix.EPOLLIN}); err != nil {
		return err
	}
	go wt.wait()
	return nil
}

func (wt *watch) stop() {
	_, _ = unix.Write(wt.stopfd, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	<-wt.done
	_ = unix.Close(wt.stopfd)
	_ = unix.Close(wt.epfd)
}

// key puts a cookie into an event's data. Cookies start at 1; 0 is the stop descriptor's.
func key(cookie uint64) (fd, pad int32) { return int32(uint32(cookie)), int32(uint32(cookie >> 32)) }

func (wt *watch) wait() {
	defer close(wt.done)
	events := make([]unix.EpollEvent, 64)
	for {
		n, err := unix.EpollWait(wt.epfd, events, -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		for _, ev := range events[:max(n, 0)] {
			cookie := uint64(uint32(ev.Fd)) | uint64(uint32(ev.Pad))<<32
			if cookie == 0 {
				return
			}
			wt.end(cookie, ev.Events&(unix.EPOLLERR|unix.EPOLLHUP) != 0)
		}
	}
}

// add follows a connect of w's socket that is in progress.
func (wt *watch) add(w *worker, since time.Time) { wt.put(w, since, false) }

// addUnseen follows a connect that the program is about to make itself.
func (wt *watch) addUnseen(w *worker, since time.Time) { wt.put(w, since, true) }

func (wt *watch) put(w *worker, since time.Time, unseen bool) {
	p := &pendingConnect{e: w.sock.entry, tid: int(w.n.PID), fd: int(int32(w.n.Args[0])), checked: since, unseen: unseen}
	var st unix.Stat_t
	if unix.Fstat(w.sock.fd, &st) == nil {
		p.inode = st.Ino
	}
	wt.mu.Lock()
	wt.open[w.sock.cookie] = p
	wt.mu.Unlock()
	if !unseen {
		wt.register(w.sock.fd, w.sock.cookie)
	}
	wt.s.minder.wake()
}

// register asks for one event when the socket becomes writable, or fails.
func (wt *watch) register(fd int, cookie uint64) {
	ev := unix.EpollEvent{Events: unix.EPOLLOUT | unix.EPOLLET | unix.EPOLLONESHOT}
	ev.Fd, ev.Pad = key(cookie)
	if unix.EpollCtl(wt.epfd, unix.EPOLL_CTL_ADD, fd, &ev) == unix.EEXIST {
		_ = unix.EpollCtl(wt.epfd, unix.EPOLL_CTL_MOD, fd, &ev)
	}
}

// end records the end of a connect as poll saw it.
func (wt *watch) end(cookie uint64, failed bool) {
	wt.mu.Lock()
	p := wt.open[cookie]
	if p != nil && !failed {
		delete(wt.open, cookie)
	}
	wt.mu.Unlock()
	if p == nil {
		return
	}
	p.e.mu.Lock()
	defer p.e.mu.Unlock()
	if failed {
		p.failed, p.checked = true, time.Now()
	}
	st := attempt.Step{Call: attempt.CallReady, How: attempt.Inferred, TID: int32(p.tid), At: time.Now()}
	if failed {
		st.Result = -1
	}
	wt.s.record(p.e, st)
	if !failed && wt.s.inject {
		wt.s.held.dropInode(p.inode)
	}
}

// ended forgets a connect whose end the program was told, and reports whether it was still followed.
func (wt *watch) ended(e *entry) bool {
	wt.mu.Lock()
	defer wt.mu.Unlock()
	_, open := wt.open[e.life.Cookie]
	delete(wt.open, e.life.Cookie)
	return open
}

// Times of the minder's rounds.
const (
	lookEvery   = 10 * time.Millisecond  // how often anything is looked at
	lookEach    = 50 * time.Microsecond  // and how much less often for each connect that is pending
	closedEvery = 100 * time.Millisecond // how often a pending connect's socket is looked for
	unreadAfter = 200 * time.Millisecond // how long a program has to ask how its connect failed
)

// mind looks after what no event tells: that the program closed the socket, or never asks how its connect ended. It reports
// whether anything is left to mind.
func (wt *watch) mind(now time.Time, final bool) bool {
	binds := wt.mindBinds(now, final)
	wt.mu.Lock()
	if !final && now.Before(wt.next) {
		defer wt.mu.Unlock()
		return binds || len(wt.open) > 0
	}
	wt.next = now.Add(lookEvery + time.Duration(len(wt.open))*lookEach)
	due := make(map[uint64]*pendingConnect)
	for c, p := range wt.open {
		if final || now.Sub(p.checked) >= closedEvery || p.unseen {
			due[c] = p
		}
	}
	left := binds || len(wt.open) > 0
	wt.mu.Unlock()
	for cookie, p := range due {
		switch {
		case p.failed && (final || now.Sub(p.checked) >= unreadAfter):
			wt.forget(cookie)
			p.e.mu.Lock()
			wt.s.tellFailed(p.e)
			p.e.mu.Unlock()
		case p.failed:
		default:
			wt.look(cookie, p, now, final)
		}
	}
	return left
}

func (wt *watch) forget(cookie uint64) {
	wt.mu.Lock()
	delete(wt.open, cookie)
	wt.mu.Unlock()
}

// look looks for the socket in the program's hands, and at its state.
func (wt *watch) look(cookie uint64, p *pendingConnect, now time.Time, final bool) {
	if wt.s.inject { // what the program has closed is swept out of the table
		if h := wt.s.held.borrow(p.inode); h != nil && !final {
			h.release()
			p.checked = now
		} else {
			wt.closed(cookie, p, now)
		}
		return
	}
	fd := findSocket(p.tid, p.fd, cookie)
	if fd < 0 {
		if _, held := socketHolders()[p.inode]; held {
			p.checked = now
		} else {
			wt.closed(cookie, p, now)
		}
		return
	}
	defer unix.Close(fd)
	k := socket{fd: fd}
	if p.unseen && (final || now.Sub(p.checked) >= unreadAfter/10) {
		switch k.tcpState() {
		case tcpSynSent:
			p.unseen = false
			wt.register(fd, cookie)
		case tcpClose:
			wt.end(cookie, true)
		default:
			wt.end(cookie, false)
		}
		return
	}
	p.checked = now
}

// closed records that the program closed a socket before its connect had ended.
func (wt *watch) closed(cookie uint64, p *pendingConnect, now time.Time) {
	wt.forget(cookie)
	p.e.mu.Lock()
	defer p.e.mu.Unlock()
	wt.s.record(p.e, attempt.Step{
		Call: attempt.CallClose, How: attempt.Inferred, TID: int32(p.tid), Errno: attempt.ECANCELED, At: now,
	})
}

// findSocket is a duplicate of a descriptor, if it is still the socket with that cookie; else -1.
func findSocket(tid, fd int, cookie uint64) int {
	t, err := unotify.OpenThread(tid)
	if err != nil {
		return -1
	}
	defer t.Close()
	dup, err := t.GetFD(fd)
	if err != nil {
		return -1
	}
	var b [8]byte
	if getsockopt(dup, unix.SOL_SOCKET, unix.SO_COOKIE, b[:]) != 0 || word(b[:], 0) != cookie {
		_ = unix.Close(dup)
		return -1
	}
	return dup
}
