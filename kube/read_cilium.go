package kube

import (
	"slices"
	"strings"

	"github.com/sallyport/sallyport/kube/internal/tree"
)

// The checks are those of Cilium v1.20.2: its CRDs (pkg/k8s/apis/cilium.io/client/crds/v2), which the API server applies, and
// Rule.Sanitize (pkg/policy/api/rule_validation.go), after which an object with one bad rule is not in force at all.

func (r *reader) ciliumPolicy(m Meta, n *tree.Node) {
	p := &CiliumPolicy{Meta: m}
	r.meta = &p.Meta
	r.out.cluster.CiliumPolicies = append(r.out.cluster.CiliumPolicies, p)
	c := ciliumReader{reader: r, p: p}
	given := false
	for k, v := range r.fields(n) {
		switch k.Value {
		case "apiVersion", "kind", "metadata":
		case "status":
			c.status(v)
		case "spec":
			given = true
			r.push("spec", 0)
			p.Specs = slices.Insert(p.Specs, 0, c.spec(v, 0))
			r.pop()
		case "specs":
			given = true
			for i, item := range r.items(v, "specs", "specs") {
				p.Specs = append(p.Specs, c.spec(item, i+1))
			}
		default:
			r.unknown(k, "spec", "specs")
		}
	}
	if !given {
		r.errorf(n, "has no spec: want spec or specs")
	}
}

// status marks a policy of which Cilium's operator has found that it is not valid.
func (c *ciliumReader) status(n *tree.Node) {
	conditions := n.Get("conditions")
	if conditions == nil {
		return
	}
	for _, item := range c.items(conditions, "conditions", "status: condition") {
		value := func(name string) string {
			if v := item.Get(name); v != nil && v.Kind == tree.Scalar {
				return v.Value
			}
			return ""
		}
		if value("type") == "Valid" && value("status") == "False" {
			c.errorf(item, "Cilium has refused the object: %s", short(value("message")))
		}
	}
}

// ciliumReader reads one policy.
type ciliumReader struct {
	*reader
	p    *CiliumPolicy
	host bool // the spec selects nodes
}

func (c *ciliumReader) spec(n *tree.Node, nth int) CiliumSpec {
	s := CiliumSpec{Pos: c.pos(n), Nth: nth}
	if n.Kind != tree.Mapping {
		c.errorf(n, "is %s: want a mapping", n.Describe())
		return s
	}
	known := []string{"endpointSelector", "nodeSelector", "ingress", "ingressDeny", "egress", "egressDeny", "enableDefaultDeny", "labels", "description", "log"}
	c.host = false
	for k, v := range c.fields(n) { // first what others are checked against
		switch k.Value {
		case "endpointSelector":
			s.Endpoints = c.selectorAt(k, v)
		case "nodeSelector":
			s.Nodes = c.selectorAt(k, v)
			c.host = true
			if !c.p.Clusterwide() {
				c.errorf(k, "nodeSelector in a CiliumNetworkPolicy: want a CiliumClusterwideNetworkPolicy")
			}
		}
	}
	rules := 0
	for k, v := range c.fields(n) {
		switch k.Value {
		case "ingress":
			s.Ingress.Allow = c.rules(v, k.Value, Ingress, false)
			rules++
		case "ingressDeny":
			s.Ingress.Deny = c.rules(v, k.Value, Ingress, true)
			rules++
		case "egress":
			s.Egress.Allow = c.rules(v, k.Value, Egress, false)
			rules++
		case "egressDeny":
			s.Egress.Deny = c.rules(v, k.Value, Egress, true)
			rules++
		case "enableDefaultDeny":
			for k, v := range c.fields(v) {
				switch k.Value {
				case "ingress":
					s.Ingress.DefaultDeny = c.tristate(v)
				case "egress":
					s.Egress.DefaultDeny = c.tristate(v)
				default:
					c.unknown(k, "ingress", "egress")
				}
			}
		case "endpointSelector", "nodeSelector", "labels", "description", "log":
		default:
			c.unknown(k, known...)
		}
	}
	switch {
	case s.Endpoints == nil && s.Nodes == nil:
		c.errorf(n, "has no endpointSelector: want one ({} selects all), or nodeSelector")
	case s.Endpoints != nil && s.Nodes != nil:
		c.errorf(n, "has endpointSelector and nodeSelector: want one of them, or two specs")
	}
	if rules == 0 || s.Ingress.Empty() && s.Egress.Empty() {
		c.errorf(n, "has no rule: want one at least in ingress, ingressDeny, egress or egressDeny; [{}] admits nothing")
	}
	return s
}

func (c *ciliumReader) rules(n *tree.Node, field string, d Direction, deny bool) []CiliumRule {
	var out []CiliumRule
	for _, item := range c.items(n, "rules", field+" rule") {
		out = append(out, c.rule(item, d, deny))
	}
	return out
}

// The fields of rules.
var (
	ciliumPeersFrom = []string{"fromEndpoints", "fromRequires", "fromCIDR", "fromCIDRSet", "fromEntities", "fromGroups", "fromNodes"}
	ciliumPeersTo   = []string{"toEndpoints", "toRequires", "toCIDR", "toCIDRSet", "toEntities", "toServices", "toGroups", "toNodes", "toFQDNs"}
)

func (c *ciliumReader) rule(n *tree.Node, d Direction, deny bool) CiliumRule {
	rule := CiliumRule{Pos: c.pos(n)}
	known := ciliumPeersFrom
	if d == Egress {
		known = ciliumPeersTo
		if deny {
			known = known[:len(known)-1]
		}
	}
	known = append(slices.Clone(known), "toPorts", "icmps")
	if !deny {
		known = append(known, "authentication")
	}
	first := ""
	for k, v := range c.fields(n) {
		switch {
		case !slices.Contains(known, k.Value):
			c.unknown(k, slices.DeleteFunc(slices.Clone(known), func(s string) bool { return strings.HasSuffix(s, "Requires") })...)
		case k.Value == "toPorts":
			rule.Ports = c.ports(v, d, deny)
		case k.Value == "icmps":
			rule.ICMP = c.icmps(v) > 0
		case k.Value == "authentication":
			rule.Authentication = c.authentication(v)
		default:
			peers := c.peers(k, v, d, &rule)
			if len(peers) == 0 {
				continue
			}
			if first != "" {
				c.errorf(k, "combines %s and %s: want one of them, or two rules", first, k.Value)
			}
			first = k.Value
			rule.Peers = append(rule.Peers, peers...)
		}
	}
	if rule.ICMP && len(rule.Ports) > 0 {
		c.errorf(n, "has icmps and toPorts: want one of them, or two rules")
	}
	return rule
}

// peers reads one of the lists of peers.
func (c *ciliumReader) peers(k, v *tree.Node, d Direction, rule *CiliumRule) []CiliumPeer {
	if v.Kind != tree.Sequence {
		c.list(v, "peers")
		return nil
	}
	what := strings.TrimPrefix(strings.TrimPrefix(k.Value, "from"), "to")
	if len(v.Content) == 0 {
		switch what {
		case "Endpoints", "Nodes", "Entities", "CIDR", "CIDRSet":
			rule.Nothing = c.pos(k)
		}
		return nil
	}
	var out []CiliumPeer
	add := func(p CiliumPeer) { out = append(out, p) }
	switch what {
	case "Endpoints":
		for _, item := range c.items(v, "selectors", k.Value) {
			s := c.selector(item)
			add(CiliumPeer{Pos: s.Pos, Endpoints: &s})
		}
	case "Nodes":
		c.flag(k, "enable-node-selector-labels")
		for _, item := range c.items(v, "selectors", k.Value) {
			s := c.selector(item)
			add(CiliumPeer{Pos: s.Pos, Nodes: &s})
		}
	case "Requires":
		c.errorf(k, "%s is of older versions: Cilium has it no more since 1.19, and refuses the object", k.Value)
	case "CIDR":
		list := c.list(v, "CIDRs")
		for i := range list {
			if p, ok := c.prefix(&list[i]); ok {
				at := c.pos(&list[i])
				add(CiliumPeer{Pos: at, CIDR: &CiliumCIDR{Pos: at, CIDR: p}})
			}
		}
	case "CIDRSet":
		for _, item := range c.items(v, "CIDRs", k.Value) {
			b := c.cidr(item)
			add(CiliumPeer{Pos: b.Pos, CIDR: &b})
		}
	case "Entities":
		list := c.list(v, "entities")
		for i := range list {
			if e, ok := c.entity(&list[i]); ok {
				add(CiliumPeer{Pos: c.pos(&list[i]), Entity: e})
			}
		}
	case "FQDNs":
		for _, item := range c.items(v, "names", k.Value) {
			name := c.name(item)
			add(CiliumPeer{Pos: name.Pos, Name: &name})
		}
	case "Services":
		for _, item := range c.items(v, "services", k.Value) {
			s := c.service(item)
			add(CiliumPeer{Pos: s.Pos, Service: &s})
		}
	case "Groups":
		for _, item := range c.items(v, "groups", k.Value) {
			for k := range c.fields(item) {
				if k.Value != "aws" {
					c.unknown(k, "aws")
				}
			}
			add(CiliumPeer{Pos: c.pos(item), Group: true})
		}
	}
	return out
}

// flag notes an option without which Cilium refuses the object.
func (c *ciliumReader) flag(k *tree.Node, name string) {
	c.p.Flags = append(c.p.Flags, CiliumFlag{Pos: c.pos(k), Name: name, Field: k.Value})
}

func (c *ciliumReader) authentication(n *tree.Node) CiliumAuthentication {
	a := CiliumAuthentication{Pos: c.pos(n)}
	for k, v := range c.fields(n) {
		if k.Value != "mode" {
			c.unknown(k, "mode")
			continue
		}
		a.Mode, _ = c.text(v)
	}
	if modes := []string{"disabled", "required", "test-always-fail"}; !slices.Contains(modes, a.Mode) {
		c.errorf(n, "authentication mode %q: want %s", a.Mode, orList(modes))
	}
	return a
}
