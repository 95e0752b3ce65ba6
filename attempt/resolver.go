package attempt

import (
	"net/netip"
	"strconv"
	"strings"
)

// ParseResolver reads resolv.conf(5). Of domain and search the last one counts. What is no setting is passed over, as resolvers do.
func ParseResolver(text string) *Resolver {
	r := &Resolver{Ndots: 1}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 || strings.HasPrefix(fields[0], "#") || strings.HasPrefix(fields[0], ";") {
			continue
		}
		switch fields[0] {
		case "nameserver":
			if a, err := netip.ParseAddr(fields[1]); err == nil {
				r.Servers = append(r.Servers, a)
			}
		case "domain", "search":
			r.Search = nil
			for _, d := range fields[1:] {
				if d = strings.ToLower(strings.Trim(d, ".")); d != "" {
					r.Search = append(r.Search, d)
				}
			}
		case "options":
			for _, o := range fields[1:] {
				if v, ok := strings.CutPrefix(o, "ndots:"); ok {
					if d, err := strconv.Atoi(v); err == nil && d >= 0 {
						r.Ndots = min(d, 15) // RES_MAXNDOTS
					}
				}
			}
		}
	}
	return r
}
