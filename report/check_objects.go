package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/kube"
	"github.com/sallyport/sallyport/profile/flowset"
)

// ObjectsCheck is an answer from objects. Notes are what to say beside its own.
type ObjectsCheck struct {
	kube.Answer
	Notes    []string
	Problems []kube.Problem // of reading: for JSON
}

// near is how many of the rules that did not admit, and of the parts, are shown where not all are asked for.
const (
	near       = 8
	nearOfMany = 3 // where several decisions are shown
)

// verdictOrder is what is shown first.
var verdictOrder = []kube.Verdict{kube.Allowed, kube.Partly, kube.Undecidable, kube.Denied}

// Text writes the verdict, what decides it, and what to do; with Verbose also everything that was considered.
func (c *ObjectsCheck) Text(w io.Writer, o TextOptions) error {
	p := &checkPrinter{printer: printer{o: o}}
	verdict := c.Verdict.String()
	color := bold
	if c.Verdict == kube.Denied {
		color = red
	}
	title := originWords(c.From) + " to " + destinationWords(c.To.Destination)
	switch {
	case len(c.Shares) == 1:
		title += ", " + portWords(c.Shares[0].Transports)
	case len(c.Shares) > 1:
		title += ": " + c.sums()
	}
	p.wrapped(p.paint(color, verdict)+": ", len(verdict)+2, "  ", title)
	if p.most = near; len(c.Shares) > 1 {
		p.most = nearOfMany
	}
	for _, v := range verdictOrder {
		for i := range c.Shares {
			s := &c.Shares[i]
			if s.Verdict != v {
				continue
			}
			indent := 2
			if len(c.Shares) > 1 {
				p.text(2, "", s.Verdict.String()+": "+portWords(s.Transports))
				indent = 4
			}
			p.decision(&s.Decision, indent, c.From, c.To.Destination)
		}
	}
	if c.To.Port != 0 {
		p.remedies(c.leaves())
	}
	for _, n := range c.notes() {
		p.text(2, "note: ", n)
	}
	switch {
	case p.hidden == 1:
		p.text(2, "", "1 more rule or policy was considered: --all lists it")
	case p.hidden > 0:
		p.text(2, "", fmt.Sprintf("%d more rules and policies were considered: --all lists them", p.hidden))
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

// sums is "TCP 80 allowed, all else denied".
func (c *ObjectsCheck) sums() string {
	var by [kube.Partly + 1]flowset.Transports
	for i := range c.Shares {
		v := c.Shares[i].Verdict
		by[v] = by[v].Union(c.Shares[i].Transports)
	}
	var list []string
	for _, v := range verdictOrder {
		switch {
		case by[v].IsEmpty():
		case v == kube.Denied && len(list) > 0 && c.To.Service == nil && c.To.Protocol == kube.AnyProtocol:
			list = append(list, "all else denied")
		default:
			list = append(list, portWords(by[v])+" "+v.String())
		}
	}
	return strings.Join(list, ", ")
}

// leaves are the decisions that have no parts.
func (c *ObjectsCheck) leaves() []*kube.Decision {
	var list []*kube.Decision
	var walk func(d *kube.Decision)
	walk = func(d *kube.Decision) {
		for i := range d.Parts {
			walk(&d.Parts[i].Decision)
		}
		if len(d.Parts) == 0 {
			list = append(list, d)
		}
	}
	for i := range c.Shares {
		walk(&c.Shares[i].Decision)
	}
	return list
}

// notes are all notes, each once.
func (c *ObjectsCheck) notes() []string {
	list := slices.Clone(c.Notes)
	if c.To.Note != "" {
		list = append(list, c.To.Note)
	}
	for i := range c.Shares {
		list = append(list, c.Shares[i].Notes...)
	}
	for _, d := range c.leaves() {
		list = append(list, d.Notes...)
	}
	list = append(list, c.Answer.Notes...)
	var out []string
	for _, n := range list {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// checkPrinter lays decisions out.
type checkPrinter struct {
	printer
	each   bool   // what is written is of several parts
	part   string // the one that it is of
	most   int    // of the rules that did not admit
	hidden int    // how many of what was considered is not shown
}

// text writes a line that is wrapped, indented.
func (p *checkPrinter) text(indent int, bullet, s string) {
	blank := strings.Repeat(" ", indent)
	p.wrapped(blank+bullet, indent+len(bullet), blank+"  ", s)
}

// decision writes what a verdict comes of.
func (p *checkPrinter) decision(d *kube.Decision, indent int, from kube.Origin, to kube.Destination) {
	if len(d.Parts) == 0 {
		p.leaf(d, indent, from, to)
		return
	}
	groups := alikeParts(d.Parts)
	for _, g := range groups {
		first := &d.Parts[g[0]]
		title := first.Verdict.String() + ": " + p.partWords(d.Parts, g)
		if len(groups) == 1 {
			title = "the same for each of " + p.partWords(d.Parts, g)
		}
		p.text(indent, "", title)
		end := to
		if first.Workload != nil {
			end = kube.Destination{Workload: first.Workload}
		}
		p.each, p.part = len(g) > 1, ""
		if !strings.HasPrefix(first.To, "over ") { // a family is no other end
			p.part = first.To
		}
		p.decision(&first.Decision, indent+2, from, end)
		p.each, p.part = false, ""
	}
	p.reasons(d, indent)
}

// alikeParts is the numbers of parts whose verdicts come of the same, together.
func alikeParts(parts []kube.DecisionPart) [][]int {
	var groups [][]int
	known := map[string]int{}
	for i := range parts {
		sign := decisionSign(&parts[i].Decision)
		n, there := known[sign]
		if !there {
			n = len(groups)
			known[sign] = n
			groups = append(groups, nil)
		}
		groups[n] = append(groups[n], i)
	}
	return groups
}

func decisionSign(d *kube.Decision) string {
	s := d.Verdict.String()
	for _, c := range d.Chain {
		if c.Decides {
			s += fmt.Sprint("\x00", c.Pos, c.Direction, c.Layer, c.Object, c.Rule, c.Says)
		}
	}
	for _, r := range d.Reasons {
		s += "\x00" + r.String()
	}
	for i := range d.Parts {
		s += "\x00\x00" + d.Parts[i].To + decisionSign(&d.Parts[i].Decision)
	}
	return s
}

func (p *checkPrinter) partWords(parts []kube.DecisionPart, group []int) string {
	var names []string
	for _, i := range group {
		names = append(names, parts[i].To)
	}
	if len(names) > near && !p.o.Verbose {
		names = append(names[:near:near], fmt.Sprintf("%d more", len(names)-near))
	}
	return strings.Join(names, ", ")
}

// leaf writes the two directions of a decision, the one that denies first.
func (p *checkPrinter) leaf(d *kube.Decision, indent int, from kube.Origin, to kube.Destination) {
	directions := []kube.Direction{kube.Egress, kube.Ingress}
	if d.Egress != kube.Denied && d.Ingress == kube.Denied {
		slices.Reverse(directions)
	}
	said := false
	for n, direction := range directions {
		var chain []kube.Considered
		for _, c := range d.Chain {
			if c.Direction == direction {
				chain = append(chain, c)
			}
		}
		if len(chain) == 0 {
			continue
		}
		v := d.Egress
		end := originWords(from)
		if direction == kube.Ingress {
			v, end = d.Ingress, destinationWords(to)
		}
		switch {
		case direction == kube.Egress:
		case p.each:
			end = "each"
		case p.part != "":
			end = p.part
		case to.Service != nil:
			end = "the pods of " + end
		}
		if d.Egress == kube.Undecidable && d.Ingress == kube.Undecidable {
			v = d.Verdict // of what is no policy, there is one
		}
		if outside := direction == kube.Egress && from.Workload == nil || direction == kube.Ingress && to.Workload == nil && to.Service == nil; outside &&
			v == kube.Allowed && len(chain) == 1 && chain[0].Layer == kube.Routing && !p.o.Verbose && (said || n == 0) {
			continue // whoever asks about an address outside knows that policies don't apply to it
		}
		said = true
		p.direction(chain, v, indent, direction.String()+" of "+end)
	}
	p.reasons(d, indent)
}

// direction writes what decides in a direction, and what might have.
func (p *checkPrinter) direction(chain []kube.Considered, v kube.Verdict, indent int, name string) {
	shown := make([]bool, len(chain))
	said, denial := false, ""
	for i, c := range chain {
		if !c.Decides || v == kube.Undecidable || v == kube.Denied && c.Says != kube.Denies {
			continue
		}
		shown[i], said = true, true
		if c.Says == kube.Denies {
			denial = c.Words
		}
		if c.Layer == kube.Routing && c.Object != "" {
			p.text(indent, "", c.Object+" "+c.Words+at(c.Pos))
			continue
		}
		p.text(indent, "", name+" "+deciderWords(c, v))
	}
	if !said {
		p.text(indent, "", name+" is "+v.String())
	}
	if p.o.Verbose {
		for _, c := range chain {
			p.text(indent+2, "", consideredWords(c))
		}
		return
	}
	// Rules that lack the port alone come first.
	var missed []int
	for i, c := range chain {
		// That a policy has no rule was said with the denial.
		known := c.Rule == 0 && c.Says == kube.DoesNotAdmit && strings.HasPrefix(denial, c.Object+" ")
		if !shown[i] && v != kube.Allowed && c.Says != kube.NotApplicable && !known {
			missed = append(missed, i)
		} else if !shown[i] && !known {
			p.hidden++
		}
	}
	slices.SortStableFunc(missed, func(a, b int) int {
		return cmp.Compare(nearness(chain[a]), nearness(chain[b]))
	})
	object := ""
	for n, i := range missed {
		if n == p.most {
			p.hidden += len(missed) - n
			break
		}
		c := chain[i]
		s := consideredWords(c)
		if c.Object == object && c.Rule > 0 {
			s = strings.TrimPrefix(s, c.Object+" ")
		}
		object = c.Object
		p.text(indent+2, "", s)
	}
}

// nearness is 0 for what only just does not match.
func nearness(c kube.Considered) int {
	if c.Says == kube.DoesNotAdmit && !c.OtherPorts {
		return 1
	}
	return 0
}

// deciderWords is what a decider says: "is allowed: NetworkPolicy shop/db rule 1 admits it (db.yaml:12)".
func deciderWords(c kube.Considered, v kube.Verdict) string {
	s := "is " + v.String() + ": "
	if c.Object == "" || c.Says == kube.NotApplicable {
		return s + c.Words + at(c.Pos)
	}
	s += ruleWords(c) + " " + c.Says.String() + " it"
	if c.Words != "" {
		s += ": " + c.Words
	}
	return s + at(c.Pos)
}

func consideredWords(c kube.Considered) string {
	s := ruleWords(c) + " " + c.Says.String()
	if c.Says == kube.DoesNotAdmit && c.Rule > 0 {
		s = ruleWords(c)
	}
	if c.Words != "" {
		s += ": " + c.Words
	}
	return s + at(c.Pos)
}

// reasons are why it is not decided.
func (p *checkPrinter) reasons(d *kube.Decision, indent int) {
	if d.Verdict != kube.Undecidable {
		return
	}
	reasons := d.Reasons
	for i := range d.Parts { // those of the parts stand with them
		for _, r := range d.Parts[i].Reasons {
			reasons = slices.DeleteFunc(slices.Clone(reasons), func(x kube.Reason) bool { return x == r })
		}
	}
	for i, r := range reasons {
		if i == near && !p.o.Verbose {
			p.hidden += len(reasons) - i
			break
		}
		s := r.Words
		if r.Field != "" {
			s = r.Field + ": " + s
		}
		p.text(indent, "not decided: ", s+at(r.Pos))
	}
	if slices.ContainsFunc(reasons, func(r kube.Reason) bool {
		return strings.HasPrefix(r.Words, "depends on the network plugin: those that")
	}) {
		p.text(indent, "", "to decide it, name the plugin: --plugin "+strings.Join(kube.Plugins(), ", "))
	}
}
