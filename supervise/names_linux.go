package supervise

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/unotify"
	"golang.org/x/sys/unix"
)

// fakesNames reports whether a socket's addresses can differ from what the program was told.
func (s *Supervisor) fakesNames() bool { return s.opts.Elide.TCP || s.opts.Elide.UDP || s.enforcing() }

// name serves getsockname(2) and getpeername(2), where a bind was elided or a profile's rule sent the socket elsewhere.
// All other sockets are the kernel's to answer for.
func (w *worker) name() {
	errno, ok := w.openKnown(int32(w.n.Args[0]))
	if !ok || errno != 0 || w.sock.entry == nil {
		w.pass()
		return
	}
	e := w.sock.entry
	e.mu.Lock()
	defer e.mu.Unlock()
	var answer sockaddr
	switch {
	case w.n.Nr == unix.SYS_GETPEERNAME:
		if !w.sock.protocol.Stream() { // a stream that is not connected has no peer, and the kernel says so
			answer = e.peer
		}
	case e.elided != nil:
		answer = w.elidedName(e)
	case e.local != nil:
		answer = e.local
		if port := w.sock.getsockname().Port(); port != 0 {
			binary.BigEndian.PutUint16(answer[2:], port)
		}
	}
	if answer == nil {
		w.pass()
		return
	}
	w.answer(0, w.writeAddr(w.n.Args[1], w.n.Args[2], answer))
}

// elidedName is what getsockname says after an elided bind: what was asked for. Where no port was asked for, a port is set aside
// now, so that a program that tells others its port before it listens tells them the right one.
func (w *worker) elidedName(e *entry) sockaddr {
	asked := e.elided.bindAddr(w.sock.domain)
	if asked.Port() == 0 && e.held == 0 {
		e.reserve(w, asked)
	}
	if e.held != 0 {
		return sockaddrOf(boundTo(e.held), w.sock.domain)
	}
	return sockaddrOf(asked, w.sock.domain)
}

// reserve binds a socket of ours to the address, for its port.
func (e *entry) reserve(w *worker, at netip.AddrPort) {
	if errno, _ := w.decideBind(at); errno != 0 {
		return
	}
	typ := unix.SOCK_STREAM
	if w.sock.protocol == attempt.UDP {
		typ = unix.SOCK_DGRAM
	}
	fd, err := unix.Socket(w.sock.domain, typ|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return
	}
	addr := sockaddrOf(at, w.sock.domain)
	if _, _, errno := unix.RawSyscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&addr[0])), uintptr(len(addr))); errno != 0 {
		_ = unix.Close(fd)
		return
	}
	e.held = fd
}

// unreserve gives the port up.
func (e *entry) unreserve() {
	if e.held != 0 {
		_ = unix.Close(e.held)
		e.held = 0
	}
}

func boundTo(fd int) netip.AddrPort { return (&socket{fd: fd}).getsockname() }

// writeAddr writes an address where a program wants it: as much as fits the length it gave, and the true length.
func (w *worker) writeAddr(ptr, lenPtr uint64, a sockaddr) unix.Errno {
	var b [4]byte
	tid := int(w.n.PID)
	if n, err := unotify.ReadMemory(tid, lenPtr, b[:]); err != nil || n < len(b) {
		return unix.EFAULT
	}
	room := int(int32(binary.NativeEndian.Uint32(b[:])))
	if room < 0 {
		return unix.EINVAL
	}
	if !w.s.listener.Valid(w.n.ID) {
		return unix.EFAULT
	}
	fit := a[:min(room, len(a))]
	if n, err := unotify.WriteMemory(tid, ptr, fit); err != nil || n < len(fit) {
		return unix.EFAULT
	}
	binary.NativeEndian.PutUint32(b[:], uint32(len(a)))
	if n, err := unotify.WriteMemory(tid, lenPtr, b[:]); err != nil || n < len(b) {
		return unix.EFAULT
	}
	return 0
}

// routeSource is the address that the kernel would send from to a destination, with port 0: what getsockname answers for a
// socket that was sent elsewhere. Connecting a UDP socket sends nothing.
func routeSource(k *socket, to sockaddr) sockaddr {
	if own := k.getsockname(); own.IsValid() && !own.Addr().IsUnspecified() {
		return nil // bound: it keeps its address
	}
	fd, err := unix.Socket(k.domain, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	if _, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&to[0])), uintptr(len(to))); errno != 0 {
		return nil
	}
	return sockaddrOf(netip.AddrPortFrom(boundTo(fd).Addr(), 0), k.domain)
}
