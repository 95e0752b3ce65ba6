//go:build linux

package measure

import (
	"iter"
	"net/netip"
	"slices"

	"github.com/sallyport/sallyport/attempt"

	"github.com/sallyport/sallyport/probe"
)

// everyWay are the attempts at the addresses of one target, directly and by way of proxies.
func (p *Plan) everyWay(t *probe.Target, addrs iter.Seq[netip.Addr]) iter.Seq[probe.Attempt] {
	if p.Proxies == nil || t.Protocol != attempt.TCP {
		return p.of(t, addrs)
	}
	return func(yield func(probe.Attempt) bool) {
		for a := range p.of(t, addrs) {
			if !yield(a) {
				return
			}
		}
		p.byProxies(t, addrs, yield)
	}
}

// byProxies are the attempts at a target by way of proxies: to each of its addresses where the client looks names up, else to its name. The sources are
// those towards the proxy.
func (p *Plan) byProxies(t *probe.Target, addrs iter.Seq[netip.Addr], yield func(probe.Attempt) bool) {
	for _, via := range p.Proxies(t) {
		to := addrs
		if t.Host != "" && via.Resolves() {
			to = slices.Values([]netip.Addr{{}}) // the proxy knows which
		}
		family := attempt.FamilyOf(via.Addr.Addr())
		variants := []probe.Variant{{Name: "no bind", Family: family}}
		if p.Sources == AllSources {
			variants = p.variants(t, family)
		}
		for a := range to {
			if a.IsValid() && !p.wants(attempt.FamilyOf(a)) {
				continue
			}
			for _, r := range t.Ports {
				for port := int(r.First); port <= int(r.Last); port++ {
					for i := range variants {
						try := variants[i].To(netip.AddrPortFrom(a, uint16(port)), t.Protocol).By(via)
						try.Name, try.Target = t.Host, t
						if !yield(try) {
							return
						}
					}
				}
			}
		}
	}
}
