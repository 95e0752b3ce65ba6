package metrics

import (
	"errors"
	"sync"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/probe"
	"github.com/sallyport/sallyport/probe/watch"
)

// MaxCells is how many destinations, each from one source, have series of their own. Each has eleven. The others are counted, and in no series.
const MaxCells = 2000

// maxTargets is how many targets are told apart where targets are a label of counters and histograms.
const maxTargets = 200

// others is the target of those that are not told apart.
const others = "(others)"

// Set is what is exported. A nil Set exports nothing. It may be used by several goroutines.
type Set struct {
	mu       sync.Mutex
	cells    map[watch.Cell]watch.Now
	names    map[string]int // addresses of each; 0: not resolved
	targets  map[string]bool
	attempts [len(outcomes)]uint64
	changes  map[string]uint64
	rounds   uint64
	missed   uint64
	last     Round
	limited  func(string) // told once that some have no series; nil afterwards

	exporters []exporter
}

// exporter is told of durations as they come; the rest it reads from the set.
type exporter interface {
	duration(target, stage string, d time.Duration)
	close() error
}

// Round is one that ended.
type Round struct {
	Begin, End time.Time
	Missed     int // times to begin that have passed while it was under way
	Watched    int // things that are watched
}

// NewSet is an empty set. Limited is called once, where there are more than MaxCells.
func NewSet(limited func(words string)) *Set {
	return &Set{cells: map[watch.Cell]watch.Now{}, names: map[string]int{}, targets: map[string]bool{}, changes: map[string]uint64{}, limited: limited}
}

// outcomes are those that an attempt can end in.
var outcomes = [...]attempt.Kind{
	attempt.Connected, attempt.Refused, attempt.TimedOut, attempt.Unreachable, attempt.Denied, attempt.Reset, attempt.NameNotFound, attempt.Failed,
}

// outcomeNames are they as label values: in lower case, with underscores.
var outcomeNames = [...]string{"connected", "refused", "timed_out", "unreachable", "denied", "reset", "name_not_found", "failed"}

func outcomeIndex(k attempt.Kind) int {
	for i, o := range outcomes {
		if o == k {
			return i
		}
	}
	return len(outcomes) - 1 // a handshake that failed in its own way
}

// The stages whose time is told.
const (
	stageResolve   = "resolve"
	stageConnect   = "connect"
	stageTLS       = "tls"
	stageHandshake = "handshake"
)

// Attempt counts what came of one try.
func (s *Set) Attempt(r *probe.Result) {
	if s == nil {
		return
	}
	target := ""
	if r.Target != nil {
		target = r.Target.Text
	}
	s.mu.Lock()
	s.attempts[outcomeIndex(r.Outcome.Kind)]++
	target = s.target(target)
	s.mu.Unlock()
	s.time(target, stageConnect, r.Times.Connect)
	s.time(target, stageTLS, r.Times.TLS)
	s.time(target, stageHandshake, r.Times.Handshake)
}

func (s *Set) time(target, stage string, d time.Duration) {
	if d <= 0 {
		return
	}
	for _, e := range s.exporters {
		e.duration(target, stage, d)
	}
}

// target is the label of a target: its own, as long as there is room.
func (s *Set) target(text string) string {
	if s.targets[text] {
		return text
	}
	if len(s.targets) >= maxTargets {
		return others
	}
	s.targets[text] = true
	return text
}

// Lookup counts what came of looking a name up.
func (s *Set) Lookup(name string, addrs int, took time.Duration, err error) {
	if s == nil {
		return
	}
	if err != nil {
		addrs = 0
	}
	s.mu.Lock()
	if _, there := s.names[name]; there || len(s.names) < MaxCells {
		s.names[name] = addrs
	}
	label := s.target(name)
	s.mu.Unlock()
	s.time(label, stageResolve, took)
}

// State is what a cell is in.
func (s *Set) State(c watch.Cell, now watch.Now) {
	if s == nil {
		return
	}
	s.mu.Lock()
	_, there := s.cells[c]
	full := !there && len(s.cells) >= MaxCells
	if !full {
		s.cells[c] = now
	}
	limited := s.limited
	if full {
		s.limited = nil
	}
	s.mu.Unlock()
	if full && limited != nil {
		limited("more destinations and sources than metrics have room for: the first 2000 have series of their own, sallyport_attempts_unlisted counts the others")
	}
}

// Gone removes a cell that is watched no longer.
func (s *Set) Gone(c watch.Cell) {
	if s == nil {
		return
	}
	s.mu.Lock()
	delete(s.cells, c)
	s.mu.Unlock()
}

// Change counts a change.
func (s *Set) Change(c watch.Cell) {
	if s == nil {
		return
	}
	s.mu.Lock()
	target := c.Target
	if c.Lookup() {
		target = c.Name
	}
	s.changes[s.target(target)]++
	s.mu.Unlock()
}

// Round counts a round that ended.
func (s *Set) Round(r Round) {
	if s == nil {
		return
	}
	s.mu.Lock()
	s.rounds++
	s.missed += uint64(r.Missed)
	s.last = r
	s.mu.Unlock()
}

// Close ends all exporters: what is still to be sent is sent.
func (s *Set) Close() error {
	if s == nil {
		return nil
	}
	var err error
	for _, e := range s.exporters {
		err = errors.Join(err, e.close())
	}
	return err
}

// snapshot is what a set is at one moment.
type snapshot struct {
	cells          []cellNow
	names          map[string]int
	attempts       [len(outcomes)]uint64
	changes        map[string]uint64
	rounds, missed uint64
	last           Round
	unlisted       int
	expiry         map[place]time.Time
}

type cellNow struct {
	watch.Cell
	watch.Now
}

// place is where a certificate is presented.
type place struct {
	target, name, addr, protocol string
	port                         uint16
}

func (s *Set) snapshot() *snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := &snapshot{
		cells: make([]cellNow, 0, len(s.cells)), names: make(map[string]int, len(s.names)), attempts: s.attempts, changes: make(map[string]uint64, len(s.changes)),
		rounds: s.rounds, missed: s.missed, last: s.last, expiry: map[place]time.Time{},
	}
	for c, now := range s.cells {
		x.cells = append(x.cells, cellNow{c, now})
		if now.NotAfter.IsZero() {
			continue
		}
		p := place{c.Target, c.Name, c.Addr.String(), c.Protocol.String(), c.Port}
		if first, there := x.expiry[p]; !there || now.NotAfter.Before(first) {
			x.expiry[p] = now.NotAfter
		}
	}
	for n, addrs := range s.names {
		x.names[n] = addrs
	}
	for t, n := range s.changes {
		x.changes[t] = n
	}
	x.unlisted = max(0, s.last.Watched-len(s.cells)-len(s.names))
	return x
}
