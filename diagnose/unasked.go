package diagnose

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// maxUnasked bounds the names that are asked for in a program's place.
const maxUnasked = 8

// askMore asks what the program did not, for a name that it got no address of, and returns the cause that this comes to: the addresses
// of the other family, else the names that the search list could have led to.
func (v *Investigation) askMore(ctx context.Context, r *resolution, cause string) string {
	l := r.last(NameNotFound)
	if r.exists() {
		l = r.last(NameOfOtherFamily)
	}
	if l.Name == "" || l.Elsewhere {
		return cause
	}
	if kind := r.otherKind(l.Name); l.Outcome == attempt.LookupNoData && kind != "" && len(l.Chain) == 0 {
		if o := v.ask(ctx, l.Process, l.Server, l.Name, kind); o.Outcome == attempt.LookupAnswered && len(o.Answers) > 0 {
			r.other = &o
			return NameOfOtherFamily
		}
		return cause
	}
	if cause != NameNotFound || r.exists() {
		return cause
	}
	for _, name := range r.notAsked() {
		for _, kind := range []string{"A", "AAAA"} {
			if o := v.ask(ctx, l.Process, l.Server, name, kind); o.Outcome == attempt.LookupAnswered && len(o.Answers) > 0 && !v.anyName(ctx, l, name, kind, o) {
				r.unasked = &o
				return cause
			}
		}
	}
	return cause
}

// askItself asks for the name that the search list made others of, where a server then failed or was silent: musl stops there, and the
// name itself is never asked for.
func (v *Investigation) askItself(ctx context.Context, r *resolution, l *attempt.Lookup) {
	short := r.neverAsked()
	if short == "" || l.Elsewhere {
		return
	}
	for _, kind := range []string{"A", "AAAA"} {
		if o := v.ask(ctx, l.Process, l.Server, short, kind); o.Outcome == attempt.LookupAnswered && len(o.Answers) > 0 {
			r.itself = &o
			return
		}
	}
}

// neverAsked is the name that the program asked for, or may have, where the search list made other names of it and it was not asked for as
// it is; "" where it was, or it has no dot.
func (r *resolution) neverAsked() string {
	names, _ := r.candidates()
	conf := r.lookups[0].Resolver
	if conf == nil {
		return ""
	}
	if n := r.name(); !slices.Contains(names, n) {
		if !strings.Contains(n, ".") {
			return ""
		}
		return n
	}
	if len(names) != 1 || len(conf.Search) == 0 {
		return ""
	}
	short, ok := strings.CutSuffix(names[0], "."+strings.ToLower(conf.Search[0]))
	if !ok || !strings.Contains(short, ".") || strings.Count(short, ".") >= conf.Ndots {
		return ""
	}
	return short
}

// anyName reports whether a name that nobody has, in the same domain, has the address as well.
func (v *Investigation) anyName(ctx context.Context, l *attempt.Lookup, name, kind string, o attempt.Lookup) bool {
	_, domain, _ := strings.Cut(name, ".")
	return overlap(v.ask(ctx, l.Process, l.Server, noSuchLabel+"."+domain, kind).Answers, o.Answers)
}

// otherKind is the type of address record that was not asked for, where only one was.
func (r *resolution) otherKind(name string) string {
	asked := map[string]bool{}
	for _, l := range r.lookups {
		if strings.EqualFold(l.Name, name) {
			asked[l.Type] = true
		}
	}
	switch {
	case asked["A"] && !asked["AAAA"]:
		return "AAAA"
	case asked["AAAA"] && !asked["A"]:
		return "A"
	}
	return ""
}

func (r *resolution) exists() bool {
	return slices.ContainsFunc(r.lookups, func(l *attempt.Lookup) bool { return l.Outcome == attempt.LookupNoData })
}

// notAsked are the names that were not asked for: what was, with each suffix of the search list, and with the domains that the suffixes are in.
func (r *resolution) notAsked() []string {
	conf, name := r.lookups[0].Resolver, r.name()
	if conf == nil || name == "" {
		return nil
	}
	suffixes := slices.Clone(conf.Search)
	for _, s := range conf.Search {
		for {
			var ok bool
			if _, s, ok = strings.Cut(s, "."); !ok || !strings.Contains(s, ".") {
				break // a top-level domain is nobody's own
			}
			suffixes = append(suffixes, s)
		}
	}
	known, _ := r.candidates()
	var out []string
	for _, s := range suffixes {
		if full := name + "." + strings.ToLower(s); !slices.Contains(known, full) && !slices.Contains(out, full) && len(out) < maxUnasked {
			out = append(out, full)
		}
	}
	return out
}

// leftAlone reports whether a process asked for IPv6 addresses of a name alone, and then neither resolved nor connected to anything: it may
// have failed of that.
func (rec *record) leftAlone(r *resolution) bool {
	last := r.lookups[len(r.lookups)-1]
	for _, l := range r.lookups {
		if l.Type != "AAAA" || l.Outcome != attempt.LookupNoData && l.Outcome != attempt.LookupNoName {
			return false
		}
	}
	for _, o := range rec.resolutions {
		if o != r && pidOf(o.lookups[0].Process) == pidOf(last.Process) && !o.lookups[0].Asked.Before(r.lookups[0].Asked) {
			return false
		}
	}
	for i := range rec.all {
		if m := &rec.all[i]; m.pid() == pidOf(last.Process) && m.Destination.IsValid() && m.Destination.Port() != dnsPort && m.End.After(r.lookups[0].Asked) {
			return false
		}
	}
	return last.Process != nil && !rec.missed(r)
}

// missed reports whether the process asked a question at about the time of r that was not seen, nor its answer: it may have been for the same
// name, by the other type.
func (rec *record) missed(r *resolution) bool {
	for _, o := range rec.resolutions {
		l := o.lookups[0]
		if l.Name == "" && l.Outcome == attempt.LookupSilent && pidOf(l.Process) == pidOf(r.lookups[0].Process) &&
			!l.Asked.Before(r.lookups[0].Asked) && l.Asked.Sub(r.end()) < sameTry {
			return true
		}
	}
	return false
}

// explainUnasked tells of a name that was not asked for, and exists.
func (r *resolution) explainUnasked(e *explanation) {
	l, conf, name := r.lookups[0], r.lookups[0].Resolver, r.name()
	full := r.unasked.Name
	suffix := strings.TrimPrefix(full, name+".")
	e.summary = fmt.Sprintf("%s asked for %s, and there is no such name; %s is one, and was not asked for", processName(l.Process), name, full)
	e.saw("asked by sallyport: %v", r.unasked)
	e.advise("if that is meant: use the full name, `%s`", full)
	dots := strings.Count(name, ".")
	switch {
	case !slices.Contains(conf.Search, suffix):
		e.saw("the search list of /etc/resolv.conf has %s, and not %s", strings.Join(conf.Search, " "), suffix)
		e.advise("or add %s to the search list of /etc/resolv.conf (in a pod: `dnsConfig: {searches: [%s]}`, in Docker: --dns-search %s)", suffix, suffix, suffix)
	case dots >= conf.Ndots:
		e.saw("%s has as many dots as ndots:%d, so it was asked for as it is alone: by musl (Alpine), by programs that ask DNS themselves, and with a dot at its end", name, conf.Ndots)
		e.advise("or `options ndots:%d` in /etc/resolv.conf, for the search list to come first (in a pod: `dnsConfig`)", dots+1)
	default:
		e.saw("the search list of /etc/resolv.conf has %s, and was not used: so it is for a name that ends with a dot, and for programs that ask DNS themselves (Node's dns.resolve, dnspython)", suffix)
	}
}

// explainOtherFamily tells of a name whose only addresses are of the family that was not asked for.
func explainOtherFamily(r *resolution, l *attempt.Lookup, e *explanation) {
	asked, has := attempt.IPv4, attempt.IPv6
	if l.Type == "AAAA" {
		asked, has = has, asked
	}
	e.summary = fmt.Sprintf("%s asked for %v addresses of %s alone, and that name has %v addresses only: %s", processName(l.Process), asked, l.Name, has, list(r.other.Answers))
	e.saw("asked by sallyport: %v", r.other)
	without := false
	if r.facts != nil {
		without = has == attempt.IPv6 && r.facts.AnyRoute6 == No || has == attempt.IPv4 && r.facts.AnyRoute4 == No
	}
	if without {
		e.summary += fmt.Sprintf(", where there is no %v network here", has)
		if !r.hasAddress(has) {
			e.saw("this machine has no %v address but loopback's: with AI_ADDRCONFIG the C library then leaves %s records alone, getaddrinfo(3)", has, recordOf(has))
		}
		e.advise("have an %v address (%s record) added to %s, or use a name of the server that has one, or a proxy that has %v", asked, recordOf(asked), l.Name, has)
		e.advise("or give this machine %v: an address and a route; in a container its network must have %v", has, has)
		return
	}
	switch has {
	case attempt.IPv6:
		e.advise("let it ask for both families: getaddrinfo with AF_UNSPEC rather than AF_INET or gethostbyname; curl, wget and ssh without -4, Java without -Djava.net.preferIPv4Stack=true, `tcp` rather than `tcp4` in Go, Node without family: 4")
	default:
		e.advise("let it ask for both families: getaddrinfo with AF_UNSPEC rather than AF_INET6; curl, wget and ssh without -6, `tcp` rather than `tcp6` in Go, Node without family: 6")
	}
	e.advise("or have an %v address (%s record) added to %s", asked, recordOf(asked), l.Name)
}

// hasAddress reports whether the machine has an address of the family that is not loopback's.
func (r *resolution) hasAddress(f attempt.Family) bool {
	return slices.ContainsFunc(r.facts.Addresses, func(a Address) bool { return attempt.FamilyOf(a.Addr) == f && !a.Addr.IsLoopback() })
}
