package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/probe"
	"github.com/sallyport/sallyport/probe/watch"
	"github.com/sallyport/sallyport/profile/flowset"
)

const watchYellow = "\x1b[33m"

// WatchText writes what a watch tells, as it comes, for a terminal: a line for each change. Destinations and sources that changed alike share one.
func WatchText(w io.Writer, events []watch.Event, begin time.Time, o TextOptions) error {
	p := &printer{o: o}
	for _, g := range alikeEvents(events) {
		e := g.first
		text := clock(e.At, begin) + " " + g.where() + ": "
		switch e.Kind {
		case watch.Changed:
			text += stateWords(&e.Before) + " -> " + p.state(&e.After) + ", after " + attempt.DurationText(e.Held)
		case watch.Flaps:
			text += fmt.Sprintf("%s between %s and %s: %d changes in %s; further ones are counted, and shown once it settles",
				p.paint(red, "flaps"), stateWords(&e.Before), p.state(&e.After), e.Changes, attempt.DurationText(e.Within))
		case watch.Settled:
			text += fmt.Sprintf("settled, %s for %s, after %d changes in %s", p.state(&e.After), attempt.DurationText(e.Held), e.Changes, attempt.DurationText(e.Within))
		}
		p.line(text)
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

// watchGroup is events that tell the same of several ports and sources.
type watchGroup struct {
	first   *watch.Event
	ports   []uint16
	sources []string
}

// alikeEvents puts together what is told of one address and protocol: first the sources of each port, then the ports.
func alikeEvents(events []watch.Event) []*watchGroup {
	type key struct {
		kind          watch.Kind
		cell          watch.Cell
		before, after watch.State
		sources       string
	}
	var byPort, groups []*watchGroup
	index := map[key]*watchGroup{}
	put := func(list *[]*watchGroup, k key, e *watch.Event) *watchGroup {
		g := index[k]
		if g == nil {
			g = &watchGroup{first: e}
			index[k] = g
			*list = append(*list, g)
		}
		return g
	}
	for i := range events {
		e := &events[i]
		if e.Kind == watch.Began {
			continue
		}
		k := key{kind: e.Kind, cell: e.Cell, before: e.Before, after: e.After}
		k.cell.Source = ""
		g := put(&byPort, k, e)
		g.sources = append(g.sources, e.Cell.Source)
	}
	clear(index)
	for _, one := range byPort {
		e := one.first
		slices.Sort(one.sources)
		k := key{e.Kind, e.Cell, e.Before, e.After, strings.Join(one.sources, "\n")}
		k.cell.Source, k.cell.Port = "", 0
		g := put(&groups, k, e)
		g.sources = one.sources
		g.ports = append(g.ports, e.Cell.Port)
	}
	return groups
}

// shownSources are so many sources as are named.
const shownSources = 3

func (g *watchGroup) where() string {
	c := &g.first.Cell
	if c.Lookup() {
		return printable(c.Name)
	}
	text := printable(cellHost(c)) + " " + c.Protocol.String() + " " + flowset.PortsOf(g.ports...).String()
	if len(g.sources) > shownSources {
		return fmt.Sprintf("%s, from %d sources", text, len(g.sources))
	}
	if names := strings.Join(g.sources, ", "); names != "no bind" {
		text += " from " + printable(names)
	}
	return text
}

func cellHost(c *watch.Cell) string {
	if c.Name != "" {
		return c.Name + " (" + c.Addr.String() + ")"
	}
	return c.Addr.String()
}

// clock is the time of day, with its date where that is another than at the beginning.
func clock(at, begin time.Time) string {
	at, begin = at.Local(), begin.Local()
	if at.YearDay() != begin.YearDay() || at.Year() != begin.Year() {
		return at.Format("2006-01-02 15:04:05")
	}
	return at.Format(time.TimeOnly)
}

// state is a state in words, in the colour of its verdict.
func (p *printer) state(s *watch.State) string {
	return p.paint([...]string{probe.Inconclusive: watchYellow, probe.Allowed: green, probe.Denied: red}[s.Verdict], stateWords(s))
}

func stateWords(s *watch.State) string {
	if s.Error != "" {
		return printable("not resolved (" + s.Error + ")")
	}
	if s.Addrs != "" {
		return s.Addrs
	}
	what := s.Outcome.Kind.String()
	switch {
	case s.Outcome.Kind == attempt.TimedOut:
		what = "silence"
	case s.Outcome.Kind == attempt.InProgress: // a handshake that ended in another way than by an errno
		what = "another answer than expected"
	case s.Outcome.Errno != 0:
		what += " (" + s.Outcome.Errno.Name() + ")"
	}
	switch s.Stage {
	case probe.StageSocket, probe.StageBind:
		what = s.Stage.String() + ": " + what
	case probe.StageHandshake:
		what = "connected, then " + what
	}
	if s.Service != "" {
		what += ", " + s.Service
	}
	if s.Version != "" {
		what += " " + s.Version
	}
	if s.Faults != "" {
		what += ", certificate " + s.Faults
	}
	return printable(what)
}

// WatchEnd is what a watch has come to.
type WatchEnd struct {
	At, Begin                         time.Time
	Rounds, Missed                    int
	Attempts, Retries, Noise, Changes uint64
	Held                              []watch.Held // those with the most changes first
}

// shownHeld is how many of those that changed are shown at the end.
const shownHeld = 20

// WatchEndText writes how long each state held.
func WatchEndText(w io.Writer, end *WatchEnd, o TextOptions) error {
	p := &printer{o: o}
	changed, still := 0, map[string]int{}
	for i := range end.Held {
		if h := &end.Held[i]; h.Changes > 0 {
			changed++
		} else if !h.Cell.Lookup() {
			s := watch.State{Verdict: h.State.Verdict, Stage: h.State.Stage, Outcome: h.State.Outcome}
			still[stateWords(&s)]++
		}
	}
	p.line("")
	p.line(p.paint(bold, fmt.Sprintf("Watched for %s: %s, %s, %s", attempt.DurationText(end.At.Sub(end.Begin)), times(end.Rounds, "round"),
		times(int(end.Attempts), "attempt"), times(int(end.Changes), "change"))))
	if end.Noise > 0 {
		p.line(fmt.Sprintf("  %s that a second try did not confirm", times(int(end.Noise), "silence")))
	}
	if end.Missed > 0 {
		p.line(fmt.Sprintf("  %s left out, since the one before was still under way", times(end.Missed, "round")))
	}
	for i := range end.Held[:min(changed, shownHeld)] {
		h := &end.Held[i]
		g := watchGroup{first: &watch.Event{Cell: h.Cell}, ports: []uint16{h.Cell.Port}, sources: []string{h.Cell.Source}}
		text := g.where() + ": "
		total := heldTotal(h)
		for j, s := range h.Spans {
			if j > 0 {
				text += "; "
			}
			share := 100.0
			if total > 0 {
				share = 100 * float64(s.Held) / float64(total)
			}
			text += fmt.Sprintf("%s for %s (%.3g%%)", stateWords(&s.State), attempt.DurationText(s.Held), share)
		}
		if h.Other > 0 {
			text += "; others for " + attempt.DurationText(h.Other)
		}
		text += ", " + times(h.Changes, "change")
		if h.Flapping {
			text += ", flaps"
		}
		p.item(text, "")
	}
	if more := changed - shownHeld; more > 0 {
		p.item(fmt.Sprintf("and %d more that changed: --output json has them all", more), "")
	}
	var words []string
	for _, s := range slices.SortedFunc(maps.Keys(still), func(a, b string) int { return cmp.Or(cmp.Compare(still[b], still[a]), cmp.Compare(a, b)) }) {
		words = append(words, fmt.Sprintf("%d %s", still[s], s))
	}
	if len(words) > 0 {
		p.item("the same all the time: "+strings.Join(words, ", "), "")
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

// heldTotal is how long all states of a cell held together.
func heldTotal(h *watch.Held) time.Duration {
	total := h.Other
	for _, s := range h.Spans {
		total += s.Held
	}
	return total
}

func times(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// WatchHeadText writes what follows the first round.
func WatchHeadText(w io.Writer, every time.Duration, o TextOptions) error {
	p := &printer{o: o}
	p.line("")
	p.line(p.paint(bold, fmt.Sprintf("What changes, by a round every %s (Ctrl-C ends it)", attempt.DurationText(every))))
	_, err := io.WriteString(w, p.b.String())
	return err
}

// MannerWords says why a server is not asked in each round.
func MannerWords(m *watch.Manner) string {
	often := fmt.Sprintf("%d times at most", m.Most)
	if m.Every > 0 {
		often = "once in " + strings.TrimSuffix(attempt.DurationText(m.Every), " 0 s") + " at most"
	}
	return fmt.Sprintf("%s: asked who it is %s, since %s; other attempts end at its kernel's answer to the connect, before the server sees them", m.Service, often, m.Why)
}
