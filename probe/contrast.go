package probe

import (
	"net/netip"
	"slices"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile/flowset"
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

// Contrasts are what stands out of a matrix: where nothing but the source was another, and the end was. What is ordinary does not.
func (m *Matrix) Contrasts() []Contrast {
	rows := m.Rows()
	plain := plainRows(rows)
	var list []Contrast
	type by struct {
		source string
		proto  attempt.Protocol
		plain  Verdict
	}
	tried := map[by]int{}
	for _, r := range rows {
		without := plain[r.destination()]
		if r.order() == 0 || r.Via != nil || without == nil {
			continue
		}
		for _, e := range r.Ends {
			for _, w := range without.Ends {
				if w.Verdict == Inconclusive {
					continue
				}
				both := e.Ports().Intersect(w.Ports())
				n := countPorts(both)
				tried[by{r.Source, r.Protocol, w.Verdict}] += n
				if n == 0 || e.Verdict == Inconclusive || e.Verdict == w.Verdict || r.Ordinary(e) {
					continue
				}
				i := slices.IndexFunc(list, func(c Contrast) bool {
					return c.Sources[0] == r.Source && c.Protocol == r.Protocol && c.Verdict == e.Verdict && c.Stage == e.Stage && c.Outcome == e.Outcome
				})
				if i < 0 {
					i = len(list)
					list = append(list, Contrast{Sources: []string{r.Source}, Protocol: r.Protocol, Verdict: e.Verdict, Stage: e.Stage, Outcome: e.Outcome, Example: netip.AddrPortFrom(r.Addr, firstPort(both))})
				}
				list[i].Count += n
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

// plainRows are the rows of which the kernel chose the source, by their destination.
func plainRows(rows []*MatrixRow) map[rowKey]*MatrixRow {
	plain := map[rowKey]*MatrixRow{}
	for _, r := range rows {
		if r.order() == 0 {
			plain[r.destination()] = r
		}
	}
	return plain
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
	type binds struct{ tried, work flowset.Ports }
	of := map[rowKey]*binds{}
	for _, r := range m.rows {
		if r.Foreign || r.Device != "" || r.Via != nil || r.order() == 0 {
			continue
		}
		b := of[r.destination()]
		if b == nil {
			b = &binds{}
			of[r.destination()] = b
		}
		for _, e := range r.Ends {
			b.tried = b.tried.Union(e.Ports())
			if e.Verdict != Denied {
				b.work = b.work.Union(e.Ports())
			}
		}
	}
	n := 0
	for to, r := range plainRows(m.rows) {
		b := of[to]
		if b == nil {
			continue
		}
		fails := b.tried.Subtract(b.work)
		for _, e := range r.Ends {
			if e.Verdict == Allowed {
				n += countPorts(e.Ports().Intersect(fails))
			}
		}
	}
	return n
}
