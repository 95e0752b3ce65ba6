//go:build linux

package measure

import (
	"net/netip"

	"github.com/sallyport/sallyport/attempt"

	"github.com/sallyport/sallyport/probe"
)

// byProxies are the attempts at a target by way of proxies: to each of its addresses where the client looks names up, else to its name. The sources are
// those towards the proxy.
func (p *Plan) byProxies(t *probe.Target, addrs []netip.Addr, yield func(probe.Attempt) bool) bool {
	if p.Proxies == nil || t.Protocol != attempt.TCP {
		return true
	}
	for _, via := range p.Proxies(t) {
		to := addrs
		if t.Host != "" && via.Resolves() {
			to = []netip.Addr{{}} // the proxy knows which
		}
		family := attempt.FamilyOf(via.Addr.Addr())
		variants := []probe.Variant{{Name: "no bind", Family: family}}
		if p.Sources == AllSources {
			variants = p.variants(t, family)
		}
		for _, a := range to {
			if a.IsValid() && !p.wants(attempt.FamilyOf(a)) {
				continue
			}
			for _, r := range t.Ports {
				for port := int(r.First); port <= int(r.Last); port++ {
					for i := range variants {
						try := variants[i].To(netip.AddrPortFrom(a, uint16(port)), t.Protocol).By(via)
						try.Name, try.Target = t.Host, t
						if !yield(try) {
							return false
						}
					}
				}
			}
		}
	}
	return true
}
