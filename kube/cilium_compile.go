package kube

import (
	"net/netip"
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

// networkPolicy translates a NetworkPolicy. Rules of a direction that policyTypes does not name are in force all the same.
func (c *cilium) networkPolicy(p *NetworkPolicy) *ciliumSpec {
	s := &ciliumSpec{meta: &p.Meta, pos: p.Pos, layer: NetworkPolicyLayer}
	s.subject = k8sSelector(&p.PodSelector, "")
	s.subject.Requirements = append(s.subject.Requirements, inNamespace(p.Namespace))
	for _, d := range []Direction{Ingress, Egress} {
		sec := &s.sections[d]
		sec.isolates, sec.pos = p.Isolates(d) || len(p.Rules(d)) > 0, p.rulesPos(d)
		for i := range p.Rules(d) {
			from := &p.Rules(d)[i]
			r := &CiliumRule{Pos: from.Pos}
			for j := range from.Peers {
				r.Peers = append(r.Peers, k8sPeer(p.Namespace, &from.Peers[j]))
			}
			for _, port := range from.Ports {
				r.Ports = append(r.Ports, CiliumPorts{Pos: port.Pos, Ports: []CiliumPort{k8sPort(port)}})
			}
			rule := c.rule(r, i, false)
			rule.all = len(r.Peers) == 0
			sec.rules = append(sec.rules, rule)
		}
	}
	return s
}

// k8sSelector is a selector of the API, whose keys are of the source k8s, behind a prefix.
func k8sSelector(s *LabelSelector, prefix string) CiliumSelector {
	out := CiliumSelector{Pos: s.Pos}
	for _, q := range s.Requirements {
		q.Key = prefix + q.Key
		out.Requirements = append(out.Requirements, CiliumRequirement{Source: ciliumK8s, Requirement: q})
	}
	return out
}

func inNamespace(name string) CiliumRequirement {
	return CiliumRequirement{Source: ciliumK8s, Requirement: Requirement{Key: ciliumNamespace, Op: In, Values: []string{name}}}
}

// inAnyNamespace is met by every pod, and by nothing else.
func inAnyNamespace() CiliumRequirement {
	return CiliumRequirement{Source: ciliumK8s, Requirement: Requirement{Key: ciliumNamespace, Op: Exists}}
}

// inCluster adds that an endpoint is of this cluster, where the selector says nothing of clusters: policy-default-local-cluster is on by default.
// Nothing outside has the label that this asks for.
func (s *CiliumSelector) inCluster() {
	if !s.has(func(source, key string) bool {
		return (source == ciliumAny || source == ciliumK8s) && key == ciliumClusterName
	}) {
		s.Requirements = append(s.Requirements, CiliumRequirement{Source: ciliumK8s, Requirement: Requirement{Key: ciliumClusterName, Op: Exists}})
	}
}

// k8sPeer translates a peer (parseNetworkPolicyPeer in pkg/k8s). Its selectors are complete, and need no namespace.
func k8sPeer(home string, p *NetworkPolicyPeer) CiliumPeer {
	if b := p.IPBlock; b != nil {
		return CiliumPeer{Pos: b.Pos, CIDR: &CiliumCIDR{Pos: b.Pos, CIDR: b.CIDR, Except: b.Except}}
	}
	var s CiliumSelector
	if p.NamespaceSelector == nil {
		s.Requirements = []CiliumRequirement{inNamespace(home)}
	} else if s = k8sSelector(p.NamespaceSelector, ciliumNamespaceLabel); len(s.Requirements) == 0 {
		s.Requirements = []CiliumRequirement{inAnyNamespace()}
	}
	if p.PodSelector != nil {
		s.Requirements = append(s.Requirements, k8sSelector(p.PodSelector, "").Requirements...)
	}
	s.Pos = p.Pos
	s.inCluster()
	return CiliumPeer{Pos: p.Pos, Endpoints: &s}
}

func k8sPort(p NetworkPolicyPort) CiliumPort {
	q := CiliumPort{Pos: p.Pos, Name: p.Port.Name, First: p.Port.Number, Last: p.Port.Number, Protocols: []Protocol{p.Protocol}}
	switch {
	case p.EndPort != 0:
		q.Last = p.EndPort
	case p.Port.IsZero():
		q.Last = 65535
	}
	return q
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
				sec.rules = append(sec.rules, c.rule(completed(&section.Allow[j], p.Namespace, init), j, false))
			}
			for j := range section.Deny {
				sec.rules = append(sec.rules, c.rule(completed(&section.Deny[j], p.Namespace, init), j, true))
			}
		}
		add(s)
	}
}

// subjectIn is an endpointSelector of a policy in a namespace: it only ever selects there, whatever it says of the namespace itself
// (ParseToCiliumRule in pkg/k8s/apis/cilium.io/utils).
func subjectIn(s *CiliumSelector, namespace string) CiliumSelector {
	if namespace == "" {
		return *s
	}
	out := CiliumSelector{Pos: s.Pos}
	for _, q := range s.Requirements {
		if !q.label || q.Source != ciliumK8s || q.Key != ciliumNamespace {
			out.Requirements = append(out.Requirements, q)
		}
	}
	out.Requirements = append(out.Requirements, inNamespace(namespace))
	return out
}

// completed is a rule with the namespaces that its selectors of endpoints leave out: that of the policy, or for policies of none those of
// all pods (getEndpointSelector in pkg/k8s/apis/cilium.io/utils).
func completed(r *CiliumRule, namespace string, init bool) *CiliumRule {
	if !slices.ContainsFunc(r.Peers, func(p CiliumPeer) bool { return p.Endpoints != nil }) {
		return r
	}
	out := *r
	out.Peers = slices.Clone(r.Peers)
	for i := range out.Peers {
		s := *out.Peers[i].Endpoints
		s.Requirements = slices.Clip(s.Requirements)
		plain := func(source string) bool { return source == ciliumAny || source == ciliumK8s }
		if s.has(func(source, _ string) bool { return source == ciliumReserved }) {
			continue
		}
		switch {
		case s.has(func(source, key string) bool { return plain(source) && key == ciliumNamespace }):
		case namespace == "" && !init:
			s.Requirements = append(s.Requirements, inAnyNamespace())
		case namespace != "" && !s.has(func(source, key string) bool { return plain(source) && strings.HasPrefix(key, ciliumNamespaceLabel) }):
			s.Requirements = append(s.Requirements, inNamespace(namespace))
		}
		s.inCluster()
		out.Peers[i].Endpoints = &s
	}
	return &out
}

func (c *cilium) rule(r *CiliumRule, index int, deny bool) *ciliumRule {
	rule := &ciliumRule{CiliumRule: r, index: index, deny: deny, all: r.Everywhere()}
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

// cidr is the addresses of a CIDR, a group or several, those that are certain and those that may be.
func (c *cilium) cidr(b *CiliumCIDR) (yes, some flowset.Addrs) {
	var except []netip.Prefix
	for _, x := range b.Except {
		except = append(except, x.CIDR)
	}
	switch {
	case b.Group != "":
		g := c.groups[b.Group]
		if g == nil || g.Broken() {
			return flowset.Addrs{}, flowset.AllAddrs().Except(except...)
		}
		yes = flowset.AddrsOf(g.CIDRs...)
	case b.Selector != nil:
		if len(c.groups) == 0 || slices.ContainsFunc(c.e.cluster.CIDRGroups, func(g *CiliumCIDRGroup) bool { return g.Broken() }) {
			return flowset.Addrs{}, flowset.AllAddrs()
		}
		yes = c.grouped(b.Selector)
	default:
		yes = flowset.AddrsOf(b.CIDR)
	}
	return yes.Except(except...), flowset.Addrs{}
}

// grouped is the addresses that a selector of groups selects. An address has the labels of all groups that hold it
// (matchesEncodedRequirement in pkg/policy/types).
func (c *cilium) grouped(s *CiliumSelector) flowset.Addrs {
	all := flowset.AllAddrs()
	for i := range s.Requirements {
		q := &s.Requirements[i]
		var b flowset.AddrsBuilder
		for _, g := range c.e.cluster.CIDRGroups {
			v, there := g.Labels[q.Key]
			there = there && (q.Source == ciliumAny || q.Source == "cidrgroup") && !strings.HasPrefix(q.Key, ciliumOwn)
			if there && (q.Op == Exists || q.Op == DoesNotExist || slices.Contains(q.Values, v)) {
				for _, p := range g.CIDRs {
					b.AddPrefix(p)
				}
			}
		}
		if q.Op == NotIn || q.Op == DoesNotExist {
			all = all.Subtract(b.Addrs())
		} else {
			all = all.Intersect(b.Addrs())
		}
	}
	return all
}

// service resolves an entry of toServices: to the pods that the services select, or where they select none to the addresses of their
// endpoints, which are CIDRs (processRule in pkg/policy/k8s). It is not done in egressDeny.
func (c *cilium) service(p *ciliumPeer, r *CiliumRule, deny bool) {
	found := false
	var set flowset.AddrsBuilder
	for _, s := range c.e.cluster.Services {
		if !c.isService(p.Service, s) || deny {
			continue
		}
		if s.Broken() {
			found = false
			break
		}
		if len(s.Selector) > 0 {
			found = true
			p.selectors = append(p.selectors, c.serviceSelector(s))
			continue
		}
		for _, slice := range c.e.cluster.Endpoints {
			if slice.Service != s.Name || slice.Namespace != s.Namespace || slice.Broken() {
				continue
			}
			for i := range slice.Endpoints {
				for _, a := range slice.Endpoints[i].Addresses {
					found = true
					set.AddRange(a.Unmap(), a.Unmap())
				}
			}
		}
	}
	p.set, p.anything = set.Addrs(), !found
	if deny && len(r.Ports) == 0 && !r.ICMP { // no peer and no port: the rule is about nothing
		p.anything = false
	}
	p.key = "s" + p.set.String()
	for i := range p.selectors {
		p.key += ";" + p.selectors[i].String()
	}
	if p.anything {
		p.key += "?"
	}
}

func (c *cilium) isService(p *CiliumService, s *Service) bool {
	if p.Namespace != "" && p.Namespace != s.Namespace {
		return false
	}
	if p.Selector == nil {
		return p.Name == s.Name
	}
	for i := range p.Selector.Requirements {
		if !p.Selector.Requirements[i].Matches(s.Labels) { // the source is not looked at
			return false
		}
	}
	return true
}

func (c *cilium) serviceSelector(s *Service) CiliumSelector {
	out := CiliumSelector{Pos: s.Pos, Requirements: []CiliumRequirement{inNamespace(s.Namespace)}}
	for k, v := range s.Selector {
		out.Requirements = append(out.Requirements, CiliumRequirement{Source: ciliumK8s, Requirement: Requirement{Key: k, Op: In, Values: []string{v}}})
	}
	slices.SortFunc(out.Requirements, func(a, b CiliumRequirement) int { return compareRequirements(a.Requirement, b.Requirement) })
	return out
}
