package convert

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/profile/flowset"
)

// What the newest schema of Calico takes (api/config/crd/projectcalico.org_networkpolicies.yaml); older ones have no such limits.
const (
	maxCalicoRules = 1024
	maxCalicoNets  = 256
	maxCalicoPorts = 50
	// calicoOrder is the order of the first of several policies. Kubernetes' own have 1000.
	calicoOrder = 2000
)

// calicoLabel is exact but for port 0: what is not named after an exception is denied, or allowed.
func calicoLabel(t flowset.Transports) label {
	if t.Contains(flowset.Others, 0) {
		e := sayNumbers(t.Complement())
		return label{flowset.AllTransports().Subtract(e), e, true}
	}
	e := sayNumbers(t)
	return label{e, e, false}
}

// sayNumbers is [sayPorts], with ICMP.
func sayNumbers(t flowset.Transports) flowset.Transports {
	return sayPorts(t).Union(t.Intersect(protocols(flowset.ICMP, flowset.ICMPv6)))
}

func (c *converter) calico() error {
	steps := setSteps(c.want, calicoLabel, false)
	got := allowedBy(steps, true)
	own, denyRest, ok := c.ruleSteps()
	for i := range own {
		s := &own[i]
		ok = ok && (s.transports.IsAll() || !s.transports.Contains(flowset.Others, 0))
		s.transports = sayNumbers(s.transports)
	}
	if !denyRest && !decidesAll(own) {
		own = append(own, step{clause: newClause(flowset.AllAddrs(), flowset.AllTransports())})
	}
	if ok && c.prefer(own, steps, allowedBy(own, true), got, stepTerms) {
		steps, got = own, allowedBy(own, true)
	}
	c.compare(got)
	c.tunnelLoss(got)
	c.attributeSteps(steps)

	var rules []*yaml.Node
	for i := range steps {
		made := calicoRules(&steps[i])
		if len(made) > 0 {
			commented(made[0], comment(steps[i].rules))
		}
		rules = append(rules, made...)
	}
	for i := 0; i == 0 || len(rules) > 0; i++ {
		n := calicoRoom(rules)
		spec := mapping("selector", text(c.calicoSelector()), "types", flow(list(text("Egress"))))
		if i > 0 || n < len(rules) { // a policy that decides nothing hands on to that of the next order
			spec = mapping("order", number(calicoOrder+i), "selector", text(c.calicoSelector()), "types", flow(list(text("Egress"))))
		}
		if n > 0 {
			add(spec, "egress", list(rules[:n]...))
		}
		c.result.Objects = append(c.result.Objects, c.object("projectcalico.org/v3", "NetworkPolicy", c.numbered(i), spec))
		rules = rules[n:]
	}
	return nil
}

// calicoRoom is how many of the rules one policy has room for.
func calicoRoom(rules []*yaml.Node) int {
	size := 0
	for i, r := range rules {
		if size += scalars(r); i == maxCalicoRules || size > maxTerms*3/2 && i > 0 {
			return i
		}
	}
	return len(rules)
}

// scalars is how many names and values are in a node.
func scalars(n *yaml.Node) int {
	if n.Kind == yaml.ScalarNode {
		return 1
	}
	sum := 0
	for _, c := range n.Content {
		sum += scalars(c)
	}
	return sum
}

// vxlanPort is Felix' default, vxlanPort of FelixConfiguration.
const vxlanPort = 4789

// tunnelLoss is what Felix drops of pods before it asks policies (felix/rules/endpoints.go). It counts where a rule names the port.
func (c *converter) tunnelLoss(got flowset.Set) {
	lost := only(got.Intersect(c.flows), flowset.Transport(flowset.UDP, flowset.Port(vxlanPort)))
	if lost.IsEmpty() {
		return
	}
	l := Loss{Kind: LostTunnel, Rules: c.decided(lost), Lost: lost}
	for i := range l.Rules {
		rule := c.rules[idOf(&l.Rules[i])]
		l.Changes = l.Changes || rule != nil && slices.Contains(rule.Ports, profile.PortRange{First: vxlanPort, Last: vxlanPort})
	}
	l.Words = fmt.Sprintf("Calico drops VXLAN (udp %d) and IP in IP of pods, unless FelixConfiguration allows it", vxlanPort)
	c.lose(l)
}

// prefer reports whether the profile's own rules, as steps, are to be taken instead of others: where they allow more of what the profile
// does, or the same in a form that is not much longer.
func (c *converter) prefer(own, other []step, got, than flowset.Set, size func([]step) int) bool {
	zero := flowset.Of(flowset.AllAddrs(), portZero)
	got, than = got.Subtract(zero), than.Subtract(zero)
	if !got.Equal(than) {
		return got.SubsetOf(c.want) && than.SubsetOf(got)
	}
	n, m := size(own), size(other)
	return n <= m || hasReason(own) && n <= 3*m+8
}

// calicoRules is the rules of a step: one for each family, as one rule must not have both, and for each protocol.
func calicoRules(s *step) []*yaml.Node {
	action := "Allow"
	if s.deny {
		action = "Deny"
	}
	var out []*yaml.Node
	for _, d := range calicoNets(s) {
		for _, m := range calicoPorts(s.transports) {
			if m.version != 0 && d.version != 0 && m.version != d.version {
				continue
			}
			rule := mapping("action", text(action))
			if m.protocol != "" {
				add(rule, "protocol", text(m.protocol))
			}
			if m.version != 0 && d.version == 0 {
				add(rule, "ipVersion", number(m.version))
			}
			to := mapping()
			if d.nets != nil {
				add(to, "nets", d.nets)
			}
			if d.notNets != nil {
				add(to, "notNets", d.notNets)
			}
			if m.ports != nil {
				add(to, "ports", m.ports)
			}
			if len(to.Content) > 0 {
				add(rule, "destination", to)
			}
			out = append(out, rule)
		}
	}
	return out
}

// calicoTo is a rule's destination.
type calicoTo struct {
	version       int // 4 or 6; 0 for every destination
	nets, notNets *yaml.Node
}

func calicoNets(s *step) []calicoTo {
	if s.everywhere {
		return []calicoTo{{}}
	}
	var out []calicoTo
	for _, version := range []int{4, 6} {
		var plain []string
		var except []calicoTo
		for _, b := range s.blocks {
			if b.Prefix.Addr().Is4() != (version == 4) {
				continue
			}
			switch {
			case len(b.Except) == 0:
				plain = append(plain, b.Prefix.String())
			case len(b.Except) > maxCalicoNets:
				for _, p := range flowset.AddrsOf(b.Prefix).Except(b.Except...).Prefixes() {
					plain = append(plain, p.String())
				}
			default:
				var not []string
				for _, e := range b.Except {
					not = append(not, e.String())
				}
				except = append(except, calicoTo{version, texts([]string{b.Prefix.String()}), texts(not)})
			}
		}
		plain = unique(plain) // it is a set, to the schema
		for chunk := range slices.Chunk(plain, maxCalicoNets) {
			out = append(out, calicoTo{version, texts(chunk), nil})
		}
		out = append(out, except...)
	}
	return out
}

func unique(items []string) []string {
	seen := make(map[string]bool, len(items))
	return slices.DeleteFunc(items, func(s string) bool {
		twice := seen[s]
		seen[s] = true
		return twice
	})
}

// texts is on one line where it is short.
func texts(items []string) *yaml.Node {
	n := list()
	for _, s := range items {
		n.Content = append(n.Content, text(s))
	}
	if len(items) <= 4 {
		flow(n)
	}
	return n
}

// calicoMatch is a rule's protocol; none for every one.
type calicoMatch struct {
	protocol string
	version  int // of ICMP
	ports    *yaml.Node
}

func calicoPorts(t flowset.Transports) []calicoMatch {
	if t.IsAll() {
		return []calicoMatch{{}}
	}
	var out []calicoMatch
	for p, ports := range t.All() {
		switch {
		case p == flowset.ICMP:
			out = append(out, calicoMatch{protocol: upper(p), version: 4})
		case p == flowset.ICMPv6:
			out = append(out, calicoMatch{protocol: upper(p), version: 6})
		case ports.IsAll():
			out = append(out, calicoMatch{protocol: upper(p)})
		default:
			var items []*yaml.Node
			for first, last := range ports.Ranges() {
				if first == last {
					items = append(items, number(int(first)))
				} else {
					items = append(items, text(fmt.Sprintf("%d:%d", first, last)))
				}
			}
			for chunk := range slices.Chunk(items, maxCalicoPorts) {
				out = append(out, calicoMatch{protocol: upper(p), ports: flow(list(chunk...))})
			}
		}
	}
	return out
}

// calicoSelector is all(), or app == 'web' && tier == 'front'. The values of labels have no quotes.
func (c *converter) calicoSelector() string {
	if len(c.options.Labels) == 0 {
		return "all()"
	}
	var terms []string
	for _, k := range slices.Sorted(maps.Keys(c.options.Labels)) {
		terms = append(terms, k+" == '"+c.options.Labels[k]+"'")
	}
	return strings.Join(terms, " && ")
}
