package supervise

import (
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/unotify"
	"golang.org/x/sys/unix"
)

// A worker is a thread that receives notifications and answers them, one at a time. A call that may block is
// performed by the worker that received it, in its own thread, as the program would: with the socket's own blocking
// mode and timeouts. Before it does so it sees to it that another worker waits for what comes next, so
// that a blackholed destination delays nobody. Supervisor.startWorker starts a worker's goroutine; it ends when the last
// process under the filter has, when the supervisor stops, or when there are workers to spare.
type worker struct {
	s       *Supervisor
	tid     int
	n       unotify.Notification
	threads threadCache
	sock    socket // the socket of the call being served
	acted   bool   // the call being served has had its effect
	heard   bool   // the connect being served leads to a proxy that is listened to
	addr    [maxSockaddr]byte

	// What other goroutines read.
	caller  atomic.Int32  // the thread whose call is being served, or 0
	blocked atomic.Uint64 // the notification whose call may block now, or 0

	// When a call that may block is to end, by the minder's hand, in Unix nanoseconds; 0: when it ends.
	deadline atomic.Int64

	// What the minder says: a signalState, when the caller must be let out of its call.
	released atomic.Uint32
}

// maxParked is how many workers sleep beside the one that waits for notifications. Only one waits: with two the kernel
// wakes them in turns, each on its own processor, and a call takes five times as long.
const maxParked = 2

func (w *worker) run(first *unotify.Notification) {
	defer w.s.workers.leave(w)
	runtime.LockOSThread() // the thread is interrupted by its id
	defer runtime.UnlockOSThread()
	w.tid = unix.Gettid()
	defer w.threads.close()
	w.s.workers.enter(w)
	if first != nil {
		w.n = *first
		w.serve()
	}
	for !w.s.stopping.Load() {
		w.s.idle.Add(1)
		err := w.s.listener.Receive(&w.n)
		w.s.idle.Add(-1)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			w.s.noMore()
			return
		}
		w.serve()
		if w.s.idle.Load() > 0 && !w.s.park() {
			return
		}
	}
}

// serve answers one notification.
func (w *worker) serve() {
	w.noteCaller()
	w.caller.Store(int32(w.n.PID))
	defer w.caller.Store(0)
	w.acted = false
	w.deadline.Store(0)
	if !w.awaitOlder() {
		return
	}
	if w.n.PID == 0 {
		w.giveUp() // outside our pid namespace: nothing can be read of it
		return
	}
	if w.s.undelivered.replay(w) {
		return
	}
	switch w.n.Nr {
	case unix.SYS_CONNECT:
		w.connect()
	case unix.SYS_BIND:
		w.bind()
	case unix.SYS_LISTEN:
		w.listen()
	case unix.SYS_SENDTO:
		w.sendto()
	case unix.SYS_SENDMSG:
		w.sendmsg()
	case unix.SYS_SENDMMSG:
		w.sendmmsg()
	case unix.SYS_GETSOCKOPT:
		w.soError()
	case unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME:
		w.name()
	case unix.SYS_SOCKET:
		w.socket()
	case unix.SYS_RECVFROM, unix.SYS_READ, unix.SYS_RECVMSG:
		w.receive()
	case unix.SYS_SETSOCKOPT:
		w.setsockopt()
	case unix.SYS_LANDLOCK_RESTRICT_SELF:
		w.restrictSelf()
	default:
		w.pass()
	}
	w.sock.close()
}

// awaitOlder waits until no other worker serves an older call of the same thread: the thread was interrupted, and has
// come again. The older call is interrupted as well, as it would be without us. It reports false where this call
// is itself the older one: then nothing must be done for it, and nobody waits for an answer.
func (w *worker) awaitOlder() bool {
	for _, other := range w.s.workers.serving(w) {
		for other.caller.Load() == int32(w.n.PID) {
			if !w.s.listener.Valid(w.n.ID) {
				return false
			}
			if other.blocked.Load() != 0 {
				_ = unotify.Interrupt(other.tid)
			}
			runtime.Gosched()
		}
	}
	return true
}

// pass lets the kernel perform the call. Only for calls that no rule has to decide.
func (w *worker) pass() {
	w.sock.release()
	_ = w.s.listener.Continue(w.n.ID)
}

// notOurs reports whether an address is of a family that leads nowhere (AF_UNIX, netlink), and passes the call then. Where a profile
// is enforced the socket has to be looked at all the same.
func (w *worker) notOurs(addr sockaddr, bad unix.Errno) bool {
	if bad != 0 || addr.inet() || addr.family() == unix.AF_UNSPEC || w.s.enforcing() {
		return false
	}
	w.pass()
	return true
}

// openNamed opens the socket of a connect or bind, and reports whether it is one to look at; where it is not, it has answered. The order of
// the errors is the kernel's: descriptor, address.
func (w *worker) openNamed(fd int32, addr sockaddr, bad unix.Errno) bool {
	errno, ok := w.open(fd)
	switch {
	case !ok:
		w.unreached(addr)
	case bad == unix.EPERM:
		w.giveUp()
	case errno != 0:
		w.answer(0, errno)
	case bad != 0:
		w.answer(0, bad)
	case !w.sock.inet():
		w.pass()
	default:
		return true
	}
	return false
}

// giveUp is for a call whose arguments cannot be read, or whose socket cannot be reached. Where a profile is enforced it
// fails closed; elsewhere the program goes its way unseen.
func (w *worker) giveUp() {
	if w.s.enforcing() {
		w.answer(0, unix.EPERM)
		return
	}
	w.s.unseen.Add(1)
	w.pass()
}

// unreached is giveUp for a call that names an address, or none (nil). Where sockets are injected, one that we
// did not make is of another family, accepted from a listener, or connected and let go: it can still not go anywhere new.
func (w *worker) unreached(addr sockaddr) {
	elsewhere := addr.inet() || len(addr) >= 2 && addr.family() == unix.AF_UNSPEC
	switch {
	case !w.s.inject || !w.s.enforcing():
		w.giveUp()
	case !elsewhere:
		w.pass()
	case addr.inet() && w.n.Nr == unix.SYS_CONNECT && w.s.held.wasConnected(w):
		w.answer(0, unix.EISCONN)
	default:
		w.answer(0, unix.EPERM)
	}
}

// answer returns a result to the program. Where the program was interrupted meanwhile, the result of a call that had its
// effect is kept for when the same call comes again, so that nothing is done twice.
func (w *worker) answer(val int64, errno unix.Errno) {
	if errno != 0 {
		val = 0
	}
	w.sock.release()
	if err := w.s.listener.Return(w.n.ID, val, errno); errors.Is(err, unotify.ErrGone) && w.acted && errno != unix.EINTR {
		w.s.undelivered.keep(w, val, errno)
	}
}

// mayBlock marks the call as one that may block, until done is called, and provides for the calls of others: at once where
// others have called lately, else by the minder, should it really block. Waking another worker costs more than most calls.
func (w *worker) mayBlock() {
	w.released.Store(0)
	w.blocked.Store(w.n.ID)
	if time.Now().UnixNano()-w.s.othersAt.Load() < int64(othersFor) {
		w.s.spare()
	}
	w.s.minder.wake()
}

// othersFor is how long a second thread that calls is expected to call again.
const othersFor = time.Second

// noteCaller notes when the calls come from more than one thread.
func (w *worker) noteCaller() {
	tid := int32(w.n.PID)
	if last := w.s.lastCaller.Swap(tid); last != tid && last != 0 {
		w.s.othersAt.Store(time.Now().UnixNano())
	}
}

// fault answers a call some of whose memory could not be read: the kernel knows which of its errors comes first.
func (w *worker) fault(errno unix.Errno) {
	if w.s.enforcing() {
		w.answer(0, errno)
		return
	}
	w.pass()
}

func (w *worker) done() {
	w.blocked.Store(0)
	w.deadline.Store(0)
}

// overdue reports whether the call's deadline has passed.
func (w *worker) overdue(now time.Time) bool {
	d := w.deadline.Load()
	return d != 0 && now.UnixNano() >= d
}

// readAddr reads the address argument of a call: its bytes, and 0, or the errno that the kernel would return. It
// is valid until the worker's next call.
func (w *worker) readAddr(ptr uint64, length int) (sockaddr, unix.Errno) {
	if length < 0 || length > maxSockaddr {
		return nil, unix.EINVAL
	}
	if length == 0 {
		return nil, 0
	}
	b := w.addr[:length]
	n, err := unotify.ReadMemory(int(w.n.PID), ptr, b)
	switch {
	case errors.Is(err, unix.EFAULT) || err == nil && n < length:
		return nil, unix.EFAULT
	case err != nil:
		return nil, unix.EPERM // no access at all: the caller of readAddr gives up
	}
	return b, 0
}
