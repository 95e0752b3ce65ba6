package supervise

import (
	"net/netip"
	"time"
	"unsafe"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/unotify"
	"golang.org/x/sys/unix"
)

// message is one message of sendto(2), sendmsg(2) or sendmmsg(2), read from the caller's memory once.
type message struct {
	call    attempt.Call
	flags   int
	named   bool // it came with an address
	name    sockaddr
	data    []byte
	control []byte
	to      netip.AddrPort // the address, as the kernel will take it
}

// Limits of what is read of one message. A datagram is at most 64 KiB, and a longer one fails with EMSGSIZE as it
// is; a stream takes part of what is offered.
const (
	maxData    = 128 << 10
	maxControl = 64 << 10
)

func (w *worker) sendto() {
	a := &w.n.Args
	addr, bad := w.readAddr(a[4], int(int32(a[5])))
	if w.notOurs(addr, bad) {
		return
	}
	if !w.openSender(int32(a[0]), int(a[3]), addr, bad) {
		return
	}
	m := message{call: attempt.CallSendto, flags: int(int32(a[3])), named: true, name: addr}
	var errno unix.Errno
	if m.data, errno = w.readData(a[1], a[2], maxData); errno != 0 {
		w.fault(errno)
		return
	}
	if !w.s.listener.Valid(w.n.ID) {
		return
	}
	if n, errno, ok := w.send(&m); ok {
		w.answer(n, errno)
	}
}

// openSender opens the socket of a send, and reports whether the message is one to look at. Where it is not, it has
// answered.
func (w *worker) openSender(fd int32, flags int, addr sockaddr, bad unix.Errno) bool {
	errno, ok := w.open(fd)
	switch {
	case !ok:
		w.unreached(addr)
	case bad == unix.EPERM:
		w.giveUp()
	case errno != 0:
		w.answer(0, errno)
	case !w.sock.inet():
		w.pass()
	case w.sock.protocol.Stream() && flags&unix.MSG_FASTOPEN == 0:
		w.pass() // a connected stream's address is ignored, an unconnected one's is EPIPE: tcp_sendmsg_locked
	case bad != 0:
		w.answer(0, bad)
	case flags&unix.MSG_ZEROCOPY != 0 && w.s.enforcing():
		w.answer(0, unix.ENOBUFS) // what it says where it cannot, and programs copy then
	case flags&unix.MSG_ZEROCOPY != 0 || w.s.mustLetGo(w):
		w.pass()
	default:
		return true
	}
	return false
}

// send decides and performs one message. ok is false where the notification is not to be answered: the
// supervisor is stopping, and has handed it on.
func (w *worker) send(m *message) (sent int64, errno unix.Errno, ok bool) {
	m.to = m.name.bindAddr(w.sock.domain) // AF_UNSPEC is AF_INET to an AF_INET socket, here as well
	w.acted = true
	e := w.sock.entry
	st := attempt.Step{Call: m.call, TID: int32(w.n.PID), Address: m.to, At: time.Now()}
	if w.s.enforcing() {
		if m.to.IsValid() {
			e.mu.Lock()
			source := e.source
			if e.elided != nil {
				source = netip.AddrPort{} // it was never bound
			}
			e.mu.Unlock()
			d := w.s.opts.Profile.DecideEgress(attempt.Attempt{Protocol: w.sock.protocol, Source: attempt.SourceOf(source), Destination: m.to})
			if d.Verdict.Kind != profile.Allow {
				sent, errno = w.denySend(m, &st, d)
				goto record
			}
		}
		if reroutes(m.control) {
			return 0, unix.EPERM, true
		}
	}
	sent, errno = w.performSend(m)
	if errno == unix.EINTR && w.s.stopping.Load() {
		w.s.handOn(w.n)
		return 0, 0, false
	}
	if errno == unix.EINTR && w.released.Load() != 0 && !w.s.enforcing() && m.call != attempt.CallSendmmsg {
		w.pass() // nothing was sent (of a row, messages before it might have been): the program waits itself
		return 0, 0, false
	}
record:
	st.Took, st.Errno, st.Result = time.Since(st.At), attempt.Errno(errno), sent
	if errno != 0 {
		st.Device = w.sock.device()
	}
	if m.to.IsValid() {
		e.mu.Lock()
		w.s.record(e, st)
		e.mu.Unlock()
		if w.sock.protocol.Stream() && errno == unix.EINPROGRESS {
			w.s.watch.add(w, st.At)
		}
	}
	if errno == 0 {
		w.noteQuery(m.data, false)
		w.noteUnread()
	}
	return sent, errno, true
}

// performSend sends the message on the program's socket. SIGPIPE is the program's to get, not ours.
func (w *worker) performSend(m *message) (int64, unix.Errno) {
	var h unix.Msghdr
	var iov unix.Iovec
	if len(m.name) > 0 {
		h.Name, h.Namelen = &m.name[0], uint32(len(m.name))
	}
	if len(m.data) > 0 {
		iov.Base = &m.data[0]
		iov.SetLen(len(m.data))
	}
	h.Iov = &iov
	h.SetIovlen(1)
	if len(m.control) > 0 {
		h.Control = &m.control[0]
		h.SetControllen(len(m.control))
	}
	flags := uintptr(m.flags | unix.MSG_NOSIGNAL)
	var n uintptr
	var errno unix.Errno
	waits := m.flags&unix.MSG_DONTWAIT == 0 && !w.sock.nonblocking()
	if !waits || !w.sock.protocol.Stream() {
		// A datagram is sent whole or not at all, and hardly ever has to wait.
		n, _, errno = unix.RawSyscall(unix.SYS_SENDMSG, uintptr(w.sock.fd), uintptr(unsafe.Pointer(&h)), flags|unix.MSG_DONTWAIT)
	}
	if waits && (w.sock.protocol.Stream() || errno == unix.EAGAIN) {
		w.mayBlock()
		for {
			n, _, errno = unix.Syscall(unix.SYS_SENDMSG, uintptr(w.sock.fd), uintptr(unsafe.Pointer(&h)), flags)
			if errno != unix.EINTR || w.overdue(time.Now()) || !w.stray() {
				break
			}
		}
		if errno == unix.EINTR && w.overdue(time.Now()) {
			errno = unix.ETIMEDOUT
		}
		w.done()
	}
	if errno == unix.EPIPE && m.flags&unix.MSG_NOSIGNAL == 0 && w.sock.protocol.Stream() {
		if pid, err := unotify.ProcessOf(int(w.n.PID)); err == nil {
			_ = unix.Tgkill(pid, int(w.n.PID), unix.SIGPIPE)
		}
	}
	if errno != 0 {
		return 0, errno
	}
	return int64(n), 0
}

// denySend answers a message that the profile denies.
func (w *worker) denySend(m *message, st *attempt.Step, d profile.Decision) (int64, unix.Errno) {
	st.How, st.Rule = attempt.Decided, d.Words()
	var place sockaddr
	switch d.Verdict.Kind {
	case profile.Drop:
		place = w.s.sinks.silent(&w.sock, m.to)
	case profile.Refuse:
		place = w.s.sinks.closed(&w.sock, m.to)
	case profile.Unreachable:
		return 0, unix.EHOSTUNREACH
	default:
		return 0, unix.Errno(d.Verdict.Errno)
	}
	if !w.sock.protocol.Stream() || place == nil {
		return int64(len(m.data)), 0 // a datagram that nobody will answer
	}
	w.shorten(d.Verdict.Timeout)
	redirected := *m
	redirected.name = place
	return w.performSend(&redirected)
}

// reroutes reports whether control messages carry a route of their own: source routing by IP_RETOPTS, ip(7), or an
// IPv6 routing header, RFC 3542.
func reroutes(control []byte) bool {
	msgs, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return len(control) > 0
	}
	for _, m := range msgs {
		switch {
		case m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_RETOPTS,
			m.Header.Level == unix.IPPROTO_IPV6 && (m.Header.Type == unix.IPV6_RTHDR || m.Header.Type == unix.IPV6_2292RTHDR):
			return true
		}
	}
	return false
}
