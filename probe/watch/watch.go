package watch

import (
	"net/netip"
	"slices"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/probe"
)

// Kind is what an event tells.
type Kind uint8

// The kinds of events.
const (
	Began   Kind = iota + 1 // it is seen for the first time
	Changed                 // it is in another state than before
	Flaps                   // it goes back and forth: further changes are counted, and not told, until it settles
	Settled                 // it flapped, and has been in one state for a while
)

func (k Kind) String() string { return [...]string{"", "state", "change", "flapping", "settled"}[k] }

// Event is something to tell.
type Event struct {
	Kind    Kind
	At      time.Time
	Round   int
	Cell    Cell
	Before  State         // of Changed and Flaps
	After   State         // what it is in now
	Held    time.Duration // how long the state before lasted, of Changed and Flaps; for how long it has been in one state, of Settled
	Changes int           // of Flaps and Settled: how many since it began to flap
	Within  time.Duration // of Flaps and Settled: in how long
}

const (
	flapChanges  = 3  // so many changes
	flapRounds   = 10 // within so many rounds are flapping
	settleRounds = 10 // so many rounds without one end it
	unseenRounds = 10 // an address that its name has no longer had for so many rounds is forgotten
	maxSpans     = 8  // states whose time is kept apart, of one cell
)

// Watch is what is watched. The zero value watches nothing yet. It is for one goroutine.
type Watch struct {
	Attempts uint64 // results that were given to it, lookups and second tries apart
	Retries  uint64 // second tries
	Noise    uint64 // of these, those that showed the first to be noise
	Changes  uint64 // flapping counts too
	Begin    time.Time
	Last     time.Time // the end of the last result
	Round    int       // the one that is under way, from 1 on

	cells    map[Cell]*cell
	resolved map[string]bool // names that have been resolved in this round
}

// cell is what is kept of each. Most never change.
type cell struct {
	state    State
	bare     bool      // the state comes of a bare connect: what answers is not known
	since    time.Time // when the state was seen first
	seen     int       // the last round in which it was tried
	changes  uint32
	took     time.Duration // of the last try
	notAfter time.Time     // of the certificate it presented last

	past *past // nil before the first change
}

type past struct {
	rounds   [flapChanges]int // of the last changes, the newest last
	times    [flapChanges]time.Time
	flapping bool
	flaps    int // changes since it began to flap
	flapFrom time.Time
	spans    []Span // of states that ended
	other    Span   // of those for which there was no room
}

// BeginRound begins a round.
func (w *Watch) BeginRound(at time.Time) {
	if w.cells == nil {
		w.cells = map[Cell]*cell{}
		w.Begin = at
	}
	w.Round++
	w.resolved = map[string]bool{}
}

// Add takes a result in. Again asks for the attempt to be made once more, with its result given as second: what one try alone shows may be noise, and
// has changed nothing yet. Event is nil where there is nothing to tell.
func (w *Watch) Add(r *probe.Result, second bool) (event *Event, again bool) {
	if r.Outcome.Kind == attempt.Cancelled {
		return nil, false
	}
	id, now := CellOf(&r.Attempt), StateOf(r)
	at := r.Begin.Add(r.Took)
	c := w.cells[id]
	switch {
	case c == nil || now.Verdict != probe.Allowed:
	case r.Bare && c.state.reached():
		now = c.state // a bare connect tells nothing beyond the connection
	case !r.Bare && c.bare && c.state.Verdict == probe.Allowed:
		c.state, c.bare = now, false // it tells who answers, which is no change
	}
	switch {
	case second:
		w.Retries++
		if c != nil && now == c.state {
			w.Noise++
		}
	default:
		w.Attempts++
		if r.Tries > 1 { // silence that was tried again within the attempt's own time
			w.Retries += uint64(r.Tries - 1)
			if now.reached() {
				w.Noise++
			}
		}
		if now.unsure() && r.Tries < 2 && (c == nil || now != c.state) {
			return nil, true
		}
	}
	if at.After(w.Last) {
		w.Last = at
	}
	event = w.set(id, now, at)
	if c = w.cells[id]; event != nil {
		c.bare = r.Bare
	}
	c.took = r.Took
	if r.Answer != nil && r.Answer.TLS != nil {
		c.notAfter = r.Answer.TLS.NotAfter
	}
	return event, false
}

// reached reports whether a connection came about, whatever the handshake after it showed.
func (s *State) reached() bool { return s.Verdict == probe.Allowed || s.Stage == probe.StageHandshake }

// Resolved takes in what a name was resolved to.
func (w *Watch) Resolved(name string, addrs []netip.Addr, err error, at time.Time) *Event {
	if err == nil {
		w.resolved[name] = true
	}
	return w.set(Cell{Name: name}, stateOfNames(addrs, err), at)
}

func (w *Watch) set(id Cell, now State, at time.Time) *Event {
	c := w.cells[id]
	if c == nil {
		w.cells[id] = &cell{state: now, since: at, seen: w.Round}
		return &Event{Kind: Began, At: at, Round: w.Round, Cell: id, After: now}
	}
	c.seen = w.Round
	if now == c.state {
		return nil
	}
	w.Changes++
	return c.change(id, now, at, w.Round)
}

func (c *cell) change(id Cell, now State, at time.Time, round int) *Event {
	e := &Event{Kind: Changed, At: at, Round: round, Cell: id, Before: c.state, After: now, Held: at.Sub(c.since)}
	if c.past == nil {
		c.past = &past{}
	}
	p := c.past
	p.end(c.state, e.Held)
	copy(p.rounds[:], p.rounds[1:])
	copy(p.times[:], p.times[1:])
	p.rounds[flapChanges-1], p.times[flapChanges-1] = round, at
	c.state, c.since = now, at
	c.changes++
	if p.flapping {
		p.flaps++
		return nil
	}
	if first := p.rounds[0]; first > 0 && round-first < flapRounds {
		p.flapping, p.flaps, p.flapFrom = true, flapChanges, p.times[0]
		e.Kind, e.Changes, e.Within = Flaps, flapChanges, at.Sub(p.flapFrom)
	}
	return e
}

// end adds the time of a state that ended.
func (p *past) end(s State, held time.Duration) {
	i := slices.IndexFunc(p.spans, func(x Span) bool { return x.State == s })
	if i < 0 && len(p.spans) == maxSpans {
		p.other.Held += held
		p.other.Times++
		return
	}
	if i < 0 {
		p.spans = append(p.spans, Span{State: s})
		i = len(p.spans) - 1
	}
	p.spans[i].Held += held
	p.spans[i].Times++
}

// EndRound ends a round. It returns what has settled, and the cells that are watched no longer.
func (w *Watch) EndRound(at time.Time) (settled []Event, gone []Cell) {
	for id, c := range w.cells {
		if !id.Lookup() && id.Name != "" && w.resolved[id.Name] && w.Round-c.seen > unseenRounds {
			gone = append(gone, id)
			delete(w.cells, id)
			continue
		}
		p := c.past
		if p == nil || !p.flapping || c.seen != w.Round || w.Round-p.rounds[flapChanges-1] < settleRounds {
			continue
		}
		p.flapping = false
		settled = append(settled, Event{
			Kind: Settled, At: at, Round: w.Round, Cell: id, After: c.state, Held: at.Sub(c.since), Changes: p.flaps, Within: c.since.Sub(p.flapFrom),
		})
		p.rounds, p.flaps = [flapChanges]int{}, 0
	}
	slices.SortFunc(settled, func(a, b Event) int { return a.Cell.Compare(b.Cell) })
	slices.SortFunc(gone, Cell.Compare)
	return settled, gone
}

// Len is how many things are watched.
func (w *Watch) Len() int { return len(w.cells) }
