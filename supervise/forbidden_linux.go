package supervise

import (
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/unotify"
	"golang.org/x/sys/unix"
)

// A seccomp filter around sallyport that fails bind or connect ranks above ours (seccomp(2), SECCOMP_RET_ERRNO): those calls are
// never seen. Ours has the same filter, and a call on no descriptor shows it.

// forbidden are the calls that a filter around us fails, each with its errno.
func forbidden() map[attempt.Call]attempt.Errno {
	out := map[attempt.Call]attempt.Errno{}
	for call, nr := range map[attempt.Call]uintptr{attempt.CallBind: unix.SYS_BIND, attempt.CallConnect: unix.SYS_CONNECT} {
		if _, _, errno := unix.RawSyscall(nr, ^uintptr(0), 0, 0); errno != unix.EBADF {
			out[call] = attempt.Errno(errno)
		}
	}
	// A type that there is none of is EINVAL before anybody else is asked, __sock_create in net/socket.c.
	if _, _, errno := unix.RawSyscall(unix.SYS_SOCKET, unix.AF_INET, sockTypeMask, 0); errno != unix.EINVAL {
		out[attempt.CallSocket] = attempt.Errno(errno)
	}
	return out
}

// Forbidden are the calls that a seccomp filter around sallyport and the program fails by their number, each with its errno.
func (s *Supervisor) Forbidden() map[attempt.Call]attempt.Errno { return s.forbidden }

// plainSockets traps the sockets of a program whose binds or connects a filter around us fails: nothing else shows that it got that far.
func (s *Supervisor) plainSockets() []unotify.Rule {
	_, bind := s.forbidden[attempt.CallBind]
	_, connect := s.forbidden[attempt.CallConnect]
	if s.inject || s.enforcing() || !bind && !connect {
		return nil
	}
	return injectedSockets()
}

// noteSocket records that the program makes a socket whose next call will not be seen.
func (w *worker) noteSocket(domain, proto int) {
	if len(w.s.forbidden) == 0 {
		return
	}
	e := &entry{domain: uint16(domain), life: attempt.Life{FD: -1, Protocol: attempt.Protocol(proto), Family: familyOf(domain), Process: w.process()}}
	if typ := int(int32(w.n.Args[1])) & sockTypeMask; proto == 0 && typ == unix.SOCK_STREAM {
		e.life.Protocol = attempt.TCP
	} else if proto == 0 && typ == unix.SOCK_DGRAM {
		e.life.Protocol = attempt.UDP
	}
	w.s.lives.addNameless(e)
	e.mu.Lock()
	defer e.mu.Unlock()
	w.s.record(e, attempt.Step{
		Call: attempt.CallSocket, How: attempt.Unseen, TID: int32(w.n.PID), At: time.Now(),
		Detail: map[int]string{unix.AF_INET: "AF_INET", unix.AF_INET6: "AF_INET6"}[domain],
	})
}
