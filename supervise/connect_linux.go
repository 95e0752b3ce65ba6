package supervise

import (
	"net/netip"
	"time"
	"unsafe"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
	"golang.org/x/sys/unix"
)

// connect serves connect(2).
func (w *worker) connect() {
	fd, ptr, length := int32(w.n.Args[0]), w.n.Args[1], int(int32(w.n.Args[2]))
	addr, bad := w.readAddr(ptr, length)
	if w.notOurs(addr, bad) || !w.openNamed(fd, addr, bad) {
		return
	}
	e := w.sock.entry
	to := addr.addrPort()
	if !w.s.listener.Valid(w.n.ID) {
		return
	}
	if w.s.mustLetGo(w) {
		w.letGo(attempt.CallConnect, to)
		return
	}
	e.mu.Lock()
	if e.elided != nil { // it was never bound
		e.unreserve()
		e.elided, e.source = nil, netip.AddrPort{}
	}
	source := e.source
	e.mu.Unlock()
	st := attempt.Step{Call: attempt.CallConnect, TID: int32(w.n.PID), Address: to, At: time.Now()}
	if w.s.enforcing() && to.IsValid() {
		if source == (netip.AddrPort{}) {
			source = w.boundBefore()
		}
		d := w.s.opts.Profile.DecideEgress(attempt.Attempt{Protocol: w.sock.protocol, Source: attempt.SourceOf(source), Destination: to})
		if d.Verdict.Kind != profile.Allow {
			w.denyConnect(st, addr, d)
			return
		}
	}
	if w.sock.protocol == attempt.TCP {
		w.s.endings.watch(w)
	}
	e.mu.Lock()
	e.peer, e.local = nil, nil
	e.mu.Unlock()
	w.overhear(to)
	w.finishConnect(st, w.performConnect(addr))
	w.heard = false
}

// performConnect connects the program's socket. A socket that waits is waited for here, in the socket's own way.
func (w *worker) performConnect(addr sockaddr) unix.Errno {
	w.acted = true
	var p unsafe.Pointer
	if len(addr) > 0 {
		p = unsafe.Pointer(&addr[0])
	}
	if !w.sock.protocol.Stream() || w.sock.nonblocking() {
		_, _, e := unix.RawSyscall(unix.SYS_CONNECT, uintptr(w.sock.fd), uintptr(p), uintptr(len(addr)))
		return e
	}
	w.mayBlock()
	defer w.done()
	limit := w.sock.sendTimeout()
	for began := time.Now(); ; {
		_, _, e := unix.Syscall(unix.SYS_CONNECT, uintptr(w.sock.fd), uintptr(p), uintptr(len(addr)))
		switch {
		case e == unix.EINTR && w.overdue(time.Now()):
			return unix.ETIMEDOUT
		case e != unix.EINTR || !w.stray():
			return e
		case limit > 0 && time.Since(began) >= limit:
			return unix.EINPROGRESS // what the kernel says when SO_SNDTIMEO has passed
		}
	}
}

// stray reports whether the signal that ended a call in EINTR was for us, and not meant to let the caller out of its
// call. Such a signal can hit any of our threads, and with SO_SNDTIMEO set not even SA_RESTART lets a connect go on (sock_intr_errno).
func (w *worker) stray() bool {
	return w.released.Load() == 0 && !w.s.stopping.Load() && w.s.listener.Valid(w.n.ID)
}

// finishConnect records a connect that was performed, and answers it.
func (w *worker) finishConnect(st attempt.Step, errno unix.Errno) {
	e := w.sock.entry
	st.Took = time.Since(st.At)
	st.Errno = attempt.Errno(errno)
	if errno != 0 {
		st.Device = w.sock.device()
	}
	if errno == unix.EINTR && w.s.stopping.Load() {
		w.s.handOn(w.n) // the supervisor goes, not the caller: who comes after answers
		return
	}
	if errno == unix.EINTR && w.released.Load() != 0 {
		w.letWait(st)
		return
	}
	e.mu.Lock()
	if (w.s.opts.Locals && errno == 0 || w.heard && (errno == 0 || errno == unix.EINPROGRESS)) && e.local == nil {
		e.life.Local = w.sock.getsockname()
	}
	w.s.record(e, st)
	e.mu.Unlock()
	switch {
	case errno == unix.EINPROGRESS:
		w.s.watch.add(w, st.At)
	case errno == 0 && w.sock.borrowed != nil && w.sock.protocol.Stream():
		w.sock.borrowed.letGo() // connected: there is nothing left that we do for it
	}
	if errno == unix.EINTR && w.sock.sendTimeout() > 0 {
		// With SO_SNDTIMEO the kernel never restarts a connect, socket(7) and sock_intr_errno: the next
		// call is the program's own.
		w.s.undelivered.keepErrno(w, errno)
	}
	w.answer(0, errno)
}

// letWait lets a caller that has a signal to attend to wait for its connect itself. The connect is under way, and the kernel ignores
// the address of another connect on the socket then, but waits (__inet_stream_connect in net/ipv4/af_inet.c): the program's
// own call is interrupted, restarted or goes on just as it would be. Where a profile is enforced, the address must not be read
// again all the same: the call is restarted where that is safe, and else ends in EINTR.
func (w *worker) letWait(st attempt.Step) {
	st.How, st.Errno = attempt.Inferred, attempt.EINPROGRESS
	e := w.sock.entry
	e.mu.Lock()
	w.s.record(e, st)
	e.mu.Unlock()
	w.s.watch.add(w, st.At)
	switch {
	case !w.s.enforcing():
		w.pass()
	case signalState(w.released.Load()) == ownSignal && w.sock.sendTimeout() == 0:
		w.answer(0, errRestart)
	default:
		w.answer(0, unix.EINTR)
	}
}

// sendTimeout is the socket's SO_SNDTIMEO, 0 where it waits for ever.
func (k *socket) sendTimeout() time.Duration {
	var tv unix.Timeval
	b := unsafe.Slice((*byte)(unsafe.Pointer(&tv)), unsafe.Sizeof(tv))
	if getsockopt(k.fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, b) != 0 {
		return 0
	}
	return time.Duration(tv.Nano())
}

// boundBefore is the source of a socket whose bind was not seen: one that it came with.
func (w *worker) boundBefore() netip.AddrPort {
	if local := w.sock.getsockname(); local.Port() != 0 {
		return local
	}
	return netip.AddrPort{}
}

func (k *socket) getsockname() netip.AddrPort {
	var b [maxSockaddr]byte
	n := uint32(len(b))
	_, _, e := unix.RawSyscall(unix.SYS_GETSOCKNAME, uintptr(k.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&n)))
	if e != 0 || n > maxSockaddr {
		return netip.AddrPort{}
	}
	return sockaddr(b[:n]).addrPort()
}

// denyConnect answers a connect that the profile denies, as the kernel would: a drop and a refusal are real
// ones, by way of a place on loopback that is silent or closed, so that poll, timeouts and errors are the kernel's.
func (w *worker) denyConnect(st attempt.Step, addr sockaddr, d profile.Decision) {
	e := w.sock.entry
	st.How, st.Rule = attempt.Decided, d.Words()
	errno := unix.Errno(d.Verdict.Errno)
	var place sockaddr
	switch d.Verdict.Kind {
	case profile.Unreachable:
		errno = unix.EHOSTUNREACH
	case profile.Drop:
		place = w.s.sinks.silent(&w.sock, st.Address)
		errno = unix.ETIMEDOUT
	case profile.Refuse:
		place = w.s.sinks.closed(&w.sock, st.Address)
		errno = unix.ECONNREFUSED
	}
	if place == nil {
		st.Errno, st.Took = attempt.Errno(errno), time.Since(st.At)
		e.mu.Lock()
		w.s.record(e, st)
		e.mu.Unlock()
		w.answer(0, errno)
		return
	}
	w.shorten(d.Verdict.Timeout)
	e.mu.Lock()
	e.peer = append(sockaddr(nil), addr...)
	e.local = routeSource(&w.sock, addr)
	e.mu.Unlock()
	w.finishConnect(st, w.performConnect(place))
}

// shorten makes a stream socket's next call end after a profile's timeout, if there is one. TCP_USER_TIMEOUT ends a SYN's retries
// too, tcp(7); MPTCP sockets do not have it, and the minder ends the call.
func (w *worker) shorten(timeout time.Duration) {
	if timeout <= 0 || !w.sock.protocol.Stream() {
		return
	}
	if unix.SetsockoptInt(w.sock.fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(timeout.Milliseconds())) != nil {
		w.deadline.Store(time.Now().Add(timeout).UnixNano())
	}
}
