package supervise

import (
	"encoding/binary"
	"unsafe"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/sys/unix"
)

// socket is the program's socket for the length of one call: a duplicate of its descriptor, and what it is.
type socket struct {
	fd       int // the duplicate; 0: none
	borrowed *held
	domain   int
	protocol attempt.Protocol
	cookie   uint64
	entry    *entry
}

// close lets go of the socket, so that the program's close closes it.
func (k *socket) close() {
	k.release()
	if k.borrowed != nil {
		k.borrowed.release()
	}
	*k = socket{}
}

// release closes the duplicate, and keeps what is known of the socket. That has to come before the program's answer: it may close its own
// next, and its FIN is to go out then, and its port to be free.
func (k *socket) release() {
	if k.borrowed == nil && k.fd > 0 {
		// Not a raw call: where the program closed its own meanwhile, this is the last close, and it may linger.
		_ = unix.Close(k.fd)
		k.fd = 0
	}
}

// inet reports whether it is a socket that can leave the machine.
func (k *socket) inet() bool { return k.domain == unix.AF_INET || k.domain == unix.AF_INET6 }

// nonblocking reports whether calls on it never wait.
func (k *socket) nonblocking() bool {
	flags, _, e := unix.RawSyscall(unix.SYS_FCNTL, uintptr(k.fd), unix.F_GETFL, 0)
	return e == 0 && flags&unix.O_NONBLOCK != 0
}

// open gets the socket behind one of the caller's descriptors into w.sock, and starts its life if it is an inet socket
// that was not seen before. The error is the errno for the program; ok is false where the descriptor cannot be reached, and the
// caller of open gives up.
func (w *worker) open(fd int32) (errno unix.Errno, ok bool) {
	errno, ok = w.openKnown(fd)
	k := &w.sock
	if !ok || errno != 0 || k.entry != nil {
		return errno, ok
	}
	if k.domain = k.option(unix.SO_DOMAIN); k.inet() {
		k.protocol = attempt.Protocol(k.option(unix.SO_PROTOCOL))
		k.entry = w.s.lives.add(k, fd, w.process())
		w.noteFull(fd)
	}
	return 0, true
}

// openKnown is open for calls that begin no life: w.sock.entry is nil where the socket has none.
func (w *worker) openKnown(fd int32) (errno unix.Errno, ok bool) {
	if fd < 0 {
		return unix.EBADF, true
	}
	if w.s.inject {
		if errno, ok := w.borrow(fd); !ok || errno != 0 {
			return errno, ok
		}
		return w.identify()
	}
	dup, err := w.threads.getFD(int(w.n.PID), int(fd))
	switch err {
	case nil:
	case unix.EBADF:
		return unix.EBADF, true
	default:
		return 0, false
	}
	w.sock.fd = dup
	return w.identify()
}

// identify finds the life of w.sock.
func (w *worker) identify() (unix.Errno, bool) {
	k := &w.sock
	var cookie [8]byte
	if e := getsockopt(k.fd, unix.SOL_SOCKET, unix.SO_COOKIE, cookie[:]); e != 0 {
		return e, true // ENOTSOCK, as the call itself would say
	}
	k.cookie = binary.NativeEndian.Uint64(cookie[:])
	if e := w.s.lives.find(k.cookie); e != nil {
		k.entry, k.domain, k.protocol = e, int(e.domain), e.life.Protocol
	}
	return 0, true
}

// option reads an int option of the socket's SOL_SOCKET level, 0 where that fails.
func (k *socket) option(name int) int {
	var b [4]byte
	if getsockopt(k.fd, unix.SOL_SOCKET, name, b[:]) != 0 {
		return 0
	}
	return int(binary.NativeEndian.Uint32(b[:]))
}

// device is the network device that the socket is bound to; "" where to none.
func (k *socket) device() string {
	if k.option(unix.SO_BINDTOIFINDEX) == 0 { // asks for no name, which takes the kernel a lock
		return ""
	}
	name, _ := unix.GetsockoptString(k.fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE)
	return name
}

func getsockopt(fd, level, name int, b []byte) unix.Errno {
	n := uint32(len(b))
	_, _, e := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(name),
		uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&n)), 0)
	return e
}
