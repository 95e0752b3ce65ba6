package measure

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/attempt"

	"github.com/sallyport/sallyport/probe"
)

// call is an attempt under way.
type call struct {
	probe.Result
	until  time.Time
	file   *os.File // the socket, once it waits or has connected
	errno  unix.Errno
	failed error // of the handshake
}

// begin makes the calls of an attempt, as far as they answer at once.
func begin(a *probe.Attempt, timeout time.Duration) *call {
	c := &call{Result: probe.Result{Attempt: *a, Stage: probe.StageSocket, Begin: time.Now(), Tries: 1}}
	c.until = c.Begin.Add(timeout)
	var fd int
	if fd, c.errno = open(&c.Result); c.errno == 0 {
		c.Stage = probe.StageConnect
		c.AtOnce = true
		if c.errno = connect(fd, a.Destination); c.errno == unix.EINPROGRESS {
			c.AtOnce = false
			c.errno = settled(fd) // the answer of a host nearby is there already
		}
	}
	if c.errno == 0 || c.errno == unix.EINPROGRESS {
		c.file = os.NewFile(uintptr(fd), "socket")
		return c
	}
	if fd >= 0 {
		if sa, err := unix.Getsockname(fd); err == nil {
			c.Local = addrPort(sa)
		}
		_ = unix.Close(fd)
	}
	return c
}

func (c *call) ended() bool { return c.errno != unix.EINPROGRESS }

// wait waits until the connect has ended. The socket is there afterwards only where it connected.
func (c *call) wait(ctx context.Context) {
	if !c.ended() {
		c.errno = wait(ctx, c.file, c.until)
	}
	c.Took = time.Since(c.Begin)
	c.Times.Connect = c.Took
	c.Local = localOf(c.file)
	if c.errno == 0 && c.Protocol == attempt.TCP && c.Local == c.Destination {
		// On loopback the kernel may choose the port as the source that it is sent to. The socket then connects to itself (RFC 9293, section 3.5,
		// simultaneous open), which shows that nobody listens there.
		c.errno = unix.ECONNREFUSED
	}
	if c.errno != 0 {
		_ = c.file.Close()
		c.file = nil
	}
}

// end is what came of it. It closes the socket.
func (c *call) end(answer *probe.Answer) probe.Result {
	if c.Took == 0 {
		c.Took = time.Since(c.Begin)
		c.Times.Connect = c.Took
	}
	if c.file != nil {
		_ = c.file.Close()
	}
	switch c.errno {
	case 0:
		c.Outcome, c.Stage = attempt.Outcome{Kind: attempt.Connected}, probe.StageDone
		if c.failed != nil {
			c.unanswered()
		}
	case silent:
		c.Outcome = attempt.Outcome{Kind: attempt.TimedOut}
	case unix.ECANCELED:
		c.Outcome = attempt.Outcome{Kind: attempt.Cancelled}
	default:
		c.Outcome = attempt.OutcomeOf(attempt.Errno(c.errno))
	}
	c.Answer = answer
	c.Judge()
	return c.Result
}

// unanswered is the end of a connection on which the handshake failed.
func (c *call) unanswered() {
	c.Stage = probe.StageHandshake
	c.Took = time.Since(c.Begin)
	var errno unix.Errno
	switch {
	case errors.Is(c.failed, os.ErrDeadlineExceeded):
		c.Outcome = attempt.Outcome{Kind: attempt.TimedOut}
	case errors.As(c.failed, &errno):
		c.Outcome = attempt.OutcomeOf(attempt.Errno(errno))
	}
	c.Words = c.failed.Error()
}

// silent stands for a time that ran out, which no errno of a call does before the kernel's own.
const silent = unix.Errno(0xfffe)

// open makes the socket, with its options and its bind.
func open(r *probe.Result) (int, unix.Errno) {
	family, v6 := unix.AF_INET, r.Destination.Addr().Is6()
	if v6 {
		family = unix.AF_INET6
	}
	kind := unix.SOCK_STREAM
	if r.Protocol == attempt.UDP {
		kind = unix.SOCK_DGRAM
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, errnoOf(err)
	}
	if r.Device != "" {
		if err := unix.BindToDevice(fd, r.Device); err != nil {
			return fd, errnoOf(err)
		}
	}
	if kind == unix.SOCK_STREAM { // the port is free again at once, and no other socket is kept from it
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		if r.Bare {
			keepBare(fd)
		}
	}
	if r.Source.Kind == attempt.SourceNone {
		return fd, 0
	}
	r.Stage = probe.StageBind
	if r.NoPort {
		if err := unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
			return fd, errnoOf(err)
		}
	}
	if r.Source.Addr.Port() != 0 { // several attempts may use the port one after the other
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}
	source := r.Source.Addr
	if r.Source.Kind == attempt.SourceAny {
		any := netip.IPv4Unspecified()
		if v6 {
			any = netip.IPv6Unspecified()
		}
		source = netip.AddrPortFrom(any, source.Port())
	}
	if err := unix.Bind(fd, sockaddr(source, v6)); err != nil {
		return fd, errnoOf(err)
	}
	return fd, 0
}

func connect(fd int, to netip.AddrPort) unix.Errno {
	if err := unix.Connect(fd, sockaddr(to, to.Addr().Is6())); err != nil {
		return errnoOf(err)
	}
	return 0
}

// settled is what a connect has come to, or EINPROGRESS.
func settled(fd int) unix.Errno {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	switch {
	case err != nil:
		return errnoOf(err)
	case n != 0:
		return unix.Errno(n)
	}
	if _, err := unix.Getpeername(fd); err != nil {
		return unix.EINPROGRESS
	}
	return 0
}

// wait waits until a connect has ended.
func wait(ctx context.Context, f *os.File, until time.Time) unix.Errno {
	rc, err := f.SyscallConn()
	if err != nil {
		return unix.EBADF
	}
	if err := f.SetWriteDeadline(until); err != nil {
		return unix.EBADF
	}
	stop := context.AfterFunc(ctx, func() { _ = f.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	var result unix.Errno
	err = rc.Write(func(fd uintptr) bool {
		result = settled(int(fd))
		return result != unix.EINPROGRESS
	})
	switch {
	case err == nil:
		_ = f.SetWriteDeadline(time.Time{})
		return result
	case ctx.Err() != nil:
		return unix.ECANCELED
	case errors.Is(err, os.ErrDeadlineExceeded):
		return silent
	}
	return errnoOf(err)
}

func localOf(f *os.File) netip.AddrPort {
	rc, err := f.SyscallConn()
	if err != nil {
		return netip.AddrPort{}
	}
	var a netip.AddrPort
	_ = rc.Control(func(fd uintptr) {
		if sa, err := unix.Getsockname(int(fd)); err == nil {
			a = addrPort(sa)
		}
	})
	return a
}

func sockaddr(a netip.AddrPort, v6 bool) unix.Sockaddr {
	if v6 {
		sa := &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
		return sa
	}
	return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().Unmap().As4()}
}

func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

func errnoOf(err error) unix.Errno {
	var e unix.Errno
	if errors.As(err, &e) {
		return e
	}
	return unix.EIO
}
