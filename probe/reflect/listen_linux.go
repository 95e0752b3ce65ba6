package reflect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// options are set on a socket before it is bound.
type options func(fd int, v6 bool) error

// open listens by TCP and UDP on one address and port; on port 0, on one that the kernel chooses.
func (s *Server) open(a netip.AddrPort, all bool) (*net.TCPListener, *packets, error) {
	suffix := "4"
	if a.Addr().Is6() {
		suffix = "6"
	}
	tcpOptions, udpOptions := options(nil), options(packetInfo)
	if all {
		tcpOptions, udpOptions = transparent, transparentPackets
	}
	l, err := listenConfig(tcpOptions).Listen(context.Background(), "tcp"+suffix, a.String())
	if err != nil {
		return nil, nil, listenError(err, a, "tcp")
	}
	tcp := l.(*net.TCPListener)
	bound := netip.AddrPortFrom(a.Addr(), uint16(tcp.Addr().(*net.TCPAddr).Port))
	c, err := listenConfig(udpOptions).ListenPacket(context.Background(), "udp"+suffix, bound.String())
	if err != nil {
		_ = tcp.Close()
		return nil, nil, listenError(err, bound, "udp")
	}
	return tcp, &packets{s: s, sock: c.(*net.UDPConn), bound: bound, all: all}, nil
}

func (s *Server) listen(a netip.AddrPort) error {
	l, p, err := s.open(a, false)
	if err != nil {
		return err
	}
	s.listeners, s.packets = append(s.listeners, l), append(s.packets, p)
	return nil
}

func listenConfig(o options) *net.ListenConfig {
	c := &net.ListenConfig{KeepAlive: -1}
	c.SetMultipathTCP(false)
	if o != nil {
		c.Control = func(network, _ string, rc syscall.RawConn) error {
			var err error
			if bad := rc.Control(func(fd uintptr) { err = o(int(fd), network[len(network)-1] == '6') }); bad != nil {
				return bad
			}
			return err
		}
	}
	return c
}

// packetInfo has the kernel tell to which address each datagram was sent: an answer has to come from there.
func packetInfo(fd int, v6 bool) error {
	if v6 {
		return unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_RECVPKTINFO, 1)
	}
	return unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_PKTINFO, 1)
}

// listenError says what to do.
func listenError(err error, a netip.AddrPort, protocol string) error {
	hint := ""
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		hint = fmt.Sprintf(": another program has this port; ss -lnp 'sport = %d' shows which, --listen takes another", a.Port())
	case errors.Is(err, unix.EADDRNOTAVAIL):
		hint = ": this host does not have the address; ip addr shows those that it has"
	case errors.Is(err, unix.EACCES):
		hint = ": ports below net.ipv4.ip_unprivileged_port_start are for root, or a program with CAP_NET_BIND_SERVICE"
	case errors.Is(err, unix.EPERM):
		hint = ": all ports of an address take CAP_NET_ADMIN (IP_TRANSPARENT); run it as root, or once: setcap cap_net_admin,cap_net_bind_service=ep $(command -v sallyport-probe)"
	case errors.Is(err, unix.EAFNOSUPPORT):
		hint = ": this host has no such addresses"
	}
	var errno unix.Errno
	if errors.As(err, &errno) {
		return fmt.Errorf("listen on %v by %s: %w%s", a, protocol, errno, hint)
	}
	return fmt.Errorf("listen on %v by %s: %w", a, protocol, err)
}
