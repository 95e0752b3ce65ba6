package kube

import (
	"slices"
	"strings"

	"github.com/sallyport/sallyport/profile/flowset"
)

// cilium is the policies of a cluster as Cilium v1.20.2 takes them: NetworkPolicies are translated into the terms of its own (ParseNetworkPolicy
// in pkg/k8s), and decide together with these.
type cilium struct {
	e      *Evaluator
	spaces map[string][]*ciliumSpec // by namespace
	wide   []*ciliumSpec            // of CiliumClusterwideNetworkPolicies, for pods
	hosts  []*ciliumSpec            // likewise, for nodes
	// passed are the policies that Cilium does not know of.
	passed []*AdminPolicy

	groups map[string]*CiliumCIDRGroup
	api    flowset.Addrs // addresses of the API server
	apiIs  bool          // these are known
	nodes  flowset.Addrs
	ranges flowset.Addrs // where pods get their addresses: what has one there, and is not known, may be a pod
}

// ciliumSpec is a set of rules of one object.
type ciliumSpec struct {
	meta     *Meta
	pos      Pos
	nth      int
	layer    Layer
	subject  CiliumSelector
	node     bool
	sections [2]ciliumSection // by direction
	flags    []CiliumFlag
}

type ciliumSection struct {
	rules    []*ciliumRule // what denies comes last
	isolates bool
	pos      Pos // of what isolates without a rule
}

// ciliumRule is a rule with its selectors as Cilium completes them.
type ciliumRule struct {
	*CiliumRule
	meta  *Meta
	index int
	deny  bool
	all   bool
	peers []ciliumPeer
	local bool // on which node the subject is changes what a peer is
}

// ciliumPeer is one peer. Of sets, CIDRs and services, which are no pods, what is certain and what may be is worked out.
type ciliumPeer struct {
	*CiliumPeer
	selectors []CiliumSelector // of endpoints: one of them selects
	set, some flowset.Addrs
	anything  bool   // a service that is not known: it may be everything
	key       string // equal ones have equal keys
	local     bool
}

// hasCilium reports whether a cluster has objects that only Cilium reads, so that the plugin is Cilium.
func (c *Cluster) hasCilium() bool {
	return len(c.CiliumPolicies)+len(c.CIDRGroups) > 0 ||
		slices.ContainsFunc(c.Others, func(m *Meta) bool { return strings.HasPrefix(m.APIVersion, "cilium.io/") })
}

// compileCilium is called last: it looks at what the others have prepared.
func (e *Evaluator) compileCilium() {
	c := &cilium{e: e, spaces: map[string][]*ciliumSpec{}, groups: map[string]*CiliumCIDRGroup{}}
	e.cilium = c
	e.assume.BlocksSelectPods = False // policy-cidr-match-mode is empty by default: addresses of pods and nodes are in no CIDR
	for _, list := range []*[]*AdminPolicy{&e.admin, &e.baseline} {
		*list = slices.DeleteFunc(*list, func(p *AdminPolicy) bool {
			old := p.Kind != "ClusterNetworkPolicy"
			if old {
				c.passed = append(c.passed, p)
			}
			return old
		})
	}
	for _, g := range e.cluster.CIDRGroups {
		c.groups[g.Name] = g
	}
	c.addresses()
	for _, p := range e.cluster.NetworkPolicies {
		c.spaces[p.Namespace] = append(c.spaces[p.Namespace], c.networkPolicy(p))
	}
	for _, p := range e.cluster.CiliumPolicies {
		c.policy(p)
	}
}

// addresses finds out what is known of addresses that are no pod's.
func (c *cilium) addresses() {
	var nodes, ranges, api flowset.AddrsBuilder
	for a := range c.e.nodes {
		nodes.AddRange(a, a)
	}
	for _, n := range c.e.cluster.Nodes {
		for _, p := range n.PodCIDRs {
			ranges.AddPrefix(p)
		}
	}
	c.nodes, c.ranges = nodes.Addrs(), ranges.Addrs()
	for _, s := range c.e.cluster.Endpoints {
		if s.Namespace != "default" || s.Service != "kubernetes" || s.Broken() {
			continue
		}
		for i := range s.Endpoints {
			for _, a := range s.Endpoints[i].Addresses {
				c.apiIs = true
				api.AddRange(a.Unmap(), a.Unmap())
			}
		}
	}
	c.api = api.Addrs()
}

// policy takes one of Cilium's own policies in.
func (c *cilium) policy(p *CiliumPolicy) {
	add := func(s *ciliumSpec) {
		switch {
		case !p.Clusterwide():
			c.spaces[p.Namespace] = append(c.spaces[p.Namespace], s)
		case s.node:
			c.hosts = append(c.hosts, s)
		default:
			c.wide = append(c.wide, s)
		}
	}
	if p.Broken() {
		add(&ciliumSpec{meta: &p.Meta, pos: p.Pos, layer: CiliumLayer})
		if p.Clusterwide() {
			add(&ciliumSpec{meta: &p.Meta, pos: p.Pos, layer: CiliumLayer, node: true})
		}
		return
	}
	for i := range p.Specs {
		spec := &p.Specs[i]
		s := &ciliumSpec{meta: &p.Meta, pos: spec.Pos, nth: spec.Nth, layer: CiliumLayer, node: spec.Nodes != nil, flags: p.Flags}
		if s.node {
			s.subject = *spec.Nodes
		} else {
			s.subject = subjectIn(spec.Endpoints, p.Namespace)
		}
		init := s.subject.has(func(source, key string) bool { return source == ciliumReserved && key == "init" })
		for _, d := range []Direction{Ingress, Egress} {
			section := spec.Section(d)
			sec := &s.sections[d]
			sec.isolates = section.Isolates()
			for j := range section.Allow {
				sec.rules = append(sec.rules, c.rule(&p.Meta, completed(&section.Allow[j], p.Namespace, init), j, false))
			}
			for j := range section.Deny {
				sec.rules = append(sec.rules, c.rule(&p.Meta, completed(&section.Deny[j], p.Namespace, init), j, true))
			}
		}
		add(s)
	}
}

func (c *cilium) rule(meta *Meta, r *CiliumRule, index int, deny bool) *ciliumRule {
	rule := &ciliumRule{CiliumRule: r, meta: meta, index: index, deny: deny, all: r.Everywhere()}
	for i := range r.Peers {
		p := c.peer(&r.Peers[i], r, deny)
		rule.local = rule.local || p.local
		rule.peers = append(rule.peers, p)
	}
	return rule
}

func (c *cilium) peer(p *CiliumPeer, r *CiliumRule, deny bool) ciliumPeer {
	out := ciliumPeer{CiliumPeer: p}
	switch {
	case p.Endpoints != nil:
		out.selectors = []CiliumSelector{*p.Endpoints}
		out.key = "e" + p.Endpoints.String()
		out.local = p.Endpoints.has(func(source, key string) bool {
			return source == ciliumReserved || key == "host" || key == "remote-node"
		})
	case p.Nodes != nil:
		out.key, out.local = "n"+p.Nodes.String(), true
	case p.CIDR != nil:
		out.set, out.some = c.cidr(p.CIDR)
		out.key = "c" + out.set.String() + "?" + out.some.String()
	case p.Entity != "":
		out.key, out.local = "E"+p.Entity, p.Entity != "all" && p.Entity != "world"
	case p.Name != nil:
		out.key = "N"
	case p.Service != nil:
		c.service(&out, r, deny)
	case p.Group:
		out.some = flowset.AllAddrs()
		out.key = "g"
	}
	return out
}
