package doctor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"github.com/sallyport/sallyport/unotify"
	"golang.org/x/sys/unix"
)

// supervised is what was found by supervising a child: a nil error is a success.
type supervised struct {
	start      error // of unotify.Start
	noNewPrivs bool
	syncWakeUp bool

	// Valid where done says that the child made its calls.
	done                              bool
	inject, duplicate, vm, proc, open error
	exactThread                       bool
}

// errNotTried is the error of what could not be tried.
var errNotTried = errors.New("no child could be supervised")

// beSupervised is the child: it makes a socket and connects it. Both calls are notified, and none is performed.
func beSupervised() int {
	runtime.LockOSThread()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 1
	}
	// Nobody listens at TEST-NET-1 (RFC 5737), and the supervisor answers for it.
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{192, 0, 2, 1}}); err != nil {
		return 1
	}
	return 0
}

// notSupervised is what was found where nothing was.
func notSupervised(start error) supervised {
	return supervised{start: start, inject: errNotTried, duplicate: errNotTried, vm: errNotTried, proc: errNotTried}
}

// trySupervising starts the child under a filter, and does with it what sallyport run does with a program.
// deadly are the calls that would kill their caller.
func trySupervising(self Self, deadly map[string]called) (s supervised) {
	s = notSupervised(nil)
	p, err := unotify.Start(&unotify.Command{
		Path: "/proc/self/exe", Args: append(self[:len(self):len(self)], trialSupervised),
		Filter: unotify.Filter{Rules: []unotify.Rule{
			{Syscall: unix.SYS_SOCKET, When: []unotify.Condition{unotify.Int(0, unix.AF_INET)}, Action: unotify.Notify},
			{Syscall: unix.SYS_CONNECT, Action: unotify.Notify},
		}},
	})
	if s.start = err; err != nil {
		return s
	}
	s.noNewPrivs = p.NoNewPrivs
	defer func() {
		p.Listener.Close()
		_ = syscall.Kill(p.PID, syscall.SIGKILL)
		_ = p.Executed()
		var ws syscall.WaitStatus
		for {
			if _, err := syscall.Wait4(p.PID, &ws, 0, nil); err != syscall.EINTR {
				return
			}
		}
	}()
	s.syncWakeUp = p.Listener.SyncWakeUp()
	for deadline := time.Now().Add(trialTimeout); waitFor(p.Listener, deadline); {
		var n unotify.Notification
		if err := p.Listener.Receive(&n); err != nil {
			return s
		}
		if n.Nr == unix.SYS_SOCKET {
			s.injectSocket(p.Listener, n.ID)
			continue
		}
		s.reach(&n, deadly)
		s.done = p.Listener.Valid(n.ID)
		_ = p.Listener.Return(n.ID, 0, 0)
		return s
	}
	return s
}

// waitFor waits until a notification can be received, and reports whether one can.
func waitFor(l *unotify.Listener, deadline time.Time) bool {
	p := []unix.PollFd{{Fd: int32(l.FD()), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(p, int(max(0, time.Until(deadline).Milliseconds())))
		if err != unix.EINTR {
			return err == nil && n == 1 && p[0].Revents&unix.POLLIN != 0
		}
	}
}

// injectSocket answers the child's socket call.
func (s *supervised) injectSocket(l *unotify.Listener, id uint64) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		s.inject = fmt.Errorf("make a socket: %w", err)
	} else {
		_, s.inject = l.AddFD(id, fd, true)
		unix.Close(fd)
	}
	if s.inject != nil {
		_ = l.Continue(id)
	}
}

// reach tries what takes access to the child, while it waits in its connect call.
func (s *supervised) reach(n *unotify.Notification, deadly map[string]called) {
	tid := int(n.PID)
	if !deadly["process_vm_readv"].killed {
		s.vm = isInet(func(b []byte) (int, error) {
			local := []unix.Iovec{{Base: &b[0], Len: uint64(len(b))}}
			return unix.ProcessVMReadv(tid, local, []unix.RemoteIovec{{Base: uintptr(n.Args[1]), Len: len(b)}}, 0)
		})
	}
	s.proc = isInet(func(b []byte) (int, error) {
		fd, err := unix.Open("/proc/"+strconv.Itoa(tid)+"/mem", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return 0, err
		}
		defer unix.Close(fd)
		return unix.Pread(fd, b, int64(n.Args[1]))
	})
	if deadly["pidfd_open"].killed || deadly["pidfd_getfd"].killed {
		return
	}
	var thread unotify.Thread
	if thread, s.open = unotify.OpenThread(tid); s.open != nil {
		s.duplicate = s.open
		return
	}
	defer thread.Close()
	s.exactThread = thread.Exact()
	var fd int
	if fd, s.duplicate = thread.GetFD(int(int32(n.Args[0]))); s.duplicate == nil {
		unix.Close(fd)
	}
}

// isInet reads the beginning of a sockaddr_in.
func isInet(read func([]byte) (int, error)) error {
	b := make([]byte, unsafe.Sizeof(unix.RawSockaddrInet4{}))
	n, err := read(b)
	if err == nil && (n < 2 || binary.NativeEndian.Uint16(b) != unix.AF_INET) {
		return fmt.Errorf("read %d bytes, and not a sockaddr_in", n)
	}
	return err
}
