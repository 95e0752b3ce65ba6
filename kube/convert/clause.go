package convert

import (
	"cmp"
	"math"
	"slices"

	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/profile/flowset"
)

// clause is one rule of a target whose rules all allow, or all deny, so that their order does not matter.
type clause struct {
	everywhere bool
	blocks     []flowset.Block // unless everywhere
	to         flowset.Addrs   // their addresses, but for loopback
	transports flowset.Transports
	rules      []profile.RuleRef // of the profile, that it was made of
	reason     string            // theirs
}

func newClause(to flowset.Addrs, t flowset.Transports) clause {
	blocks, everywhere := blocksOf(to)
	return clause{everywhere: everywhere, blocks: blocks, to: to.Intersect(outside), transports: t}
}

// ruleClause has the blocks that a rule names, in its order.
func ruleClause(r *profile.EgressRule, t flowset.Transports) clause {
	if r.Destinations == nil {
		return newClause(flowset.AllAddrs(), t)
	}
	var to flowset.AddrsBuilder
	k := clause{transports: t}
	for _, d := range r.Destinations {
		if d.Prefix.IsValid() && d.Word == profile.NoWord && len(d.Except) == 0 && !loopback.Contains(d.Prefix.Addr()) && d.Prefix.Bits() > 8 {
			to.AddPrefix(d.Prefix)
			k.blocks = append(k.blocks, flowset.Block{Prefix: d.Prefix})
			continue
		}
		a := d.Addrs().Intersect(outside)
		if a.IsEmpty() {
			continue
		}
		to.Add(a)
		blocks, everywhere := blocksOf(a)
		k.blocks, k.everywhere = append(k.blocks, blocks...), k.everywhere || everywhere
	}
	k.to = to.Addrs()
	if k.everywhere {
		k.blocks = nil
	}
	return k
}

func (k *clause) terms() int { return max(terms(k.blocks), 1) + ranges(k.transports) }

func clauseTerms(clauses []clause) int {
	n := 0
	for i := range clauses {
		n += clauses[i].terms()
	}
	return n
}

// unionOf is the flows of clauses, as the target has them: say is what it can say of a clause's protocols and ports.
func unionOf(clauses []clause, say func(flowset.Transports) flowset.Transports) flowset.Set {
	var b flowset.Builder
	for i := range clauses {
		b.Add(clauses[i].to, say(clauses[i].transports))
	}
	return settle(b.Set())
}

// cover is clauses that have exactly the flows of a settled set. Shares are the flows that rules of the profile decide about. A
// rule all of whose flows are in the set is a clause as it is; of another, its share is. What no share has comes last. Where that is
// much longer than the parts of the set, or no rule has a reason that would be lost, the shorter form is taken.
func (c *converter) cover(set flowset.Set, shares []profile.Share, say func(flowset.Transports) flowset.Transports) []clause {
	var byRule, pieces []clause
	var whole, shared flowset.Builder
	for _, s := range shares {
		by := s.By.By()
		if r := c.rules[idOf(by)]; r != nil {
			flows := settle(r.Flows())
			if flows.SubsetOf(set.Within(flows.Addrs())) {
				whole.AddSet(flows)
				t := flowset.Transports{}
				for part := range flows.All() { // parts differ by what a family's ICMP is
					t = t.Union(part.Transports)
				}
				byRule = append(byRule, made(ruleClause(r, say(t)), by))
				continue
			}
		}
		flows := settle(s.Flows)
		shared.AddSet(flows)
		for part := range flows.All() {
			pieces = append(pieces, made(newClause(part.Addrs, say(part.Transports)), by))
		}
	}
	for part := range set.Subtract(whole.Set()).Subtract(shared.Set()).All() {
		pieces = append(pieces, newClause(part.Addrs, say(part.Transports)))
	}
	byRule = merge(append(byRule, tidy(pieces, set, whole.Set(), say)...))

	var byPart []clause
	var spoken flowset.Builder // parts that the target cannot tell apart are one
	for part := range set.All() {
		spoken.Add(part.Addrs, say(part.Transports))
	}
	for part := range spoken.Set().All() {
		byPart = append(byPart, newClause(part.Addrs, part.Transports))
	}
	byPart = merge(tidy(byPart, set, flowset.Set{}, say))
	n, m := clauseTerms(byRule), clauseTerms(byPart)
	if n <= m || slices.ContainsFunc(byRule, func(k clause) bool { return k.reason != "" }) && n <= 3*m+8 {
		return byRule
	}
	attribute(byPart, shares)
	return byPart
}

// made is a clause that a rule of the profile, or a default, asked for.
func made(k clause, by *profile.RuleRef) clause {
	k.rules = []profile.RuleRef{*by}
	if k.reason = by.Reason; k.reason == "" {
		k.reason = by.From.Object
	}
	return k
}

// What tidy takes: its work is the one times the other.
const (
	fewClauses = 64
	fewParts   = 256
	manyRanges = 2000
)

// tidy makes clauses reach every destination for which a set has all of their protocols and ports, where that is no longer,
// and leaves out what is done, or what another clause does. Many clauses are left as they are.
func tidy(clauses []clause, set, done flowset.Set, say func(flowset.Transports) flowset.Transports) []clause {
	var parts []flowset.Part
	size := 0
	for part := range set.All() {
		part.Transports = say(part.Transports)
		parts = append(parts, part)
		for range part.Addrs.Ranges() {
			size++
		}
	}
	if len(clauses) > fewClauses || len(parts) > fewParts || size > manyRanges {
		return dropEmpty(clauses)
	}
	order := make([]int, len(clauses))
	for i := range clauses {
		order[i] = i
		k := &clauses[i]
		var b flowset.AddrsBuilder
		for _, part := range parts {
			if part.Transports.Covers(k.transports) {
				b.Add(part.Addrs)
			}
		}
		if wide := newClause(b.Addrs(), k.transports); wide.terms() <= k.terms() {
			k.to, k.blocks, k.everywhere = wide.to, wide.blocks, wide.everywhere
		}
	}
	// What may be done to all comes before what may be done to few besides.
	share := make([]float64, len(clauses))
	for i := range clauses {
		share[i] = shareOf(clauses[i].to)
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(share[b], share[a]), cmp.Compare(portCount(clauses[b].transports), portCount(clauses[a].transports)))
	})
	for _, i := range order {
		k := &clauses[i]
		flows := flowset.Of(k.to, k.transports)
		var left flowset.Transports
		for part := range flows.Subtract(done).All() {
			left = left.Union(part.Transports)
		}
		if k.transports = shorter(k.transports, say(left)); k.transports.IsEmpty() {
			continue
		}
		done = done.Union(flows)
	}
	return dropEmpty(clauses)
}

func dropEmpty(clauses []clause) []clause {
	return slices.DeleteFunc(clauses, func(k clause) bool { return k.transports.IsEmpty() || k.to.IsEmpty() })
}

// shorter is t, or of each of its protocols what is left of it, where that is shorter.
func shorter(t, left flowset.Transports) flowset.Transports {
	switch {
	case left.IsEmpty():
		return left
	case t.IsAll():
		return t
	}
	var out flowset.Transports
	for p, ports := range t.All() {
		one := flowset.Transport(p, ports)
		if less := left.Intersect(one); less.IsEmpty() || p.HasPorts() && !ports.IsAll() && ranges(less) <= ranges(one) {
			one = less
		}
		out = out.Union(one)
	}
	return out
}

// shareOf is how much of all addresses a has, more for a set that holds another.
func shareOf(a flowset.Addrs) float64 {
	sum := 0.0
	for _, p := range a.Prefixes() {
		sum += math.Ldexp(1, -p.Bits())
	}
	return sum
}

func portCount(t flowset.Transports) int {
	n := 0
	for _, ports := range t.All() {
		n += ports.Len()
	}
	return n
}

// attribute tells of few clauses which rules they were made of.
func attribute(clauses []clause, shares []profile.Share) {
	if len(clauses)*len(shares) > 4096 {
		return
	}
	for i := range clauses {
		k := &clauses[i]
		flows := flowset.Of(k.to, k.transports)
		for _, s := range shares {
			if s.Flows.Overlaps(flows) {
				k.rules = append(k.rules, *s.By.By())
			}
		}
		if len(k.rules) > 1 { // none is the reason for it all
			for j := range k.rules {
				k.rules[j].Reason, k.rules[j].From = "", profile.Origin{}
			}
		}
	}
}

// merge makes one clause of those that differ in their destinations alone.
func merge(clauses []clause) []clause {
	type key struct {
		transports flowset.Transports
		reason     string
		everywhere bool
		ruled      bool
	}
	var out []clause
	at := map[key]int{}
	several := map[int]bool{}
	for _, k := range clauses {
		if k.transports.IsEmpty() || k.to.IsEmpty() {
			continue
		}
		id := key{k.transports, k.reason, k.everywhere, len(k.rules) > 0}
		i, there := at[id]
		if !there {
			at[id] = len(out)
			out = append(out, k)
			continue
		}
		several[i] = true
		o := &out[i]
		if o.rules = append(o.rules, k.rules...); !k.everywhere {
			o.blocks = append(o.blocks, k.blocks...)
		}
	}
	for i := range several {
		o := &out[i]
		if o.everywhere {
			continue
		}
		o.to = addrsOf(o.blocks)
		if blocks, everywhere := blocksOf(o.to); everywhere || terms(blocks) < terms(o.blocks) {
			o.blocks, o.everywhere = blocks, everywhere
		}
	}
	return out
}

// addrsOf is the addresses of blocks, but for loopback.
func addrsOf(blocks []flowset.Block) flowset.Addrs {
	var b flowset.AddrsBuilder
	for _, block := range blocks {
		b.Add(flowset.AddrsOf(block.Prefix).Except(block.Except...))
	}
	return b.Addrs().Intersect(outside)
}
