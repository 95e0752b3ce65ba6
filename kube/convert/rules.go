package convert

import (
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

// where is the places of rules in few words: "shop.yaml:12", "shop.yaml:12,14,20 and 7 more". Of a rule that has none, that of the object it
// was made of, or else "egress rule 3".
func where(refs []profile.RuleRef) string {
	lines := map[string][]int{}
	var files, names []string
	for i := range refs {
		r := &refs[i]
		file, line := r.File, r.Line
		if file == "" || line == 0 && r.From.Line > 0 {
			file, line = r.From.File, r.From.Line
		}
		if file != "" && line > 0 {
			if lines[file] == nil {
				files = append(files, file)
			}
			lines[file] = append(lines[file], line)
			continue
		}
		name := fmt.Sprintf("%s rule %d", r.Section, r.Index)
		if r.Index == 0 {
			name = r.Section + " default"
		}
		if r.File != "" && len(refs) == 1 {
			name = r.File + " (" + name + ")"
		}
		names = append(names, name)
	}
	var out []string
	for _, f := range files {
		slices.Sort(lines[f])
		var numbers []string
		for _, n := range slices.Compact(lines[f]) {
			numbers = append(numbers, fmt.Sprint(n))
		}
		out = append(out, f+":"+few(numbers, ","))
	}
	if len(names) > 0 {
		out = append(out, few(slices.Compact(names), ", "))
	}
	return few(out, ", ")
}

// few is a list of at most some six items.
func few(items []string, sep string) string {
	const most = 5
	if n := len(items) - most; n > 1 {
		return strings.Join(items[:most], sep) + fmt.Sprintf(" and %d more", n)
	}
	return strings.Join(items, sep)
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
