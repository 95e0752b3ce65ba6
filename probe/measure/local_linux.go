package measure

import (
	"context"
	"net/netip"
	"slices"

	"github.com/sallyport/sallyport/attempt"

	"github.com/sallyport/sallyport/probe"
)

// Local measures the rules of this host, without any network: each way to choose the source, of TCP and UDP and each family, at
// a reflector of this process on loopback. Families that this host does not have are left out.
func Local(ctx context.Context, p *probe.Place) []probe.LocalRow {
	var rows []probe.LocalRow
	var attempts, elsewhere []probe.Attempt
	type key struct {
		name   string
		family attempt.Family
	}
	byVariant := map[key]int{}
	far := map[netip.AddrPort]*Reflector{}
	for _, family := range []attempt.Family{attempt.IPv4, attempt.IPv6} {
		r := NewReflector(family)
		defer r.Close()
		if !r.TCP.IsValid() || !r.UDP.IsValid() {
			continue
		}
		far[r.UDP] = r
		for _, v := range p.Variants(family, freePort(family)) {
			list := &attempts
			if v.Device != "" && v.Device != probe.Loopback {
				list = &elsewhere
			}
			*list = append(*list, v.To(r.TCP, attempt.TCP), v.To(r.UDP, attempt.UDP))
			byVariant[key{v.Name, family}] = len(rows)
			rows = append(rows, probe.LocalRow{Variant: v})
		}
	}
	add := func(x probe.Result) {
		if row := &rows[byVariant[key{x.Variant, attempt.FamilyOf(x.Destination.Addr())}]]; x.Protocol == attempt.UDP {
			if x.Outcome.Kind == attempt.TimedOut && far[x.Destination].Saw(x.Local) { // what is asked is what a client may send; it is the reflector whose answer was lost
				x.Stage, x.Outcome, x.Answer, x.Words = probe.StageDone, attempt.Outcome{Kind: attempt.Connected}, &probe.Answer{Service: "reflector"}, "it arrived; the answer to it did not"
				x.Judge()
			}
			row.UDP = x
		} else {
			row.TCP = x
		}
	}
	limits := Limits{Timeout: localTimeout, Rate: -1, PerHost: -1, Concurrency: len(attempts)}
	for x := range Run(ctx, slices.Values(attempts), limits, echo) {
		add(x)
	}
	limits.Timeout = silentTimeout
	for x := range Run(ctx, slices.Values(elsewhere), limits, echo) {
		add(x)
	}
	return rows
}

// freePort is a port that nothing has at the moment; 0 where none could be had.
func freePort(family attempt.Family) uint16 {
	r := NewReflector(family)
	defer r.Close()
	return r.TCP.Port()
}
