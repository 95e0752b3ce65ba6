package sheet

import (
	"net/netip"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/profile/flowset"
)

// fate is a part of the flows from one source, and what becomes of them.
type fate struct {
	flows   flowset.Set
	verdict profile.Verdict
	words   string // the rule or default that decides
}

// fates divides every flow to an address, from one source, by what decides about it.
func fates(p *profile.Profile, src attempt.Source) []fate {
	var out []fate
	for _, share := range p.Shares(src, flowset.Of(flowset.AllAddrs(), flowset.AllTransports())) {
		out = append(out, fate{share.Flows, share.By.Verdict, share.By.Words()})
	}
	return out
}

// loopback is the machine itself.
var loopback = flowset.AddrsOf(netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
