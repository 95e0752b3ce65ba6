package measure

import (
	"context"
	"slices"
	"time"

	"github.com/sallyport/sallyport/attempt"

	"github.com/sallyport/sallyport/probe"
)

const (
	loopback       = "lo" // as the kernel calls it in each network namespace: drivers/net/loopback.c
	leastElsewhere = 200 * time.Millisecond
)

// Local measures the rules of this host, without any network: each way to choose the source, of TCP and UDP and each family, at
// a reflector of this process on loopback. Families that this host does not have are left out.
func Local(ctx context.Context, p *probe.Place) []probe.LocalRow {
	var rows []probe.LocalRow
	var here, elsewhere []probe.Attempt
	type key struct {
		name   string
		family attempt.Family
	}
	byVariant := map[key]int{}
	for _, family := range []attempt.Family{attempt.IPv4, attempt.IPv6} {
		r := NewReflector(family)
		defer r.Close()
		if !r.TCP.IsValid() || !r.UDP.IsValid() {
			continue
		}
		for _, v := range p.Variants(family, freePort(family)) {
			list := &here
			if v.Device != "" && v.Device != loopback {
				list = &elsewhere
			}
			*list = append(*list, v.To(r.TCP, attempt.TCP), v.To(r.UDP, attempt.UDP))
			byVariant[key{v.Name, family}] = len(rows)
			rows = append(rows, probe.LocalRow{Variant: v})
		}
	}
	begin := time.Now()
	add := func(attempts []probe.Attempt, timeout time.Duration) {
		limits := Limits{Timeout: timeout, Rate: -1, PerHost: -1, Concurrency: max(len(attempts), 1)}
		for x := range Run(ctx, slices.Values(attempts), limits, echo) {
			if row := &rows[byVariant[key{x.Variant, attempt.FamilyOf(x.Destination.Addr())}]]; x.Protocol == attempt.UDP {
				row.UDP = x
			} else {
				row.TCP = x
			}
		}
	}
	add(here, localTimeout)
	// What leaves by another device than loopback's never comes back. Long is what all others together took many times over.
	add(elsewhere, min(max(20*time.Since(begin), leastElsewhere), localTimeout))
	return rows
}

// freePort is a port that nothing has at the moment; 0 where none could be had.
func freePort(family attempt.Family) uint16 {
	r := NewReflector(family)
	defer r.Close()
	return r.TCP.Port()
}
