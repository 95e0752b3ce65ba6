package diagnose

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// Findings explains what failed in lives, which must be complete: nothing may alter them any more. It is
// to be called when the program has ended. It waits for the counterfactuals under way, not longer than
// ctx allows, nor than twice the time for one of them.
func (v *Investigation) Findings(ctx context.Context, lives []*attempt.Life) ([]Finding, []Note) {
	rec := gather(lives, v.now())
	rec.succeeded = v.ended && v.status == 0
	rec.resolvers, rec.resolutions = cookiesOf(v.lookups), resolutions(v.lookups)
	ctx, cancel := context.WithTimeout(ctx, 2*v.options.Timeout)
	defer cancel()
	var folded folder
	for i := range rec.all {
		m := &rec.all[i]
		if m.connected() || rec.ofLookup(m) {
			continue
		}
		if n, ok := rec.noise(m); ok {
			folded.note(n)
			continue
		}
		x := &examined{made: m, experiment: v.result(ctx, m.Attempt), rec: rec, options: v.options}
		x.facts = v.facts().of(x.experiment)
		x.proxy = v.dials.proxyOf(m)
		if !m.Failed() && !x.lonely() {
			folded.note(m.note(NoteUnanswered, m.title()+": still no answer after "+
				attempt.DurationText(m.waited.Round(100*time.Millisecond))+", when the program gave up or ended"))
			continue
		}
		x.knownOpen(ctx, v)
		x.origin = v.origin(ctx, x)
		folded.finding(m, x.finding())
	}
	v.stalls(ctx, rec, &folded) // before what adds findings that the folder has no key for
	v.looked(ctx, rec, &folded)
	v.proxied(ctx, rec, &folded)
	folded.findings = append(folded.findings, v.exhausted(rec, folded.findings)...)
	folded.findings = append(folded.findings, v.unseenCalls(rec, folded.findings)...)
	// What can explain a bad end where nothing else does comes last.
	v.closings(ctx, rec, &folded)
	v.certificates(ctx, rec, &folded)
	return folded.findings, folded.notes
}

// lonely reports whether an attempt that never ended is all that the program tried to reach its
// destination, so that its silence is what the program failed of.
func (x *examined) lonely() bool {
	for i := range x.rec.all {
		o := &x.rec.all[i]
		if o != x.made && o.program(x.made) && o.Protocol == x.Protocol && (o.Failed() || o.connected()) && o.Destination.IsValid() &&
			(same(o.Destination, x.Destination) || x.raced(o)) {
			return false
		}
	}
	return true
}

// knownOpen tries the same host on a port that was open in this run, where that would tell the host's
// silence from the port's, and its being open was long ago.
func (x *examined) knownOpen(ctx context.Context, v *Investigation) {
	o := x.rec.connectedTo(x.made)
	if o == nil || v.trier == nil || v.options.NoCounterfactuals || x.Decided || x.rec.ended.Sub(o.End) < freshness {
		return
	}
	switch x.Outcome.Kind {
	case attempt.TimedOut, attempt.Unreachable, attempt.Refused:
	default:
		return
	}
	a := attempt.Attempt{Protocol: o.Protocol, Destination: o.Destination, Name: o.Name}
	if c, err := v.try(ctx, x.pid(), trial{change: changeOpenPort(o), attempt: a}); err == nil {
		e := *x.experiment
		e.cfs = append(slices.Clone(e.cfs), c)
		x.experiment = &e
	}
}

// freshness is how long the run's own connection to a port says that the port is open.
const freshness = time.Minute

// folder folds what is alike.
type folder struct {
	findings []Finding
	index    map[foldKey]int // of the finding that speaks for a failure
	own      []foldKey       // the key that a finding was made from; companions have others
	notes    []Note
}

// foldKey is what identical failures have in common.
type foldKey struct {
	cause   string
	attempt attempt.Attempt
	outcome attempt.Outcome
	process string
}

// finding adds a finding, or counts it with one that is alike.
func (f *folder) finding(m *made, n Finding) {
	key := foldKey{n.Cause, anyPort(m.Attempt), m.Outcome, m.process}
	if i, ok := f.index[key]; ok {
		if f.own[i] == key {
			f.findings[i].Count++
		}
		return
	}
	if f.index == nil {
		f.index = make(map[foldKey]int)
	}
	for i := range f.findings {
		if o := &f.findings[i]; o.PID == n.PID && companions(o, &n) {
			o.Evidence = append(o.Evidence, fmt.Sprintf("the other family did no better: %v %v", n.Attempt.Destination, n.Outcome))
			f.index[key] = i
			return
		}
	}
	f.index[key] = len(f.findings)
	f.findings, f.own = append(f.findings, n), append(f.own, key)
}

// companions reports whether two findings are the two families of one try: localhost as ::1 and as
// 127.0.0.1, a name with an A and an AAAA record.
func companions(a, b *Finding) bool {
	x, y := a.Attempt.Destination, b.Attempt.Destination
	return a.Cause == b.Cause && a.Outcome == b.Outcome && x.IsValid() && y.IsValid() && x.Port() == y.Port() &&
		a.Attempt.Protocol == b.Attempt.Protocol && attempt.FamilyOf(x.Addr()) != attempt.FamilyOf(y.Addr()) &&
		x.Addr().IsLoopback() == y.Addr().IsLoopback() && b.At.Sub(a.At) < familyRace && a.Attempt.Name == b.Attempt.Name
}

// anyPort is an attempt without the port of its source: a program that picks a new one each time fails alike each time.
func anyPort(a attempt.Attempt) attempt.Attempt {
	if a.Source.Kind != attempt.SourceNone && a.Destination.IsValid() {
		a.Source.Addr = netip.AddrPortFrom(a.Source.Addr.Addr(), 0)
	}
	return a
}

// note adds a note, or counts it with one that is alike. An empty one is nothing.
func (f *folder) note(n Note) {
	if n.Text == "" {
		return
	}
	for i := range f.notes {
		if o := &f.notes[i]; o.Kind == n.Kind && anyPort(o.Attempt) == anyPort(n.Attempt) && o.Outcome == n.Outcome && o.PID == n.PID {
			o.Count++
			return
		}
	}
	f.notes = append(f.notes, n)
}
