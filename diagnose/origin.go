package diagnose

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// origin is where an attempt's address is from: the lookup that was answered with it, or /etc/hosts.
type origin struct {
	lookup *attempt.Lookup // nil: none was seen
	of     *resolution     // that it belongs to
	hosts  *attempt.HostsEntry
	dns    told           // of a name out of /etc/hosts: what the resolver has for it
	asked  netip.AddrPort // that resolver
	others []string       // other names that the process had looked up by then, and got the same address for
	detour *detour        // nil: the name that was asked for is the name that was found, as far as is known

	direct *Counterfactual // the attempt made to another address of what was asked for; nil: not made

	otherAddrs []netip.Addr // the name's addresses of the family that the attempt's is not, where it had no way out
	otherNone  bool         // it has none, as the resolver says
}

// origin finds where the attempt's address is from.
func (v *Investigation) origin(ctx context.Context, x *examined) origin {
	key := anyPort(x.Attempt)
	if o, known := v.origins[key]; known {
		return o
	}
	o := v.findOrigin(ctx, x)
	if v.origins == nil {
		v.origins = map[attempt.Attempt]origin{}
	}
	v.origins[key] = o
	return o
}

func (v *Investigation) findOrigin(ctx context.Context, x *examined) origin {
	var o origin
	if x.Name == "" || !x.Destination.IsValid() || x.Call == attempt.CallBind || x.Decided {
		return o
	}
	if s := &x.life.Steps[connectStep(x.life, x.Result)]; s.Hosts != nil {
		o.hosts = s.Hosts
		v.askAboutHosts(ctx, x, &o)
		return o
	}
	o.lookup, o.of = x.rec.lookupBehind(x.made)
	if o.lookup == nil {
		return o
	}
	o.others = x.rec.alsoNamed(x.made)
	if d := detourOf(o.of, o.lookup); d != nil && !o.lookup.Elsewhere && differs(x) && v.askAboutDetour(ctx, x, &o, d) {
		o.detour = d
	}
	if x.Outcome.Kind == attempt.Unreachable || x.Outcome.Errno == attempt.EADDRNOTAVAIL {
		v.askOtherFamily(ctx, x, &o)
	}
	return o
}

// differs reports whether an attempt failed in a way that another address could change.
func differs(x *examined) bool {
	switch x.Outcome.Kind {
	case attempt.Refused, attempt.TimedOut, attempt.Unreachable, attempt.InProgress, attempt.Cancelled:
		return !x.again(attempt.Connected)
	}
	return false
}

// lookupBehind is the last lookup before the attempt that was answered with its name and its address; those of the same process first.
func (rec *record) lookupBehind(m *made) (*attempt.Lookup, *resolution) {
	var best *attempt.Lookup
	var of *resolution
	for _, r := range rec.resolutions {
		for _, l := range r.lookups {
			if !gave(l, m) {
				continue
			}
			if best == nil || pidOf(l.Process) == m.pid() || pidOf(best.Process) != m.pid() {
				best, of = l, r
			}
		}
	}
	return best, of
}

// gave reports whether an attempt's name and address are those of a lookup.
func gave(l *attempt.Lookup, m *made) bool {
	return strings.EqualFold(l.Name, m.Name) && !l.Answered.After(m.End) && overlap(l.Answers, []netip.Addr{m.Destination.Addr().WithZone("")})
}

// alsoNamed are the other names that the attempt's process had looked up, and that had the same address.
func (rec *record) alsoNamed(m *made) []string {
	var out []string
	for _, r := range rec.resolutions {
		for _, l := range r.lookups {
			other := *m
			other.Name = l.Name
			if pidOf(l.Process) == m.pid() && !strings.EqualFold(l.Name, m.Name) && gave(l, &other) && !slices.Contains(out, l.Name) {
				out = append(out, l.Name)
			}
		}
	}
	return out
}

// askOtherFamily finds out whether the name has addresses of the other family: from the program's own questions, else by one of ours.
func (v *Investigation) askOtherFamily(ctx context.Context, x *examined, o *origin) {
	kind := "A"
	if x.family() == attempt.IPv4 {
		kind = "AAAA"
	}
	l := attempt.Lookup{}
	for _, q := range o.of.lookups {
		if q.Type == kind && strings.EqualFold(q.Name, x.Name) && q.Outcome != attempt.LookupSilent {
			l = *q
		}
	}
	if l.Name == "" && !o.lookup.Elsewhere {
		l = v.ask(ctx, o.lookup.Process, o.lookup.Server, x.Name, kind)
	}
	o.otherAddrs, o.otherNone = l.Answers, l.Outcome == attempt.LookupNoData
}

// directTries bounds such attempts of a run: they are made one after the other, when the program has ended.
const directTries = 4

// toOwn makes the attempt to another address of what the program asked for; nil where that could not be tried.
func (v *Investigation) toOwn(ctx context.Context, x *examined, addrs []netip.Addr, what string) *Counterfactual {
	if v.trier == nil || v.options.NoCounterfactuals || len(addrs) == 0 || !x.Protocol.Stream() || v.directs >= directTries {
		return nil
	}
	v.directs++
	to := netip.AddrPortFrom(addrs[0].Unmap(), x.Destination.Port())
	for _, a := range addrs { // of the same family, where there is one
		if attempt.FamilyOf(a) == x.family() {
			to = netip.AddrPortFrom(a.Unmap(), x.Destination.Port())
			break
		}
	}
	c, err := v.try(ctx, x.pid(), trial{change: fmt.Sprintf("to %v, %s", to, what), attempt: attempt.Attempt{Protocol: x.Protocol, Destination: to}})
	if err != nil {
		return nil
	}
	return &c
}

// sawOrigin says where the address is from, where that is not plain.
func (x *examined) sawOrigin(e *explanation, cause string) {
	o := &x.origin
	switch d := o.detour; {
	case d == nil || cause == SearchPathSurprise:
	case d.sure || len(d.own.addrs) > 0 || d.wild:
		may := "the search list made it of"
		if !d.sure {
			may = "the search list may have made it of"
		}
		e.saw("the address is that of %s: %s %s, by adding %s", d.found, may, d.asked, d.suffix)
		if len(d.own.addrs) > 0 {
			e.saw("%s itself is %s, by the same resolver", d.asked, list(d.own.addrs))
			e.advise("if %s is what was meant: end the name with a dot, `%s.`, for it to be asked for as it is", d.asked, d.asked)
		}
	}
	if len(o.others) > 0 {
		e.saw("the same address was looked up for %s as well", strings.Join(o.others, ", "))
	}
	if o.hosts != nil {
		x.sawHosts(e)
	}
}
