package convert

import (
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/profile/flowset"
)

// maxCiliumPorts is how many ports an element of toPorts has (maxPorts in pkg/policy/api/rule_validation.go of Cilium 1.20).
const maxCiliumPorts = 40

// ciliumForm is one way to say a set: what allow has and deny has not.
type ciliumForm struct {
	allow, deny []clause
	got         flowset.Set
}

func (f *ciliumForm) terms() int { return clauseTerms(f.allow) + clauseTerms(f.deny) }

// ciliumForms is the ways that there are. None allows more than the profile does, but for port 0.
func (c *converter) ciliumForms() []ciliumForm {
	var forms []ciliumForm
	allowed := c.profile.Shares(unbound, c.flows)
	all := settle(everything)
	add := func(allow flowset.Set) {
		var f ciliumForm
		if allow.Equal(all) {
			f.allow = []clause{newClause(flowset.AllAddrs(), flowset.AllTransports())}
		} else {
			f.allow = c.cover(allow, allowed, sayNumbers)
		}
		f.got = unionOf(f.allow, sayNumbers)
		if denied := allow.Subtract(c.want); !denied.IsEmpty() {
			shares := c.profile.Shares(unbound, denied.Subtract(c.flows))
			f.deny = c.cover(denied, shares, func(t flowset.Transports) flowset.Transports { return t })
			for i := range f.deny {
				k := &f.deny[i]
				if !k.transports.IsAll() && !k.transports.SubsetOf(ported) {
					return // it would have to deny ICMP by its types, or a protocol that has no name
				}
				k.transports = sayPorts(k.transports)
			}
			f.got = f.got.Subtract(unionOf(f.deny, sayPorts))
		}
		forms = append(forms, f)
	}
	// All is allowed but some, which keeps the cluster's own pods, nodes and services allowed.
	if !all.Subtract(c.want).IsEmpty() && !c.want.IsEmpty() {
		add(all)
	}
	add(c.want)
	// Where all protocols but some ports are allowed, these are denied.
	var whole flowset.Builder
	for part := range c.want.All() {
		t := part.Transports
		if t.Covers(bare) {
			t = flowset.AllTransports()
		}
		whole.Add(part.Addrs, t)
	}
	if w := whole.Set(); !w.Equal(c.want) {
		add(w)
	}
	return forms
}

func (c *converter) cilium() error {
	forms := c.ciliumForms()
	best := slices.MinFunc(forms, func(a, b ciliumForm) int { return slices.Compare(c.ciliumFaults(&a), c.ciliumFaults(&b)) })
	c.compare(best.got)
	c.ciliumCluster(&best)
	allow, deny := split(best.allow, maxTerms), split(best.deny, maxTerms)
	for i := range max(len(allow), len(deny)) {
		spec := mapping("endpointSelector", c.labelSelector())
		if i < len(allow) {
			rules := list()
			for j := range allow[i] {
				rules.Content = append(rules.Content, c.ciliumRules(&allow[i][j])...)
			}
			if len(rules.Content) == 0 {
				rules.Content = append(rules.Content, flow(mapping())) // selects nothing, and so makes all else denied
			}
			add(spec, "egress", rules)
		}
		if i < len(deny) && len(deny[i]) > 0 {
			rules := list()
			for j := range deny[i] {
				rules.Content = append(rules.Content, c.ciliumRules(&deny[i][j])...)
			}
			add(spec, "egressDeny", rules)
		}
		c.result.Objects = append(c.result.Objects, c.object("cilium.io/v2", "CiliumNetworkPolicy", c.numbered(i), spec))
	}
	for _, k := range best.allow {
		if !k.transports.IsAll() && !k.transports.Intersect(protocols(flowset.ICMP, flowset.ICMPv6)).IsEmpty() {
			c.result.Notes = append(c.result.Notes, "of ICMP echo requests are allowed (ping), which is what a socket without privileges may send")
			break
		}
	}
	return nil
}

// inCluster is what a form does not allow to the cluster's own addresses, and what it allows on top.
func (c *converter) inCluster(f *ciliumForm) (lost, gained flowset.Set) {
	there := flowset.Of(c.cluster, flowset.AllTransports())
	entities := func(clauses []clause) flowset.Set {
		var b flowset.Builder
		for i := range clauses {
			if clauses[i].everywhere {
				b.Add(flowset.AllAddrs(), clauses[i].transports)
			}
		}
		return settle(b.Set().Intersect(there))
	}
	inside := entities(f.allow).Subtract(entities(f.deny))
	want := f.got
	if c.apart() {
		want = c.want
	}
	want = want.Intersect(there)
	return sent(want.Subtract(inside)), sent(inside.Subtract(want))
}

// ciliumFaults is how much a form does wrong, what weighs most first: what it allows in the cluster though the profile does not, what it
// does not allow by TCP, UDP and SCTP, by other protocols, in the cluster; and how long it is.
func (c *converter) ciliumFaults(f *ciliumForm) []float64 {
	zero := flowset.Of(flowset.AllAddrs(), portZero)
	lost := c.want.Subtract(f.got).Subtract(zero)
	lostThere, gainedThere := c.inCluster(f)
	return []float64{
		amount(gainedThere.Subtract(zero)), amount(only(lost, ported)), amount(only(lost, bare)), amount(lostThere.Subtract(zero)), float64(f.terms()),
	}
}

// amount is 0 for no flows, and more for a set that holds another.
func amount(s flowset.Set) float64 {
	sum := 0.0
	for part := range s.All() {
		sum += shareOf(part.Addrs) * float64(portCount(part.Transports))
	}
	return sum
}

// ciliumCluster is what becomes of flows within the cluster: prefixes mean no pod, node or service (pkg/policy/api/egress.go), the entity
// all does.
func (c *converter) ciliumCluster(f *ciliumForm) {
	lost, gained := c.inCluster(f)
	lose := func(lost, gained flowset.Set, words string) {
		if both := lost.Union(gained); !both.IsEmpty() {
			c.lose(Loss{
				Kind: LostCluster, Changes: true, Maybe: len(c.options.Cluster) == 0, Rules: c.decided(both), Lost: lost, Gained: gained,
				Words: words + c.ifCluster(both),
			})
		}
	}
	lose(lost, flowset.Set{}, "pods, nodes and Services stay denied: to Cilium a prefix means none of them")
	lose(flowset.Set{}, gained, "pods, nodes and Services stay allowed: to Cilium a prefix means none of them")
}

// ciliumRules is one rule, and where ICMP is named one more: they cannot be together.
func (c *converter) ciliumRules(k *clause) []*yaml.Node {
	var out []*yaml.Node
	put := func(name string, v *yaml.Node) {
		rule := c.ciliumTo(k)
		if name != "" {
			add(rule, name, v)
		}
		out = append(out, rule)
	}
	if k.transports.IsAll() {
		put("", nil)
		return named(out, k.rules)
	}
	var ports []*yaml.Node
	for p, set := range k.transports.Intersect(ported).All() {
		if set.IsAll() {
			ports = append(ports, flow(mapping("port", text("0"), "protocol", text(upper(p))))) // every port
			continue
		}
		for first, last := range set.Ranges() {
			port := flow(mapping("port", text(strconv.Itoa(int(first)))))
			if last > first {
				add(port, "endPort", number(int(last)))
			}
			add(port, "protocol", text(upper(p)))
			ports = append(ports, port)
		}
	}
	if len(ports) > 0 {
		all := list()
		for len(ports) > 0 {
			n := min(len(ports), maxCiliumPorts)
			all.Content = append(all.Content, mapping("ports", list(ports[:n]...)))
			ports = ports[n:]
		}
		put("toPorts", all)
	}
	fields := list()
	if k.transports.Contains(flowset.ICMP, 0) {
		fields.Content = append(fields.Content, flow(mapping("family", text("IPv4"), "type", number(8))))
	}
	if k.transports.Contains(flowset.ICMPv6, 0) {
		fields.Content = append(fields.Content, flow(mapping("family", text("IPv6"), "type", number(128))))
	}
	if len(fields.Content) > 0 {
		put("icmps", list(mapping("fields", fields)))
	}
	return named(out, k.rules)
}

func named(nodes []*yaml.Node, rules []profile.RuleRef) []*yaml.Node {
	if len(nodes) > 0 {
		commented(nodes[0], comment(rules))
	}
	return nodes
}

func (c *converter) ciliumTo(k *clause) *yaml.Node {
	if k.everywhere {
		return mapping("toEntities", flow(list(text("all"))))
	}
	set := list()
	for _, b := range k.blocks {
		set.Content = append(set.Content, blockNode(b))
	}
	return mapping("toCIDRSet", set)
}
