package kube

import (
	"net/netip"
	"strings"

	"github.com/sallyport/sallyport/kube/internal/tree"
)

// calicoConditions checks what a rule's conditions say of each other (validateRule and validateEntityRule in
// libcalico-go/lib/validator/v3).
func (r *reader) calicoConditions(n *tree.Node, rule *CalicoRule, p *CalicoPolicy, d Direction) {
	ported := rule.Protocol != nil && (rule.Protocol.Number == protoTCP || rule.Protocol.Number == protoUDP || rule.Protocol.Number == protoSCTP)
	for _, e := range []*CalicoEntity{&rule.Source, &rule.Destination} {
		for _, list := range [][]CalicoPort{e.Ports, e.NotPorts} {
			if len(list) > 0 && !ported {
				r.problem(Error, list[0].Pos, "has ports, and no protocol that has some: want protocol: TCP, UDP or SCTP")
			}
		}
		r.serviceConditions(e, p)
	}
	if rule.ICMP != nil && (rule.Protocol == nil || rule.Protocol.Number != protoICMP && rule.Protocol.Number != protoICMPv6) {
		r.problem(Error, rule.ICMP.Pos, "has icmp, and another protocol: want protocol: ICMP or ICMPv6")
	}
	for _, q := range []*CalicoProtocol{rule.Protocol, rule.NotProtocol} {
		if q != nil && (q.Number == protoICMP && rule.IPVersion == 6 || q.Number == protoICMPv6 && rule.IPVersion == 4) {
			r.problem(Error, q.Pos, "is about ICMP of one IP version, and ipVersion is the other")
		}
	}
	r.httpConditions(rule, d)
	r.netConditions(rule)
	if s := rule.Destination.Service; s != nil {
		switch {
		case d == Ingress:
			r.problem(Error, s.Pos, "services in the destination of an ingress rule: want it in the source, or an egress rule")
		case len(rule.Destination.Ports)+len(rule.Destination.NotPorts) > 0:
			r.problem(Error, s.Pos, "services and ports: the service's ports count, want no others")
		}
	}
	if s := rule.Source.Service; s != nil && d == Egress {
		r.problem(Error, s.Pos, "services in the source of an egress rule: want it in the destination, or an ingress rule")
	}
	if e := &rule.Destination; len(e.Domains) > 0 {
		switch {
		case e.Service != nil || e.selects():
			r.problem(Error, e.Domains[0].Pos, "domains and another condition: want domains without services, selectors, service accounts and nets")
		case d == Ingress || rule.Action != Allow:
			r.problem(Error, rule.Destination.Domains[0].Pos, "domains are for egress rules that allow")
		default:
			r.warnf(n, "domains are of Calico Enterprise and Calico Cloud: the open source Calico does not know them")
		}
	}
}

// serviceConditions checks that a service is the only condition on whom a rule is about.
func (r *reader) serviceConditions(e *CalicoEntity, p *CalicoPolicy) {
	s := e.Service
	if s == nil {
		return
	}
	if e.selects() {
		r.problem(Error, s.Pos, "services and another condition: want services without selectors, service accounts and nets")
	}
	if s.Namespace == "" && p.Kind == "GlobalNetworkPolicy" {
		r.problem(Error, s.Pos, "services without a namespace: a GlobalNetworkPolicy has none of its own, want namespace:")
	}
}

// selects reports whether an entity has conditions on who it is.
func (e *CalicoEntity) selects() bool {
	return e.Selector.Text != "" || e.NotSelector.Text != "" || e.NamespaceSelector.Text != "" || e.ServiceAccounts != nil || len(e.Nets)+len(e.NotNets) > 0
}

func (r *reader) httpConditions(rule *CalicoRule, d Direction) {
	switch {
	case rule.HTTP == nil:
	case d == Egress:
		r.problem(Error, *rule.HTTP, "http in an egress rule: want it in ingress rules only")
	case rule.Action != Allow:
		r.problem(Error, *rule.HTTP, "http in a rule that does not allow: want action: Allow")
	case rule.Protocol != nil && rule.Protocol.Number != protoTCP:
		r.problem(Error, *rule.HTTP, "http and another protocol than TCP: want protocol: TCP, or none")
	}
}

// netConditions checks that the prefixes of a rule are of one family.
func (r *reader) netConditions(rule *CalicoRule) {
	version := rule.IPVersion
	for i, list := range [][]Network{rule.Source.Nets, rule.Source.NotNets, rule.Destination.Nets, rule.Destination.NotNets} {
		for _, n := range list {
			v := ipVersion(n.CIDR)
			switch {
			case version == 0:
				version = v
			case v != version && rule.IPVersion != 0:
				r.problem(Error, n.Pos, n.CIDR.String()+" is not of the rule's ipVersion")
			case v != version:
				r.problem(Error, n.Pos, n.CIDR.String()+" is of another family than other nets of the rule: want two rules")
			}
			if i%2 == 1 && n.CIDR.Bits() == 0 {
				r.problem(Error, n.Pos, "notNets with "+n.CIDR.String()+" leaves nothing that the rule could match")
			}
		}
	}
}

func ipVersion(p netip.Prefix) int {
	if p.Addr().Is4() {
		return 4
	}
	return 6
}

// exactPrefix reads a CIDR without host bits.
func (r *reader) exactPrefix(n *tree.Node, s string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil && strings.Contains(s, "%"):
		r.errorf(n, "%q has a zone: want a CIDR without it", s)
	case err != nil:
		r.errorf(n, "%q is no CIDR: want one such as 10.0.0.0/8", s)
	case p != p.Masked():
		r.errorf(n, "%s has bits beyond its prefix length, which Calico does not take: want %s", s, p.Masked())
	case p.Addr().Is4In6():
		r.errorf(n, "%s is an IPv4 address in IPv6's form: want IPv4's", s)
	default:
		return p, true
	}
	return netip.Prefix{}, false
}
