package attempt

import (
	"net/netip"
	"time"
)

// Probe is one packet to send, to see what comes back: a SYN, or a datagram.
type Probe struct {
	Protocol Protocol // TCP or UDP
	To       netip.AddrPort
	Hops     int // time to live, hop limit; 0: the kernel's own
	MinHops  int // the least time to live, hop limit, that an answer may arrive with (TCP; ip(7), IP_MINTTL); 0: any
	Size     int // of the whole IP packet, which may not be fragmented (UDP); 0: one byte of data
}

// Echo is what came back of a probe.
type Echo struct {
	Outcome Outcome    // Connected: a SYN was answered; InProgress: nothing came back
	From    netip.Addr // who sent an ICMP error; not valid: there was none, so it was a TCP answer, or the kernel's own error
	Type    uint8      // of the ICMP error
	Code    uint8
	Took    time.Duration
}

// ICMP types and codes that say why a packet went no further (RFC 792, RFC 1812 section 5.2.7.1, RFC 4443 section 3).
const (
	icmpUnreachable  = 3
	icmpExceeded     = 11
	icmp6Unreachable = 1
	icmp6Exceeded    = 3
)

// Expired reports whether a router said that the packet's hops were used up.
func (e *Echo) Expired() bool {
	return e.From.IsValid() && e.Code == 0 && (e.From.Is4() && e.Type == icmpExceeded || e.From.Is6() && e.Type == icmp6Exceeded)
}

// Prohibited reports whether the ICMP error says that a policy forbids it.
func (e *Echo) Prohibited() bool {
	switch {
	case !e.From.IsValid():
		return false
	case e.From.Is4():
		return e.Type == icmpUnreachable && (e.Code == 9 || e.Code == 10 || e.Code == 13)
	}
	return e.Type == icmp6Unreachable && (e.Code == 1 || e.Code == 5 || e.Code == 6)
}

// ICMP is the error in the words of its RFC: "host unreachable"; "" where there was none.
func (e *Echo) ICMP() string {
	switch {
	case !e.From.IsValid():
		return ""
	case e.Expired():
		return "time exceeded"
	case e.From.Is4() && e.Type == icmpUnreachable:
		return word4[e.Code]
	case e.From.Is6() && e.Type == icmp6Unreachable:
		return word6[e.Code]
	}
	return ""
}

var word4 = map[uint8]string{
	0: "network unreachable", 1: "host unreachable", 2: "protocol unreachable", 3: "port unreachable",
	9: "network administratively prohibited", 10: "host administratively prohibited", 13: "communication administratively prohibited",
}

var word6 = map[uint8]string{
	0: "no route to destination", 1: "communication administratively prohibited", 3: "address unreachable", 4: "port unreachable",
	5: "source address failed policy", 6: "reject route to destination",
}

// NextHop is where the kernel sends packets for a destination first.
type NextHop struct {
	Gateway   netip.Addr // not valid: the destination is on the link
	Source    netip.Addr // the address that the kernel sends from
	Interface int
	Local     bool // the destination is the machine itself
	Silent    bool // the neighbour was asked for its hardware address (ARP, NDP), and did not answer
}
