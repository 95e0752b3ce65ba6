package profile

import "github.com/sallyport/sallyport/attempt"

// Considered is what one layer says of an attempt.
type Considered struct {
	Layer   string // "bind", "egress", or the layer's name
	Verdict Verdict
	Rule    *RuleRef // the rule that decided; else the default did

	fallback *RuleRef
}

// By names the rule or the default that decided.
func (c Considered) By() *RuleRef {
	if c.Rule != nil {
		return c.Rule
	}
	return c.fallback
}

// Explain is what each layer says of an attempt, in the order in which they are asked, those behind one that denies
// as well: the bind where the source asks for one, egress, and the layers. A layer without a word on the attempt has the verdict
// Abstain. The first denial is the decision of [Profile.Decide].
func (p *Profile) Explain(a attempt.Attempt) []Considered {
	c := p.load()
	var out []Considered
	if a.Source.Kind != attempt.SourceNone {
		d := p.DecideBind(a.Protocol, bound(a))
		out = append(out, Considered{bindSection, d.Verdict, d.Rule, d.fallback})
	}
	var pt point
	known := pt.egress(&a)
	for i := range c.layers {
		l := &c.layers[i]
		d := l.decision(l.table(a.Source.Kind).first(&pt, known))
		out = append(out, Considered{l.name, d.Verdict, d.Rule, d.fallback})
	}
	return out
}
