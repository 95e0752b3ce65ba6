package probe

import (
	"context"
	"slices"

	"github.com/sallyport/sallyport/attempt"
)

// LocalRow is what came of one way to choose the source, at a far end on loopback.
type LocalRow struct {
	Variant
	TCP, UDP Result
}

// Local measures the rules of this host, without any network: each way to choose the source, of TCP and UDP and each family, at
// a reflector of this process on loopback. Families that this host does not have are left out.
func Local(ctx context.Context, p *Place) []LocalRow {
	var rows []LocalRow
	var attempts []Attempt
	for _, family := range []attempt.Family{attempt.IPv4, attempt.IPv6} {
		r := NewReflector(family)
		defer r.Close()
		if !r.TCP.IsValid() || !r.UDP.IsValid() {
			continue
		}
		for _, v := range p.Variants(family, freePort(family)) {
			for _, a := range []Attempt{v.To(r.TCP, attempt.TCP), v.To(r.UDP, attempt.UDP)} {
				a.row = len(rows)
				attempts = append(attempts, a)
			}
			rows = append(rows, LocalRow{Variant: v})
		}
	}
	limits := Limits{Timeout: localTimeout, Rate: -1, PerHost: -1, Concurrency: len(attempts)}
	for x := range Run(ctx, slices.Values(attempts), limits, echo) {
		if row := &rows[x.row]; x.Protocol == attempt.UDP {
			row.UDP = x
		} else {
			row.TCP = x
		}
	}
	return rows
}

// freePort is a port that nothing has at the moment; 0 where none could be had.
func freePort(family attempt.Family) uint16 {
	r := NewReflector(family)
	defer r.Close()
	return r.TCP.Port()
}
