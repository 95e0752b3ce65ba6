package probe_test

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/probe"
)

// A bind to any address was denied, and without a bind the same port connects: the bind made the difference.
func ExampleMatrix_Contrasts() {
	var m probe.Matrix
	place := probe.Place{}
	to := netip.MustParseAddrPort("192.0.2.1:8001")
	for _, v := range place.Variants(attempt.IPv4, 0) {
		r := probe.Result{Attempt: v.To(to, attempt.TCP), Stage: probe.StageDone, Outcome: attempt.Outcome{Kind: attempt.Connected}, Begin: time.Now()}
		if v.Source.Kind == attempt.SourceAny {
			r.Stage, r.Outcome = probe.StageBind, attempt.OutcomeOf(attempt.EACCES)
		}
		r.Judge()
		m.Add(&r)
	}
	for _, c := range m.Contrasts() {
		fmt.Println(c.Verdict, c.Stage, c.Outcome, c.Sources[0])
	}
	// Output:
	// denied bind denied (EACCES) any address
}
