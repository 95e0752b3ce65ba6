package supervise

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/sys/unix"
)

// errDenied says that the profile does not allow a connection of our own either.
var errDenied = errors.New("the profile does not allow it")

// Dial makes a TCP connection by a socket of our own, from where the process stands and under the same profile, like Try, and hands it over:
// to ask a proxy, or to see what a server does. It is the caller's to close, and takes deadlines. The error of a connect is its errno.
func (s *Supervisor) Dial(ctx context.Context, pid int, to netip.AddrPort) (*os.File, error) {
	a := attempt.Attempt{Protocol: attempt.TCP, Destination: to}
	if s.enforcing() {
		if _, denied := s.decide(a); denied {
			return nil, errDenied
		}
	}
	var conn *os.File
	err := inNamespaceOf(pid, func() error {
		var err error
		conn, err = dial(ctx, to)
		return err
	})
	return conn, err
}

// dial connects in this thread's network namespace.
func dial(ctx context.Context, to netip.AddrPort) (*os.File, error) {
	fd, o, err := connectSocket(ctx, to)
	switch {
	case err != nil:
	case o.Kind == attempt.TimedOut && o.Errno == 0:
		err = context.DeadlineExceeded
	case o.Kind != attempt.Connected:
		err = fmt.Errorf("connect to %v: %w", to, unix.Errno(o.Errno))
	default:
		return os.NewFile(uintptr(fd), to.String()), nil
	}
	if fd >= 0 {
		_ = unix.Close(fd)
	}
	return nil, err
}

// connectSocket makes a socket, which is the caller's to close, and connects it.
func connectSocket(ctx context.Context, to netip.AddrPort) (fd int, o attempt.Outcome, err error) {
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	domain := unix.AF_INET
	if to.Addr().Is6() {
		domain = unix.AF_INET6
	}
	if fd, err = unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
		return -1, o, fmt.Errorf("make a socket: %w", err)
	}
	if o = ended(unix.Connect(fd, unixSockaddr(to))); o.Kind == attempt.InProgress {
		o, err = awaitConnect(ctx, fd)
	}
	return fd, o, err
}
