package reflect

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// packets is one UDP socket.
type packets struct {
	s     *Server
	sock  *net.UDPConn
	bound netip.AddrPort
	all   bool // it gets the datagrams to all ports of bound's address
}

// maxDatagram is how much of a datagram is read: as much as an Ethernet frame has.
const maxDatagram = 2048

// serve answers datagrams until the socket is closed.
func (u *packets) serve() {
	b, oob := make([]byte, maxDatagram), make([]byte, 256)
	for {
		n, m, flags, from, err := u.sock.ReadMsgUDPAddrPort(b, oob)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			<-time.After(restTime)
			continue
		case flags&unix.MSG_TRUNC != 0:
			continue
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		to := u.reached(oob[:m])
		if answer := u.s.datagram(b[:n], from, to, time.Now()); answer != nil {
			u.send(answer, from, to)
		}
	}
}

// reached is where a datagram arrived.
func (u *packets) reached(oob []byte) netip.AddrPort {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return u.bound
	}
	for i := range messages {
		m := &messages[i]
		if sa, err := unix.ParseOrigDstAddr(m); err == nil {
			switch sa := sa.(type) {
			case *unix.SockaddrInet4:
				return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
			case *unix.SockaddrInet6:
				return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
			}
		}
		switch {
		case m.Header.Level == unix.SOL_IP && m.Header.Type == unix.IP_PKTINFO && len(m.Data) >= unix.SizeofInet4Pktinfo:
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte(m.Data[8:12])), u.bound.Port()) // ipi_addr (ip(7)): the header's destination
		case m.Header.Level == unix.SOL_IPV6 && m.Header.Type == unix.IPV6_PKTINFO && len(m.Data) >= unix.SizeofInet6Pktinfo:
			return netip.AddrPortFrom(netip.AddrFrom16([16]byte(m.Data[:16])), u.bound.Port())
		}
	}
	return u.bound
}

// send answers from where the datagram arrived.
func (u *packets) send(b []byte, to, from netip.AddrPort) {
	if u.all && from != u.bound {
		_ = sendFrom(b, to, from)
		return
	}
	var oob []byte
	switch a := from.Addr(); {
	case a.Is4():
		oob = unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: a.As4()})
	case !a.IsLinkLocalUnicast(): // which the interface of the destination says
		oob = unix.PktInfo6(&unix.Inet6Pktinfo{Addr: a.As16()})
	}
	_, _, _ = u.sock.WriteMsgUDPAddrPort(b, oob, to)
}

// datagram is the answer to one; nil for silence. It is never longer than what it answers.
func (s *Server) datagram(b []byte, from, to netip.AddrPort, now time.Time) []byte {
	text, body, ok := CutLine(b)
	if !ok {
		s.count(func(t *Stats) { t.Unproven++ })
		return nil
	}
	p, f, ok := s.admit(text)
	if !ok || f != fresh { // by UDP also a clock that is off gets no answer: its proof may be an old one from a forged address
		return nil
	}
	if !s.pace.allow(sourceOf(from.Addr()), now) {
		s.count(func(t *Stats) { t.TooMany++ })
		return nil
	}
	seen := &Seen{Time: now.UnixMilli(), Peer: from, Local: to, Protocol: "udp", Bytes: s.bytes(&p, body)}
	line := Line(s.token.seal(&p, seen))
	if len(line) > len(b) {
		s.count(func(t *Stats) { t.TooShort++ })
		return nil
	}
	s.note(seen)
	return append([]byte(line), s.token.Body(&p, Back, len(b)-len(line))...)
}
