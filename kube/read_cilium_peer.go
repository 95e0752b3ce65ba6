package kube

import (
	"slices"
	"strings"

	"github.com/sallyport/sallyport/kube/internal/tree"
)

// selectorAt is a selector that is told from none.
func (c *ciliumReader) selectorAt(k, v *tree.Node) *CiliumSelector {
	c.push(k.Value, 0)
	defer c.pop()
	s := c.selector(v)
	return &s
}

// selector reads a label selector whose keys may begin with a source, as in "k8s:app" (ValidateLabelSelector in pkg/labels).
func (c *ciliumReader) selector(n *tree.Node) CiliumSelector {
	s := CiliumSelector{Pos: c.pos(n)}
	for k, v := range c.fields(n) {
		switch k.Value {
		case "matchLabels":
			c.push("matchLabels", 0)
			c.matchLabels(v, &s)
			c.pop()
		case "matchExpressions":
			for _, e := range c.items(v, "requirements", "matchExpressions") {
				if q, ok := c.requirement(e); ok {
					s.Requirements = append(s.Requirements, q)
				}
			}
		default:
			c.unknown(k, "matchLabels", "matchExpressions")
		}
	}
	slices.SortStableFunc(s.Requirements, func(a, b CiliumRequirement) int {
		if a.Source != b.Source {
			return strings.Compare(a.Source, b.Source)
		}
		return compareRequirements(a.Requirement, b.Requirement)
	})
	return s
}

func (c *ciliumReader) matchLabels(n *tree.Node, s *CiliumSelector) {
	if n.Kind != tree.Mapping {
		c.errorf(n, "is %s: want a mapping of labels", n.Describe())
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := &n.Content[i], &n.Content[i+1]
		source, key, ok := c.sourced(k)
		if !ok {
			continue
		}
		if value, ok := c.labelValue(k.Value, v); ok {
			c.filtered(k, source, key)
			s.Requirements = append(s.Requirements, CiliumRequirement{source, Requirement{Pos: c.pos(k), Key: key, Op: In, Values: []string{value}}, true})
		}
	}
}

// filtered warns of a label that pods may have, and Cilium does not know them by.
func (c *ciliumReader) filtered(k *tree.Node, source, key string) {
	if (source == ciliumAny || source == ciliumK8s) && !ciliumKnows(key) && key != ciliumNamespace {
		c.warnf(k, "label %s is none that Cilium knows pods by, unless its option labels says so: it is read as one that no pod has", key)
	}
}

// sourced reads the key of a label, and its source.
func (c *ciliumReader) sourced(k *tree.Node) (source, key string, ok bool) {
	key = k.Value
	if strings.HasPrefix(key, "$") { // parseSource in pkg/labels: short for "reserved:", which the validation does not take
		c.errorf(k, "%q is no key of a label: want reserved:%s", key, key[1:])
		return "", "", false
	}
	source = ciliumAny
	if before, after, found := strings.Cut(key, ":"); found {
		source, key = before, after
		if source == "" || strings.IndexFunc(source, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
		}) >= 0 {
			c.errorf(k, "%q has no source before the colon that is one: want k8s:, any: or reserved:", k.Value)
			return "", "", false
		}
	}
	if !isLabelKey(key) {
		c.errorf(k, "%q is no key of a label: want a name, or a DNS name, / and a name, after a source such as k8s: or none", k.Value)
		return "", "", false
	}
	return source, key, true
}

func (c *ciliumReader) requirement(n *tree.Node) (CiliumRequirement, bool) {
	q := CiliumRequirement{Requirement: Requirement{Pos: c.pos(n)}}
	ok := true
	operator := ""
	for k, v := range c.fields(n) {
		switch k.Value {
		case "key":
			var good bool
			q.Source, q.Key, good = c.sourced(v)
			if good {
				c.filtered(v, q.Source, q.Key)
			}
			ok = ok && good
		case "operator":
			operator, _ = c.text(v)
		case "values":
			q.Values = c.requirementValues(v, &ok)
		default:
			c.unknown(k, "key", "operator", "values")
			ok = false
		}
	}
	op := slices.Index([]string{"In", "NotIn", "Exists", "DoesNotExist"}, operator)
	switch {
	case n.Get("key") == nil:
		c.errorf(n, "has no key: want key:, operator: and values:")
	case op < 0:
		c.errorf(n, "operator %q: want In, NotIn, Exists or DoesNotExist", operator)
	case op < 2 && len(q.Values) == 0 && ok:
		c.errorf(n, "operator %s has no values: want at least one", operator)
	case op >= 2 && len(q.Values) > 0:
		c.errorf(n, "operator %s has values: want none", operator)
	case ok:
		q.Op = Operator(op)
		slices.Sort(q.Values)
		q.Values = slices.Compact(q.Values)
		return q, true
	}
	return q, false
}

// cidr reads an entry of toCIDRSet or fromCIDRSet.
func (c *ciliumReader) cidr(n *tree.Node) CiliumCIDR {
	b := CiliumCIDR{Pos: c.pos(n)}
	given := 0
	for k, v := range c.fields(n) {
		switch k.Value {
		case "cidr":
			given++
			b.CIDR, _ = c.prefix(v)
		case "cidrGroupRef":
			given++
			b.Group, _ = c.text(v)
			if !isSubdomain(b.Group) {
				c.errorf(v, "%q is no name of a CiliumCIDRGroup", short(b.Group))
			}
		case "cidrGroupSelector":
			given++
			b.Selector = c.selectorAt(k, v)
		case "except":
			list := c.list(v, "CIDRs")
			for i := range list {
				if p, ok := c.prefix(&list[i]); ok {
					b.Except = append(b.Except, Except{c.pos(&list[i]), p})
				}
			}
		default:
			c.unknown(k, "cidr", "cidrGroupRef", "cidrGroupSelector", "except")
		}
	}
	if given != 1 {
		c.errorf(n, "has %d of cidr, cidrGroupRef and cidrGroupSelector: want one", given)
	}
	if b.CIDR.IsValid() {
		for _, e := range b.Except {
			if e.CIDR.Bits() < b.CIDR.Bits() || !b.CIDR.Contains(e.CIDR.Addr()) {
				c.problem(Error, e.Pos, "except "+e.CIDR.String()+" is no part of "+b.CIDR.String()+": want a prefix within it")
			}
		}
	}
	return b
}

// ciliumEntities are those that the CRD takes.
var ciliumEntities = []string{"all", "world", "cluster", "cluster-mesh", "host", "init", "ingress", "unmanaged", "remote-node", "health", "none", "kube-apiserver"}

func (c *ciliumReader) entity(n *tree.Node) (string, bool) {
	s, ok := c.text(n)
	switch {
	case !ok:
		return "", false
	case slices.Contains(ciliumEntities, s):
		return s, true
	case s == "world-ipv4" || s == "world-ipv6":
		c.errorf(n, "entity %q, which Cilium's CRD does not take: want the CIDR 0.0.0.0/0 or ::/0", s)
	default:
		c.errorf(n, "entity %q: %s", s, wantOneOf(s, ciliumEntities))
	}
	return "", false
}

// name reads {matchName: ...} or {matchPattern: ...}.
func (c *ciliumReader) name(n *tree.Node) CiliumName {
	name := CiliumName{Pos: c.pos(n)}
	given := 0
	for k, v := range c.fields(n) {
		more := ""
		to := &name.Name
		switch k.Value {
		case "matchName":
		case "matchPattern":
			more, to = "*", &name.Pattern
		default:
			c.unknown(k, "matchName", "matchPattern")
			continue
		}
		given++
		s, ok := c.text(v)
		if !ok {
			continue
		}
		bad := len(s) > 255 || strings.HasPrefix(s, ".") || strings.Contains(s, "..")
		for i := range len(s) {
			b := s[i]
			bad = bad || (b < 'a' || b > 'z') && (b < 'A' || b > 'Z') && (b < '0' || b > '9') && !strings.Contains("-_."+more, string(b))
		}
		if bad || s == "" {
			c.errorf(v, "%s %q is no DNS name: want letters, digits, -, _ and dots%s", k.Value, short(s), map[string]string{"*": ", and * for some of a label"}[more])
			continue
		}
		*to = strings.ToLower(strings.TrimSuffix(s, "."))
	}
	if given != 1 {
		c.errorf(n, "has %d of matchName and matchPattern: want one", given)
	}
	return name
}

// service reads an entry of toServices. Cilium takes one with neither field for no service.
func (c *ciliumReader) service(n *tree.Node) CiliumService {
	s := CiliumService{Pos: c.pos(n)}
	given := 0
	for k, v := range c.fields(n) {
		given++
		c.push(k.Value, 0)
		for f, v := range c.fields(v) {
			switch {
			case f.Value == "namespace":
				s.Namespace, _ = c.text(v)
			case k.Value == "k8sService" && f.Value == "serviceName":
				s.Name, _ = c.text(v)
			case k.Value == "k8sServiceSelector" && f.Value == "selector":
				s.Selector = c.selectorAt(f, v)
			case k.Value == "k8sService":
				c.unknown(f, "serviceName", "namespace")
			default:
				c.unknown(f, "selector", "namespace")
			}
		}
		c.pop()
		switch {
		case k.Value != "k8sService" && k.Value != "k8sServiceSelector":
			c.unknown(k, "k8sService", "k8sServiceSelector")
		case k.Value == "k8sServiceSelector" && s.Selector == nil:
			c.errorf(v, "k8sServiceSelector has no selector: want one ({} selects all)")
		case k.Value == "k8sService" && s.Name == "":
			c.warnf(v, "k8sService has no serviceName: it stands for no service")
		}
	}
	if given != 1 {
		c.errorf(n, "has %d of k8sService and k8sServiceSelector: want one", given)
	}
	return s
}

// ciliumCIDRGroup reads cilium.io/v2 CiliumCIDRGroup, which was v2alpha1 before.
func (r *reader) ciliumCIDRGroup(m Meta, n *tree.Node) {
	g := &CiliumCIDRGroup{Meta: m}
	r.meta = &g.Meta
	r.out.cluster.CIDRGroups = append(r.out.cluster.CIDRGroups, g)
	spec, _ := r.body(n)
	if spec == nil {
		r.errorf(n, "has no spec: want one with externalCIDRs:")
		return
	}
	given := false
	for k, v := range r.fields(spec) {
		if k.Value != "externalCIDRs" {
			r.unknown(k, "externalCIDRs")
			continue
		}
		given = true
		g.CIDRs = r.prefixes(v)
	}
	if !given {
		r.errorf(spec, "has no externalCIDRs: want a list")
	}
}
