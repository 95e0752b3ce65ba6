package convert

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/sallyport/sallyport/profile/flowset"
)

const (
	// maxFirewallRules is how many priorities OVN-Kubernetes has for them (EgressFirewallStartPriority less
	// MinimumReservedEgressFirewallPriority in go-controller/pkg/types/const.go); with more, the object is refused as a whole.
	maxFirewallRules = 8000
	// maxFirewallPorts is ours: a rule has single ports, no ranges, and each is a term of a flow match.
	maxFirewallPorts = 1024
)

// firewallLabel names ports one by one: those that are allowed, or, where all else is, those that are denied. What would be too many
// is not allowed.
func firewallLabel(t flowset.Transports) label {
	if t.Covers(bare) {
		if e, exact := singlePorts(t.Complement()); exact {
			return label{flowset.AllTransports().Subtract(e), e, true}
		}
	}
	e, _ := singlePorts(t)
	return label{e, e, false}
}

// singlePorts is the ports of t that a rule has room for, and whether that is all of t but port 0.
func singlePorts(t flowset.Transports) (some flowset.Transports, exact bool) {
	exact = true
	room := maxFirewallPorts
	for p, ports := range t.All() {
		if !p.HasPorts() {
			exact = false
			continue
		}
		ports = ports.Subtract(flowset.Port(0))
		if ports.Len() > room {
			exact = false
			continue
		}
		room -= ports.Len()
		some = some.Union(flowset.Transport(p, ports))
	}
	return some, exact
}

func (c *converter) egressFirewall() error {
	steps := setSteps(c.want, firewallLabel, true)
	got := allowedBy(steps, false)
	if own, ok := c.firewallSteps(); ok {
		more := allowedBy(own, false)
		if !more.Equal(got) && got.SubsetOf(more) && more.SubsetOf(c.want) {
			// Rules tell which of too many ports matter: what they allow may be said in fewer prefixes.
			if again := setSteps(more, firewallLabel, true); allowedBy(again, false).Equal(more) {
				steps, got = again, more
			}
		}
		if c.prefer(own, steps, more, got, firewallSize) && firewallCount(own) <= maxFirewallRules {
			steps, got = own, more
		}
	}
	c.attributeSteps(steps)
	if n := firewallCount(steps); n > maxFirewallRules {
		return fmt.Errorf("profile %s needs an EgressFirewall of %d rules, and it has %d at most: want fewer prefixes, or another target",
			c.profile.Name, n, maxFirewallRules)
	}
	c.compare(got)
	inside := settle(flowset.Of(c.cluster, flowset.AllTransports()))
	if gained := sent(inside.Subtract(c.want)); !gained.IsEmpty() {
		c.lose(Loss{
			Kind: LostCluster, Changes: true, Maybe: len(c.options.Cluster) == 0, Rules: c.decided(gained), Gained: gained,
			Words: "pods and Services stay allowed: an EgressFirewall is about what leaves the cluster" + c.ifCluster(gained),
		})
	}
	rules := list()
	for i := range steps {
		for j, r := range firewallRules(&steps[i]) {
			if j == 0 {
				commented(r, comment(steps[i].rules))
			}
			rules.Content = append(rules.Content, r)
		}
	}
	if len(rules.Content) == 0 { // it would allow all the same, but say nothing to a reader
		all := step{clause: newClause(flowset.AllAddrs(), flowset.AllTransports())}
		rules.Content = firewallRules(&all)
	}
	o := c.object("k8s.ovn.org/v1", "EgressFirewall", c.name(), mapping("egress", rules))
	if data, err := o.MarshalJSON(); err != nil || len(data) > maxBytes {
		return fmt.Errorf("profile %s needs an EgressFirewall of %d KiB, and an object has %d at most: want fewer prefixes and ports, or another target",
			c.profile.Name, len(data)>>10, maxBytes>>10)
	}
	c.result.Objects = append(c.result.Objects, o)
	return nil
}

// firewallSteps is the profile's own rules, where they can be said, and in the end that all else is denied.
func (c *converter) firewallSteps() ([]step, bool) {
	own, denyRest, ok := c.ruleSteps()
	var out []step
	for _, s := range own {
		if !s.transports.IsAll() {
			some, exact := singlePorts(s.transports)
			ok = ok && (exact || !s.deny)
			if s.transports = some; some.IsEmpty() {
				continue // what cannot be allowed is denied in the end, or makes a difference to the other form
			}
		}
		for _, b := range s.blocks {
			if len(b.Except) > 0 {
				s.blocks = prefixBlocks(s.to)
				break
			}
		}
		out = append(out, s)
	}
	if denyRest && !decidesAll(out) {
		out = append(out, step{newClause(flowset.AllAddrs(), flowset.AllTransports()), true})
	}
	return out, ok
}

// prefixBlocks is the fewest prefixes of addresses, with loopback or without.
func prefixBlocks(a flowset.Addrs) []flowset.Block {
	prefixes := a.Prefixes()
	for _, more := range []flowset.Addrs{loopback4, loopback6, loopback} {
		if p := a.Union(more).Prefixes(); len(p) < len(prefixes) {
			prefixes = p
		}
	}
	var blocks []flowset.Block
	for _, p := range prefixes {
		blocks = append(blocks, flowset.Block{Prefix: p})
	}
	return blocks
}

// firewallSize is how long a firewall is, as people read it: each prefix has the ports with it.
func firewallSize(steps []step) int {
	n := 0
	for i := range steps {
		n += firewallCount(steps[i:i+1]) * (1 + ranges(steps[i].transports))
	}
	return n
}

func firewallCount(steps []step) int {
	n := 0
	for _, s := range steps {
		if n += len(s.blocks); s.everywhere {
			n += 2
		}
	}
	return n
}

// firewallRules is the rules of a step: each has one prefix.
func firewallRules(s *step) []*yaml.Node {
	action := "Allow"
	if s.deny {
		action = "Deny"
	}
	blocks := s.blocks
	if s.everywhere {
		blocks = flowset.AllAddrs().Blocks() // 0.0.0.0/0 and ::/0
	}
	var out []*yaml.Node
	for _, b := range blocks {
		rule := mapping("type", text(action), "to", flow(mapping("cidrSelector", text(b.Prefix.String()))))
		if !s.transports.IsAll() {
			ports := list()
			for p, set := range s.transports.All() {
				for first, last := range set.Ranges() {
					for port := int(first); port <= int(last); port++ {
						ports.Content = append(ports.Content, flow(mapping("protocol", text(upper(p)), "port", number(port))))
					}
				}
			}
			add(rule, "ports", ports)
		}
		out = append(out, rule)
	}
	return out
}

// ifCluster says on what a loss about the cluster depends.
func (c *converter) ifCluster(flows flowset.Set) string {
	if len(c.options.Cluster) > 0 {
		return ""
	}
	return "; " + places(flows.Addrs()) + " may be the cluster's, --cluster tells which are"
}
