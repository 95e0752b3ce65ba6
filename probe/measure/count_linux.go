package measure

import (
	"github.com/sallyport/sallyport/attempt"

	"github.com/sallyport/sallyport/probe"
)

// Count is how many attempts a plan makes of targets, and at how many hosts. Known is false where that takes a lookup first, or proxies have a part.
func (p *Plan) Count(targets []probe.Target) (attempts, hosts int, known bool) {
	seen := map[string]bool{}
	for i := range targets {
		t := &targets[i]
		if t.Host != "" || t.Prefix.IsValid() || p.Proxies != nil && len(p.Proxies(t)) > 0 {
			return 0, 0, false
		}
		ports := 0
		for _, r := range t.Ports {
			ports += r.Len()
		}
		attempts += ports * len(p.variants(t, attempt.FamilyOf(t.Addr)))
		seen[t.Addr.String()] = true
	}
	return attempts, len(seen), true
}
