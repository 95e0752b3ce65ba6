package probe

import (
	"cmp"
	"maps"
	"slices"

	"github.com/sallyport/sallyport/attempt"
)

// A matrix of a million destinations has to fit into memory: it keeps so many rows as they come, as many again of which something
// connected, and counts the rest.
const (
	MaxRows = 10000
	maxEnds = 4 * MaxRows
)

// Counted is attempts of which no row is kept, since there are too many.
type Counted struct {
	Protocol attempt.Protocol
	Source   string
	Verdict  Verdict
	Stage    Stage
	Outcome  attempt.Outcome
	Layer    Layer
	Attempts int
}

// Counted are the ends that were counted rather than kept, the most frequent first; empty where all rows are there.
func (m *Matrix) Counted() []Counted {
	list := make([]Counted, 0, len(m.counted))
	for _, c := range slices.Collect(maps.Values(m.counted)) {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b Counted) int {
		return cmp.Or(cmp.Compare(b.Attempts, a.Attempts), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Outcome.Errno, b.Outcome.Errno), cmp.Compare(a.Outcome.Kind, b.Outcome.Kind))
	})
	return list
}

// count takes a result in without a row.
func (m *Matrix) count(r *Result) {
	key := Counted{Protocol: r.Protocol, Source: r.Variant, Verdict: r.Verdict, Stage: r.Stage, Outcome: r.Outcome, Layer: r.Layer}
	c := m.counted[key]
	if c == nil {
		if m.counted == nil {
			m.counted = map[Counted]*Counted{}
		}
		c = new(Counted)
		*c = key
		m.counted[key] = c
	}
	c.Attempts++
}

// full reports whether a result that has no row yet gets none.
func (m *Matrix) full(r *Result) bool {
	switch {
	case len(m.rows)-m.chosen < MaxRows:
		return false
	case r.Verdict == Allowed && m.chosen < MaxRows:
		m.chosen++
		return false
	}
	return true
}
