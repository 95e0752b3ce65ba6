package watch

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/probe"
)

// Cell is one thing that is watched: a destination from a source, or the addresses of a name.
type Cell struct {
	Target   string     // as it was given; "" for the addresses of a name
	Name     string     // the DNS name; "" for an address
	Addr     netip.Addr // not valid for the addresses of a name
	Protocol attempt.Protocol
	Port     uint16
	Source   string // the name of the variant
}

// CellOf is the cell that an attempt is about.
func CellOf(a *probe.Attempt) Cell {
	c := Cell{Name: a.Name, Addr: a.Destination.Addr(), Protocol: a.Protocol, Port: a.Destination.Port(), Source: a.Variant}
	if a.Target != nil {
		c.Target = a.Target.Text
	}
	if a.Via != nil {
		c.Source += ", " + a.Via.Words()
	}
	return c
}

// Lookup reports whether the cell is a name's addresses.
func (c *Cell) Lookup() bool { return !c.Addr.IsValid() }

// Compare orders cells as people read them.
func (c Cell) Compare(d Cell) int {
	return cmp.Or(
		cmp.Compare(c.Target, d.Target), cmp.Compare(c.Name, d.Name), c.Addr.Compare(d.Addr), cmp.Compare(c.Protocol, d.Protocol),
		cmp.Compare(c.Port, d.Port), cmp.Compare(c.Source, d.Source),
	)
}

// State is what a cell is in: as much of a result as is a change when it is another. How long it took, and what a server says of the hour, is none.
type State struct {
	Verdict probe.Verdict
	Stage   probe.Stage
	Outcome attempt.Outcome
	Layer   probe.Layer
	Service string // that answered
	Version string
	Faults  string // of its certificate, in words
	Addrs   string // of a name, sorted: "192.0.2.1, 192.0.2.2"
	Error   string // of a name that was not resolved
}

// StateOf is the state that a result shows.
func StateOf(r *probe.Result) State {
	s := State{Verdict: r.Verdict, Stage: r.Stage, Outcome: r.Outcome, Layer: r.Layer}
	if a := r.Answer; a != nil {
		s.Service, s.Version = a.Service, a.Version
		if a.TLS != nil {
			for i, f := range a.TLS.Faults {
				if i > 0 {
					s.Faults += "; "
				}
				s.Faults += f.Words
			}
		}
	}
	return s
}

// stateOfNames is the state that a lookup shows.
func stateOfNames(addrs []netip.Addr, err error) State {
	if err != nil {
		return State{Verdict: probe.Inconclusive, Stage: probe.StageResolve, Outcome: attempt.Outcome{Kind: attempt.NameNotFound}, Error: err.Error()}
	}
	list := slices.Clone(addrs)
	slices.SortFunc(list, netip.Addr.Compare)
	list = slices.Compact(list)
	text := make([]string, len(list))
	for i, a := range list {
		text[i] = a.String()
	}
	return State{Verdict: probe.Allowed, Stage: probe.StageDone, Outcome: attempt.Outcome{Kind: attempt.Connected}, Addrs: strings.Join(text, ", ")}
}

// Addresses are those of a name.
func (s *State) Addresses() []string {
	if s.Addrs == "" {
		return []string{}
	}
	return strings.Split(s.Addrs, ", ")
}

// unsure reports whether it may be the noise of one moment: silence, or what is of the moment alone.
func (s *State) unsure() bool {
	if s.Outcome.Kind == attempt.TimedOut {
		return true
	}
	return s.Verdict == probe.Inconclusive && (s.Stage == probe.StageHandshake || s.Layer == probe.NoLayer) && s.Stage != probe.StageResolve
}

// Span is how long a state held, all times together.
type Span struct {
	State State
	Held  time.Duration
	Times int // how often it began
}
