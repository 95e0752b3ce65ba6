package probe

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/proxy"
	"github.com/sallyport/sallyport/profile/flowset"
)

// Matrix is what came of many attempts, those with the same end put together. The zero value is empty. It is for one goroutine.
type Matrix struct {
	Begin, End time.Time
	Attempts   int

	rows    []*MatrixRow
	byKey   map[rowKey]*MatrixRow
	ends    int // of all rows
	chosen  int // rows that are there for what connected alone
	counted map[Counted]*Counted
}

// MatrixRow is one destination, from one source.
type MatrixRow struct {
	Target   string // as it was given
	Origin   string // where it was named
	Name     string // the DNS name; "" for an address
	Addr     netip.Addr
	Protocol attempt.Protocol
	Source   string // the name of the variant
	Bound    attempt.Source
	Device   string
	NoPort   bool
	Via      *Via // the proxy; nil: none
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
	Said     proxy.Kind    // what the proxy made of it
	Took     time.Duration // the longest
	Local    netip.Addr    // the address that it was sent from; not valid where there was none, or several

	Rejection Rejection // the ICMP error that ended them
	Neighbour bool      // nobody answered for the next hop's hardware address
	BlackHole BlackHole // of which the handshakes stalled; the zero value: of none
	MTU       int       // the least of those that the kernel knew; 0: none connected
	PeerMTU   int       // the least that the other end's TCP took

	ports portSet
}

// Ports are the ports that ended so.
func (e *End) Ports() flowset.Ports { return e.ports.ports() }

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
	target, origin := "", ""
	if r.Target != nil {
		target, origin = r.Target.Text, r.Target.Origin
	}
	key := rowKey{target, r.Destination.Addr(), r.Protocol, r.Variant}
	row := m.byKey[key]
	if row == nil && m.full(r) {
		m.count(r)
		return
	}
	if row == nil {
		row = &MatrixRow{
			Target: target, Origin: origin, Name: r.Name, Addr: r.Destination.Addr(), Protocol: r.Protocol, Source: r.Variant, Bound: r.Source, Device: r.Device,
			NoPort: r.NoPort, Via: r.Via, Foreign: r.Foreign,
		}
		m.byKey[key] = row
		m.rows = append(m.rows, row)
	}
	for _, e := range row.Ends {
		if e.Verdict == r.Verdict && e.Stage == r.Stage && e.Outcome == r.Outcome && e.Layer == r.Layer && e.Words == r.Words && e.Rejection == r.Rejection && e.Neighbour == r.Neighbour && e.BlackHole == r.BlackHole && e.Answer.equal(r.Answer) {
			e.ports.add(r.Destination.Port())
			e.Took = max(e.Took, r.Took)
			e.MTU, e.PeerMTU = lesser(e.MTU, r.MTU), lesser(e.PeerMTU, r.PeerMTU)
			if e.Local != r.Local.Addr() {
				e.Local = netip.Addr{}
			}
			return
		}
	}
	if m.ends >= maxEnds {
		m.count(r)
		return
	}
	m.ends++
	e := &End{
		Protocol: r.Protocol,
		Verdict:  r.Verdict, Stage: r.Stage, Outcome: r.Outcome, Layer: r.Layer, Answer: r.Answer, Words: r.Words, Said: r.Said, Took: r.Took, Local: r.Local.Addr(),
		Rejection: r.Rejection, Neighbour: r.Neighbour, BlackHole: r.BlackHole, MTU: r.MTU, PeerMTU: r.PeerMTU,
	}
	e.ports.add(r.Destination.Port())
	row.Ends = append(row.Ends, e)
}

// lesser is the lesser of two that are known.
func lesser(a, b int) int {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// Denier corrects the layer of one attempt that was denied, once it is known who did it.
func (m *Matrix) Denier(a attempt.Attempt, l Layer) {
	for _, r := range m.rows {
		if r.Addr != a.Destination.Addr() || r.Protocol != a.Protocol || r.Bound != a.Source || r.Device != a.Device || r.Via != nil {
			continue
		}
		for _, e := range r.Ends {
			port := a.Destination.Port()
			if !e.Ports().Contains(port) || e.Verdict != Denied || e.Layer == l || e.Rejection.From.IsValid() { // whoever rejected it by ICMP is known
				continue
			}
			if e.ports.len() == 1 {
				e.Layer = l
				continue
			}
			rest := portSet{}
			for _, p := range e.ports.sorted() {
				if p != port {
					rest.add(p)
				}
			}
			own := *e
			own.Layer, own.ports = l, portSet{few: []uint16{port}}
			e.ports = rest
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
		slices.SortFunc(r.Ends, func(a, b *End) int { return cmp.Compare(a.ports.first(), b.ports.first()) })
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

// order puts no bind first, then devices, and proxies last.
func (r *MatrixRow) order() int {
	switch {
	case r.Via != nil:
		return 5
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
