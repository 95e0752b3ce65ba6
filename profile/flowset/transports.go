package flowset

import (
	"iter"
	"strconv"
	"strings"
)

// Protocol is a transport protocol, as far as packet filters tell them apart.
type Protocol uint8

// The protocols. The first three have ports.
const (
	TCP Protocol = iota
	UDP
	SCTP
	ICMP
	ICMPv6
	Others // every other one, together
	protocolCount
)

var protocolNames = [...]string{"tcp", "udp", "sctp", "icmp", "icmpv6", "others"}

// String is "tcp", "udp", "sctp", "icmp", "icmpv6" or "others".
func (p Protocol) String() string {
	if p < protocolCount {
		return protocolNames[p]
	}
	return "protocol " + strconv.Itoa(int(p))
}

// HasPorts reports whether flows of the protocol have a port.
func (p Protocol) HasPorts() bool { return p <= SCTP }

// Transports is a set of protocols, each with its ports. A protocol without ports is in it as a whole, or not. The zero value
// is empty. Transports may be compared with ==, and used as keys of maps.
type Transports struct {
	ports [SCTP + 1]Ports
	bare  uint8 // a bit for each protocol without ports
}

const allBare = 1<<ICMP | 1<<ICMPv6 | 1<<Others

// AllTransports is every protocol with every port.
func AllTransports() Transports {
	return Transports{[...]Ports{AllPorts(), AllPorts(), AllPorts()}, allBare}
}

// Transport is one protocol with the given ports. A protocol without ports is in the set where ports is not empty.
func Transport(p Protocol, ports Ports) Transports {
	var t Transports
	switch {
	case p.HasPorts():
		t.ports[p] = ports
	case p < protocolCount && !ports.IsEmpty():
		t.bare = 1 << p
	}
	return t
}

// Union is what is in t, in u or in both.
func (t Transports) Union(u Transports) Transports {
	for i := range t.ports {
		t.ports[i] = t.ports[i].Union(u.ports[i])
	}
	t.bare |= u.bare
	return t
}

// Intersect is what is in both.
func (t Transports) Intersect(u Transports) Transports {
	for i := range t.ports {
		t.ports[i] = t.ports[i].Intersect(u.ports[i])
	}
	t.bare &= u.bare
	return t
}

// Subtract is what is in t and not in u.
func (t Transports) Subtract(u Transports) Transports {
	for i := range t.ports {
		t.ports[i] = t.ports[i].Subtract(u.ports[i])
	}
	t.bare &^= u.bare
	return t
}

func (t *Transports) combine(u *Transports, o op) Transports {
	switch o {
	case opUnion:
		return t.Union(*u)
	case opIntersect:
		return t.Intersect(*u)
	}
	return t.Subtract(*u)
}

// Complement is what is not in t.
func (t Transports) Complement() Transports { return AllTransports().Subtract(t) }

// Equal reports whether both are the same set, as == does.
func (t Transports) Equal(u Transports) bool { return t == u }

// IsEmpty reports whether nothing is in t.
func (t Transports) IsEmpty() bool { return t == Transports{} }

// IsAll reports whether everything is in t.
func (t Transports) IsAll() bool { return t == AllTransports() }

// SubsetOf reports whether all of t is in u.
func (t Transports) SubsetOf(u Transports) bool {
	for i := range t.ports {
		if !t.ports[i].SubsetOf(u.ports[i]) {
			return false
		}
	}
	return t.bare&^u.bare == 0
}

// Covers reports whether all of u is in t.
func (t Transports) Covers(u Transports) bool { return u.SubsetOf(t) }

// Contains reports whether the protocol is in t with that port. For a protocol without ports the port is not looked at.
func (t Transports) Contains(p Protocol, port uint16) bool { return t.contains(p, port) }

func (t *Transports) contains(p Protocol, port uint16) bool {
	if p.HasPorts() {
		return t.ports[p].Contains(port)
	}
	return t.bare>>p&1 != 0
}

// Ports is the ports of a protocol: all or none for one without ports.
func (t Transports) Ports(p Protocol) Ports {
	switch {
	case p.HasPorts():
		return t.ports[p]
	case t.bare>>p&1 != 0:
		return AllPorts()
	}
	return Ports{}
}

// All yields the protocols that have any port in t, and [Transports.Ports] of each.
func (t Transports) All() iter.Seq2[Protocol, Ports] {
	return func(yield func(Protocol, Ports) bool) {
		for p := range protocolCount {
			if ports := t.Ports(p); !ports.IsEmpty() && !yield(p, ports) {
				return
			}
		}
	}
}

// String is "tcp 80,443 udp 53 icmp", "tcp" for a protocol as a whole, "all", "none", or "all except tcp 25" where that is
// shorter.
func (t Transports) String() string {
	switch {
	case t.IsEmpty():
		return "none"
	case t.IsAll():
		return "all"
	}
	if u := t.Complement(); u.terms() < t.terms() {
		return "all except " + u.list()
	}
	return t.list()
}

func (t Transports) terms() int {
	n := 0
	for _, ports := range t.All() {
		n += ports.rangeCount()
	}
	return n
}

func (t Transports) list() string {
	var b strings.Builder
	for p, ports := range t.All() {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(p.String())
		if !ports.IsAll() {
			b.WriteByte(' ')
			b.WriteString(ports.String())
		}
	}
	return b.String()
}
