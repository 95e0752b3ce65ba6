package diagnose

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// detour is a name that the search list of resolv.conf(5) made another name of, whose address the program then got.
type detour struct {
	asked  string // what the program asked for
	found  string // what the address is of
	suffix string // what was added
	own    told   // what asked itself is, by the same server
	sure   bool   // the questions leave no other name to have been asked for than asked
	asIs   bool   // asked itself was asked first, and there is no such name
	real   bool   // a domain that asked is in exists by itself, so that asked looks like a full name
	wild   bool   // a name below suffix that nobody has given to a host has the same address: *.suffix
}

// noSuchLabel is what nobody calls a host. A server that has an address for it has one for every name.
const noSuchLabel = "no-such-name-asked-by-sallyport"

// detourOf tells which shorter name the program asked for, where the search list made the name of l of it; nil: none did, or it
// can't be told, or what was asked for has no dot, so that it could only be found that way.
//
// A name with fewer dots than ndots is tried with each suffix first, and as it is in the end; one with more the other way round: glibc's
// res_search, Go's nameList; musl then tries no suffix at all.
func detourOf(r *resolution, l *attempt.Lookup) *detour {
	found := strings.ToLower(l.Name)
	if l.Resolver == nil {
		return nil
	}
	var d *detour
	for i, suffix := range l.Resolver.Search {
		asked, ok := strings.CutSuffix(found, "."+strings.ToLower(suffix))
		if !ok || !strings.Contains(asked, ".") {
			continue
		}
		switch dots := strings.Count(asked, "."); {
		case slices.Contains(r.bases, found):
			// Its only question: the first suffix, to a name that is not asked for as it is before.
			if i != 0 || dots >= l.Resolver.Ndots || strings.Count(found, ".") >= l.Resolver.Ndots {
				continue
			}
			if r.otherKind(found) != "" {
				continue // who asks for one kind alone may be no resolver with a search list: c-ares, dnspython
			}
			return &detour{asked: asked, found: found, suffix: suffix}
		case len(r.bases) == 1 && r.bases[0] == asked:
			d = &detour{asked: asked, found: found, suffix: suffix, sure: true}
		}
	}
	if d == nil {
		return nil
	}
	for _, o := range r.lookups {
		d.asIs = d.asIs || strings.EqualFold(o.Name, d.asked) && (o.Outcome == attempt.LookupNoName || o.Outcome == attempt.LookupNoData)
	}
	return d
}

// askAboutDetour asks the server that gave the address what the other names are, and reports whether the name that was asked for is another host, or none.
func (v *Investigation) askAboutDetour(ctx context.Context, x *examined, o *origin, d *detour) bool {
	l := o.lookup
	d.own = v.askAddresses(ctx, l.Process, l.Server, d.asked)
	if overlap(d.own.addrs, l.Answers) {
		return false
	}
	d.wild = overlap(v.ask(ctx, l.Process, l.Server, noSuchLabel+"."+d.suffix, l.Type).Answers, l.Answers)
	for domain := d.asked; !d.real; {
		var ok bool
		if _, domain, ok = strings.Cut(domain, "."); !ok {
			break
		}
		is := v.ask(ctx, l.Process, l.Server, domain, "A").Outcome
		d.real = is == attempt.LookupNoData || is == attempt.LookupAnswered
	}
	if len(d.own.addrs) > 0 && d.wild {
		o.direct = v.toOwn(ctx, x, d.own.addrs, "the address of "+d.asked+" itself")
	}
	return true
}

// searchPathCause names the search list as the cause: the address is the one that every name below a suffix has, and the name that was asked for
// is another host's, or a full name that nobody has.
func searchPathCause(x *examined) string {
	d := x.origin.detour
	if d == nil || !d.wild || !differs(x) {
		return ""
	}
	switch x.plainCause() {
	case Refused, TimedOut, Unreachable:
	default:
		return ""
	}
	if len(d.own.addrs) > 0 || d.sure && d.real && (d.asIs || d.own.missing) {
		return SearchPathSurprise
	}
	return ""
}

func explainSearchPath(x *examined, e *explanation) {
	d, conf := x.origin.detour, x.origin.lookup.Resolver
	e.summary = fmt.Sprintf("%s asked for %s and got %v, the address of %s: the search list added %s, where every name has that address; %s", x.who(), d.asked,
		x.Destination.Addr().Unmap(), d.found, d.suffix, x.endedThere())
	for i, l := range x.origin.of.lookups {
		if i == shownLookups {
			break
		}
		e.saw("%v", l)
	}
	e.saw("/etc/resolv.conf: search %s, ndots:%d", strings.Join(conf.Search, " "), conf.Ndots)
	e.saw("the resolver has the same address for %s.%s, a name that nobody has: there is a wildcard, *.%s", noSuchLabel, d.suffix, d.suffix)
	short := strings.Count(d.asked, ".") < conf.Ndots
	if len(d.own.addrs) > 0 {
		e.saw("%s itself is %s, by the same resolver", d.asked, list(d.own.addrs))
		e.advise("end the name with a dot, where the program takes that, for it to be asked for as it is: `%s.`; compare `getent ahosts %s.` with `getent ahosts %s`", d.asked, d.asked, d.asked)
		if short {
			dots := strings.Count(d.asked, ".")
			e.advise("%s has fewer dots than ndots:%d, so the search list comes first: `options ndots:%d` in /etc/resolv.conf has it asked for as it is first; in a pod: `dnsConfig: {options: [{name: ndots, value: \"%d\"}]}`, in Docker: --dns-opt ndots:%d",
				d.asked, conf.Ndots, dots, dots, dots)
		}
	} else {
		e.saw("%s itself has no address, by the same resolver", d.asked)
		e.advise("look for a typing error in %s: without the wildcard the lookup would have failed, and said so; `getent ahosts %s.` (with the dot) asks for it as it is", d.asked, d.asked)
	}
	e.advise("or take %s out of the search list: /etc/resolv.conf (`resolvectl domain` with systemd-resolved; in a pod it is the node's, unless `dnsConfig` and `dnsPolicy: None` say otherwise)", d.suffix)
	e.advise("or have the wildcard *.%s removed, if it is not wanted", d.suffix)
}

// endedThere is how the attempt ended, for the end of a sentence.
func (x *examined) endedThere() string {
	switch {
	case x.Outcome.Kind == attempt.TimedOut, x.Outcome.Kind == attempt.InProgress, x.Outcome.Kind == attempt.Cancelled:
		return fmt.Sprintf("no answer came from %v", x.Destination)
	case x.Outcome.Kind == attempt.Refused:
		return fmt.Sprintf("%v refused", x.Destination)
	}
	return fmt.Sprintf("%v: %s", x.Destination, x.errno())
}
