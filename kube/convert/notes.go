package convert

import (
	"encoding/json"
	"fmt"

	"github.com/sallyport/sallyport/profile/flowset"
)

// maxApplied is how long annotations may be together (TotalAnnotationSizeLimitB of apimachinery): kubectl apply keeps the object in one.
const maxApplied = 256 << 10

func (c *converter) notes() {
	note := func(format string, args ...any) {
		c.result.Notes = append(c.result.Notes, fmt.Sprintf(format, args...))
	}
	dns := flowset.Of(outside, withPorts(flowset.Port(53)))
	if !c.flows.Overlaps(dns) && c.target != EgressFirewall {
		note("the profile allows no port 53, so names do not resolve; no rule for it was added")
	}
	if c.target == NetworkPolicy && !only(c.want, bare).Equal(only(everything.Intersect(flowset.Of(outside, flowset.AllTransports())), bare)) {
		note("whether a NetworkPolicy denies ICMP and protocols without ports is left to the network plugin; most deny them")
	}
	reached := c.want.Addrs().Intersect(c.cluster)
	if (c.target == NetworkPolicy || c.target == CalicoNetworkPolicy) && !reached.IsEmpty() && !c.cluster.SubsetOf(reached) {
		note("a Service is mostly replaced by one of its pods before policy is asked: allow the addresses of the pods")
	}
	if len(c.result.Objects) > 1 {
		note("these are %d objects, since one would be too large: they belong together", len(c.result.Objects))
	}
	for _, o := range c.result.Objects {
		if data, err := json.Marshal(o); err == nil && len(data) > maxApplied {
			note("larger than kubectl apply takes by itself: use kubectl apply --server-side")
			break
		}
	}
}
