package diagnose

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// Looked tells of the program's DNS lookups, before Findings is called: those that failed become findings too.
func (v *Investigation) Looked(lookups []attempt.Lookup) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.lookups = lookups
}

// looked adds the findings and the notes of lookups to those of attempts, in order of time.
func (v *Investigation) looked(ctx context.Context, rec *record, f *folder) {
	all := rec.resolutions
	v.askAgain(ctx, all)
	for i, r := range all {
		cause := r.cause(rec.ended)
		if cause == NameNotFound && rec.missed(r) {
			cause = ""
		}
		if cause == NameNotFound || cause == "" && v.ended && v.status != 0 && rec.leftAlone(r) {
			cause = v.askMore(ctx, r, cause)
		}
		if cause == NameServerFailure || cause == ResolverSilent {
			v.askItself(ctx, r, r.last(cause))
		}
		if cause == "" {
			if n, ok := r.slowness(); ok {
				f.note(n)
			}
			continue
		}
		if r.madeGood(all[i+1:]) {
			n := r.note(NoteRetried, fmt.Sprintf("%s: lookup of %s: %v; a later one was answered", processName(r.lookups[0].Process), r.shown(), r.last(cause).Outcome))
			f.note(n)
			continue
		}
		if l := r.lookups[0]; !l.Elsewhere {
			facts := v.facts()
			r.facts = &facts
		}
		r.place = v.facts().Platform
		if c := r.lookups[0].Resolver; c != nil {
			var own Platform
			own.searched(c.Search)
			own.Resolvers = c.Servers
			r.place = own.over(r.place)
		}
		f.lookup(r.finding(cause))
	}
	slices.SortStableFunc(f.findings, func(a, b Finding) int { return a.At.Compare(b.At) })
}

// askedAgain is how many silent servers are asked again.
const askedAgain = 8

// askAgain asks silent servers the same again, all at the same time: one that is not there says so, which glibc does not read.
func (v *Investigation) askAgain(ctx context.Context, all []*resolution) {
	if v.trier == nil || v.options.NoCounterfactuals {
		return
	}
	var wg sync.WaitGroup
	n := 0
	for _, r := range all {
		l := r.last(ResolverSilent)
		if l.Outcome != attempt.LookupSilent || l.Name == "" || !r.unresolved() || n == askedAgain {
			continue
		}
		if l.Elsewhere {
			r.left = append(r.left, changeNothing+": not tried, it was asked from another network namespace")
			continue
		}
		n++
		wg.Go(func() {
			a := attempt.Attempt{Protocol: attempt.UDP, Destination: l.Server, Name: l.Name}
			c, err := v.try(ctx, pidOf(l.Process), trial{change: changeNothing, attempt: a})
			if err != nil {
				r.left = append(r.left, changeNothing+": could not be tried: "+err.Error())
				return
			}
			if c.Outcome.Kind == attempt.Connected {
				c.Detail = "that is, an answer came"
			}
			r.again = append(r.again, c)
		})
	}
	wg.Wait()
}

// unresolved reports whether no candidate of the name got an address.
func (r *resolution) unresolved() bool {
	_, outcome := r.candidates()
	return !slices.Contains(slices.Collect(maps.Values(outcome)), attempt.LookupAnswered)
}

// lookup adds the finding of a lookup, or counts it with one that is alike.
func (f *folder) lookup(n Finding) {
	for i := range f.findings {
		o := &f.findings[i]
		if o.Cause == n.Cause && o.Attempt.Name == n.Attempt.Name && slices.Equal(o.Process, n.Process) {
			o.Count++
			return
		}
	}
	f.findings = append(f.findings, n)
}

// cookiesOf are the sockets that questions were asked on.
func cookiesOf(lookups []attempt.Lookup) map[uint64]bool {
	out := map[uint64]bool{}
	for i := range lookups {
		out[lookups[i].Cookie] = true
	}
	return out
}

// ofLookup reports whether an attempt is that of a resolver's socket to its server, which the lookup's finding speaks for.
func (rec *record) ofLookup(m *made) bool {
	return m.Protocol == attempt.UDP && m.life.Cookie != 0 && m.Destination.Port() == 53 && rec.resolvers[m.life.Cookie]
}

// madeGood reports whether the same process, or the same command run again, resolved the name later.
func (r *resolution) madeGood(later []*resolution) bool {
	first := r.lookups[0]
	for _, o := range later {
		if o.name() != r.name() || pidOf(o.lookups[0].Process) != pidOf(first.Process) {
			continue
		}
		if !o.unresolved() {
			return true
		}
	}
	return false
}

// slow is how long a lookup may take before that is worth a note: half of glibc's timeout.
const slow = 2500 * time.Millisecond

// slowness is a note of a name that was resolved in the end, by another server or another try than the first.
func (r *resolution) slowness() (Note, bool) {
	took := r.end().Sub(r.lookups[0].Asked)
	if took < slow || r.unresolved() {
		return Note{}, false
	}
	for _, l := range r.lookups {
		if l.Outcome == attempt.LookupSilent || l.Outcome == attempt.LookupPortClosed || l.Count > 1 {
			return r.note(NoteSlowLookup, fmt.Sprintf("%s: lookup of %s took %s: %v did not answer at first",
				processName(l.Process), r.shown(), attempt.DurationText(took.Round(100*time.Millisecond)), l.Server)), true
		}
	}
	return Note{}, false
}

func (r *resolution) note(kind, text string) Note {
	l := r.lookups[0]
	return Note{Kind: kind, Text: text, Attempt: r.attempt(l), PID: pidOf(l.Process), Count: 1, At: l.Asked}
}

// attempt stands for the lookup in a finding: a datagram to the server, and the name that was asked for.
func (r *resolution) attempt(l *attempt.Lookup) attempt.Attempt {
	return attempt.Attempt{Protocol: l.Protocol, Destination: l.Server, Name: r.name()}
}

func (r *resolution) shown() string {
	if n := r.name(); n != "" {
		return n
	}
	return "a name (its question was not seen)"
}

// last is the last lookup that shows the cause.
func (r *resolution) last(cause string) *attempt.Lookup {
	for _, l := range slices.Backward(r.lookups) {
		if slices.Contains(lookupOutcomes[cause], l.Outcome) {
			return l
		}
	}
	return r.lookups[len(r.lookups)-1]
}

// lookupOutcomes are the answers that a cause is about.
var lookupOutcomes = map[string][]attempt.Answer{
	NameNotFound:      {attempt.LookupNoName, attempt.LookupNoData},
	NameOfOtherFamily: {attempt.LookupNoData},
	NameServerFailure: {attempt.LookupFailed, attempt.LookupRefused},
	ResolverSilent:    {attempt.LookupSilent},
	ResolverRefused:   {attempt.LookupPortClosed, attempt.LookupSilent},
}

// finding is the finding that a resolution comes to.
func (r *resolution) finding(cause string) Finding {
	l := r.last(cause)
	var e explanation
	for _, o := range r.lookups {
		if slices.Contains(e.evidence, o.String()) {
			continue // the same again from another socket, which got no answer either
		}
		e.saw("%v", o)
		if len(e.evidence) == shownLookups && len(r.lookups) > shownLookups {
			e.saw("%d questions in all", len(r.lookups))
			break
		}
	}
	lookupExplainers[cause](r, l, &e)
	f := Finding{
		Cause: cause, Summary: e.summary, Attempt: r.attempt(l), Outcome: outcomeOfLookup(cause), PID: pidOf(l.Process), FD: l.FD,
		Evidence: e.evidence, Remedy: e.remedy, Count: 1, At: r.lookups[0].Asked,
		Counterfactuals: r.again,
	}
	f.Evidence = append(f.Evidence, r.left...)
	if l.Process != nil {
		f.Process = l.Process.Command
	}
	for _, o := range slices.Backward(r.lookups) {
		if o.Where != nil {
			f.Where = o.Where
			break
		}
	}
	return f
}

// shownLookups is how many questions are told as evidence.
const shownLookups = 8

// outcomeOfLookup is how a lookup ended, in the words that attempts end in.
func outcomeOfLookup(cause string) attempt.Outcome {
	switch cause {
	case ResolverSilent:
		return attempt.Outcome{Kind: attempt.TimedOut}
	case ResolverRefused:
		return attempt.OutcomeOf(attempt.ECONNREFUSED)
	case NameNotFound, NameOfOtherFamily:
		return attempt.Outcome{Kind: attempt.NameNotFound}
	}
	return attempt.Outcome{Kind: attempt.Failed}
}

// servers are the servers that were asked, for a sentence.
func (r *resolution) servers() string {
	var out []string
	for _, l := range r.lookups {
		if s := l.Server.String(); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return strings.Join(out, " and ")
}
