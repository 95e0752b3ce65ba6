package diagnose

import (
	"net/netip"
	"testing"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// asked is a lookup of a pod's: with its search list, at second s.
func asked(s int, name, kind string, outcome attempt.Answer) attempt.Lookup {
	at := time.Unix(int64(s), 0)
	l := attempt.Lookup{
		Process: pod, Cookie: 1, Protocol: attempt.UDP, Server: netip.MustParseAddrPort("192.0.2.53:53"), Name: name, Type: kind,
		Asked: at, Outcome: outcome, Count: 1, Resolver: podResolver,
	}
	if outcome != attempt.LookupSilent {
		l.Answered = at.Add(time.Millisecond)
	}
	return l
}

var (
	pod         = &attempt.Process{PID: 7, Command: []string{"app"}}
	podResolver = &attempt.Resolver{Search: []string{"ns.svc.cluster.local", "svc.cluster.local", "cluster.local"}, Ndots: 5}
)

func TestResolutions(t *testing.T) {
	const no, yes = attempt.LookupNoName, attempt.LookupAnswered
	awaited := asked(0, "a.test", "A", attempt.LookupSilent)
	awaited.Awaited = true
	for _, tt := range []struct {
		name    string
		lookups []attempt.Lookup
		count   int
		asked   string
		cause   string
	}{
		{"found at the third name", []attempt.Lookup{
			asked(0, "db.prod.ns.svc.cluster.local", "A", no), asked(0, "db.prod.ns.svc.cluster.local", "AAAA", no),
			asked(0, "db.prod.svc.cluster.local", "A", yes), asked(0, "db.prod.svc.cluster.local", "AAAA", attempt.LookupNoData),
		}, 1, "db.prod", ""},
		{"found at none", []attempt.Lookup{
			asked(0, "db.ns.svc.cluster.local", "A", no), asked(0, "db.svc.cluster.local", "A", no), asked(0, "db.cluster.local", "A", no), asked(0, "db", "A", no),
		}, 1, "db", NameNotFound},
		{"the last server failed", []attempt.Lookup{
			asked(0, "a.test.ns.svc.cluster.local", "A", no), asked(0, "a.test", "A", attempt.LookupFailed),
		}, 1, "a.test", NameServerFailure},
		{"another server answered", []attempt.Lookup{asked(0, "a.test", "A", attempt.LookupFailed), asked(1, "a.test", "A", yes)}, 1, "a.test", ""},
		{"only AAAA is missing, A was not asked for", []attempt.Lookup{asked(0, "a.test", "AAAA", attempt.LookupNoData)}, 1, "a.test", ""},
		{"AAAA alone was left unanswered", []attempt.Lookup{asked(0, "a.test", "A", yes), asked(0, "a.test", "AAAA", attempt.LookupSilent)}, 1, "a.test", ""},
		{"answer not seen, and could have been missed", []attempt.Lookup{asked(0, "a.test", "A", attempt.LookupSilent)}, 1, "a.test", ""},
		{"silence", []attempt.Lookup{awaited}, 1, "a.test", ResolverSilent},
		{"no SRV record is nobody's failure", []attempt.Lookup{asked(0, "_x._tcp.a.test", "SRV", no)}, 0, "", ""},
		{"two names", []attempt.Lookup{asked(0, "a.test", "A", yes), asked(0, "b.test", "A", no)}, 2, "a.test", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := resolutions(tt.lookups)
			if len(got) != tt.count {
				t.Fatalf("got %d resolutions, want %d", len(got), tt.count)
			}
			if tt.count == 0 {
				return
			}
			if name, cause := got[0].name(), got[0].cause(time.Unix(100, 0)); name != tt.asked || cause != tt.cause {
				t.Errorf("got %q, %q; want %q, %q", name, cause, tt.asked, tt.cause)
			}
		})
	}
}
