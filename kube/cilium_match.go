package kube

import (
	"slices"
	"strings"

	"github.com/sallyport/sallyport/profile/flowset"
)

// is reports whether an end is a peer of a rule that is about another.
func (c *cilium) is(p *ciliumPeer, self, x *end, o *observer) match {
	_, host := x.isHost()
	world := x.pod == nil && !host
	switch {
	case p.Endpoints != nil:
		return c.selects(p.Endpoints, self, x, o)
	case p.Nodes != nil:
		return c.isNode(p, self, x, o)
	case p.CIDR != nil:
		if !world {
			return no
		}
		return c.in(p, x, o)
	case p.Entity != "":
		return c.isEntity(p, self, x, o)
	case p.Name != nil:
		if !world {
			return no
		}
		return c.isName(p, self, x, o)
	case p.Service != nil:
		result := no
		for i := range p.selectors {
			result = max(result, c.selects(&p.selectors[i], self, x, o))
		}
		if world && result == no && !p.set.IsEmpty() {
			result = c.in(p, x, o)
		}
		if p.anything && result == no {
			o.depends(Reason{Pos: p.Pos, Field: "toServices", Words: "no object tells what it stands for: of a service that it cannot resolve Cilium makes every destination, where the rule has ports"})
			result = maybe
		}
		return result
	case p.Group && world:
		o.depends(Reason{Pos: p.Pos, Field: "groups", Words: "its addresses come from outside of the cluster"})
		return maybe
	}
	return no
}

// in reports whether an address outside is in a CIDR.
func (c *cilium) in(p *ciliumPeer, x *end, o *observer) match {
	switch {
	case p.set.Covers(x.addrs):
		if x.name == "" && c.ranges.Overlaps(x.addrs) {
			o.depends(podRangeWhy)
			return maybe
		}
		return yes
	case p.set.Overlaps(x.addrs) && x.name != "":
		o.depends(Reason{Pos: p.Pos, Field: "addresses of " + x.name, Words: "a name's addresses are not known from the objects"})
		return maybe
	case p.set.Overlaps(x.addrs):
		o.depends(Reason{Pos: p.Pos, Words: "only some of the addresses are in the block"})
		return maybe
	case p.some.Overlaps(x.addrs):
		o.depends(Reason{Pos: p.Pos, Field: "CiliumCIDRGroup", Words: "is not given, or has an error: which addresses it stands for is not known"})
		return maybe
	}
	return no
}

var podRangeWhy = Reason{Words: "the address is in the nodes' ranges for pods, and no pod was given that has it: CIDRs and the entity world hold no pods"}

// isEntity reports whether an end is of an entity (EntitySelectorMapping in pkg/policy/api/entity.go).
func (c *cilium) isEntity(p *ciliumPeer, self, x *end, o *observer) match {
	_, host := x.isHost()
	world := x.pod == nil && !host
	inRange := world && x.name == "" && c.ranges.Overlaps(x.addrs)
	unknown := func(why Reason) match {
		if why.Pos.File == "" {
			why.Pos = p.Pos
		}
		o.depends(why)
		return maybe
	}
	switch p.Entity {
	case "all":
		return yes
	case "world":
		if inRange {
			return unknown(podRangeWhy)
		}
		return when(world)
	case "cluster", "cluster-mesh":
		switch {
		case !world || c.isAPI(x) == yes:
			return yes
		case inRange:
			return unknown(podRangeWhy)
		case x.name == "" && len(c.e.cluster.Nodes) == 0:
			return unknown(noNodesWhy)
		case c.isAPI(x) == maybe:
			return unknown(apiWhy)
		}
		return no
	case "kube-apiserver":
		m := c.isAPI(x)
		if m == maybe {
			o.depends(Reason{Pos: p.Pos, Field: apiWhy.Field, Words: apiWhy.Words})
		}
		return m
	case "host", "remote-node":
		if world {
			if x.name == "" && len(c.e.cluster.Nodes) == 0 {
				return unknown(noNodesWhy)
			}
			return no
		}
		if !host {
			return no
		}
		m := c.ownHost(self, x, o)
		if p.Entity == "remote-node" {
			return yes - m
		}
		return m
	case "health", "ingress", "init", "unmanaged":
		if inRange {
			return unknown(podRangeWhy)
		}
	}
	return no
}

// isNode reports whether an end is another node that a selector selects.
func (c *cilium) isNode(p *ciliumPeer, self, x *end, o *observer) match {
	name, host := x.isHost()
	if !host {
		if x.pod == nil && x.name == "" && len(c.e.cluster.Nodes) == 0 {
			o.depends(noNodesWhy)
			return maybe
		}
		return no
	}
	m := yes - c.ownHost(self, x, o)
	if m == no {
		return no
	}
	n := x.node
	if n == nil {
		n = c.e.named[name]
	}
	if n == nil || n.Broken() {
		o.depends(Reason{Pos: p.Pos, Words: "the labels of the node are not known"})
		return maybe
	}
	return both(m, nodeMeets(p.Nodes, n))
}

// nodeMeets reports whether a selector selects a node by its labels: those that Cilium gives it itself may be asked for too.
func nodeMeets(s *CiliumSelector, n *Node) match {
	result := yes
	for i := range s.Requirements {
		q := &s.Requirements[i]
		v, there := n.Labels[q.Key]
		h := held{there: when(there), value: v}
		if q.Source == ciliumReserved || strings.HasPrefix(q.Key, ciliumOwn) {
			h = held{there: maybe}
		}
		result = both(result, q.met(h))
	}
	return result
}

// isName reports whether a name's addresses are let through by a rule for names. Cilium learns them from the answers that its DNS proxy
// sees, and the proxy sees those to questions that a rule with dns rules lets pass.
func (c *cilium) isName(p *ciliumPeer, self, x *end, o *observer) match {
	if x.name == "" {
		words := p.Name.Name
		if words == "" {
			words = p.Name.Pattern
		}
		o.depends(Reason{Pos: p.Pos, Field: "toFQDNs", Words: "an address is allowed once Cilium saw " + words + " resolve to it: ask by the name"})
		return maybe
	}
	if !p.Name.Matches(x.name) {
		return no
	}
	m := c.seesDNS(self, x.name)
	if m != yes {
		o.depends(Reason{Pos: p.Pos, Field: "toFQDNs", Words: "no rule with rules.dns is certain to let " + self.String() + " ask for " + x.name + " through Cilium's DNS proxy, from which it learns the addresses"})
	}
	return max(m, maybe)
}

// seesDNS reports whether a rule leads a pod's questions for a name through the DNS proxy.
func (c *cilium) seesDNS(self *end, name string) match {
	result := no
	for _, s := range c.specs(self) {
		if s.meta.Broken() {
			continue
		}
		selected := c.subject(s, self, nil)
		if len(s.flags) > 0 {
			selected = both(selected, maybe)
		}
		for _, r := range s.sections[Egress].rules {
			for i := range r.Ports {
				for j := range r.Ports[i].DNS {
					if r.Ports[i].DNS[j].Matches(name) {
						result = max(result, selected)
					}
				}
			}
		}
	}
	return result
}

// specs are the sets of rules that may be about an end.
func (c *cilium) specs(self *end) []*ciliumSpec {
	if _, host := self.isHost(); host {
		return c.hosts
	}
	if self.pod == nil {
		return nil
	}
	own := c.spaces[self.pod.Namespace]
	if len(c.wide) == 0 {
		return own
	}
	return append(own[:len(own):len(own)], c.wide...)
}

// subject reports whether a set of rules is about an end.
func (c *cilium) subject(s *ciliumSpec, self *end, o *observer) match {
	if !s.node {
		return c.selects(&s.subject, self, self, o)
	}
	n := self.node
	if n == nil {
		n = c.e.named[self.nodeName()]
	}
	if n == nil || n.Broken() {
		if len(s.subject.Requirements) == 0 {
			return yes
		}
		o.depends(Reason{Pos: s.subject.Pos, Field: "nodeSelector", Words: "the labels of the node are not known"})
		return maybe
	}
	return nodeMeets(&s.subject, n)
}

// port reports whether a rule is about the flow's port.
func (c *cilium) port(r *ciliumRule, f *flow, o *observer) match {
	if len(r.Ports) == 0 {
		return when(!r.ICMP)
	}
	result := no
	for i := range r.Ports {
		result = max(result, c.portOf(&r.Ports[i], f, o))
	}
	return result
}

func (c *cilium) portOf(ports *CiliumPorts, f *flow, o *observer) match {
	result := no
	for i := range ports.Ports {
		p := &ports.Ports[i]
		if !slices.Contains(p.Protocols, f.protocol) {
			continue
		}
		if p.Name == "" {
			result = max(result, when(p.First <= f.port && f.port <= p.Last))
			continue
		}
		if _, host := f.to.isHost(); !host { // nodes have no ports by name
			result = max(result, c.e.isNamed(p.Name, f.protocol, f, o))
		}
	}
	return result
}

// outside is the addresses that are no pod's and that a peer is, and may be, seen from an end. They are asked for part by part, of which
// each is the same to all rules.
func (c *cilium) outside(p *ciliumPeer, self *end) (certain, possible flowset.Addrs) {
	if p.Endpoints != nil && !p.local {
		return certain, possible // it asks for what only pods have
	}
	var sure, unsure flowset.AddrsBuilder
	ask := func(x end) {
		if x.addrs.IsEmpty() {
			return
		}
		switch c.is(p, self, &x, nil) {
		case yes:
			sure.Add(x.addrs)
		case maybe:
			unsure.Add(x.addrs)
		}
	}
	if p.Entity != "" || p.Endpoints != nil || p.Nodes != nil || p.anything {
		for a, n := range c.e.nodes {
			ask(end{node: n, addrs: flowset.AddrOf(a)})
		}
	}
	cells := []flowset.Addrs{flowset.AllAddrs().Subtract(c.nodes)}
	for _, set := range []flowset.Addrs{c.ranges, c.api, p.set, p.some} {
		if set.IsEmpty() {
			continue
		}
		var split []flowset.Addrs
		for _, cell := range cells {
			for _, part := range []flowset.Addrs{cell.Intersect(set), cell.Subtract(set)} {
				if !part.IsEmpty() {
					split = append(split, part)
				}
			}
		}
		cells = split
	}
	for _, cell := range cells {
		ask(end{addrs: cell})
	}
	return sure.Addrs(), unsure.Addrs()
}
