package profile

import (
	"slices"

	"github.com/sallyport/sallyport/attempt"
)

// compiled is a profile made ready for decisions.
type compiled struct {
	bind      section
	bindTable *table
	layers    []layer  // of egress; the first is Profile.Egress
	gates     []*layer // those that have any rule, or deny by default
}

// layer is a layer of egress.
type layer struct {
	section
	name       string
	from       Origin
	rules      []EgressRule
	noneTable  *table // of sockets that were not bound
	boundTable *table // of sockets that were
}

func (l *layer) table(source attempt.SourceKind) *table {
	if source == attempt.SourceNone {
		return l.noneTable
	}
	return l.boundTable
}

type section struct {
	verdicts []Verdict
	refs     []RuleRef
	def      Verdict
	defRef   RuleRef
}

func (s *section) decision(rule int32) Decision {
	if rule < 0 {
		return Decision{Verdict: s.def, fallback: &s.defRef}
	}
	return Decision{Verdict: s.verdicts[rule], Rule: &s.refs[rule], fallback: &s.defRef}
}

func (s *section) add(v Verdict, line int, reason string, from Origin) {
	ref := s.defRef
	ref.Index, ref.Line, ref.Reason = len(s.refs)+1, line, reason
	if from != (Origin{}) {
		ref.From = from
	}
	s.verdicts, s.refs = append(s.verdicts, v), append(s.refs, ref)
}

func (p *Profile) load() *compiled {
	if c := p.compiled.Load(); c != nil {
		return c
	}
	p.compiled.CompareAndSwap(nil, p.compile())
	return p.compiled.Load()
}

func (p *Profile) compile() *compiled {
	c := &compiled{bind: section{def: p.Bind.Default, defRef: p.ref(bindSection, p.Bind.Line, Origin{})}}
	var bind []condition
	for i, r := range p.Bind.Rules {
		c.bind.add(r.Verdict, r.Line, r.Reason, Origin{})
		cond := condition{index: int32(i)}
		cond.sets[dimAddress] = blockSet(r.Addresses)
		cond.sets[dimPort] = portSet(r.Ports)
		cond.sets[dimProtocol] = protocolSet(r.Protocols)
		bind = append(bind, cond)
	}
	c.bindTable = newTable(bind)
	c.layers = append(c.layers, newLayer(egressSection, Origin{}, p.Egress.Rules, section{
		def: p.Egress.Default, defRef: p.ref(egressSection, p.Egress.Line, Origin{}),
	}))
	for _, l := range p.Layers {
		c.layers = append(c.layers, newLayer(l.Name, l.From, l.Rules, section{
			def: l.Default, defRef: p.ref("layer "+l.Name, l.Line, l.From),
		}))
	}
	for i := range c.layers {
		if l := &c.layers[i]; len(l.rules) > 0 || l.def.Denies() {
			c.gates = append(c.gates, l)
		}
	}
	return c
}

const (
	bindSection   = "bind"
	egressSection = "egress"
)

func (p *Profile) ref(section string, line int, from Origin) RuleRef {
	return RuleRef{Profile: p.Name, File: p.File, Section: section, Line: line, From: from}
}

func newLayer(name string, from Origin, rules []EgressRule, s section) layer {
	l := layer{section: s, name: name, from: from, rules: rules}
	var none, bound []condition
	for i, r := range rules {
		l.add(r.Verdict, r.Line, r.Reason, r.From)
		cond := condition{index: int32(i)}
		cond.sets[dimAddress] = blockSet(r.Destinations)
		cond.sets[dimPort] = portSet(r.Ports)
		cond.sets[dimProtocol] = protocolSet(r.Protocols)
		if r.ofNone() {
			none = append(none, cond)
		}
		if cond.sets[dimSource] = blockSet(r.Sources); r.Sources == nil || len(cond.sets[dimSource]) > 0 {
			bound = append(bound, cond)
		}
	}
	l.noneTable, l.boundTable = newTable(none), newTable(bound)
	return l
}

// ofNone reports whether the rule is about sockets that were not bound, too.
func (r *EgressRule) ofNone() bool {
	return r.Sources == nil || slices.ContainsFunc(r.Sources, func(b Block) bool { return b.Word == None })
}
