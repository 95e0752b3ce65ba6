package profile

import (
	"net/netip"
	"slices"

	"github.com/sallyport/sallyport/profile/flowset"
)

// Differences is what one profile allows and the other denies, exactly. Both lists are empty for profiles that allow the same, whatever
// their rules. How something is denied is not compared.
type Differences struct {
	OnlyA []Difference
	OnlyB []Difference
}

// Difference is flows that one of two profiles allows, all by one rule, and the other denies by one rule.
type Difference struct {
	Bind    bool    // the flows are binds: addresses, protocols and ports bound to
	Sources Sources // of egress: what the program asked to send from
	Flows   flowset.Set
	Allowed Decision // of the profile that allows them
	Denied  Decision // of the other
}

// Sources is a set of what programs ask to send from.
type Sources struct {
	None  bool          // no bind at all
	Addrs flowset.Addrs // bound to any of these; the wildcard addresses are "any"
}

// String is "every source", "none", or what there is: "none, any, 10.0.0.0/8, loopback".
func (s Sources) String() string {
	if s.None && s.Addrs.IsAll() {
		return "every source"
	}
	text := ""
	add := func(t string) {
		if text != "" {
			text += ", "
		}
		text += t
	}
	if s.None {
		add(None.String())
	}
	if wildcards.SubsetOf(s.Addrs) {
		add(Any.String())
	}
	// The wildcard addresses are named above, or not: here they don't matter.
	given, with := s.Addrs.Subtract(wildcards), s.Addrs.Union(wildcards)
	switch {
	case with.IsAll():
		add("every given address")
	case given.Equal(loopback):
		add(Loopback.String())
	case given.Equal(loopback.Union(wildcards).Complement()):
		add("every given address but loopback")
	case !given.IsEmpty():
		some := given
		for _, as := range []flowset.Addrs{s.Addrs, with} {
			if len(as.String()) < len(some.String()) {
				some = as
			}
		}
		add(some.String())
	case !s.Addrs.IsEmpty() && !wildcards.SubsetOf(s.Addrs):
		add(s.Addrs.String()) // one of the two
	}
	return text
}

// Diff compares what two profiles allow: binds, and egress from every source.
func Diff(a, b *Profile) Differences {
	var d Differences
	bindsA, bindsB := a.Binds(), b.Binds()
	d.OnlyA = a.bindDifferences(b, bindsA.Subtract(bindsB))
	d.OnlyB = b.bindDifferences(a, bindsB.Subtract(bindsA))
	var onlyA, onlyB sourced
	for _, c := range sourceClasses(a, b) {
		flowsA, flowsB := a.flows(c.sender), b.flows(c.sender)
		onlyA.add(c.sources, a.egressDifferences(b, c.sender, flowsA.Subtract(flowsB)))
		onlyB.add(c.sources, b.egressDifferences(a, c.sender, flowsB.Subtract(flowsA)))
	}
	d.OnlyA, d.OnlyB = append(d.OnlyA, onlyA...), append(d.OnlyB, onlyB...)
	return d
}

func (p *Profile) bindDifferences(other *Profile, binds flowset.Set) (out []Difference) {
	if binds.IsEmpty() {
		return nil
	}
	for _, s := range p.bindShares(binds) {
		for _, t := range other.bindShares(s.Flows) {
			out = append(out, Difference{Bind: true, Flows: t.Flows, Allowed: s.By, Denied: t.By})
		}
	}
	return out
}

func (p *Profile) egressDifferences(other *Profile, s sender, flows flowset.Set) (out []Difference) {
	if flows.IsEmpty() {
		return nil
	}
	x, y := p.sharer(s), other.sharer(s)
	for _, s := range x.of(flows) {
		for _, t := range y.of(s.Flows) {
			out = append(out, Difference{Flows: t.Flows, Allowed: s.By, Denied: t.By})
		}
	}
	return out
}

// sourced is differences of egress, those of several sources that are alike as one.
type sourced []Difference

func (all *sourced) add(s Sources, differences []Difference) {
	for _, d := range differences {
		i := slices.IndexFunc(*all, func(e Difference) bool {
			return e.Allowed == d.Allowed && e.Denied == d.Denied && e.Flows.Equal(d.Flows)
		})
		if i < 0 {
			d.Sources = s
			*all = append(*all, d)
			continue
		}
		e := &(*all)[i]
		e.Sources.None, e.Sources.Addrs = e.Sources.None || s.None, e.Sources.Addrs.Union(s.Addrs)
	}
}

// sourceClass is sources that no rule tells apart, and one of them.
type sourceClass struct {
	sources Sources
	sender  sender
}

// sourceClasses divides all sources by the rules of the profiles that are about them.
func sourceClasses(profiles ...*Profile) []sourceClass {
	classes := []sourceClass{{Sources{None: true}, sender{}}}
	var conditions []flowset.Addrs
	for _, p := range profiles {
		for _, l := range p.load().layers {
			for i := range l.rules {
				a := blockAddrs(l.rules[i].Sources)
				if l.rules[i].Sources != nil && !slices.ContainsFunc(conditions, a.Equal) {
					conditions = append(conditions, a)
				}
			}
		}
	}
	for _, a := range divide(conditions) {
		classes = append(classes, sourceClass{Sources{Addrs: a}, sender{true, lowest(a)}})
	}
	return classes
}

// divide divides all addresses by which of the sets they are in, the set of the lowest first.
func divide(sets []flowset.Addrs) []flowset.Addrs {
	out := []flowset.Addrs{flowset.AllAddrs()}
	for _, s := range sets {
		var next []flowset.Addrs
		for _, c := range out {
			for _, part := range []flowset.Addrs{c.Intersect(s), c.Subtract(s)} {
				if !part.IsEmpty() {
					next = append(next, part)
				}
			}
		}
		out = next
	}
	slices.SortFunc(out, func(x, y flowset.Addrs) int { return lowest(x).Compare(lowest(y)) })
	return out
}

func lowest(a flowset.Addrs) netip.Addr {
	for first := range a.Ranges() {
		return first
	}
	return netip.Addr{}
}
