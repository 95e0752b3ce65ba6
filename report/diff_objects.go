package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/kube"
)

// ObjectsDiff is what the policies of two clusters allow differently. A and B are what the user gave.
type ObjectsDiff struct {
	A, B string
	*kube.Differences
	ProblemsA, ProblemsB []kube.Problem
}

// changesShown is how many changes are shown where not all are asked for.
const changesShown = 40

// Text writes the differences for people.
func (d *ObjectsDiff) Text(w io.Writer, o TextOptions) error {
	p := &checkPrinter{printer: printer{o: o}}
	names := newNamer(d.Names, nil, o.Verbose)
	if len(d.Changes) == 0 {
		p.text(0, "", d.A+" and "+d.B+" allow the same")
	}
	left := changesShown
	for _, v := range [][2]kube.Verdict{
		{kube.Allowed, kube.Denied},
		{kube.Denied, kube.Allowed},
		{kube.Allowed, kube.Undecidable},
		{kube.Undecidable, kube.Denied},
		{kube.Undecidable, kube.Allowed},
		{kube.Denied, kube.Undecidable},
	} {
		first := true
		for i := range d.Changes {
			c := &d.Changes[i]
			if c.Before != v[0] || c.After != v[1] {
				continue
			}
			if left--; left < 0 && !o.Verbose {
				p.hidden++
				continue
			}
			if first {
				p.text(0, "", d.title(v))
				first = false
			}
			d.change(p, names, c)
		}
	}
	d.missing(p, names)
	switch {
	case p.hidden == 1:
		p.text(0, "", "1 more difference: --all lists it")
	case p.hidden > 0:
		p.text(0, "", fmt.Sprintf("%d more differences: --all lists them", p.hidden))
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

func (d *ObjectsDiff) title(v [2]kube.Verdict) string {
	switch v {
	case [2]kube.Verdict{kube.Allowed, kube.Denied}:
		return "only " + d.A + " allows"
	case [2]kube.Verdict{kube.Denied, kube.Allowed}:
		return "only " + d.B + " allows"
	}
	words := [...]string{kube.Undecidable: "may allow, which is not certain", kube.Allowed: "allows", kube.Denied: "denies"}
	return fmt.Sprintf("%s %s, and %s %s", d.A, words[v[0]], d.B, words[v[1]])
}

func (d *ObjectsDiff) change(p *checkPrinter, names *namer, c *kube.Change) {
	from, to := outsideWords(c.Addrs), outsideWords(c.Addrs)
	if c.From != nil {
		from = names.words(c.From)
	}
	if c.To != nil {
		to = names.words(c.To)
	}
	if slices.Equal(c.From, c.To) {
		to = "each other"
		if len(c.From) == 1 {
			to = "other pods of it"
		}
	}
	p.text(2, "", from+" to "+to+": "+portWords(c.Ports))
	for i, r := range c.Rules {
		if i == nearOfMany && !p.o.Verbose {
			p.text(4, "", fmt.Sprintf("and by other rules for %d more parts of the ports", len(c.Rules)-i))
			break
		}
		label := ""
		if len(c.From)*len(c.To) > 1 || len(c.Addrs.Prefixes()) > 0 && len(c.From)+len(c.To) > 1 {
			label = d.endWords(r.From) + " to " + d.endWords(r.To)
		}
		if len(c.Rules) > 1 {
			label = strings.TrimPrefix(label+", "+portWords(r.Ports), ", ")
		}
		indent := 4
		if label != "" {
			p.text(4, "", label)
			indent = 6
		}
		d.deciders(p, indent, r, r.Before, r.After, d.A)
		d.deciders(p, indent, r, r.After, r.Before, d.B)
	}
}

func (d *ObjectsDiff) endWords(n int) string {
	if n < 0 {
		return kube.OutsideName
	}
	return d.Names[n]
}

// end is an end of the one connection that rules are told of.
func (d *ObjectsDiff) end(r kube.ChangeRule, n int) string {
	if n < 0 {
		return r.Addr.Addr.String()
	}
	return d.Names[n]
}

// deciders writes what decides in one cluster, as far as it is not what decides in the other.
func (d *ObjectsDiff) deciders(p *checkPrinter, indent int, r kube.ChangeRule, one, other *kube.Decision, name string) {
	if one == nil {
		for _, n := range []int{r.From, r.To} {
			if n >= 0 && (name == d.A && d.Differences.A[n] == nil || name == d.B && d.Differences.B[n] == nil) {
				p.text(indent, "", d.Names[n]+" is not in "+name)
				return
			}
		}
		return
	}
	deciders := decidersOf(one)
	different := slices.DeleteFunc(slices.Clone(deciders), func(c kube.Considered) bool {
		return other != nil && hasDecider(other, c)
	})
	for _, list := range [][]kube.Considered{different, deciders} { // of the latter where nothing differs that could be named
		list = slices.DeleteFunc(slices.Clone(list), func(c kube.Considered) bool {
			return c.Object == "" && c.Says != kube.Denies && c.Layer == kube.Routing
		})
		byPolicy := slices.DeleteFunc(slices.Clone(list), func(c kube.Considered) bool { return c.Layer == kube.DefaultLayer })
		if len(byPolicy) > 0 {
			list = byPolicy
		}
		for _, c := range list {
			p.text(indent, "", one.Verdict.String()+", "+deciderShort(c))
			if c.Layer == kube.DefaultLayer {
				break // one direction says it for both
			}
		}
		if len(list) > 0 {
			break
		}
	}
	for _, s := range reasonsOf(one) {
		p.text(indent, "", "not decided: "+s)
	}
}

// decidersOf is what the verdict comes of, in all parts: of a denied one what denies.
func decidersOf(d *kube.Decision) []kube.Considered {
	var out []kube.Considered
	for _, c := range d.Chain {
		if c.Decides && (d.Verdict != kube.Denied || c.Says == kube.Denies) || d.Verdict == kube.Undecidable && c.Says == kube.Unclear {
			out = append(out, c)
		}
	}
	for i := range d.Parts {
		for _, c := range decidersOf(&d.Parts[i].Decision) {
			if !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	return out
}

func reasonsOf(d *kube.Decision) []string {
	var out []string
	if d.Verdict == kube.Undecidable {
		for _, r := range d.Reasons {
			out = append(out, r.String())
		}
	}
	if len(out) > nearOfMany {
		out = append(out[:nearOfMany:nearOfMany], fmt.Sprintf("%d more reasons", len(out)-nearOfMany))
	}
	return out
}

// hasDecider reports whether the like of what decides has a say in another decision.
func hasDecider(d *kube.Decision, c kube.Considered) bool {
	return slices.ContainsFunc(d.Chain, func(x kube.Considered) bool { return x.Decides && sameDecider(c, x) }) ||
		slices.ContainsFunc(d.Parts, func(p kube.DecisionPart) bool { return hasDecider(&p.Decision, c) })
}

func sameDecider(a, b kube.Considered) bool {
	return a.Direction == b.Direction && a.Object == b.Object && a.Rule == b.Rule && a.Says == b.Says && a.Words == b.Words && a.Layer == b.Layer
}

func deciderShort(c kube.Considered) string {
	s := c.Direction.String() + ": " + ruleWords(c)
	switch {
	case c.Layer == kube.DefaultLayer:
		return c.Words
	case c.Object == "":
		s = c.Direction.String() + ": " + c.Words
	case c.Words != "":
		s += ", " + c.Words
	}
	return s + at(c.Pos)
}

// missing tells which workloads only one of the clusters has.
func (d *ObjectsDiff) missing(p *checkPrinter, names *namer) {
	for _, side := range []struct {
		name        string
		have, other []*kube.Workload
	}{{d.A, d.Differences.A, d.Differences.B}, {d.B, d.Differences.B, d.Differences.A}} {
		var list []int
		for n := range d.Names {
			if side.have[n] != nil && side.other[n] == nil {
				list = append(list, n)
			}
		}
		if len(list) > 0 {
			p.text(0, "", "only in "+side.name+": "+names.words(list))
		}
	}
}
