package measure

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/internal/sound"
	"github.com/sallyport/sallyport/probe"
)

// hearErrors has ICMP errors put on the socket's error queue, with their senders (ip(7), IP_RECVERR). A TCP socket of IPv4 has the one that ended its
// connect there without that (Linux 5.9, tcp_v4_err); of IPv6 it has to ask (ipv6_icmp_error). A UDP socket hears of more errors then: of
// each router that has no way on.
func hearErrors(fd int, v6, stream bool) {
	switch {
	case v6:
		_ = unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_RECVERR, 1)
	case !stream:
		_ = unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_RECVERR, 1)
	}
}

// overhearErrors takes it back of a TCP socket that has connected: a connection lives on where a router has no way for a moment, but for
// sockets that asked for errors (tcp_v6_err).
func (c *call) overhearErrors() {
	if !c.Protocol.Stream() || !c.Destination.Addr().Is6() {
		return
	}
	onSocket(c.file, func(fd int) { _ = unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_RECVERR, 0) })
}

// hear reads who sent the ICMP error that ended an attempt.
func (c *call) hear(fd int) {
	if e, ok := sound.ReadError(fd); ok && e.From.IsValid() {
		c.Rejection = probe.Rejection{From: e.From, Type: e.Type, Code: e.Code}
	}
}

func onSocket(f *os.File, do func(fd int)) {
	if rc, err := f.SyscallConn(); err == nil {
		_ = rc.Control(func(fd uintptr) { do(int(fd)) })
	}
}
