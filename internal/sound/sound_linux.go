package sound

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/sys/unix"
)

// sounding is a probe under way.
type sounding struct {
	fd    int // -1: over
	stamp time.Time
	echo  *attempt.Echo
}

// Sound sends probes, all at the same time, and reports what came back of each by the end of ctx, or once all were answered. Who sent an ICMP
// error is told by the socket's error queue (ip(7), IP_RECVERR), also to a TCP socket whose SYN it was.
func Sound(ctx context.Context, probes []attempt.Probe) ([]attempt.Echo, error) {
	echoes := make([]attempt.Echo, len(probes))
	var open []sounding
	defer func() {
		for _, s := range open {
			_ = unix.Close(s.fd)
		}
	}()
	for i, p := range probes {
		fd, err := probeSocket(&p)
		if err != nil {
			return nil, err
		}
		s := sounding{fd: fd, stamp: time.Now(), echo: &echoes[i]}
		open = append(open, s)
		if err := s.send(&p); err != nil && err != unix.EINPROGRESS {
			echoes[i].Outcome = ended(err)
		}
	}
	waiting := make([]sounding, 0, len(open))
	for _, s := range open {
		if s.echo.Outcome.Kind == attempt.InProgress {
			waiting = append(waiting, s)
		}
	}
	return echoes, await(ctx, waiting)
}

// probeSocket makes the socket that a probe goes out of.
func probeSocket(p *attempt.Probe) (int, error) {
	to := p.To.Addr().Unmap()
	domain, typ := unix.AF_INET, unix.SOCK_STREAM
	if to.Is6() {
		domain = unix.AF_INET6
	}
	if p.Protocol == attempt.UDP {
		typ = unix.SOCK_DGRAM
	}
	fd, err := unix.Socket(domain, typ|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("make a socket: %w", err)
	}
	level, recverr, hops, discover := unix.IPPROTO_IP, unix.IP_RECVERR, unix.IP_TTL, unix.IP_MTU_DISCOVER
	if domain == unix.AF_INET6 {
		level, recverr, hops, discover = unix.IPPROTO_IPV6, unix.IPV6_RECVERR, unix.IPV6_UNICAST_HOPS, unix.IPV6_MTU_DISCOVER
	}
	err = unix.SetsockoptInt(fd, level, recverr, 1)
	if err == nil && p.Hops > 0 {
		err = unix.SetsockoptInt(fd, level, hops, p.Hops)
	}
	if err == nil && p.MinHops > 0 {
		level, least := unix.IPPROTO_IP, unix.IP_MINTTL
		if domain == unix.AF_INET6 {
			level, least = unix.IPPROTO_IPV6, unix.IPV6_MINHOPCOUNT
		}
		err = unix.SetsockoptInt(fd, level, least, p.MinHops)
	}
	if err == nil && p.Size > 0 {
		err = unix.SetsockoptInt(fd, level, discover, unix.IP_PMTUDISC_PROBE) // as for IPv6: don't fragment, whatever is known of the path
	}
	if err == nil && typ == unix.SOCK_STREAM {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_SYNCNT, 2)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("prepare a probe: %w", err)
	}
	return fd, nil
}

// The lengths of headers that come before a datagram's data.
const (
	udpHeader  = 8
	ip4Header  = 20
	ip6Header  = 40
	soundSlice = 20 * time.Millisecond // how long a wait goes on before ctx is looked at again
)

func (s *sounding) send(p *attempt.Probe) error {
	to := netip.AddrPortFrom(p.To.Addr().Unmap(), p.To.Port())
	if err := unix.Connect(s.fd, sockaddr(to)); err != nil || p.Protocol != attempt.UDP {
		return err
	}
	data := 1
	if p.Size > 0 {
		data = p.Size - udpHeader - ip4Header
		if to.Addr().Is6() {
			data = p.Size - udpHeader - ip6Header
		}
	}
	_, err := unix.Write(s.fd, make([]byte, max(data, 1)))
	if err == nil {
		return unix.EINPROGRESS
	}
	return err
}

// await waits for what comes back.
func await(ctx context.Context, waiting []sounding) error {
	for len(waiting) > 0 && ctx.Err() == nil {
		polled := make([]unix.PollFd, len(waiting))
		for i, s := range waiting {
			polled[i] = unix.PollFd{Fd: int32(s.fd), Events: unix.POLLIN}
			if kind, _ := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_TYPE); kind == unix.SOCK_STREAM {
				polled[i].Events = unix.POLLOUT
			}
		}
		if _, err := unix.Poll(polled, int(soundSlice.Milliseconds())); err != nil && err != unix.EINTR {
			return fmt.Errorf("poll: %w", err)
		}
		left := waiting[:0]
		for i, s := range waiting {
			if polled[i].Revents == 0 {
				left = append(left, s)
				continue
			}
			s.answered()
		}
		waiting = left
	}
	return nil
}

// answered reads what came back.
func (s *sounding) answered() {
	s.echo.Took = time.Since(s.stamp)
	s.readError()
	errno, _ := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if errno != 0 || s.echo.Outcome.Kind == attempt.InProgress {
		s.echo.Outcome = attempt.OutcomeOf(attempt.Errno(errno))
	}
}

// readError reads the first error off the socket's queue.
func (s *sounding) readError() {
	if e, ok := ReadError(s.fd); ok {
		e.Took = s.echo.Took
		*s.echo = e
	}
}

// ReadError reads the first error off a socket's queue: a struct sock_extended_err, and behind it the address of who sent it (ip(7)). It reports
// whether there was one; From is only valid where that came by ICMP.
func ReadError(fd int) (e attempt.Echo, ok bool) {
	// poll(2) tells for less that there is none: who is refused by a reset is many.
	p := [1]unix.PollFd{{Fd: int32(fd)}}
	if n, err := unix.Poll(p[:], 0); err == nil && (n == 0 || p[0].Revents&unix.POLLERR == 0) {
		return e, false
	}
	var data [64]byte
	var oob [256]byte
	_, n, _, _, err := unix.Recvmsg(fd, data[:], oob[:], unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
	if err != nil {
		return e, false
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil {
		return e, false
	}
	const header = 16
	for _, m := range messages {
		ip4 := m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_RECVERR
		ip6 := m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_RECVERR
		if !ip4 && !ip6 || len(m.Data) < header {
			continue
		}
		ok = true
		e.Outcome = attempt.OutcomeOf(attempt.Errno(binary.NativeEndian.Uint32(m.Data)))
		origin, sender := m.Data[4], m.Data[header:]
		switch {
		case origin == unix.SO_EE_ORIGIN_ICMP && len(sender) >= unix.SizeofSockaddrInet4:
			e.From = netip.AddrFrom4([4]byte(sender[4:8]))
		case origin == unix.SO_EE_ORIGIN_ICMP6 && len(sender) >= unix.SizeofSockaddrInet6:
			e.From = netip.AddrFrom16([16]byte(sender[8:24]))
		default:
			continue
		}
		e.Type, e.Code = m.Data[5], m.Data[6]
	}
	return e, ok
}

// sockaddr is an address as the kernel takes it.
func sockaddr(ap netip.AddrPort) unix.Sockaddr {
	if ap.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(ap.Port()), Addr: ap.Addr().As16()}
}

func ended(err error) attempt.Outcome {
	var errno unix.Errno
	if err == nil || !errors.As(err, &errno) {
		return attempt.OutcomeOf(0)
	}
	return attempt.OutcomeOf(attempt.Errno(errno))
}
