package kube

import (
	"fmt"
	"net/netip"
)

// cilium adds objects of Cilium to a cluster, so that the plugin is Cilium.
func (g generator) cilium(c *Cluster) {
	for _, w := range c.Workloads {
		w.Pod.ServiceAccountName = g.pick("default", "robot")
	}
	for _, n := range c.Nodes {
		if g.IntN(3) == 0 {
			n.PodCIDRs = []netip.Prefix{netip.MustParsePrefix("10.0.1.0/24")}
		}
	}
	if g.IntN(4) == 0 {
		c.Nodes = nil
	}
	if g.IntN(3) == 0 {
		addrs := []netip.Addr{netip.MustParseAddr(g.pick("192.0.2.1", "192.0.2.200", "10.9.9.9"))}
		c.Endpoints = append(c.Endpoints, &EndpointSlice{Meta: Meta{Namespace: "default", Name: "kubernetes-1"}, Service: "kubernetes", Endpoints: []Endpoint{{Addresses: addrs}}})
	}
	c.Services = append(c.Services, &Service{Meta: Meta{Namespace: "ns0", Name: "x", Labels: Labels{"tier": "a"}}, Selector: Labels{"app": "x"}})
	if g.IntN(2) == 0 {
		c.Services = append(c.Services, &Service{Meta: Meta{Namespace: "default", Name: "kubernetes", Labels: Labels{"tier": "b"}}})
	}
	for i := range g.IntN(3) {
		group := &CiliumCIDRGroup{Meta: Meta{Kind: "CiliumCIDRGroup", Name: fmt.Sprint("g", i), Labels: Labels{"env": g.pick("a", "b")}}, CIDRs: []netip.Prefix{g.prefix()}}
		if g.IntN(10) == 0 {
			group.Errors = []Problem{{Severity: Error, What: "broken for the test"}}
		}
		c.CIDRGroups = append(c.CIDRGroups, group)
	}
	for i := range 1 + g.IntN(4) {
		p := &CiliumPolicy{Meta: Meta{Kind: "CiliumNetworkPolicy", Namespace: c.Namespaces[g.IntN(len(c.Namespaces))].Name, Name: fmt.Sprint("c", i)}}
		if g.IntN(2) == 0 {
			p.Kind, p.Namespace = "CiliumClusterwideNetworkPolicy", ""
		}
		for range 1 + g.IntN(2) {
			p.Specs = append(p.Specs, g.ciliumSpec(p))
		}
		if g.IntN(30) == 0 {
			p.Errors = []Problem{{Severity: Error, What: "broken for the test"}}
		}
		c.CiliumPolicies = append(c.CiliumPolicies, p)
	}
}

func (g generator) ciliumSpec(p *CiliumPolicy) CiliumSpec {
	var s CiliumSpec
	selector := g.ciliumSelector(false)
	if s.Endpoints = &selector; p.Clusterwide() && g.IntN(3) == 0 {
		s.Endpoints, s.Nodes = nil, &CiliumSelector{Requirements: plain(g.selector("zone", "a", "b"))}
	}
	for _, d := range []Direction{Ingress, Egress} {
		sec := s.Section(d)
		sec.DefaultDeny = Tristate(g.IntN(4) % 3)
		for range g.IntN(3) {
			sec.Allow = append(sec.Allow, g.ciliumRule(p, d, false))
		}
		for range max(0, g.IntN(4)-2) {
			sec.Deny = append(sec.Deny, g.ciliumRule(p, d, true))
		}
	}
	return s
}

func plain(s LabelSelector) (out []CiliumRequirement) {
	for _, q := range s.Requirements {
		out = append(out, CiliumRequirement{Source: ciliumAny, Requirement: q})
	}
	return out
}

// ciliumSelector selects by labels of pods, of their namespaces and accounts, and where reserved is set of what is no pod.
func (g generator) ciliumSelector(reserved bool) CiliumSelector {
	s := CiliumSelector{Requirements: plain(g.selector("app", "x", "z"))}
	more := func(source, key string, values ...string) {
		for _, q := range plain(g.selector(key, values...)) {
			q.Source, q.label = source, g.IntN(2) == 0
			s.Requirements = append(s.Requirements, q)
		}
	}
	switch g.IntN(9) {
	case 0:
		more(ciliumK8s, ciliumNamespace, "ns0", "ns1")
	case 1:
		more(ciliumAny, ciliumNamespace, "ns0", "ns1")
	case 2:
		more(ciliumK8s, ciliumNamespaceLabel+"team", "a", "b")
	case 3:
		more(ciliumAny, ciliumServiceAccount, "default", "robot")
	case 4:
		more(ciliumK8s, ciliumClusterName, "default")
	case 5:
		more(ciliumAny, "pod-template-hash", "x")
	case 6:
		if reserved {
			s.Requirements = nil
			more(ciliumReserved, g.pick("host", "remote-node", "world", "kube-apiserver", "health", "init"), "")
		}
	}
	return s
}

func (g generator) ciliumRule(p *CiliumPolicy, d Direction, deny bool) CiliumRule {
	var r CiliumRule
	kind := g.IntN(8)
	for range g.IntN(3) {
		var peer CiliumPeer
		switch kind {
		case 0, 1, 2:
			s := g.ciliumSelector(true)
			peer.Endpoints = &s
		case 3:
			peer.CIDR = &CiliumCIDR{CIDR: g.prefix()}
			switch g.IntN(4) {
			case 0:
				peer.CIDR = &CiliumCIDR{Group: g.pick("g0", "g1")}
			case 1:
				peer.CIDR = &CiliumCIDR{Selector: &CiliumSelector{Requirements: plain(g.selector("env", "a", "b"))}}
			case 2:
				peer.CIDR.Except = []Except{{CIDR: netip.MustParsePrefix("10.9.0.0/16")}}
			}
		case 4, 5:
			peer.Entity = ciliumEntities[g.IntN(len(ciliumEntities))]
		case 6:
			switch {
			case d == Egress && g.IntN(2) == 0:
				peer.Service = &CiliumService{Name: g.pick("x", "kubernetes", "none"), Namespace: g.pick("", "ns0", "default")}
				if g.IntN(2) == 0 {
					peer.Service.Selector = &CiliumSelector{Requirements: plain(g.selector("tier", "a", "b"))}
				}
			case d == Egress && !deny:
				peer.Name = &CiliumName{Name: "example.org"}
			default:
				peer.Group = true
			}
		default:
			peer.Nodes = &CiliumSelector{Requirements: plain(g.selector("zone", "a", "b"))}
			p.Flags = append(p.Flags, CiliumFlag{Name: "enable-node-selector-labels"})
		}
		r.Peers = append(r.Peers, peer)
	}
	if len(r.Peers) == 0 && g.IntN(4) == 0 {
		r.Nothing.Line = 1
	}
	for range g.IntN(3) {
		var ports CiliumPorts
		for range g.IntN(3) {
			q := CiliumPort{First: uint16(80 + g.IntN(2)), Protocols: []Protocol{Protocol(g.IntN(3))}}
			q.Last = q.First + uint16(g.IntN(3))
			switch g.IntN(5) {
			case 0:
				q = CiliumPort{Name: "web", Protocols: q.Protocols}
			case 1:
				q.First, q.Last = 0, 65535
			case 2:
				q.Protocols = ciliumProtocols["ANY"]
			}
			ports.Ports = append(ports.Ports, q)
		}
		r.Ports = append(r.Ports, ports)
	}
	if len(r.Ports) == 0 && g.IntN(10) == 0 {
		r.ICMP = true
	}
	if !deny && g.IntN(15) == 0 {
		r.Authentication.Mode = "test-always-fail"
	}
	return r
}
