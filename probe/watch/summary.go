package watch

import (
	"cmp"
	"slices"
	"time"
)

// Held is what one cell was in, and for how long.
type Held struct {
	Cell     Cell
	State    State // at the end
	Since    time.Time
	Changes  int
	Flapping bool
	Spans    []Span        // the longest first; all of the time that it was watched
	Other    time.Duration // in states for which there was no room
}

// Summary is what each cell was in, up to a time. Those that changed come first, the most changes first.
func (w *Watch) Summary(at time.Time) []Held {
	list := make([]Held, 0, len(w.cells))
	for id, c := range w.cells {
		h := Held{Cell: id, State: c.state, Since: c.since, Changes: int(c.changes)}
		p := past{}
		if c.past != nil {
			h.Flapping = c.past.flapping
			p.spans, p.other = slices.Clone(c.past.spans), c.past.other
		}
		p.end(c.state, at.Sub(c.since))
		slices.SortStableFunc(p.spans, func(a, b Span) int { return cmp.Compare(b.Held, a.Held) })
		h.Spans, h.Other = p.spans, p.other.Held
		list = append(list, h)
	}
	slices.SortFunc(list, func(a, b Held) int {
		return cmp.Or(cmp.Compare(b.Changes, a.Changes), a.Cell.Compare(b.Cell))
	})
	return list
}

// Now is what one cell is in at the moment.
type Now struct {
	State    State
	Took     time.Duration // of its last try
	NotAfter time.Time     // of the certificate that it presented last; zero: none was seen
}

// Now is what a cell is in; false where it is not watched.
func (w *Watch) Now(id Cell) (Now, bool) {
	c := w.cells[id]
	if c == nil {
		return Now{}, false
	}
	return Now{c.state, c.took, c.notAfter}, true
}
