package supervise

import (
	"encoding/binary"
	"time"
	"unsafe"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/unotify"
	"golang.org/x/sys/unix"
)

// How resolvers read an answer, told by registers alone:
//
//   - recvfrom(2) that asks where the datagram came from: glibc's res_send.c, c-ares, dnspython;
//   - read(2) of exactly 1232 bytes: Go's maxDNSPacketSize, net/dnsclient_unix.go;
//   - read(2) or recvfrom(2) of exactly two bytes: the length that comes before a message over TCP, RFC 1035 section 4.2.2;
//   - recvmsg(2): musl's res_msend.c. Too common elsewhere, so it is trapped only for programs that may be musl's.
const (
	goPacket     = 1232
	lengthPrefix = 2
)

// lookupRules trap the calls that may read a DNS answer.
func lookupRules(own bool) []unotify.Rule {
	when := func(nr int, c unotify.Condition) unotify.Rule {
		return unotify.Rule{Syscall: nr, When: []unotify.Condition{c}, Action: unotify.Notify}
	}
	rules := []unotify.Rule{
		when(unix.SYS_RECVFROM, unotify.Condition{Arg: 4, Value: 0, Not: true}),
		when(unix.SYS_RECVFROM, unotify.Condition{Arg: 2, Value: lengthPrefix}),
		when(unix.SYS_READ, unotify.Condition{Arg: 2, Value: goPacket}),
		when(unix.SYS_READ, unotify.Condition{Arg: 2, Value: lengthPrefix}),
	}
	if own {
		rules = append(rules, unotify.Rule{Syscall: unix.SYS_RECVMSG, Action: unotify.Notify})
	}
	return rules
}

// receive serves a call that may read a DNS answer. The answer is looked at with MSG_PEEK, and stays where it is for the
// program's own call.
func (w *worker) receive() {
	if !w.s.names.active() {
		w.pass()
		return
	}
	errno, ok := w.openKnown(int32(w.n.Args[0]))
	if !ok || errno != 0 || w.sock.entry == nil {
		w.pass()
		return
	}
	e := w.sock.entry
	e.mu.Lock()
	server := e.resolver
	e.mu.Unlock()
	if !server.IsValid() || !w.mayPeek() {
		w.pass()
		return
	}
	var b []byte
	if w.sock.protocol.Stream() {
		b, errno = w.peekStream()
	} else {
		b, errno = w.peek(make([]byte, 64<<10))
	}
	switch {
	case errno == unix.EAGAIN:
		w.s.names.waits(w, server)
		if w.sock.nonblocking() {
			// What the call would have said just now. Continued, it could find an answer that came since, and that nobody looked at.
			w.answer(0, unix.EAGAIN)
			return
		}
		w.pass()
	case errno == 0 && len(b) == 0:
		w.pass()
	case errno != 0:
		// Looking has taken the socket's error: it is the call's to return.
		w.s.names.closed(w, server)
		w.acted = true
		w.answer(0, errno)
	default:
		if m, ok := parseDNS(b); ok && m.response {
			w.s.names.answered(w, server, &m)
		}
		w.pass()
	}
}

// mayPeek reports whether looking leaves the socket as it is: with SO_PEEK_OFF set, socket(7), it does not.
func (w *worker) mayPeek() bool {
	var b [4]byte
	return getsockopt(w.sock.fd, unix.SOL_SOCKET, unix.SO_PEEK_OFF, b[:]) != 0 || int32(binary.NativeEndian.Uint32(b[:])) < 0
}

// peek looks at what is there to be read, and never waits.
func (w *worker) peek(b []byte) ([]byte, unix.Errno) {
	for {
		n, _, err := unix.Recvfrom(w.sock.fd, b, unix.MSG_PEEK|unix.MSG_DONTWAIT)
		switch errno, _ := err.(unix.Errno); {
		case errno == unix.EINTR:
		case err != nil:
			return nil, errno
		default:
			return b[:n], 0
		}
	}
}

// restAfter is how long the rest of an answer over TCP is waited for.
const restAfter = 50 * time.Millisecond

// peekStream looks at an answer over TCP: its length, and the message.
func (w *worker) peekStream() ([]byte, unix.Errno) {
	b := make([]byte, lengthPrefix+64<<10)
	got, errno := w.peek(b)
	if errno == unix.EAGAIN && !w.sock.nonblocking() && !w.sock.hasReceiveTimeout() {
		w.awaitAnswer() // the program waits for it in this call
		got, errno = w.peek(b)
	}
	if errno != 0 || len(got) < lengthPrefix {
		return nil, errno
	}
	whole := lengthPrefix + int(binary.BigEndian.Uint16(got))
	if len(got) < whole {
		w.mayBlock()
		defer w.done()
	}
	// A socket with something to read is ready whether or not there is more, so the rest is looked for and not polled.
	for until := time.Now().Add(restAfter); len(got) < whole && time.Now().Before(until) && w.released.Load() == 0; {
		time.Sleep(time.Millisecond)
		if got, errno = w.peek(b); errno != 0 {
			return nil, errno
		}
	}
	if len(got) < whole {
		return nil, 0
	}
	return got[lengthPrefix:whole], 0
}

// answerAfter is how long an answer over TCP is waited for, in the program's place.
const answerAfter = 500 * time.Millisecond

// awaitAnswer waits until there is something to read, or the caller has a signal to attend to.
func (w *worker) awaitAnswer() {
	w.mayBlock()
	defer w.done()
	p := []unix.PollFd{{Fd: int32(w.sock.fd), Events: unix.POLLIN}}
	for until := time.Now().Add(answerAfter); w.stray(); {
		n, err := unix.Poll(p, int(time.Until(until).Milliseconds()))
		if n > 0 || err != unix.EINTR || time.Now().After(until) {
			return
		}
	}
}

// hasReceiveTimeout reports whether SO_RCVTIMEO bounds the socket's reads.
func (k *socket) hasReceiveTimeout() bool {
	var tv unix.Timeval
	b := unsafe.Slice((*byte)(unsafe.Pointer(&tv)), unsafe.Sizeof(tv))
	return getsockopt(k.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, b) != 0 || tv.Nano() != 0
}

// noteQueries looks at the data of a sendmsg or sendmmsg that names no address and is about to be passed on: glibc asks for
// A and AAAA on its connected socket in one call.
func (w *worker) noteQueries(headers []byte, size int) {
	if !w.s.names.active() {
		return
	}
	errno, ok := w.openKnown(int32(w.n.Args[0]))
	if !ok || errno != 0 || w.sock.entry == nil || w.sock.protocol.Stream() {
		return
	}
	glibc := w.n.Nr == unix.SYS_SENDMMSG && len(headers) == 2*sizeofMmsghdr
	for ; len(headers) >= sizeofMsghdr; headers = headers[min(size, len(headers)):] {
		var m message
		if w.readMessage(&m, headers) == 0 {
			w.noteQuery(m.data, glibc)
		}
	}
}

// noteQuery notes what is sent on w.sock, if that is a question to a resolver. awaited says that it is sent in glibc's way,
// so that its answer is read in a way that is looked at.
func (w *worker) noteQuery(data []byte, awaited bool) {
	e := w.sock.entry
	e.mu.Lock()
	server := e.resolver
	e.mu.Unlock()
	if !server.IsValid() || w.sock.protocol != attempt.UDP {
		return
	}
	if m, ok := parseDNS(data); ok && !m.response {
		w.s.names.asked(w, server, &m, awaited)
	}
}

// noteUnread notes that the answers to questions which were sent on w.sock, to an address that each of them named, are read by calls
// that are looked at: without a connect the sender of an answer has to be asked for, which musl does by recvmsg.
func (w *worker) noteUnread() {
	if w.s.ownResolver && w.s.names.active() && w.sock.entry != nil && w.sock.protocol == attempt.UDP {
		w.s.names.unread(w)
	}
}
