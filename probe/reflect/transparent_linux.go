package reflect

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// transparent lets a socket take what was sent to other ports (TPROXY; ip(7), IP_TRANSPARENT).
func transparent(fd int, v6 bool) error {
	if v6 {
		return unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_TRANSPARENT, 1)
	}
	return unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_TRANSPARENT, 1)
}

// transparentPackets is transparent, and has the kernel tell where each datagram was sent.
func transparentPackets(fd int, v6 bool) error {
	if err := transparent(fd, v6); err != nil {
		return err
	}
	if v6 {
		return unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_RECVORIGDSTADDR, 1)
	}
	return unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_RECVORIGDSTADDR, 1)
}

// listenAll answers on every port of addresses, but those that something else has, and those that are left alone.
func (s *Server) listenAll(addrs []netip.Addr, except []Ports) error {
	var to []steered
	for _, a := range addrs {
		if !isLocal(a) {
			return fmt.Errorf("all ports of %v: this host does not have the address; ip addr shows those that it has, ip addr add %v/%d dev lo adds it", a, a, a.BitLen())
		}
		if err := canAnswer(a); err != nil {
			return err
		}
		l, p, err := s.open(netip.AddrPortFrom(a, 0), true)
		if err != nil {
			return err
		}
		s.listeners, s.packets = append(s.listeners, l), append(s.packets, p)
		to = append(to, steered{a, p.bound.Port()})
	}
	var err error
	s.rules, err = steer(to, except)
	return err
}

// isLocal reports whether this host has an address: whether it can be bound (with net.ipv4.ip_nonlocal_bind each can, and nothing reaches a wrong one).
func isLocal(a netip.Addr) bool {
	if a.IsUnspecified() || a.IsMulticast() {
		return false
	}
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// canAnswer tries what an answer from a port below 1024 takes: without that right they would be lost in silence.
func canAnswer(a netip.Addr) error {
	fd, err := answerFrom(netip.AddrPortFrom(a, 1))
	switch {
	case errors.Is(err, unix.EACCES):
		return fmt.Errorf("answer from ports below 1024 of %v: %w: all ports take CAP_NET_BIND_SERVICE beside CAP_NET_ADMIN; run it as root, or once: setcap cap_net_admin,cap_net_bind_service=ep $(command -v sallyport-probe)", a, err)
	case err == nil:
		_ = unix.Close(fd)
	}
	return nil // what else fails, the listening socket will tell
}

// answerFrom is a socket that sends from an address and port that is not the listening socket's.
func answerFrom(from netip.AddrPort) (int, error) {
	family := unix.AF_INET
	if from.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) // another answer from there may be on its way
	if err = transparent(fd, from.Addr().Is6()); err == nil {
		err = unix.Bind(fd, sockaddr(from))
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// sendFrom sends a datagram from an address and port that is not the listening socket's, by a socket of its own.
func sendFrom(b []byte, to, from netip.AddrPort) error {
	fd, err := answerFrom(from)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Sendto(fd, b, 0, sockaddr(to))
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	sa := &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	if zone := a.Addr().Zone(); zone != "" {
		if i, err := net.InterfaceByName(zone); err == nil {
			sa.ZoneId = uint32(i.Index)
		}
	}
	return sa
}
