package probe

import (
	"net/netip"

	"github.com/sallyport/sallyport/attempt"
)

// ManyPorts is of how many ports at least it is told that something accepts all: no host has so many, each of which is mute.
const ManyPorts = 20

// AcceptsAll are the destinations of which each port that was tried connected, many of them, and none said what it is: something on the way
// accepts in their place, so that "connected" tells nothing of them.
func (m *Matrix) AcceptsAll() []netip.Addr {
	type count struct{ ports, other int }
	counts := map[netip.Addr]*count{}
	var order []netip.Addr
	for _, r := range m.Rows() {
		if r.Protocol != attempt.TCP || r.Bound.Kind != attempt.SourceNone || r.Device != "" || r.Via != nil {
			continue
		}
		c := counts[r.Addr]
		if c == nil {
			c = &count{}
			counts[r.Addr] = c
			order = append(order, r.Addr)
		}
		for _, e := range r.Ends {
			c.ports += e.ports.len()
			answered := e.Answer != nil && (e.Answer.Service != "" || e.Answer.Banner != "")
			if answered || e.Stage != StageHandshake && e.Outcome.Kind != attempt.Connected {
				c.other += e.ports.len()
			}
		}
	}
	var list []netip.Addr
	for _, a := range order {
		if c := counts[a]; c.ports >= ManyPorts && c.other == 0 {
			list = append(list, a)
		}
	}
	return list
}
