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
	for _, family := range []attempt.Family{attempt.IPv4, attempt.IPv6} {
		r := NewReflector(family)
		if !r.TCP.IsValid() || !r.UDP.IsValid() {
			r.Close()
			continue
		}
		for _, v := range p.Variants(family, freePort(family)) {
			rows = append(rows, LocalRow{v, r.measure(ctx, v.To(r.TCP, attempt.TCP)), r.measure(ctx, v.To(r.UDP, attempt.UDP))})
			if ctx.Err() != nil {
				break
			}
		}
		r.Close()
	}
	return rows
}

func (r *Reflector) measure(ctx context.Context, a Attempt) Result {
	one := slices.Values([]Attempt{a})
	var got Result
	for x := range Run(ctx, one, Limits{Timeout: localTimeout, Rate: -1}, echo) {
		got = x
	}
	return got
}

// freePort is a port that nothing has at the moment; 0 where none could be had.
func freePort(family attempt.Family) uint16 {
	r := NewReflector(family)
	defer r.Close()
	return r.TCP.Port()
}
