package unotify

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Notification is one call that a filter handed over: struct seccomp_notif.
type Notification struct {
	ID    uint64 // of this notification, for the answer
	PID   uint32 // the calling thread's id in the receiver's pid namespace; 0 where it has none there
	Flags uint32
	Nr    int32  // the call's number
	Arch  uint32 // AUDIT_ARCH_*
	IP    uint64 // the caller's instruction pointer
	Args  [6]uint64
}

// response is struct seccomp_notif_resp.
type response struct {
	id    uint64
	val   int64
	error int32
	flags uint32
}

// addFD is struct seccomp_notif_addfd.
type addFD struct {
	id         uint64
	flags      uint32
	srcFD      uint32
	newFD      uint32
	newFDFlags uint32
}

// ioctl numbers, linux/seccomp.h.
const (
	ioctlRecv     = 0xc0502100
	ioctlSend     = 0xc0182101
	ioctlIDValid  = 0x40082102
	ioctlAddFD    = 0x40182103
	ioctlSetFlags = 0x40082104
)

// ErrGone is the answer to an answer that came too late: the caller was interrupted by a signal or
// killed, and the notification with it.
var ErrGone = errors.New("the notification is gone: its caller was interrupted or has ended")

// ErrNoMore says that every process under the filter has ended, so that nothing can come any more.
var ErrNoMore = errors.New("no process is left under the filter")

// Listener receives notifications and answers them. Its methods may be called from any number of
// goroutines; each notification is received by one.
type Listener struct{ fd int }

// NewListener makes a Listener of a descriptor, as [Install] returns it or a socket passed it on.
// It owns the descriptor.
func NewListener(fd int) *Listener { return &Listener{fd} }

// FD is the listener's descriptor: it polls readable when a notification waits, and hung up when no process is
// left under the filter.
func (l *Listener) FD() int { return l.fd }

// Close closes the listener. When the last copy of it is closed, the kernel answers ENOSYS to every call
// that the filter would have handed over.
func (l *Listener) Close() error { return unix.Close(l.fd) }

// SyncWakeUp tells the kernel that supervisor and caller take turns, so that it wakes each on
// the other's processor (Linux 6.6). It reports whether the kernel knows how.
func (l *Listener) SyncWakeUp() bool {
	_, _, e := unix.RawSyscall(unix.SYS_IOCTL, uintptr(l.fd), ioctlSetFlags, unix.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP)
	return e == 0
}

// Receive waits for a notification. It returns ErrNoMore when none can come any more, and unix.EINTR when a
// signal whose handler does not restart calls interrupted the thread. Before Linux 6.11 a receiver that already waits
// is not woken by the end of the last process: poll the descriptor for that.
func (l *Listener) Receive(n *Notification) error {
	for {
		*n = Notification{}
		_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(l.fd), ioctlRecv, uintptr(unsafe.Pointer(n)))
		switch e {
		case 0:
			return nil
		case unix.ENOENT: // the caller ended meanwhile, or all did
			if l.hungUp() {
				return ErrNoMore
			}
		default:
			return e
		}
	}
}

// hungUp reports whether no process is left under the filter.
func (l *Listener) hungUp() bool {
	p := []unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLIN}}
	n, err := unix.Poll(p, 0)
	return err == nil && n == 1 && p[0].Revents&(unix.POLLHUP|unix.POLLNVAL) != 0
}

// Valid reports whether the caller still waits for the answer to a notification. What was read from the caller by
// its thread id belongs to it only if the notification is valid after the reading.
func (l *Listener) Valid(id uint64) bool {
	_, _, e := unix.RawSyscall(unix.SYS_IOCTL, uintptr(l.fd), ioctlIDValid, uintptr(unsafe.Pointer(&id)))
	return e == 0
}

// Return answers a call: it returns val, or fails with errno where that is not 0. ErrGone where the
// answer was not delivered.
func (l *Listener) Return(id uint64, val int64, errno unix.Errno) error {
	return l.send(response{id: id, val: val, error: -int32(errno)})
}

// Continue lets the kernel perform the call as if there were no filter. The kernel reads the call's
// arguments in memory again, so this is no answer for a decision that depended on them.
func (l *Listener) Continue(id uint64) error {
	return l.send(response{id: id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE})
}

func (l *Listener) send(r response) error {
	_, _, e := unix.RawSyscall(unix.SYS_IOCTL, uintptr(l.fd), ioctlSend, uintptr(unsafe.Pointer(&r)))
	switch e {
	case 0:
		return nil
	case unix.ENOENT:
		return ErrGone
	}
	return fmt.Errorf("answer notification: %w", e)
}

// AddFD puts a copy of fd into the caller, as the lowest free number, close-on-exec if asked, and returns that number
// as the call's result, in one step (Linux 5.14). The error is ErrGone, or the errno that the caller's table gave: EMFILE.
func (l *Listener) AddFD(id uint64, fd int, cloexec bool) (int, error) {
	a := addFD{id: id, flags: unix.SECCOMP_ADDFD_FLAG_SEND, srcFD: uint32(fd)}
	if cloexec {
		a.newFDFlags = unix.O_CLOEXEC
	}
	r, e := uninterrupted(l.fd, ioctlAddFD, unsafe.Pointer(&a))
	switch e {
	case 0:
		return int(r), nil
	case unix.ENOENT, unix.ESRCH: // ESRCH: it went while the kernel waited for it
		return -1, ErrGone
	}
	return -1, e
}

// uninterrupted is an ioctl with all signals blocked. The kernel waits in SECCOMP_IOCTL_NOTIF_ADDFD for the caller to
// take the descriptor. A signal to the supervisor that ended this wait would, with SECCOMP_ADDFD_FLAG_SEND, leave the
// notification answered without a descriptor, and the caller's socket(2) would return 0 (kernel/seccomp.c,
// seccomp_notify_addfd).
func uninterrupted(fd int, request uintptr, arg unsafe.Pointer) (uintptr, unix.Errno) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	all, old := ^uint64(0), uint64(0)
	_, _, e := unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&all)), uintptr(unsafe.Pointer(&old)), 8, 0, 0)
	if e != 0 {
		return 0, e
	}
	r, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg))
	_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&old)), 0, 8, 0, 0)
	return r, errno
}

// ReplaceFD puts a copy of fd into the caller at the number newFD, in place of what is there
// (Linux 5.9). It does not answer the call.
func (l *Listener) ReplaceFD(id uint64, fd, newFD int, cloexec bool) error {
	a := addFD{id: id, flags: unix.SECCOMP_ADDFD_FLAG_SETFD, srcFD: uint32(fd), newFD: uint32(newFD)}
	if cloexec {
		a.newFDFlags = unix.O_CLOEXEC
	}
	_, e := uninterrupted(l.fd, ioctlAddFD, unsafe.Pointer(&a))
	switch e {
	case 0:
		return nil
	case unix.ENOENT, unix.ESRCH:
		return ErrGone
	}
	return e
}
