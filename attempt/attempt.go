// Package attempt holds the plain data that everything else speaks in: attempts, sources,
// outcomes, and the life of a socket, with their text forms. It does nothing but describe; it
// opens no socket and imports nothing of the project.
package attempt

import (
	"fmt"
	"net/netip"
	"strconv"
)

// Protocol is an IP protocol number as the kernel knows it (IPPROTO_* in <linux/in.h>).
// The zero value is IPPROTO_IP, "not known".
type Protocol uint16

// The protocols that client sockets are opened with.
const (
	ICMP   Protocol = 1
	TCP    Protocol = 6
	UDP    Protocol = 17
	ICMPv6 Protocol = 58
	SCTP   Protocol = 132
	MPTCP  Protocol = 262
)

var protocolNames = map[Protocol]string{
	ICMP: "icmp", TCP: "tcp", UDP: "udp", ICMPv6: "icmpv6", SCTP: "sctp", MPTCP: "mptcp",
}

// String returns the protocol's lower-case name, or "ip-N" for a number without one.
func (p Protocol) String() string {
	if n, ok := protocolNames[p]; ok {
		return n
	}
	return "ip-" + strconv.Itoa(int(p))
}

// MarshalText is String.
func (p Protocol) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (p *Protocol) UnmarshalText(b []byte) error {
	for k, n := range protocolNames {
		if n == string(b) {
			*p = k
			return nil
		}
	}
	var n uint16
	if _, err := fmt.Sscanf(string(b), "ip-%d", &n); err != nil {
		return fmt.Errorf("unknown protocol %q: want tcp, udp, mptcp, sctp, icmp, icmpv6 or ip-N", b)
	}
	*p = Protocol(n)
	return nil
}

// Stream reports whether the protocol makes connections, so that a bind before connect is a
// client's and a listen after bind a server's.
func (p Protocol) Stream() bool { return p == TCP || p == MPTCP || p == SCTP }

// SourceKind says what the program asked to send from.
type SourceKind uint8

// The kinds of source.
const (
	SourceNone  SourceKind = iota // no bind: the kernel chooses
	SourceAny                     // bind to the wildcard address
	SourceGiven                   // bind to one address
)

// Source is what the program asked to send from. The zero value is no bind at all.
type Source struct {
	Kind SourceKind
	Addr netip.AddrPort // as given to bind; not valid for SourceNone
}

// SourceOf is the source that a bind to addr asks for.
func SourceOf(addr netip.AddrPort) Source {
	switch {
	case !addr.IsValid():
		return Source{}
	case addr.Addr().Unmap().IsUnspecified():
		return Source{Kind: SourceAny, Addr: addr}
	}
	return Source{Kind: SourceGiven, Addr: addr}
}

// String is "none", "any", "any port 53", "10.0.0.1" or "10.0.0.1:53".
func (s Source) String() string {
	switch {
	case s.Kind == SourceNone:
		return "none"
	case s.Kind == SourceAny && s.Addr.Port() == 0:
		return "any"
	case s.Kind == SourceAny:
		return "any port " + strconv.Itoa(int(s.Addr.Port()))
	case s.Addr.Port() == 0:
		return s.Addr.Addr().String()
	}
	return s.Addr.String()
}

// MarshalText is String.
func (s Source) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Attempt is one try of a client socket to reach one destination.
type Attempt struct {
	Protocol    Protocol
	Source      Source
	Destination netip.AddrPort // not valid where the program never got as far as naming one
	Name        string         // the DNS name behind the destination; "" where not known
	Device      string         // the network device that the socket is bound to (SO_BINDTODEVICE, socket(7)); "" where to none
}

// String is "tcp to 192.0.2.1:80", with " from SOURCE" where a source was asked for, and " by device NAME" where a device was.
func (a Attempt) String() string {
	s := a.Protocol.String()
	if a.Destination.IsValid() {
		s += " to " + a.Destination.String()
		if a.Name != "" {
			s += " (" + a.Name + ")"
		}
	}
	if a.Source.Kind != SourceNone {
		s += " from " + a.Source.String()
	}
	if a.Device != "" {
		s += " by device " + a.Device
	}
	return s
}

// Family is the address family of a socket. The zero value is "not known".
type Family uint8

// The families that can leave the machine.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)

// FamilyOf is the family of an address; a v4-mapped IPv6 address is IPv4, as it is on the wire.
func FamilyOf(a netip.Addr) Family {
	switch {
	case !a.IsValid():
		return 0
	case a.Unmap().Is4():
		return IPv4
	}
	return IPv6
}

// String is "IPv4", "IPv6" or "unknown family".
func (f Family) String() string {
	switch f {
	case IPv4:
		return "IPv4"
	case IPv6:
		return "IPv6"
	}
	return "unknown family"
}
