package convert

import (
	"go.yaml.in/yaml/v3"

	"github.com/sallyport/sallyport/profile/flowset"
)

// sayPorts is what can be said of protocols and ports by ports from 1 on, and by no ports for all: every protocol, or some of TCP, UDP
// and SCTP.
func sayPorts(t flowset.Transports) flowset.Transports {
	if t.IsAll() {
		return t
	}
	var out flowset.Transports
	for p, ports := range t.All() {
		if !p.HasPorts() {
			continue
		}
		if !ports.IsAll() {
			ports = ports.Subtract(flowset.Port(0))
			if ports.Union(flowset.Port(0)).IsAll() {
				ports = flowset.AllPorts() // 1-65535: to leave port 0 out is to add a range
			}
		}
		out = out.Union(flowset.Transport(p, ports))
	}
	return out
}

// networkPolicy writes rules that each allow. That is all there is: what no rule allows is denied.
func (c *converter) networkPolicy() error {
	clauses := c.cover(c.want, c.profile.Shares(unbound, c.flows), sayPorts)
	c.compare(unionOf(clauses, sayPorts))
	for i, some := range split(clauses, maxTerms) {
		rules := list()
		for _, k := range some {
			rules.Content = append(rules.Content, commented(c.policyRule(&k), comment(k.rules)))
		}
		if len(some) == 0 {
			flow(rules)
		}
		c.result.Objects = append(c.result.Objects, c.object("networking.k8s.io/v1", "NetworkPolicy", c.numbered(i), mapping(
			"podSelector", c.labelSelector(), "policyTypes", flow(list(text("Egress"))), "egress", rules)))
	}
	return nil
}

func (c *converter) policyRule(k *clause) *yaml.Node {
	rule := mapping()
	if !k.everywhere {
		to := list()
		for _, b := range k.blocks {
			to.Content = append(to.Content, mapping("ipBlock", blockNode(b)))
		}
		add(rule, "to", to)
	}
	if !k.transports.IsAll() {
		ports := list()
		for p, set := range k.transports.All() {
			if set.IsAll() {
				ports.Content = append(ports.Content, flow(mapping("protocol", text(upper(p)))))
				continue
			}
			for first, last := range set.Ranges() {
				port := flow(mapping("protocol", text(upper(p)), "port", number(int(first))))
				if last > first {
					add(port, "endPort", number(int(last)))
				}
				ports.Content = append(ports.Content, port)
			}
		}
		add(rule, "ports", ports)
	}
	if len(rule.Content) == 0 {
		return flow(rule)
	}
	return rule
}

// blockNode is {cidr, except}, as NetworkPolicy and Cilium have them.
func blockNode(b flowset.Block) *yaml.Node {
	n := flow(mapping("cidr", text(b.Prefix.String())))
	if len(b.Except) > 0 {
		except := flow(list())
		for _, e := range b.Except {
			except.Content = append(except.Content, text(e.String()))
		}
		add(n, "except", except)
		if len(b.Except) > 3 {
			n.Style, except.Style = 0, 0
		}
	}
	return n
}

func upper(p flowset.Protocol) string {
	return [...]string{flowset.TCP: "TCP", flowset.UDP: "UDP", flowset.SCTP: "SCTP", flowset.ICMP: "ICMP", flowset.ICMPv6: "ICMPv6"}[p]
}
