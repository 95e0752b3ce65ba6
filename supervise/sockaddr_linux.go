package supervise

import (
	"encoding/binary"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"
)

// Lengths that the kernel takes for an address, net/ipv4/af_inet.c and net/ipv6/af_inet6.c.
const (
	sizeofSockaddrIn  = 16
	sizeofSockaddrIn6 = 28
	minSockaddrIn6    = 24 // SIN6_LEN_RFC2133
	maxSockaddr       = 128
)

// sockaddr is an address as a program passed it, in the kernel's layout.
type sockaddr []byte

// family is AF_*, or AF_UNSPEC where the address is too short to say.
func (a sockaddr) family() int {
	if len(a) < 2 {
		return unix.AF_UNSPEC
	}
	return int(binary.NativeEndian.Uint16(a))
}

// inet reports whether it is an address that can leave the machine, or dissolves an association.
func (a sockaddr) inet() bool {
	f := a.family()
	return f == unix.AF_INET || f == unix.AF_INET6
}

// addrPort is the address, not valid where it is none of IPv4 or IPv6 or too short.
func (a sockaddr) addrPort() netip.AddrPort {
	switch {
	case a.family() == unix.AF_INET && len(a) >= sizeofSockaddrIn:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(a[4:8])), binary.BigEndian.Uint16(a[2:]))
	case a.family() == unix.AF_INET6 && len(a) >= minSockaddrIn6:
		ip := netip.AddrFrom16([16]byte(a[8:24]))
		if len(a) >= sizeofSockaddrIn6 && ip.IsLinkLocalUnicast() {
			if scope := binary.NativeEndian.Uint32(a[24:]); scope != 0 {
				ip = ip.WithZone(strconv.Itoa(int(scope)))
			}
		}
		return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(a[2:]))
	}
	return netip.AddrPort{}
}

// sockaddrOf lays an address out for a socket of a domain: an IPv4 address for an AF_INET6 socket is mapped.
func sockaddrOf(ap netip.AddrPort, domain int) sockaddr {
	if domain == unix.AF_INET {
		a := make(sockaddr, sizeofSockaddrIn)
		binary.NativeEndian.PutUint16(a, unix.AF_INET)
		binary.BigEndian.PutUint16(a[2:], ap.Port())
		ip := ap.Addr().Unmap().As4()
		copy(a[4:], ip[:])
		return a
	}
	a := make(sockaddr, sizeofSockaddrIn6)
	binary.NativeEndian.PutUint16(a, unix.AF_INET6)
	binary.BigEndian.PutUint16(a[2:], ap.Port())
	ip := ap.Addr().As16()
	copy(a[8:], ip[:])
	if scope, err := strconv.Atoi(ap.Addr().Zone()); err == nil {
		binary.NativeEndian.PutUint32(a[24:], uint32(scope))
	}
	return a
}
