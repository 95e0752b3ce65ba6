package report

import (
	"fmt"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/diagnose"
)

// Version is the version of the JSON document (docs/run.schema.json). It changes when a field changes its
// meaning or goes; new fields may come without.
const Version = 1

// Run is the report of one run.
type Run struct {
	Version        int                // 0 stands for Version
	Program        []string           // the command line that was run
	ExitStatus     int                // the program's own; 128 + signal where it died by one
	Findings       []diagnose.Finding // what failed, in order of time
	Notes          []diagnose.Note    // what failed and did not matter
	Lives          []*attempt.Life    // every socket, complete
	LivesDropped   int                // lives that were not kept, for their number
	Lookups        []attempt.Lookup   // every DNS question that was seen, oldest first
	LookupsDropped int                // questions that were seen and not kept, for their number
	Warnings       []string           // what sallyport could not do or see in this run
}

// elided are the binds that --without-bind did not perform, folded, in order.
func (r *Run) elided() []elidedBind {
	var out []elidedBind
	index := make(map[elidedBind]int)
	for _, l := range r.Lives {
		for i := range l.Steps {
			s := &l.Steps[i]
			if s.Call != attempt.CallBind || s.How != attempt.Elided {
				continue
			}
			b := elidedBind{protocol: l.Protocol, address: s.Address.String(), ownPort: s.Address.Port() != 0}
			j, ok := index[b]
			if !ok {
				j = len(out)
				index[b] = j
				out = append(out, b)
			}
			out[j].count += max(s.Count, 1)
		}
	}
	return out
}

// elidedBind is a bind that was not performed.
type elidedBind struct {
	protocol attempt.Protocol
	address  string
	ownPort  bool // it asked for a port of its own
	count    int
}

func (b elidedBind) String() string {
	s := fmt.Sprintf("%v %s", b.protocol, b.address)
	if b.count > 1 {
		s += fmt.Sprintf(" (%d times)", b.count)
	}
	return s
}
