package flowset

import (
	"iter"
	"net/netip"
	"slices"
)

// Set is a set of flows. The zero value is empty. It must not be compared with ==.
//
// Destinations are divided by what may reach them, their Transports. Addresses are a list of cells, each
// from one address up to the next cell, so an operation on two sets is one merge of their lists, and looks at Transports only
// once for every two that meet.
type Set struct {
	transports []Transports // of class c at c-1. None is empty, none is there twice, in the order in which they first appear below
	cells      []cell       // in order; before the first is class 0, nothing; no two neighbours have one class
	groups     []group      // by class; no peer is in two
}

type cell struct {
	from  key
	class uint32
}

type group struct {
	class uint32 // never 0
	peers Peers  // never empty
}

// Everything is every flow to every address and every peer.
func Everything() Set {
	return Set{
		transports: []Transports{AllTransports()},
		cells:      []cell{{key{}, 1}},
		groups:     []group{{1, AllPeers()}},
	}
}

// Of is the flows to any of the addresses by any of the protocols and ports.
func Of(to Addrs, t Transports) Set { return OfBoth(to, Peers{}, t) }

// OfPeers is the flows to any of the peers by any of the protocols and ports.
func OfPeers(to Peers, t Transports) Set { return OfBoth(Addrs{}, to, t) }

// OfBoth is the flows to any of the addresses and peers by any of the protocols and ports.
func OfBoth(addrs Addrs, peers Peers, t Transports) Set {
	if t.IsEmpty() || addrs.IsEmpty() && peers.IsEmpty() {
		return Set{}
	}
	s := Set{transports: []Transports{t}}
	if len(addrs.edges) > 0 {
		s.cells = make([]cell, len(addrs.edges))
		for i, e := range addrs.edges {
			s.cells[i] = cell{e, uint32(i&1 ^ 1)}
		}
	}
	if !peers.IsEmpty() {
		s.groups = []group{{1, peers}}
	}
	return s
}

// Union is the flows in s, in t or in both.
func (s Set) Union(t Set) Set {
	switch {
	case t.IsEmpty():
		return s
	case s.IsEmpty():
		return t
	}
	return combine(&s, &t, opUnion)
}

// Intersect is the flows in both.
func (s Set) Intersect(t Set) Set {
	if s.IsEmpty() || t.IsEmpty() {
		return Set{}
	}
	return combine(&s, &t, opIntersect)
}

// Subtract is the flows in s that are not in t.
func (s Set) Subtract(t Set) Set {
	if s.IsEmpty() || t.IsEmpty() {
		return s
	}
	return combine(&s, &t, opSubtract)
}

// Complement is the flows that are not in s, to all addresses, and to all peers that the caller may ever give out.
func (s Set) Complement() Set { return Everything().Subtract(s) }

// Equal reports whether both are the same set.
func (s Set) Equal(t Set) bool {
	return slices.Equal(s.transports, t.transports) && slices.Equal(s.cells, t.cells) &&
		slices.EqualFunc(s.groups, t.groups, func(a, b group) bool { return a.class == b.class && a.peers.Equal(b.peers) })
}

// IsEmpty reports whether no flow is in s.
func (s Set) IsEmpty() bool { return len(s.transports) == 0 }

// IsEverything reports whether every flow is in s.
func (s Set) IsEverything() bool { return s.Equal(Everything()) }

// SubsetOf reports whether every flow in s is in t.
func (s Set) SubsetOf(t Set) bool { return s.Subtract(t).IsEmpty() }

// Covers reports whether every flow in t is in s.
func (s Set) Covers(t Set) bool { return t.SubsetOf(s) }

// Overlaps reports whether any flow is in both.
func (s Set) Overlaps(t Set) bool { return !s.Intersect(t).IsEmpty() }

// Contains reports whether the flow to an address is in s. It does not allocate. The port of a protocol without ports is
// not looked at, and an address that is not valid is no destination.
func (s Set) Contains(to netip.Addr, p Protocol, port uint16) bool {
	c := s.classAt(to)
	return c > 0 && s.transports[c-1].contains(p, port)
}

// ContainsPeer reports whether the flow to a peer is in s. It does not allocate.
func (s Set) ContainsPeer(to Peer, p Protocol, port uint16) bool {
	for i := range s.groups {
		if s.groups[i].peers.Contains(to) {
			return s.transports[s.groups[i].class-1].contains(p, port)
		}
	}
	return false
}

// To is what may reach an address.
func (s Set) To(to netip.Addr) Transports {
	if c := s.classAt(to); c > 0 {
		return s.transports[c-1]
	}
	return Transports{}
}

// ToPeer is what may reach a peer.
func (s Set) ToPeer(to Peer) Transports {
	for i := range s.groups {
		if s.groups[i].peers.Contains(to) {
			return s.transports[s.groups[i].class-1]
		}
	}
	return Transports{}
}

func (s *Set) classAt(a netip.Addr) uint32 {
	if !a.IsValid() {
		return 0
	}
	i := s.cellAt(addrKey(a))
	if i == 0 {
		return 0
	}
	return s.cells[i-1].class
}

// Part is the destinations of a set that may be reached by the same protocols and ports.
type Part struct {
	Addrs      Addrs
	Peers      Peers
	Transports Transports // never empty
}

// All yields the parts of the set: no destination is in two, and no two have the same transports. The first is the one with the
// lowest address, those with peers alone come last.
func (s Set) All() iter.Seq[Part] {
	return func(yield func(Part) bool) {
		parts := make([]Part, len(s.transports))
		for i, c := range s.cells {
			// A cell's beginning is the end of the one before.
			if i > 0 && s.cells[i-1].class > 0 {
				before := &parts[s.cells[i-1].class-1].Addrs
				before.edges = append(before.edges, c.from)
			}
			if c.class > 0 {
				part := &parts[c.class-1].Addrs
				part.edges = append(part.edges, c.from)
			}
		}
		for _, g := range s.groups {
			parts[g.class-1].Peers = g.peers
		}
		for i := range parts {
			if parts[i].Transports = s.transports[i]; !yield(parts[i]) {
				return
			}
		}
	}
}

// Addrs is the addresses that anything in s may reach.
func (s Set) Addrs() Addrs {
	var a Addrs
	for i, c := range s.cells {
		if in, before := c.class > 0, i > 0 && s.cells[i-1].class > 0; in != before {
			a.edges = append(a.edges, c.from)
		}
	}
	return a
}

// Peers is the peers that anything in s may reach.
func (s Set) Peers() Peers {
	var p Peers
	for _, g := range s.groups {
		p = p.Union(g.peers)
	}
	return p
}

// String is the parts of the set, "10.0.0.0/8 except 10.1.0.0/16: tcp 80,443; peers 1-3: all". It is "nothing" and "everything"
// for the two sets that are.
func (s Set) String() string {
	if s.IsEmpty() {
		return "nothing"
	}
	if s.IsEverything() {
		return "everything"
	}
	text := ""
	for part := range s.All() {
		if text != "" {
			text += "; "
		}
		text += part.String()
	}
	return text
}

// String is "10.0.0.0/8, peer 1: tcp 80,443".
func (p Part) String() string {
	var to string
	switch {
	case p.Addrs.IsAll() && p.Peers.IsAll():
		to = "every destination"
	case p.Peers.IsEmpty():
		to = p.Addrs.String()
	case p.Addrs.IsEmpty():
		to = p.Peers.String()
	default:
		to = p.Addrs.String() + ", " + p.Peers.String()
	}
	return to + ": " + p.Transports.String()
}
