package probe

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile/flowset"
)

// Matrix is what came of many attempts, those with the same end put together. The zero value is empty. It is for one goroutine.
type Matrix struct {
	Begin, End time.Time
	Attempts   int

	rows  []*MatrixRow
	byKey map[rowKey]*MatrixRow
}

// MatrixRow is one destination, from one source.
type MatrixRow struct {
	Target   string // as it was given
	Name     string // the DNS name; "" for an address
	Addr     netip.Addr
	Protocol attempt.Protocol
	Source   string // the name of the variant
	Bound    attempt.Source
	Device   string
	NoPort   bool
	Foreign  bool
	Ends     []*End
}

// End is what came of some ports of a row.
type End struct {
	Protocol attempt.Protocol
	Verdict  Verdict
	Stage    Stage
	Outcome  attempt.Outcome
	Layer    Layer
	Answer   *Answer
	Words    string
	Took     time.Duration // the longest
	Local    netip.Addr    // the address that it was sent from; not valid where there was none, or several

	ports []uint16
}

// Ports are the ports that ended so.
func (e *End) Ports() flowset.Ports { return flowset.PortsOf(e.ports...) }

type rowKey struct {
	target string
	addr   netip.Addr
	proto  attempt.Protocol
	source string
}

// Add takes one result in.
func (m *Matrix) Add(r *Result) {
	if m.byKey == nil {
		m.byKey = map[rowKey]*MatrixRow{}
		m.Begin = r.Begin
	}
	m.Attempts++
	if end := r.Begin.Add(r.Took); end.After(m.End) {
		m.End = end
	}
	target := ""
	if r.Target != nil {
		target = r.Target.Text
	}
	key := rowKey{target, r.Destination.Addr(), r.Protocol, r.Variant}
	row := m.byKey[key]
	if row == nil {
		row = &MatrixRow{
			Target: target, Name: r.Name, Addr: r.Destination.Addr(), Protocol: r.Protocol, Source: r.Variant, Bound: r.Source, Device: r.Device, NoPort: r.NoPort, Foreign: r.Foreign,
		}
		m.byKey[key] = row
		m.rows = append(m.rows, row)
	}
	for _, e := range row.Ends {
		if e.Verdict == r.Verdict && e.Stage == r.Stage && e.Outcome == r.Outcome && e.Layer == r.Layer && e.Words == r.Words && e.Answer.equal(r.Answer) {
			e.ports = append(e.ports, r.Destination.Port())
			e.Took = max(e.Took, r.Took)
			if e.Local != r.Local.Addr() {
				e.Local = netip.Addr{}
			}
			return
		}
	}
	row.Ends = append(row.Ends, &End{
		Protocol: r.Protocol,
		Verdict:  r.Verdict, Stage: r.Stage, Outcome: r.Outcome, Layer: r.Layer, Answer: r.Answer, Words: r.Words, Took: r.Took, Local: r.Local.Addr(),
		ports: []uint16{r.Destination.Port()},
	})
}

// Denier corrects the layer of one attempt that was denied, once it is known who did it.
func (m *Matrix) Denier(a attempt.Attempt, l Layer) {
	for _, r := range m.rows {
		if r.Addr != a.Destination.Addr() || r.Protocol != a.Protocol || r.Bound != a.Source || r.Device != a.Device {
			continue
		}
		for _, e := range r.Ends {
			at := slices.Index(e.ports, a.Destination.Port())
			if at < 0 || e.Verdict != Denied || e.Layer == l {
				continue
			}
			if len(e.ports) == 1 {
				e.Layer = l
				continue
			}
			e.ports = slices.Delete(e.ports, at, at+1)
			own := *e
			own.Layer, own.ports = l, []uint16{a.Destination.Port()}
			r.Ends = append(r.Ends, &own)
			break
		}
	}
}

// Rows are the rows in the order in which their first attempts ended, those of one destination together, and the ends of each by
// their first port.
func (m *Matrix) Rows() []*MatrixRow {
	first := map[rowKey]int{}
	for i, r := range m.rows {
		k := r.destination()
		if _, there := first[k]; !there {
			first[k] = i
		}
		for _, e := range r.Ends {
			slices.Sort(e.ports)
		}
		slices.SortFunc(r.Ends, func(a, b *End) int { return cmp.Compare(a.ports[0], b.ports[0]) })
	}
	rows := slices.Clone(m.rows)
	slices.SortStableFunc(rows, func(a, b *MatrixRow) int {
		return cmp.Or(
			cmp.Compare(first[a.destination()], first[b.destination()]),
			cmp.Compare(a.order(), b.order()),
		)
	})
	return rows
}

// Plain reports whether the kernel chose the source.
func (r *MatrixRow) Plain() bool { return r.order() == 0 }

// order puts no bind first, and devices last.
func (r *MatrixRow) order() int {
	switch {
	case r.Device != "":
		return 4
	case r.Bound.Kind == attempt.SourceNone:
		return 0
	case r.Bound.Addr.Port() != 0:
		return 3
	case r.Bound.Kind == attempt.SourceAny:
		return 1
	}
	return 2
}

func (a *Answer) equal(b *Answer) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Service == b.Service && a.Version == b.Version && a.Banner == b.Banner && slices.Equal(a.Detail, b.Detail)
}
