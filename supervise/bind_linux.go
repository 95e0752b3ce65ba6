package supervise

import (
	"net/netip"
	"time"
	"unsafe"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
	"golang.org/x/sys/unix"
)

// bind serves bind(2).
func (w *worker) bind() {
	fd, ptr, length := int32(w.n.Args[0]), w.n.Args[1], int(int32(w.n.Args[2]))
	addr, bad := w.readAddr(ptr, length)
	if w.notOurs(addr, bad) || !w.openNamed(fd, addr, bad) {
		return
	}
	e := w.sock.entry
	at := addr.bindAddr(w.sock.domain)
	if !w.s.listener.Valid(w.n.ID) {
		return
	}
	elide := at.IsValid() && w.elides(at)
	if !elide && w.s.mustLetGo(w) {
		w.letGo(attempt.CallBind, at)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	w.acted = true
	var errno unix.Errno
	st := attempt.Step{Call: attempt.CallBind, TID: int32(w.n.PID), Address: at, At: time.Now()}
	switch {
	case at.IsValid() && e.elided != nil:
		errno = unix.EINVAL // bound already, bind(2), as far as the program knows
	case elide && w.unbound():
		st.How = attempt.Elided
		e.elided = append(sockaddr(nil), addr...)
	default:
		var rule string
		if errno, rule = w.decideBind(at); errno != 0 {
			st.How, st.Rule = attempt.Decided, rule
			break
		}
		errno = w.performBind(addr, at)
	}
	if errno == 0 {
		e.source = at
	}
	st.Errno, st.Took = attempt.Errno(errno), time.Since(st.At)
	w.s.record(e, st)
	w.answer(0, errno)
}

// bindAddr is the address that a bind asks for. AF_UNSPEC with the wildcard address means AF_INET, for the
// sake of old programs (__inet_bind in net/ipv4/af_inet.c).
func (a sockaddr) bindAddr(domain int) netip.AddrPort {
	if a.family() == unix.AF_UNSPEC && domain == unix.AF_INET && len(a) >= sizeofSockaddrIn {
		b := append(sockaddr(nil), a...)
		b[0], b[1] = unix.AF_INET, 0
		return b.addrPort()
	}
	return a.addrPort()
}

// elides reports whether the bind is one to answer and not perform.
func (w *worker) elides(at netip.AddrPort) bool {
	o := w.s.opts.Elide
	if o.KeepPort && at.Port() != 0 {
		return false
	}
	if w.sock.protocol.Stream() {
		return o.TCP
	}
	return o.UDP && w.sock.protocol == attempt.UDP
}

// unbound reports whether the socket has no port yet: a second bind is an error that the kernel shall give.
func (w *worker) unbound() bool { return w.sock.getsockname().Port() == 0 }

// decideBind asks the profile about a bind: the errno to answer, 0 to perform it, and the rule in words.
func (w *worker) decideBind(at netip.AddrPort) (unix.Errno, string) {
	if !w.s.enforcing() || !at.IsValid() {
		return 0, ""
	}
	d := w.s.opts.Profile.DecideBind(w.sock.protocol, at)
	switch d.Verdict.Kind {
	case profile.Allow:
		return 0, ""
	case profile.DenyErrno:
		return unix.Errno(d.Verdict.Errno), d.Words()
	}
	return unix.EACCES, d.Words()
}

// performBind binds the program's socket, with no more rights than the program has.
func (w *worker) performBind(addr sockaddr, at netip.AddrPort) unix.Errno {
	bind := func() unix.Errno {
		var p unsafe.Pointer
		if len(addr) > 0 {
			p = unsafe.Pointer(&addr[0])
		}
		_, _, e := unix.RawSyscall(unix.SYS_BIND, uintptr(w.sock.fd), uintptr(p), uintptr(len(addr)))
		return e
	}
	privileged := at.IsValid() && at.Port() != 0 && int(at.Port()) < w.s.privilegedBelow
	if privileged && !w.mayBindPrivileged() {
		return withoutCapability(unix.CAP_NET_BIND_SERVICE, bind)
	}
	errno := bind()
	if errno == unix.EADDRINUSE && w.s.inject && w.s.held.sweep() {
		errno = bind() // a socket that the program had closed already
	}
	return errno
}

// listen serves listen(2): a bind that was elided for a client's turns out to be a server's, and is made good.
func (w *worker) listen() {
	errno, ok := w.openKnown(int32(w.n.Args[0]))
	switch {
	case !ok:
		w.pass() // names no address: nothing to decide
		return
	case errno != 0:
		w.answer(0, errno)
		return
	case w.sock.entry == nil:
		w.pass() // never bound in our sight
		return
	}
	e := w.sock.entry
	e.mu.Lock()
	defer e.mu.Unlock()
	if !w.s.listener.Valid(w.n.ID) {
		return
	}
	w.acted = true
	st := attempt.Step{Call: attempt.CallListen, TID: int32(w.n.PID), At: time.Now()}
	if e.elided != nil {
		addr := e.elided
		if e.held != 0 { // the port that getsockname promised
			addr = sockaddrOf(boundTo(e.held), w.sock.domain)
			e.unreserve()
		}
		at := addr.bindAddr(w.sock.domain)
		var rule string
		if errno, rule = w.decideBind(at); errno != 0 {
			st.How, st.Rule = attempt.Decided, rule
		} else if w.s.mustLetGo(w) {
			errno = unix.EACCES // it may not be more than the program itself may
		} else {
			errno = w.performBind(addr, at)
		}
		st.Address = at
		e.elided = nil
	}
	if errno == 0 {
		_, _, errno = unix.RawSyscall(unix.SYS_LISTEN, uintptr(w.sock.fd), uintptr(w.n.Args[1]), 0)
	}
	st.Errno, st.Took = attempt.Errno(errno), time.Since(st.At)
	w.s.record(e, st)
	if w.sock.borrowed != nil && errno == 0 {
		w.sock.borrowed.drop()
	}
	w.answer(0, errno)
}
