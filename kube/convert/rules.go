package convert

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/profile/flowset"
)

// ruleID is what tells the rules of a profile apart. Index 0 is the section's default.
type ruleID struct {
	section string
	index   int
}

func idOf(r *profile.RuleRef) ruleID { return ruleID{r.Section, r.Index} }

// gate is a list of rules that has a say.
type gate struct {
	section string
	from    profile.Origin
	def     profile.Verdict
	line    int
	rules   []profile.EgressRule
}

func (c *converter) gates() []gate {
	p := c.profile
	all := []gate{{"egress", profile.Origin{}, p.Egress.Default, p.Egress.Line, p.Egress.Rules}}
	for i := range p.Layers {
		l := &p.Layers[i]
		all = append(all, gate{"layer " + l.Name, l.From, l.Default, l.Line, l.Rules})
	}
	return slices.DeleteFunc(all, func(g gate) bool { return len(g.rules) == 0 && !g.def.Denies() })
}

// ref names a rule of a gate, the default where index is 0.
func (c *converter) ref(g *gate, index int) profile.RuleRef {
	r := profile.RuleRef{Profile: c.profile.Name, File: c.profile.File, Section: g.section, Index: index, Line: g.line, From: g.from}
	if index > 0 {
		rule := &g.rules[index-1]
		r.Line, r.Reason = rule.Line, rule.Reason
		if rule.From != (profile.Origin{}) {
			r.From = rule.From
		}
	}
	return r
}

func (c *converter) index() {
	c.rules = map[ruleID]*profile.EgressRule{}
	for _, g := range c.gates() {
		for i := range g.rules {
			c.rules[ruleID{g.section, i + 1}] = &g.rules[i]
		}
	}
}

// where is the places of rules in few words: "shop.yaml:12", "shop.yaml:12,14,20 and 7 more", "egress rule 3" of a profile without a file.
func where(refs []profile.RuleRef) string {
	const most = 5
	var lines, names []string
	file := ""
	refs = slices.SortedStableFunc(slices.Values(refs), func(a, b profile.RuleRef) int { return cmp.Compare(a.Line, b.Line) })
	for i := range refs {
		r := &refs[i]
		name := fmt.Sprintf("%s rule %d", r.Section, r.Index)
		if r.Index == 0 {
			name = r.Section + " default"
		}
		if file = r.File; r.Line > 0 && r.File != "" {
			lines = append(lines, fmt.Sprint(r.Line))
			continue
		}
		names = append(names, name)
	}
	list := func(of []string, sep string) string {
		of = slices.Compact(of)
		if n := len(of) - most; n > 1 {
			return strings.Join(of[:most], sep) + fmt.Sprintf(" and %d more", n)
		}
		return strings.Join(of, sep)
	}
	out := list(lines, ",")
	if out != "" {
		out = file + ":" + out
	}
	if len(names) > 0 {
		n := list(names, ", ")
		if out == "" && file != "" {
			n = file + " (" + n + ")"
		}
		if out != "" {
			n = ", " + n
		}
		out += n
	}
	return out
}

// decided is the rules and defaults that decide about flows of a socket that is not bound.
func (c *converter) decided(flows flowset.Set) []profile.RuleRef {
	var out []profile.RuleRef
	if flows.IsEmpty() {
		return nil
	}
	for _, s := range c.profile.Shares(unbound, flows) {
		out = append(out, *s.By.By())
	}
	return out
}

// comment is what stands above a rule that was made of rules of the profile.
func comment(refs []profile.RuleRef) string {
	var why []string
	for i := range refs {
		w := refs[i].Reason
		if w == "" {
			w = refs[i].From.Object
		}
		if w != "" && !slices.Contains(why, w) {
			why = append(why, w)
		}
	}
	if len(why) > 3 {
		why = append(why[:3], fmt.Sprintf("and %d more", len(why)-3))
	}
	at := where(refs)
	byDefault := len(refs) > 0 && !slices.ContainsFunc(refs, func(r profile.RuleRef) bool { return r.Index > 0 })
	switch {
	case byDefault && refs[0].Line == 0:
		return "what no rule names"
	case len(why) == 0 && byDefault:
		return "what no rule names (" + at + ")"
	case len(why) == 0:
		return at
	case at == "":
		return strings.Join(why, "; ")
	}
	return strings.Join(why, "; ") + " (" + at + ")"
}
