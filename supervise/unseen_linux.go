package supervise

import (
	"net/netip"
	"time"
	"unsafe"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/sys/unix"
)

// pendingBind is a bind that the program makes itself, because it is confined in a way that we cannot take on. Whether it
// succeeded is read off the socket shortly after; so long a duplicate is held, as the program may close its own at once.
type pendingBind struct {
	e     *entry
	fd    int
	tid   int
	at    netip.AddrPort
	since time.Time
}

// unseenFor is how long a bind that the program makes itself may take: it never waits for anything but a processor.
const unseenFor = 20 * time.Millisecond

// addBind looks after a bind that w's caller is about to make itself.
func (wt *watch) addBind(w *worker, at netip.AddrPort, since time.Time) {
	fd, err := unix.FcntlInt(uintptr(w.sock.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return
	}
	wt.mu.Lock()
	wt.binds = append(wt.binds, &pendingBind{w.sock.entry, fd, int(w.n.PID), at, since})
	wt.mu.Unlock()
	wt.s.minder.wake()
}

// mindBinds reads the results of binds, and reports whether any is still to come. final: the program has ended.
func (wt *watch) mindBinds(now time.Time, final bool) bool {
	wt.mu.Lock()
	binds := wt.binds
	wt.binds = nil
	var left []*pendingBind
	for i, b := range binds {
		bound := (&socket{fd: b.fd}).getsockname().Port() != 0
		if !bound && !final && now.Sub(b.since) < unseenFor {
			left = append(left, b)
			binds[i] = nil
			continue
		}
		if bound {
			_ = unix.Close(b.fd)
			binds[i] = nil
		}
	}
	wt.binds = append(left, wt.binds...)
	wt.mu.Unlock()
	for _, b := range binds {
		if b == nil {
			continue
		}
		// The program's bind failed. Where the same bind fails for us too, it is for the same reason; where not, it is the
		// confinement that denied it, and that says EACCES: landlock(7).
		errno := tryBind(b.fd, b.at)
		if errno == 0 {
			errno = unix.EACCES
		}
		_ = unix.Close(b.fd)
		b.e.mu.Lock()
		wt.s.record(b.e, attempt.Step{
			Call: attempt.CallBind, How: attempt.Inferred, TID: int32(b.tid), Address: b.at, Errno: attempt.Errno(errno), At: b.since,
		})
		b.e.mu.Unlock()
	}
	return len(left) > 0
}

// tryBind binds a new socket of the kind of fd to an address.
func tryBind(fd int, at netip.AddrPort) unix.Errno {
	k := socket{fd: fd}
	domain := k.option(unix.SO_DOMAIN)
	n, _, errno := unix.RawSyscall(unix.SYS_SOCKET, uintptr(domain), uintptr(k.option(unix.SO_TYPE)|unix.SOCK_CLOEXEC), uintptr(k.option(unix.SO_PROTOCOL)))
	if errno != 0 {
		return errno
	}
	defer unix.Close(int(n))
	addr := sockaddrOf(at, domain)
	_, _, errno = unix.RawSyscall(unix.SYS_BIND, n, uintptr(unsafe.Pointer(&addr[0])), uintptr(len(addr)))
	return errno
}
