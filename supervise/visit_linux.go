package supervise

import (
	"context"
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/sys/unix"
)

// visitSlice is how long a wait goes on before ctx is looked at again.
const visitSlice = 20 * time.Millisecond

const (
	visitWait    = 700 * time.Millisecond // for the other end to close, or to greet
	visitSettle  = 50 * time.Millisecond  // for the kernel to tell of sockets that it destroyed
	visitRepeats = 3                      // connections whose other end is wiped that show that it is no coincidence
)

// Visit makes a TCP connection from where the program stands, and under the same profile, as Try does; sends nothing; and reports what the other
// end does, and whether it is a socket of the same network namespace.
func (s *Supervisor) Visit(ctx context.Context, pid int, to netip.AddrPort) (attempt.Visit, error) {
	var v attempt.Visit
	if s.enforcing() {
		if o, denied := s.decide(attempt.Attempt{Protocol: attempt.TCP, Destination: to}); denied {
			v.Outcome = o
			return v, nil
		}
	}
	err := inNamespaceOf(pid, func() error {
		var err error
		v, err = visit(ctx, to)
		return err
	})
	return v, err
}

// visit is Visit in this thread's network namespace. A socket that resets its connection is wiped of its peer when the kernel tells of its
// end, and its port alone is left: the same in each of several connections.
func visit(ctx context.Context, to netip.AddrPort) (attempt.Visit, error) {
	var wiped map[uint16]int
	for i := 1; ; i++ {
		var seen far
		v, err := seen.visit(ctx, to)
		if err != nil || v.Outcome.Kind != attempt.Connected {
			return v, err
		}
		v.Inside = seen.end
		inode := seen.inode
		if !v.Inside.IsValid() && v.Reset {
			next := make(map[uint16]int)
			for port := range seen.wiped {
				if i == 1 || wiped[port] == i-1 {
					next[port] = i
				}
			}
			wiped = next
			if len(wiped) > 0 && i < visitRepeats && ctx.Err() == nil {
				continue
			}
			for port := range wiped {
				if listener := listenerAt(to.Addr(), port); wiped[port] == visitRepeats && len(wiped) == 1 && listener != 0 {
					v.Inside, inode = netip.AddrPortFrom(anyOf(to.Addr()), port), listener
				}
			}
		}
		if v.Inside.IsValid() {
			if inode == 0 {
				inode = listenerAt(to.Addr(), v.Inside.Port())
			}
			if at, ok := socketHolders()[inode]; ok && inode != 0 {
				v.Holder = readProcess(at.pid, nil)
			}
		}
		return v, nil
	}
}

// far is what was seen of the other end of one connection in this thread's network namespace.
type far struct {
	near  netip.AddrPort  // our end
	end   netip.AddrPort  // not valid: not seen
	inode uint64          // of its socket; 0 where it is gone
	wiped map[uint16]bool // the ports of sockets that were wiped meanwhile
}

func (f *far) visit(ctx context.Context, to netip.AddrPort) (attempt.Visit, error) {
	var v attempt.Visit
	destroyed, err := destroyedTCP()
	if err != nil {
		destroyed = -1 // a dump may show it all the same
	} else {
		defer unix.Close(destroyed)
	}
	begin := time.Now()
	fd, o, err := connectSocket(ctx, to)
	v.Took, v.Outcome = time.Since(begin), o
	if err != nil {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
		return v, err
	}
	k := socket{fd: fd}
	f.near = k.getsockname()
	f.near = netip.AddrPortFrom(f.near.Addr().Unmap(), f.near.Port())
	switch o.Kind {
	case attempt.Connected:
		f.dump(to.Addr())
		awaitPeer(ctx, fd, &v)
		f.dump(to.Addr())
	case attempt.Reset: // after it had been accepted: a SYN that is not is refused
		v.Outcome, v.Closed, v.Reset = ended(nil), true, true
	}
	_ = unix.Close(fd)
	if destroyed >= 0 && !f.end.IsValid() {
		f.listen(destroyed)
	}
	return v, nil
}

// awaitPeer waits for what the other end does. Its greeting is left unread.
func awaitPeer(ctx context.Context, fd int, v *attempt.Visit) {
	begin := time.Now()
	for ctx.Err() == nil && !v.Closed && v.Received == 0 && time.Since(begin) < visitWait {
		polled := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN | unix.POLLRDHUP}}
		if _, err := unix.Poll(polled, int(visitSlice.Milliseconds())); err != nil && err != unix.EINTR {
			break
		}
		if polled[0].Revents == 0 {
			continue
		}
		n, _, err := unix.Recvfrom(fd, make([]byte, 1<<12), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		switch {
		case err == unix.EAGAIN || err == unix.EINTR:
		case err != nil:
			v.Closed, v.Reset = true, err == unix.ECONNRESET
		case n == 0:
			v.Closed = true
		default:
			v.Received = n
		}
	}
	v.Lasted = time.Since(begin)
}

// dump looks for the socket at the other end.
func (f *far) dump(to netip.Addr) {
	for _, family := range families(to) {
		_ = dumpSockets(family, diagnosedStates, func(m diagMessage) {
			if m.peer() == f.near && m.source() != f.near && m.source().Port() != 0 {
				f.end, f.inode = m.source(), m.inode()
			}
		})
	}
}

// families are the families whose sockets an address may be connected to: one of IPv6 takes IPv4 as well.
func families(to netip.Addr) []uint8 {
	if to.Unmap().Is4() {
		return []uint8{unix.AF_INET, unix.AF_INET6}
	}
	return []uint8{unix.AF_INET6}
}

// anyOf is the unspecified address of a family: which it was is not known.
func anyOf(a netip.Addr) netip.Addr {
	if a.Unmap().Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// listen reads of the sockets that were destroyed meanwhile.
func (f *far) listen(fd int) {
	f.wiped = make(map[uint16]bool)
	b := make([]byte, 1<<13)
	for end := time.Now().Add(visitSettle); ; {
		n, _, err := unix.Recvfrom(fd, b, unix.MSG_DONTWAIT)
		switch {
		case err == unix.ENOBUFS || err == unix.EINTR:
			continue
		case err == unix.EAGAIN && time.Now().Before(end):
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(visitSettle.Milliseconds()))
			continue
		case err != nil:
			return
		}
		for m := range diagMessages(b[:n]) {
			switch {
			case m.source() == f.near:
			case m.peer() == f.near:
				f.end = m.source()
			case m.peer().Port() == 0 && m.source().Port() != 0:
				f.wiped[m.source().Port()] = true
			}
		}
	}
}

// listenerAt is the inode of the socket that listens on a port; 0 where there is none.
func listenerAt(to netip.Addr, port uint16) (inode uint64) {
	for _, family := range families(to) {
		_ = dumpSockets(family, 1<<tcpListen, func(m diagMessage) {
			if m.source().Port() == port {
				inode = m.inode()
			}
		})
	}
	return inode
}
