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

// dialer makes the calls of attempts. It is for one goroutine.
type dialer struct {
	reuse bool // a socket that was refused may be used again
	used  [2]int
	sa4   unix.SockaddrInet4 // so that none is allocated for each call
	sa6   unix.SockaddrInet6
}

func newDialer(reuse bool) dialer { return dialer{reuse: reuse, used: [2]int{-1, -1}} }

func (d *dialer) close() {
	for i, fd := range d.used {
		if fd >= 0 {
			_ = unix.Close(fd)
			d.used[i] = -1
		}
	}
}

// dial makes a socket and connects it. The socket is there where the connect has succeeded, or goes on: EINPROGRESS.
func (d *dialer) dial(c *call) (int, unix.Errno) {
	c.AtOnce = false
	again := d.reuse && c.Protocol == attempt.TCP && c.Source.Kind == attempt.SourceNone && c.Device == "" && !c.Bare
	last := &d.used[0]
	if c.Peer().Addr().Is6() {
		last = &d.used[1]
	}
	fd, errno := *last, unix.Errno(0)
	if again && fd >= 0 {
		*last = -1
	} else {
		fd, errno = open(&c.Result)
	}
	if errno == 0 {
		c.Stage = probe.StageConnect
		switch errno = d.connect(fd, c.Peer()); {
		case errno != unix.EINPROGRESS:
			c.AtOnce = errno != 0
		case again: // connect(2) once more says what came of it, and makes the socket as it was before: inet_stream_connect, net/ipv4/af_inet.c
			switch errno = d.connect(fd, c.Peer()); errno {
			case unix.EALREADY:
				errno = unix.EINPROGRESS
			case unix.EISCONN:
				errno = 0
			}
		default:
			errno = settled(fd) // the answer of a host nearby is there already
		}
	}
	if errno == 0 || errno == unix.EINPROGRESS {
		return fd, errno
	}
	if fd >= 0 {
		c.lost(fd)
		if again && errno == unix.ECONNREFUSED && *last < 0 {
			*last = fd
			return -1, errno
		}
		c.Local = localOf(fd)
		_ = unix.Close(fd)
	}
	return -1, errno
}

// lost is where an attempt's socket is there for the last time, which has failed.
func (c *call) lost(fd int) { c.hear(fd) }

// passing reports whether an errno is of the moment rather than of the place: the attempt is made again then.
func (d *dialer) passing(c *call, errno unix.Errno) bool {
	switch errno {
	case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.EAGAIN:
		return c.AtOnce || c.Stage < probe.StageConnect
	case unix.EADDRINUSE: // no port is free, or an attempt before has the one that was asked for
		return c.Stage == probe.StageBind
	case unix.EADDRNOTAVAIL: // no port is free to this destination; or this host has no address of the family
		return c.Stage == probe.StageConnect && c.AtOnce && d.hasSource(c)
	}
	return false
}

// hasSource reports whether the kernel finds a source address for the destination of an attempt: connect(2) of a UDP socket sends nothing.
func (d *dialer) hasSource(c *call) bool {
	try := c.Result
	try.Protocol = attempt.UDP
	try.Source.Addr = netip.AddrPortFrom(try.Source.Addr.Addr(), 0)
	fd, errno := open(&try)
	if fd >= 0 {
		defer unix.Close(fd)
	}
	return errno != 0 || d.connect(fd, c.Peer()) != unix.EADDRNOTAVAIL
}

// end is what came of it. It closes the socket.
func (c *call) end(answer *probe.Answer) probe.Result {
	if c.Took == 0 {
		c.Took = time.Since(c.Begin)
		c.Times.Connect = c.Took
	}
	if c.file != nil {
		onSocket(c.file, func(fd int) {
			if c.failed != nil {
				c.hear(fd)
			}
			if c.errno == 0 && c.Protocol == attempt.TCP {
				c.segments(fd)
			}
		})
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
	switch {
	case c.doubt:
		c.Verdict, c.Layer, c.Words = probe.Inconclusive, probe.NoLayer, "the network loses so many packets that silence is no sign"
	case c.errno == unix.EADDRNOTAVAIL && c.Stage == probe.StageConnect && c.Tries == 0:
		c.Verdict, c.Layer, c.Words = probe.Inconclusive, probe.NoLayer, "this host had no free port"
	}
	c.Tries = max(c.Tries, 1)
	return c.Result
}

// unanswered is the end of a connection on which the handshake failed.
func (c *call) unanswered() {
	c.Stage = probe.StageHandshake
	c.Took = time.Since(c.Begin)
	var at *proxyError
	if errors.As(c.failed, &at) {
		c.Stage, c.Outcome, c.Said, c.Words = probe.StageProxy, at.outcome, at.said, at.words
		return
	}
	var errno unix.Errno
	var hole *blackHole
	if errors.As(c.failed, &hole) {
		c.BlackHole = hole.BlackHole
	}
	switch {
	case errors.Is(c.failed, os.ErrDeadlineExceeded):
		c.Outcome = attempt.Outcome{Kind: attempt.TimedOut}
	case errors.Is(c.failed, context.Canceled):
		c.Outcome = attempt.Outcome{Kind: attempt.Cancelled}
	case errors.As(c.failed, &errno):
		c.Outcome = attempt.OutcomeOf(attempt.Errno(errno))
	}
	c.Words = c.failed.Error()
}

func (s *scheduler) meet(ctx context.Context, a *probe.Attempt, c *call) *probe.Answer {
	c.overhearErrors()
	begin := time.Now()
	answer, err := s.greet(ctx, a, c.file, s.limits.Timeout)
	c.Times.Handshake = time.Since(begin)
	if answer != nil && answer.TLS != nil {
		c.Times.TLS = answer.TLS.Took
		c.Times.Handshake -= c.Times.TLS
	}
	if err != nil {
		c.failed = err
	}
	return answer
}

// silent stands for a time that ran out, which no errno of a call does before the kernel's own.
const silent = unix.Errno(0xfffe)

// open makes the socket, with its options and its bind.
func open(r *probe.Result) (int, unix.Errno) {
	family, v6 := unix.AF_INET, r.Peer().Addr().Is6()
	if v6 {
		family = unix.AF_INET6
	}
	kind := unix.SOCK_STREAM
	if r.Protocol == attempt.UDP {
		kind = unix.SOCK_DGRAM
	}
	r.Stage = probe.StageSocket
	fd, err := unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, errnoOf(err)
	}
	if err := setOptions(fd, r); err != nil {
		return fd, errnoOf(err)
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

// setOptions sets what a socket needs before it is bound or connected. Each option costs a call for each attempt.
func setOptions(fd int, r *probe.Result) error {
	if r.Bare && r.Protocol == attempt.TCP {
		keepBare(fd)
	}
	hearErrors(fd, r.Destination.Addr().Is6(), r.Protocol == attempt.TCP)
	if r.Device != "" {
		return unix.BindToDevice(fd, r.Device)
	}
	return nil
}

func (d *dialer) connect(fd int, to netip.AddrPort) unix.Errno {
	var sa unix.Sockaddr = &d.sa4
	if a := to.Addr(); a.Is6() {
		d.sa6.Port, d.sa6.Addr = int(to.Port()), a.As16()
		sa = &d.sa6
	} else {
		d.sa4.Port, d.sa4.Addr = int(to.Port()), a.As4()
	}
	if err := unix.Connect(fd, sa); err != nil {
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

func localOf(fd int) netip.AddrPort {
	if sa, err := unix.Getsockname(fd); err == nil {
		return addrPort(sa)
	}
	return netip.AddrPort{}
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
	if e, ok := err.(unix.Errno); ok { //nolint:errorlint // as package unix returns it, unwrapped
		return e
	}
	return unix.EIO
}
