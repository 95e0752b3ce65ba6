package kube

import (
	"slices"
	"strings"

	"github.com/sallyport/sallyport/profile/flowset"
)

// peers is the classes that one of a rule's entities matches.
func (k *calico) peers(g *grouping, list []*calicoEntity, self *end) spansPair {
	if len(list) == 0 {
		return spansPair{yes: g.all()}
	}
	var s spansPair
	for _, e := range list {
		one := k.entityClasses(g, e, self)
		s.yes = append(s.yes, one.yes...)
		s.maybe = append(s.maybe, intersect(one.possible, g.others(one.yes))...)
	}
	return s.tidy()
}

// entityClasses is what [calico.entity] says of all classes.
func (k *calico) entityClasses(g *grouping, e *calicoEntity, self *end) classes {
	c := classes{g.all(), g.all()}
	if e.family != nil {
		c = c.and(k.familyClasses(g, *e.family, self))
	}
	if e.nets != nil {
		c = c.and(k.netClasses(g, e.nets))
	}
	if e.notNets != nil {
		c = c.and(k.netClasses(g, e.notNets).not(g))
	}
	if e.sel != nil {
		c = c.and(k.exprClasses(g, e.sel))
	}
	if e.not != nil {
		c = c.and(k.exprClasses(g, e.not).not(g))
	}
	return c
}

// classes is those that match for certain, and those that may: the first are among the others.
type classes struct{ yes, possible []span }

func (c classes) and(d classes) classes {
	return classes{intersect(c.yes, d.yes), intersect(c.possible, d.possible)}
}

func (c classes) not(g *grouping) classes { return classes{g.others(c.possible), g.others(c.yes)} }

// bothOf makes both lists of a pair.
func bothOf(s spansPair) classes {
	return classes{tidy(slices.Clone(s.yes)), tidy(append(slices.Clone(s.yes), s.maybe...))}
}

// others is the classes that are not in a list.
func (g *grouping) others(spans []span) []span {
	var list []span
	next := int32(0)
	for _, s := range spans {
		if s.first > next {
			list = append(list, span{next, s.first})
		}
		next = s.end
	}
	if end := int32(len(g.classes)); next < end {
		list = append(list, span{next, end})
	}
	return list
}

func (k *calico) familyClasses(g *grouping, family flowset.Addrs, self *end) classes {
	key := familyKey{family.Equal(flowset.AllIPv4()), inFamily(family, self.addrs, flowset.Addrs{})}
	if key.self == yes && !family.Covers(self.addrs) {
		key.self = maybe
	}
	c, there := g.calico.families[key]
	if !there {
		c = bothOf(g.those(g.all(), func(x *end) match { return inFamily(family, x.addrs, self.addrs) }))
		g.calico.families[key] = c
	}
	return c
}

func (k *calico) netClasses(g *grouping, set *flowset.Addrs) classes {
	c, there := g.calico.nets[set]
	if !there {
		c = bothOf(g.classesOf(g.blocks[set.String()]))
		g.calico.nets[set] = c
	}
	return c
}

func (k *calico) exprClasses(g *grouping, x *calicoExpr) classes {
	c, there := g.calico.exprs[x]
	if !there {
		spans := g.all()
		if x.sure.IsEmpty() && x.some.IsEmpty() {
			spans = k.candidates(g, x, "")
		}
		c = bothOf(g.those(spans, func(p *end) match { return k.selected(x, p, nil, Pos{}) }))
		g.calico.exprs[x] = c
	}
	return c
}

// candidates is the classes that may meet an expression by their labels.
func (k *calico) candidates(g *grouping, x *calicoExpr, home string) []span {
	spans := g.all()
	if home != "" {
		s, there := g.spaces[k.e.spaces[home]]
		if !there {
			return nil
		}
		spans = []span{s}
	}
	var best []int32
	found := false
	for _, need := range x.Needs() {
		switch {
		case need.Key == calicoNamespaceLabel:
			var in []span
			for _, v := range need.Values {
				if s, there := g.spaces[k.e.spaces[v]]; there {
					in = append(in, s)
				}
			}
			spans = intersect(spans, tidy(in))
			continue
		case strings.HasPrefix(need.Key, "projectcalico.org/"), strings.HasPrefix(need.Key, namespacePrefix), strings.HasPrefix(need.Key, accountPrefix):
			continue
		}
		var list []int32
		for _, v := range need.Values {
			list = append(list, g.labels[need.Key][v]...)
		}
		if !found || len(list) < len(best) {
			best, found = list, true
		}
	}
	if !found {
		return spans
	}
	return intersect(spans, spansOf(append(best, g.unsure...)))
}
