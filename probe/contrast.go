package probe

import (
	"net/netip"
	"slices"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// Contrast is ways to choose the source that fail where no bind succeeds, or the other way round: the source made the difference.
type Contrast struct {
	Sources  []string // the names of the variants, at least one
	Protocol attempt.Protocol
	Verdict  Verdict // with the source: the contrary holds without
	Stage    Stage
	Outcome  attempt.Outcome
	Took     time.Duration
	Count    int            // destinations and ports where it is so
	Of       int            // of how many where the contrary holds without
	Example  netip.AddrPort // the first of them
}

// Ordinary reports whether an end is what such a source leads to on every host, unless it was asked for otherwise: an address that is not local
// cannot be bound to, and a device leads only to what is behind it.
func (r *MatrixRow) Ordinary(e *End) bool {
	switch {
	case r.Foreign:
		return e.Stage == StageBind && e.Outcome.Errno == attempt.EADDRNOTAVAIL
	case r.Device != "":
		return e.Outcome.Kind != attempt.Connected && (r.Device == Loopback) != r.Addr.IsLoopback()
	}
	return false
}

// Loopback is the name that the kernel gives to the loopback device (drivers/net/loopback.c).
const Loopback = "lo"

// cell is one port of a destination.
type cell struct {
	target string
	addr   netip.Addr
	proto  attempt.Protocol
	port   uint16
}

// Contrasts are what stands out of a matrix: where nothing but the source was another, and the end was. What is ordinary does not.
func (m *Matrix) Contrasts() []Contrast {
	plain := map[cell]Verdict{}
	rows, bound := m.Rows(), m.bound()
	for _, r := range rows {
		if r.order() != 0 || !bound[r.destination()] {
			continue
		}
		for _, e := range r.Ends {
			for _, p := range e.ports {
				plain[cell{r.Target, r.Addr, r.Protocol, p}] = e.Verdict
			}
		}
	}
	var list []Contrast
	type by struct {
		source string
		proto  attempt.Protocol
		plain  Verdict
	}
	tried := map[by]int{}
	for _, r := range rows {
		if r.order() == 0 {
			continue
		}
		for _, e := range r.Ends {
			for _, p := range e.ports {
				without, there := plain[cell{r.Target, r.Addr, r.Protocol, p}]
				if !there || without == Inconclusive {
					continue
				}
				tried[by{r.Source, r.Protocol, without}]++
				if e.Verdict == Inconclusive || e.Verdict == without || r.Ordinary(e) {
					continue
				}
				i := slices.IndexFunc(list, func(c Contrast) bool {
					return c.Sources[0] == r.Source && c.Protocol == r.Protocol && c.Verdict == e.Verdict && c.Stage == e.Stage && c.Outcome == e.Outcome
				})
				if i < 0 {
					i = len(list)
					list = append(list, Contrast{Sources: []string{r.Source}, Protocol: r.Protocol, Verdict: e.Verdict, Stage: e.Stage, Outcome: e.Outcome, Example: netip.AddrPortFrom(r.Addr, p)})
				}
				list[i].Count++
				list[i].Took = max(list[i].Took, e.Took)
			}
		}
	}
	for i := range list {
		contrary := Allowed
		if list[i].Verdict == Allowed {
			contrary = Denied
		}
		list[i].Of = tried[by{list[i].Sources[0], list[i].Protocol, contrary}]
	}
	return together(list)
}

// bound are the destinations that were tried from another source than the kernel's choice.
func (m *Matrix) bound() map[rowKey]bool {
	set := map[rowKey]bool{}
	for _, r := range m.rows {
		if r.order() != 0 {
			set[r.destination()] = true
		}
	}
	return set
}

// destination is the key of a row without its source.
func (r *MatrixRow) destination() rowKey {
	return rowKey{target: r.Target, addr: r.Addr, proto: r.Protocol}
}

// together puts contrasts together that differ in their source alone.
func together(list []Contrast) []Contrast {
	var out []Contrast
	for _, c := range list {
		i := slices.IndexFunc(out, func(o Contrast) bool {
			return o.Protocol == c.Protocol && o.Verdict == c.Verdict && o.Stage == c.Stage && o.Outcome == c.Outcome && o.Count == c.Count && o.Of == c.Of && o.Example == c.Example
		})
		if i < 0 {
			out = append(out, c)
			continue
		}
		out[i].Sources = append(out[i].Sources, c.Sources...)
		out[i].Took = max(out[i].Took, c.Took)
	}
	return out
}

// EveryBindFails are the destinations and ports that are reached without a bind, and by none of the binds that were tried there.
func (m *Matrix) EveryBindFails() int {
	type state struct{ without, tried, works bool }
	cells, bound := map[cell]*state{}, m.bound()
	for _, r := range m.rows {
		if r.Foreign || r.Device != "" || r.order() == 0 && !bound[r.destination()] {
			continue
		}
		for _, e := range r.Ends {
			for _, p := range e.ports {
				k := cell{r.Target, r.Addr, r.Protocol, p}
				s := cells[k]
				if s == nil {
					s = &state{}
					cells[k] = s
				}
				switch {
				case r.order() == 0:
					s.without = e.Verdict == Allowed
				default:
					s.tried = true
					s.works = s.works || e.Verdict != Denied
				}
			}
		}
	}
	n := 0
	for _, s := range cells {
		if s.without && s.tried && !s.works {
			n++
		}
	}
	return n
}
