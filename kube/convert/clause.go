package convert

import (
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
	return b.Set()
}

// cover is clauses that have exactly the flows of a settled set. Shares are the flows that rules of the profile decide about. A
// rule all of whose flows are in the set is a clause as it is; of another, its share is. What no share has comes last. Where that is
// much longer than the parts of the set, or no rule has a reason that would be lost, the shorter form is taken.
func (c *converter) cover(set flowset.Set, shares []profile.Share, say func(flowset.Transports) flowset.Transports) []clause {
	var byRule []clause
	var covered flowset.Builder
	reasons := false
	put := func(k clause, by *profile.RuleRef) {
		if k.transports = say(k.transports); k.transports.IsEmpty() || k.to.IsEmpty() {
			return
		}
		if by != nil {
			k.rules = []profile.RuleRef{*by}
			if k.reason = by.Reason; k.reason == "" {
				k.reason = by.From.Object
			}
			reasons = reasons || k.reason != ""
		}
		byRule = append(byRule, k)
	}
	for _, s := range shares {
		by := s.By.By()
		if r := c.rules[idOf(by)]; r != nil {
			whole := settle(r.Flows())
			if whole.SubsetOf(set.Within(whole.Addrs())) {
				covered.AddSet(whole)
				t := flowset.Transports{}
				for part := range whole.All() { // parts differ by what a family's ICMP is
					t = t.Union(part.Transports)
				}
				put(ruleClause(r, t), by)
				continue
			}
		}
		own := settle(s.Flows)
		covered.AddSet(own)
		for part := range own.All() {
			put(newClause(part.Addrs, part.Transports), by)
		}
	}
	for part := range set.Subtract(covered.Set()).All() {
		put(newClause(part.Addrs, part.Transports), nil)
	}
	byRule = merge(byRule)

	var byPart []clause
	var spoken flowset.Builder // parts that the target cannot tell apart are one
	for part := range set.All() {
		spoken.Add(part.Addrs, say(part.Transports))
	}
	for part := range spoken.Set().All() {
		byPart = append(byPart, newClause(part.Addrs, part.Transports))
	}
	n, m := clauseTerms(byRule), clauseTerms(byPart)
	if n <= m || reasons && n <= 2*m+8 {
		return byRule
	}
	c.name1(byPart, shares)
	return byPart
}

// name1 tells of few clauses which rules they were made of.
func (c *converter) name1(clauses []clause, shares []profile.Share) {
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
	}
}

// merge makes one clause of those that have the same protocols, ports and reason; of those with the same destinations and reason too.
func merge(clauses []clause) []clause {
	type key struct {
		transports flowset.Transports
		reason     string
		everywhere bool
		ruled      bool
	}
	var out []clause
	at := map[key]int{}
	for _, k := range clauses {
		id := key{k.transports, k.reason, k.everywhere, len(k.rules) > 0}
		i, there := at[id]
		if !there {
			at[id] = len(out)
			out = append(out, k)
			continue
		}
		o := &out[i]
		o.rules = append(o.rules, k.rules...)
		o.blocks = append(o.blocks, k.blocks...)
	}
	for i := range out {
		o := &out[i]
		var b flowset.AddrsBuilder
		for _, block := range o.blocks {
			b.Add(flowset.AddrsOf(block.Prefix).Except(block.Except...))
		}
		if o.everywhere {
			b.Add(flowset.AllAddrs())
		}
		o.to = b.Addrs().Intersect(outside)
		if blocks, everywhere := blocksOf(o.to); everywhere || terms(blocks) < terms(o.blocks) {
			o.blocks, o.everywhere = blocks, everywhere
		}
	}
	return out
}
