package probe

import (
	"fmt"
	"net/netip"
)

// Refuser is who refused a TCP connection by a reset. Its sender is always the far end's name; how far it has come may tell more.
type Refuser struct {
	Name     string // of the destination; "" for an address
	To       netip.AddrPort
	OnLink   bool // there is no router between
	Distance int  // of the host, in hops; 0: not known
	Hops     int  // the fewest with which a SYN was refused; 0: none was
	Other    uint16
	Host     bool // it came from as far as the host is
	Nearer   bool // it came from nearer
}

// Words say who it was.
func (r *Refuser) Words() string {
	switch {
	case r.OnLink && r.Host:
		return "no router is between: the host itself, or its firewall, resets it"
	case r.Host:
		return fmt.Sprintf("the reset has come as far as the host is (hop %d): nothing listens there, or its own firewall resets it", r.Distance)
	case r.Nearer && r.Hops > 0 && r.Hops < r.Distance:
		return fmt.Sprintf("something on the way resets it in the host's name: at hop %d already, and the host is at hop %d", r.Hops, r.Distance)
	case r.Nearer:
		return fmt.Sprintf("something on the way resets it in the host's name: the reset came with more hops left than the answer of port %d", r.Other)
	case r.Hops == 0:
		return "it is refused no longer"
	}
	return "by the far end, or something in its name: how far away it is does not show (not certain)"
}
