package probe

import (
	"math/bits"
	"slices"

	"github.com/sallyport/sallyport/profile/flowset"
)

// portSet collects ports, which come in no order. It is small for few of them, and never larger than a bit for each that there is.
type portSet struct {
	few  []uint16
	many *[1 << 16 / 64]uint64
	set  flowset.Ports // what it held when it was last asked for; empty: it has changed since
}

// manyPorts is from how many ports on a bit each takes less memory than a number each, as slices grow.
const manyPorts = 2048

func (s *portSet) add(p uint16) {
	s.set = flowset.Ports{}
	switch {
	case s.many != nil:
		s.many[p/64] |= 1 << (p % 64)
	case len(s.few) < manyPorts:
		s.few = append(s.few, p)
	default:
		s.many = new([1 << 16 / 64]uint64)
		for _, q := range append(s.few, p) {
			s.many[q/64] |= 1 << (q % 64)
		}
		s.few = nil
	}
}

// sorted is the ports, each once. It may be the set's own memory.
func (s *portSet) sorted() []uint16 {
	if s.many == nil {
		slices.Sort(s.few)
		s.few = slices.Compact(s.few)
		return s.few
	}
	var list []uint16
	for i, word := range s.many {
		for ; word != 0; word &= word - 1 {
			list = append(list, uint16(i*64+bits.TrailingZeros64(word)))
		}
	}
	return list
}

// first is the lowest port of a set that has one.
func (s *portSet) first() uint16 {
	return firstPort(s.ports())
}

func (s *portSet) len() int {
	if s.many == nil {
		return len(s.sorted())
	}
	n := 0
	for _, word := range s.many {
		n += bits.OnesCount64(word)
	}
	return n
}

func (s *portSet) ports() flowset.Ports {
	if s.set.IsEmpty() {
		s.set = flowset.PortsOf(s.sorted()...)
	}
	return s.set
}

func firstPort(p flowset.Ports) uint16 {
	for first := range p.Ranges() {
		return first
	}
	return 0
}

func countPorts(p flowset.Ports) int {
	n := 0
	for first, last := range p.Ranges() {
		n += int(last) - int(first) + 1
	}
	return n
}
