package flowset

import (
	"iter"
	"slices"
	"strconv"
	"strings"
)

// Ports is a set of ports, 0 to 65535. The zero value is empty. Ports may be compared with ==, and used as keys of maps. A
// set of one range, such as all ports or one, takes no memory of its own.
type Ports struct {
	inline [2]uint16 // the first edges, see op.go; 0 where there are none
	n      uint8     // how many of them there are
	more   string    // the edges after, two bytes each, big end first
}

// AllPorts is every port.
func AllPorts() Ports { return Ports{n: 1} }

// Port is the set of one port.
func Port(p uint16) Ports { return PortRange(p, p) }

// PortRange is the ports first to last, both included; empty where first is above last.
func PortRange(first, last uint16) Ports {
	switch {
	case first > last:
		return Ports{}
	case last == 65535:
		return Ports{inline: [2]uint16{first}, n: 1}
	}
	return Ports{inline: [2]uint16{first, last + 1}, n: 2}
}

// PortsOf is the set of the given ports.
func PortsOf(ports ...uint16) Ports {
	if len(ports) == 1 {
		return Port(ports[0])
	}
	sorted := slices.Clone(ports)
	slices.Sort(sorted)
	var edges []uint16
	for _, p := range sorted {
		switch n := len(edges); {
		case n&1 != 0: // a range reaches the last port
		case n > 0 && p < edges[n-1]: // given before
		case n > 0 && p == edges[n-1]:
			edges = edges[:n-1]
			if p < 65535 {
				edges = append(edges, p+1)
			}
		case p == 65535:
			edges = append(edges, p)
		default:
			edges = append(edges, p, p+1)
		}
	}
	return portsFrom(edges)
}

func portsFrom(edges []uint16) Ports {
	p := Ports{n: uint8(min(len(edges), 2))}
	copy(p.inline[:], edges)
	if len(edges) > 2 {
		more := make([]byte, 0, 2*len(edges)-4)
		for _, e := range edges[2:] {
			more = append(more, byte(e>>8), byte(e))
		}
		p.more = string(more)
	}
	return p
}

func (p Ports) edges(buf []uint16) []uint16 {
	buf = append(buf, p.inline[:p.n]...)
	for i := 0; i < len(p.more); i += 2 {
		buf = append(buf, uint16(p.more[i])<<8|uint16(p.more[i+1]))
	}
	return buf
}

func (p Ports) merge(q Ports, o op) Ports {
	var a, b, out [32]uint16
	return portsFrom(mergePorts(out[:0], p.edges(a[:0]), q.edges(b[:0]), o))
}

// Union is the ports in p, in q or in both.
func (p Ports) Union(q Ports) Ports {
	switch {
	case p == q || q.IsEmpty() || p.IsAll():
		return p
	case p.IsEmpty() || q.IsAll():
		return q
	}
	return p.merge(q, opUnion)
}

// Intersect is the ports in both.
func (p Ports) Intersect(q Ports) Ports {
	switch {
	case p == q || p.IsEmpty() || q.IsAll():
		return p
	case q.IsEmpty() || p.IsAll():
		return q
	}
	return p.merge(q, opIntersect)
}

// Subtract is the ports in p that are not in q.
func (p Ports) Subtract(q Ports) Ports {
	switch {
	case p == q || q.IsAll():
		return Ports{}
	case p.IsEmpty() || q.IsEmpty():
		return p
	}
	return p.merge(q, opSubtract)
}

// Complement is the ports that are not in p.
func (p Ports) Complement() Ports { return AllPorts().Subtract(p) }

// Equal reports whether both are the same set, as == does.
func (p Ports) Equal(q Ports) bool { return p == q }

// IsEmpty reports whether p has no port.
func (p Ports) IsEmpty() bool { return p.n == 0 }

// IsAll reports whether p has every port.
func (p Ports) IsAll() bool { return p == AllPorts() }

// SubsetOf reports whether every port in p is in q.
func (p Ports) SubsetOf(q Ports) bool { return p.Subtract(q).IsEmpty() }

// Covers reports whether every port in q is in p.
func (p Ports) Covers(q Ports) bool { return q.SubsetOf(p) }

// Contains reports whether port is in p.
func (p Ports) Contains(port uint16) bool {
	switch {
	case p.n == 0 || port < p.inline[0]:
		return false
	case p.n == 1 || port < p.inline[1]:
		return true
	}
	i, j := 0, len(p.more)/2 // the edges at or before port are before j
	for i < j {
		if m := int(uint(i+j) >> 1); port < uint16(p.more[2*m])<<8|uint16(p.more[2*m+1]) {
			j = m
		} else {
			i = m + 1
		}
	}
	return i&1 != 0
}

// Len is how many ports are in p.
func (p Ports) Len() int {
	n := 0
	for first, last := range p.Ranges() {
		n += int(last) - int(first) + 1
	}
	return n
}

// Ranges yields the first and the last port of each range, in order. Ranges neither overlap nor touch.
func (p Ports) Ranges() iter.Seq2[uint16, uint16] {
	return func(yield func(uint16, uint16) bool) {
		var buf [32]uint16
		edges := p.edges(buf[:0])
		for i := 0; i < len(edges); i += 2 {
			last := uint16(65535)
			if i+1 < len(edges) {
				last = edges[i+1] - 1
			}
			if !yield(edges[i], last) {
				return
			}
		}
	}
}

// String is "80,443,8000-8080", "all" or "none".
func (p Ports) String() string {
	switch {
	case p.IsEmpty():
		return "none"
	case p.IsAll():
		return "all"
	}
	var b strings.Builder
	for first, last := range p.Ranges() {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		writeRange(&b, uint64(first), uint64(last))
	}
	return b.String()
}

func writeRange(b *strings.Builder, first, last uint64) {
	b.WriteString(strconv.FormatUint(first, 10))
	if last > first {
		b.WriteByte('-')
		b.WriteString(strconv.FormatUint(last, 10))
	}
}

// rangeCount is how many ranges String names.
func (p Ports) rangeCount() int { return (int(p.n) + len(p.more)/2 + 1) / 2 }
