package probe

import (
	"net/netip"
	"slices"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// Contrast is a way to choose the source that fails where no bind succeeds, or the other way round: the bind made the difference.
type Contrast struct {
	Source  string
	Bound   attempt.Source
	Device  string
	NoPort  bool
	Verdict Verdict // with the source: the contrary holds without
	Stage   Stage
	Outcome attempt.Outcome
	Took    time.Duration
	Count   int // destinations and ports
	Of      int // of how many that were tried so
}

// Contrasts are what stands out of a matrix: where nothing but the source was another, and the end was.
func (m *Matrix) Contrasts() []Contrast {
	type where struct {
		target string
		addr   netip.Addr
		proto  attempt.Protocol
	}
	plain := map[where]*MatrixRow{}
	var bound []*MatrixRow
	for _, r := range m.Rows() {
		if r.order() == 0 {
			plain[where{r.Target, r.Addr, r.Protocol}] = r
		} else {
			bound = append(bound, r)
		}
	}
	var list []Contrast
	tried := map[string]int{}
	for _, r := range bound {
		without := plain[where{r.Target, r.Addr, r.Protocol}]
		if without == nil {
			continue
		}
		for _, e := range r.Ends {
			for _, w := range without.Ends {
				if w.Verdict == Inconclusive {
					continue
				}
				n := countPorts(e.Ports().Intersect(w.Ports()))
				tried[r.Source] += n
				if n == 0 || e.Verdict == Inconclusive || e.Verdict == w.Verdict {
					continue
				}
				i := slices.IndexFunc(list, func(c Contrast) bool {
					return c.Source == r.Source && c.Verdict == e.Verdict && c.Stage == e.Stage && c.Outcome == e.Outcome
				})
				if i < 0 {
					list = append(list, Contrast{Source: r.Source, Bound: r.Bound, Device: r.Device, NoPort: r.NoPort, Verdict: e.Verdict, Stage: e.Stage, Outcome: e.Outcome})
					i = len(list) - 1
				}
				list[i].Count += n
				list[i].Took = max(list[i].Took, e.Took)
			}
		}
	}
	for i := range list {
		list[i].Of = tried[list[i].Source]
	}
	return list
}
