package kube

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/profile/flowset"
)

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
