package convert

import (
	"slices"

	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/profile/flowset"
)

// step is a rule of a target whose rules are asked in their order, the first that matches deciding.
type step struct {
	clause
	deny bool
}

// settleSteps is what steps allow, and deny; the rest is for what comes after them. See settle of package profile.
func settleSteps(steps []step) (passed, denied flowset.Set) {
	switch len(steps) {
	case 0:
		return
	case 1:
		flows := settle(flowset.Of(steps[0].to, steps[0].transports))
		if steps[0].deny {
			return flowset.Set{}, flows
		}
		return flows, flowset.Set{}
	}
	half := len(steps) / 2
	passed, denied = settleSteps(steps[:half])
	later, laterDenied := settleSteps(steps[half:])
	return passed.Union(later.Subtract(denied)), denied.Union(laterDenied.Subtract(passed))
}

// allowedBy is what steps allow, where what none matches is denied or not.
func allowedBy(steps []step, denyRest bool) flowset.Set {
	passed, denied := settleSteps(steps)
	if denyRest {
		return passed
	}
	return settle(everything).Subtract(denied)
}

// ruleSteps is the profile's rules as they are, and whether what none matches is denied; false where their order is not that of one list.
func (c *converter) ruleSteps() (steps []step, denyRest, ok bool) {
	var before, main []step
	mains := 0
	gates := c.gates()
	for i := range gates {
		g := &gates[i]
		var own []step
		denials := !g.def.Denies()
		for j := range g.rules {
			r := &g.rules[j]
			if !r.Unbound() {
				continue
			}
			flows := r.Flows().Intersect(flowset.Of(outside, flowset.AllTransports()))
			if flows.IsEmpty() {
				continue
			}
			deny := r.Verdict.Denies()
			denials = denials && deny
			t := flowset.Transports{}
			for part := range flows.All() {
				t = t.Union(part.Transports)
			}
			s := step{ruleClause(r, t), deny}
			ref := c.ref(g, j+1)
			s.rules = []profile.RuleRef{ref}
			if s.reason = ref.Reason; s.reason == "" {
				s.reason = ref.From.Object
			}
			own = append(own, s)
		}
		if denials { // it only takes away: that may come first, wherever the layer is
			before = append(before, own...)
			continue
		}
		mains++
		main, denyRest = own, g.def.Denies()
	}
	return reached(gather(append(before, main...))), denyRest, mains <= 1
}

// reached leaves out the steps after one that decides about everything.
func reached(steps []step) []step {
	for i := range steps {
		if decidesAll(steps[:i+1]) {
			return steps[:i+1]
		}
	}
	return steps
}

// decidesAll reports whether the last step leaves nothing for what comes after.
func decidesAll(steps []step) bool {
	n := len(steps)
	return n > 0 && steps[n-1].everywhere && steps[n-1].transports.IsAll()
}

// gather makes one step of neighbours that differ in their destinations alone.
func gather(steps []step) []step {
	var out []step
	for _, s := range steps {
		if n := len(out); n > 0 {
			o := &out[n-1]
			if o.deny == s.deny && o.transports == s.transports && o.reason == s.reason && o.everywhere == s.everywhere && !s.everywhere {
				o.blocks = append(o.blocks, s.blocks...)
				o.rules = append(o.rules, s.rules...)
				o.to = flowset.Addrs{} // made below, once
				continue
			}
		}
		out = append(out, s)
	}
	for i := range out {
		if o := &out[i]; o.to.IsEmpty() {
			o.to = addrsOf(o.blocks)
		}
	}
	return out
}

// label is what may reach an address, as a target can say it, and the steps that say so: the first with ports, the last for the rest.
type label struct {
	transports flowset.Transports
	exception  flowset.Transports // of what the last step does; may be empty
	allowRest  bool
}

// rules is how many rules the label needs for a prefix.
func (l *label) rules() int {
	if l.exception.IsEmpty() {
		return 1
	}
	return 2
}

// setSteps is the fewest prefixes that say what may reach which address, the longest first. What no step matches goes by allowRest.
func setSteps(want flowset.Set, of func(flowset.Transports) label, allowRest bool) []step {
	labels := []label{of(flowset.Transports{}), of(flowset.AllTransports())}
	number := map[flowset.Transports]int{labels[0].transports: 0, labels[1].transports: 1}
	var entries []entry
	for part := range want.All() {
		l := of(part.Transports)
		i, there := number[l.transports]
		if !there {
			i = len(labels)
			number[l.transports] = i
			labels = append(labels, l)
		}
		if i == 0 {
			continue // as addresses of no part are
		}
		for _, p := range part.Addrs.Prefixes() {
			entries = append(entries, entry{p, i})
		}
	}
	base := 0
	if allowRest {
		base = 1
	}
	weights := make([]int, len(labels))
	for i := range labels {
		weights[i] = labels[i].rules()
	}
	return labelSteps(place(entries, weights, base), labels)
}

// falls reports whether what the exception leaves is decided rightly by what holds around.
func (l *label) falls(around *label) bool {
	if l.allowRest {
		return l.transports.SubsetOf(around.transports)
	}
	return around.transports.SubsetOf(l.transports)
}

// labelSteps is the steps of prefixes, those of one depth and label together.
func labelSteps(placed []placement, labels []label) []step {
	type group struct {
		depth, label int
		falls        bool
	}
	groups := map[group]*flowset.AddrsBuilder{}
	blocks := map[group][]flowset.Block{}
	var order []group
	for _, p := range placed {
		g := group{p.depth, p.label, labels[p.label].falls(&labels[p.around])}
		if groups[g] == nil {
			groups[g] = &flowset.AddrsBuilder{}
			order = append(order, g)
		}
		groups[g].AddPrefix(p.prefix)
		blocks[g] = append(blocks[g], flowset.Block{Prefix: p.prefix})
	}
	slices.SortStableFunc(order, func(a, b group) int { return b.depth - a.depth })
	var steps []step
	for _, g := range order {
		to, l := groups[g].Addrs(), labels[g.label]
		k := clause{blocks: blocks[g], to: to.Intersect(outside)}
		if to.Union(loopback).IsAll() {
			k.blocks, k.everywhere = nil, true
		}
		if !l.exception.IsEmpty() {
			k.transports = l.exception
			steps = append(steps, step{k, l.allowRest})
		}
		if !g.falls {
			k.transports = flowset.AllTransports()
			steps = append(steps, step{k, !l.allowRest})
		}
	}
	return steps
}

// attributeSteps tells of few steps that were made of sets which rule of the profile decides about all that they decide about.
func (c *converter) attributeSteps(steps []step) {
	if len(steps)*(1+len(c.rules)) > 4096 {
		return
	}
	var before flowset.Set
	for i := range steps {
		s := &steps[i]
		flows := settle(flowset.Of(s.to, s.transports)).Intersect(settle(everything))
		own := flows.Subtract(before)
		if before = before.Union(flows); len(s.rules) > 0 {
			continue
		}
		var by []profile.RuleRef
		for _, share := range c.profile.Shares(unbound, own) {
			if share.By.Verdict.Denies() == s.deny {
				by = append(by, *share.By.By())
			}
		}
		if len(by) == 1 {
			s.rules = by
		}
	}
}

func stepTerms(steps []step) int {
	n := 0
	for i := range steps {
		n += steps[i].terms()
	}
	return n
}

// hasReason reports whether a reason would be lost with the steps.
func hasReason(steps []step) bool {
	return slices.ContainsFunc(steps, func(s step) bool { return s.reason != "" })
}
