package probe

import (
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"testing"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile/flowset"
)

func result(addr netip.Addr, port uint16, variant string, o attempt.Outcome) *Result {
	r := &Result{Attempt: Attempt{Attempt: attempt.Attempt{Protocol: attempt.TCP, Destination: netip.AddrPortFrom(addr, port)}, Variant: variant}, Stage: StageConnect, Outcome: o}
	if variant != "no bind" {
		r.Source = attempt.SourceOf(netip.AddrPortFrom(netip.IPv4Unspecified(), 0))
	}
	r.Judge()
	return r
}

var (
	connected = attempt.Outcome{Kind: attempt.Connected}
	refused   = attempt.OutcomeOf(attempt.ECONNREFUSED)
	timedOut  = attempt.Outcome{Kind: attempt.TimedOut}
)

// TestMatrixPorts puts every port in, in any order, many of them twice, and has each in the end that it came to.
func TestMatrixPorts(t *testing.T) {
	order := rand.New(rand.NewPCG(1, 2)).Perm(65536)
	at := func(port int) attempt.Outcome {
		return [...]attempt.Outcome{connected, refused, timedOut}[port%7%3]
	}
	var m Matrix
	a := netip.MustParseAddr("192.0.2.1")
	for i, port := range order {
		m.Add(result(a, uint16(port), "no bind", at(port)))
		if i%3 == 0 {
			m.Add(result(a, uint16(port), "no bind", at(port)))
		}
		if port == 9 {
			m.Add(result(a, 9, "any address", at(9)))
		}
	}
	rows := m.Rows()
	if len(rows) != 2 || len(rows[0].Ends) != 3 || len(rows[1].Ends) != 1 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, e := range rows[0].Ends {
		var want []uint16
		for port := range 65536 {
			if at(port) == e.Outcome {
				want = append(want, uint16(port))
			}
		}
		if !slices.Equal(e.ports.sorted(), want) || e.Ports() != flowset.PortsOf(want...) || e.ports.len() != len(want) || e.ports.first() != want[0] {
			t.Errorf("%v: %d ports, want %d", e.Outcome, e.ports.len(), len(want))
		}
	}
}

// TestContrasts counts where nothing but the bind made the difference.
func TestContrasts(t *testing.T) {
	var m Matrix
	for i := range 10 {
		a := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
		for port := range uint16(3000) {
			with := timedOut
			if port >= 1000 || i == 9 {
				with = connected
			}
			m.Add(result(a, port, "no bind", connected))
			m.Add(result(a, port, "any address", with))
		}
		m.Add(result(a, 4000, "no bind", refused)) // proves nothing
		m.Add(result(a, 4000, "any address", timedOut))
	}
	list := m.Contrasts()
	if len(list) != 1 || list[0].Sources[0] != "any address" || list[0].Verdict != Denied || list[0].Count != 9000 || list[0].Of != 30000 {
		t.Errorf("got %+v", list)
	}
}

// TestMatrixBounded keeps rows up to a limit, those that connected beyond it, and counts all others.
func TestMatrixBounded(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var m Matrix
	const all = 1_000_000
	for i := range all {
		o := [...]attempt.Outcome{refused, timedOut, timedOut}[i%3]
		if i%1000 == 999 {
			o = connected
		}
		r := result(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 80, "no bind", o)
		r.Target = &Target{Text: r.Destination.String()}
		m.Add(r)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if mb := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / 1e6; mb > 20 {
		t.Errorf("takes %d MB", mb)
	}
	kept, allowed, counted := 0, 0, 0
	for _, r := range m.Rows() {
		kept++
		if r.Ends[0].Verdict == Allowed {
			allowed++
		}
	}
	for _, c := range m.Counted() {
		counted += c.Attempts
		if c.Verdict == Allowed {
			t.Errorf("%d that connected are only counted", c.Attempts)
		}
	}
	if kept < MaxRows || kept > 2*MaxRows || allowed != all/1000 || kept+counted != all || m.Attempts != all {
		t.Errorf("kept %d, of them %d allowed, and counted %d", kept, allowed, counted)
	}
}
