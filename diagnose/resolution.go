package diagnose

import (
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// resolution is the lookups of one name, as a program resolved it: A and AAAA, each name that the search list makes of
// it (resolv.conf(5)), each server, each retry.
type resolution struct {
	lookups []*attempt.Lookup
	bases   []string // what the program may have asked its resolver for; never empty
	again   []Counterfactual
	left    []string // what could not be asked again, in words

	itself  *attempt.Lookup // what was asked for, where the search list made other names of it and it was never asked for as it is
	unasked *attempt.Lookup // a name that the search list could have led to, which has an address; nil: none is known
	other   *attempt.Lookup // the addresses of the family that was not asked for, where it has no others
	facts   *Facts          // of the machine that it was asked from; nil: not known
	place   Platform        // of the program that asked, once the name is known to be missing
}

// sameTry is how long after one question of a resolution the next may follow.
const sameTry = 30 * time.Second

// resolutions puts the lookups together that are of one name. Questions for other things than addresses are left out, and
// so are answers that a datagram was too short for: the same is asked by TCP.
func resolutions(lookups []attempt.Lookup) []*resolution {
	sorted := make([]*attempt.Lookup, 0, len(lookups))
	for i := range lookups {
		l := &lookups[i]
		if (l.Type == "A" || l.Type == "AAAA" || l.Type == "" && l.Outcome <= attempt.LookupPortClosed) && l.Outcome != attempt.LookupTruncated {
			sorted = append(sorted, l)
		}
	}
	slices.SortStableFunc(sorted, func(a, b *attempt.Lookup) int { return a.Asked.Compare(b.Asked) })
	var out []*resolution
next:
	for _, l := range sorted {
		for i := len(out) - 1; i >= 0; i-- {
			if out[i].takes(l) {
				continue next
			}
		}
		out = append(out, &resolution{lookups: []*attempt.Lookup{l}, bases: basesOf(l)})
	}
	return out
}

// takes adds a lookup, if it is of the same name by the same process.
func (r *resolution) takes(l *attempt.Lookup) bool {
	last := r.lookups[len(r.lookups)-1]
	if pidOf(last.Process) != pidOf(l.Process) || l.Asked.Sub(last.Asked) > sameTry {
		return false
	}
	if l.Name == "" || last.Name == "" { // Go's questions are not seen, only that it waits for the answers
		if l.Name == last.Name {
			r.lookups = append(r.lookups, l)
			return true
		}
		return false
	}
	common := slices.DeleteFunc(basesOf(l), func(b string) bool { return !slices.Contains(r.bases, b) })
	if len(common) == 0 {
		return false
	}
	r.bases = common
	r.lookups = append(r.lookups, l)
	return true
}

// basesOf is every name that could have led to the question: the name itself, and without each suffix of the search list.
func basesOf(l *attempt.Lookup) []string {
	name := strings.ToLower(l.Name)
	out := []string{name}
	if l.Resolver != nil {
		for _, s := range l.Resolver.Search {
			if b, ok := strings.CutSuffix(name, "."+strings.ToLower(s)); ok && b != "" {
				out = append(out, b)
			}
		}
	}
	return out
}

// name is what the program asked for: what was itself asked of a server, if anything, and the shortest.
func (r *resolution) name() string {
	best, asked := "", false
	for _, b := range r.bases {
		is := slices.ContainsFunc(r.lookups, func(l *attempt.Lookup) bool { return strings.EqualFold(l.Name, b) })
		if best == "" || is && !asked || is == asked && len(b) < len(best) {
			best, asked = b, is
		}
	}
	return best
}

// candidates are the names that were asked for, in order, each with the best that came of it.
func (r *resolution) candidates() (names []string, outcome map[string]attempt.Answer) {
	outcome = map[string]attempt.Answer{}
	for _, l := range r.lookups {
		name := strings.ToLower(l.Name)
		if o, known := outcome[name]; !known {
			names = append(names, name)
			outcome[name] = l.Outcome
		} else if better(l.Outcome) > better(o) {
			outcome[name] = l.Outcome
		}
	}
	return names, outcome
}

// better ranks the answers to the questions for one name. That one record type is missing says little; what a server did not say, another may have.
func better(a attempt.Answer) int {
	return slices.Index([]attempt.Answer{
		attempt.LookupPortClosed, attempt.LookupSilent, attempt.LookupRefused, attempt.LookupFailed, attempt.LookupNoData, attempt.LookupNoName, attempt.LookupAnswered,
	}, a)
}

// cause names what the name was not resolved for; "" where it was, or nothing shows that it was not.
func (r *resolution) cause(ended time.Time) string {
	_, outcome := r.candidates()
	count := map[attempt.Answer]int{}
	for name, o := range outcome {
		if o == attempt.LookupSilent && !r.awaited(name) && !r.silentAgain(name) {
			return "" // its answer may have been read by a call that is not looked at
		}
		count[o]++
	}
	switch {
	case count[attempt.LookupAnswered] > 0:
		return ""
	case count[attempt.LookupFailed]+count[attempt.LookupRefused] > 0:
		return NameServerFailure
	case count[attempt.LookupSilent] > 0:
		switch {
		case r.closedNow(): // glibc sees POLLERR on its socket then, and does not read why
			return ResolverRefused
		case r.unreachableNow(): // the same, with another ICMP error
			return ResolverSilent
		case !r.waitedLong(ended):
			return ""
		}
		return ResolverSilent
	case count[attempt.LookupPortClosed] > 0:
		return ResolverRefused
	case count[attempt.LookupNoName] == 0 && !r.askedA():
		return "" // no AAAA record: what of that, if nobody asked for A
	}
	return NameNotFound
}

// awaited reports whether an answer to the questions for a name could not have been missed.
func (r *resolution) awaited(name string) bool {
	return slices.ContainsFunc(r.lookups, func(l *attempt.Lookup) bool {
		return strings.EqualFold(l.Name, name) && l.Outcome == attempt.LookupSilent && l.Awaited
	})
}

// silentAgain reports whether no answer to the questions for a name was seen where it is likely to be, and the same asked again got none either.
func (r *resolution) silentAgain(name string) bool {
	return len(r.again) > 0 && r.again[0].Outcome.Kind == attempt.TimedOut && slices.ContainsFunc(r.lookups, func(l *attempt.Lookup) bool {
		return strings.EqualFold(l.Name, name) && l.Outcome == attempt.LookupSilent && l.Unread
	})
}

// closedNow reports whether the question, asked again, was refused.
func (r *resolution) closedNow() bool {
	return len(r.again) > 0 && r.again[0].Outcome.Kind == attempt.Refused
}

// unreachableNow reports whether the question, asked again, could not get to the server.
func (r *resolution) unreachableNow() bool {
	return len(r.again) > 0 && r.again[0].Outcome.Kind == attempt.Unreachable
}

// waitedLong reports whether an answer was waited for: the question was sent again, or time enough has passed.
func (r *resolution) waitedLong(ended time.Time) bool {
	for _, l := range r.lookups {
		if l.Outcome == attempt.LookupSilent && l.Count > 1 {
			return true
		}
	}
	return ended.Sub(r.lookups[0].Asked) >= patience
}

func (r *resolution) askedA() bool {
	return slices.ContainsFunc(r.lookups, func(l *attempt.Lookup) bool { return l.Type == "A" && l.Outcome == attempt.LookupNoData })
}

// end is when the last of it was known.
func (r *resolution) end() time.Time {
	last := r.lookups[len(r.lookups)-1]
	if last.Answered.IsZero() {
		return last.Asked
	}
	return last.Answered
}

func pidOf(p *attempt.Process) int {
	if p == nil {
		return 0
	}
	return p.PID
}
