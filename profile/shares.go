package profile

import (
	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile/flowset"
)

// index finds the rules that decide about few flows among many rules.
type index struct {
	rules  []ruleSet
	unions []flowset.Set // of each half, quarter and so on, as a heap
}

func newIndex(rules []ruleSet) *index {
	x := &index{rules: rules}
	size := 1
	for size < len(rules) {
		size *= 2
	}
	x.unions = make([]flowset.Set, 2*size)
	for i, r := range rules {
		x.unions[size+i] = r.flows
	}
	for i := size - 1; i > 0; i-- {
		x.unions[i] = x.unions[2*i].Union(x.unions[2*i+1])
	}
	return x
}

// take calls f with each rule that decides about any of the flows, and with those; it returns the flows that no rule matches.
func (x *index) take(flows flowset.Set, f func(r *ruleSet, part flowset.Set)) flowset.Set {
	return x.descend(1, flows, f)
}

func (x *index) descend(at int, flows flowset.Set, f func(r *ruleSet, part flowset.Set)) flowset.Set {
	part := flows.Intersect(x.unions[at])
	switch {
	case part.IsEmpty():
		return flows
	case at >= len(x.unions)/2:
		f(&x.rules[at-len(x.unions)/2], part)
		return flows.Subtract(part)
	}
	x.descend(2*at+1, x.descend(2*at, part, f), f) // leaves nothing
	return flows.Subtract(part)
}

// Share is flows that are decided by the same rule or default.
type Share struct {
	Flows flowset.Set
	By    Decision
}

// Shares divides flows from one source by what decides about them, exactly as [Profile.DecideEgress] does: those that are denied
// first, by layer and rule, then those that are allowed. No share is empty, and no flow is in two.
func (p *Profile) Shares(source attempt.Source, flows flowset.Set) []Share {
	return p.sharer(senderOf(source)).of(flows)
}

// sharer makes the shares of one profile and sender.
type sharer struct {
	c       *compiled
	indexes []*index // of each gate
}

func (p *Profile) sharer(s sender) *sharer {
	c := p.load()
	x := &sharer{c: c}
	for _, l := range c.gates {
		x.indexes = append(x.indexes, newIndex(l.ruleSets(s)))
	}
	return x
}

func (x *sharer) of(flows flowset.Set) (out []Share) {
	add := func(flows flowset.Set, d Decision) {
		if !flows.IsEmpty() {
			out = append(out, Share{flows, d})
		}
	}
	for i, l := range x.c.gates {
		var passed []flowset.Set
		rest := x.indexes[i].take(flows, func(r *ruleSet, part flowset.Set) {
			if r.denies {
				add(part, l.decision(r.index))
				return
			}
			passed = append(passed, part)
		})
		if l.def.Denies() {
			add(rest, l.decision(-1))
		} else {
			passed = append(passed, rest)
		}
		flows = flowset.UnionOf(passed...)
	}
	// The rest is allowed, by the first layer that has a rule for it.
	fallback := &x.c.layers[0].defRef
	for i, l := range x.c.gates {
		flows = x.indexes[i].take(flows, func(r *ruleSet, part flowset.Set) {
			add(part, Decision{Rule: &l.refs[r.index], fallback: fallback})
		})
	}
	add(flows, Decision{fallback: fallback})
	return out
}

// bindShares divides binds by what decides about them.
func (p *Profile) bindShares(binds flowset.Set) (out []Share) {
	c := p.load()
	rest := newIndex(p.bindSets()).take(binds, func(r *ruleSet, part flowset.Set) {
		out = append(out, Share{part, c.bind.decision(r.index)})
	})
	if !rest.IsEmpty() {
		out = append(out, Share{rest, c.bind.decision(-1)})
	}
	return out
}
