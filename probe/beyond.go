package probe

import (
	"net/netip"
	"slices"

	"github.com/sallyport/sallyport/attempt"
)

// Beyond is what was measured beyond single attempts. The zero value is nothing.
type Beyond struct {
	Paths []*Path
	MTUs  []*PathMTU
	Clock Clock
	Names *Names // nil: not looked at

	Refusers []*Refuser
}

// Silent is attempts without a bind that ended in silence, to be looked at more closely: at most so many, one of each
// target's addresses where each is false.
func (m *Matrix) Silent(most int, each bool) []Attempt {
	return m.some(most, each, func(r *MatrixRow, e *End) bool {
		stage := StageConnect
		if r.Protocol == attempt.UDP {
			stage = StageHandshake
		}
		here := e.Layer == LocalCall || e.Layer == LocalFirewall // it is known who drops it
		return e.Outcome.Kind == attempt.TimedOut && e.Stage == stage && (each || !here)
	})
}

// Refused is TCP attempts without a bind that a reset refused, one of each target's addresses.
func (m *Matrix) Refused(most int) []Attempt {
	return m.some(most, false, func(r *MatrixRow, e *End) bool {
		return r.Protocol == attempt.TCP && e.Outcome.Kind == attempt.Refused && e.Stage == StageConnect && !e.Rejection.From.IsValid()
	})
}

func (m *Matrix) some(most int, each bool, wanted func(*MatrixRow, *End) bool) []Attempt {
	type key struct {
		target string
		addr   netip.Addr
		proto  attempt.Protocol
		port   uint16
	}
	seen := map[key]bool{}
	var list []Attempt
	for _, r := range m.Rows() {
		if r.order() != 0 || r.Via != nil || r.Addr.IsLoopback() || r.Addr.IsLinkLocalUnicast() || r.Addr.IsMulticast() {
			continue
		}
		for _, e := range r.Ends {
			if !wanted(r, e) {
				continue
			}
			for _, port := range e.ports.sorted() {
				k := key{target: r.Target, addr: r.Addr, proto: r.Protocol}
				if each { // whatever target named it
					k.target, k.port = "", port
				}
				if seen[k] {
					continue
				}
				if len(list) == most {
					return list
				}
				seen[k] = true
				list = append(list, Attempt{Attempt: attempt.Attempt{Protocol: r.Protocol, Destination: netip.AddrPortFrom(r.Addr, port), Name: r.Name}, Variant: r.Source})
			}
		}
	}
	return list
}

// Alive is a TCP port of an address, other than one, that answered, best one that nothing on the way answers in anybody's name; 0: none did.
func (m *Matrix) Alive(addr netip.Addr, but uint16) uint16 {
	best, rank := uint16(0), 0
	for _, r := range m.rows {
		if r.Addr != addr || r.Protocol != attempt.TCP {
			continue
		}
		for _, e := range r.Ends {
			n := 0
			switch {
			case e.Rejection.From.IsValid():
			case e.Outcome.Kind == attempt.Refused && e.Stage == StageConnect:
				n = 2
			case e.Outcome.Kind == attempt.Connected || e.Stage == StageHandshake:
				n = 3
			}
			for _, port := range e.ports.sorted() {
				k := n
				if n == 3 && port == 80 {
					k = 1
				}
				if k > rank && port != but {
					best, rank = port, k
				}
			}
		}
	}
	return best
}

// Connected are the addresses that a TCP connection without a bind came about to, with what it showed of their packets' size, in
// the order of the rows. Stalled reports of each whether a handshake was silent there.
func (m *Matrix) Connected() (list []*PathMTU, stalled map[netip.Addr]bool) {
	stalled = map[netip.Addr]bool{}
	for _, r := range m.Rows() {
		if r.order() != 0 || r.Protocol != attempt.TCP || r.Via != nil { // what is measured there is of the proxy
			continue
		}
		for _, e := range r.Ends {
			if e.MTU == 0 {
				continue
			}
			i := slices.IndexFunc(list, func(x *PathMTU) bool { return x.Addr == r.Addr })
			if i < 0 {
				i = len(list)
				list = append(list, &PathMTU{Addr: r.Addr})
			}
			list[i].MTU, list[i].Peer = lesser(list[i].MTU, e.MTU), lesser(list[i].Peer, e.PeerMTU)
			if e.Stage == StageHandshake && e.Outcome.Kind == attempt.TimedOut {
				stalled[r.Addr] = true
			}
		}
	}
	return list, stalled
}
