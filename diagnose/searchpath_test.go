package diagnose

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

func TestDetour(t *testing.T) {
	const no, yes, none = attempt.LookupNoName, attempt.LookupAnswered, attempt.LookupNoData
	pods := &attempt.Resolver{Search: []string{"ns.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.test"}, Ndots: 5}
	corp := &attempt.Resolver{Search: []string{"corp.test"}, Ndots: 1}
	wide := &attempt.Resolver{Search: []string{"corp.test"}, Ndots: 5}
	for _, tt := range []struct {
		name    string
		conf    *attempt.Resolver
		lookups []attempt.Lookup
		asked   string // "": no detour
		sure    bool
		asIs    bool
	}{
		{"as it is first, then with the suffix", corp, []attempt.Lookup{
			asked(0, "api.test", "A", no), asked(0, "api.test.corp.test", "A", yes),
		}, "api.test", true, true},
		{"the last suffix of a pod", pods, []attempt.Lookup{
			asked(0, "api.test.ns.svc.cluster.local", "A", no), asked(0, "api.test.svc.cluster.local", "A", no),
			asked(0, "api.test.cluster.local", "A", no), asked(0, "api.test.corp.test", "A", yes),
		}, "api.test", true, false},
		{"the first suffix at once, both families", wide, []attempt.Lookup{
			asked(0, "api.test.corp.test", "A", yes), asked(0, "api.test.corp.test", "AAAA", none),
		}, "api.test", false, false},
		{"the same by one family: no search list may have been used", wide, []attempt.Lookup{asked(0, "api.test.corp.test", "A", yes)}, "", false, false},
		{"a full name, with dots enough", corp, []attempt.Lookup{
			asked(0, "api.test.corp.test", "A", yes), asked(0, "api.test.corp.test", "AAAA", none),
		}, "", false, false},
		{"a short name", corp, []attempt.Lookup{asked(0, "api.corp.test", "A", yes), asked(0, "api.corp.test", "AAAA", none)}, "", false, false},
		{"no search list", &attempt.Resolver{Ndots: 1}, []attempt.Lookup{asked(0, "api.test", "A", yes)}, "", false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for i := range tt.lookups {
				tt.lookups[i].Resolver = tt.conf
			}
			all := resolutions(tt.lookups)
			if len(all) != 1 {
				t.Fatalf("got %d resolutions", len(all))
			}
			found := slices.IndexFunc(tt.lookups, func(l attempt.Lookup) bool { return l.Outcome == yes })
			d := detourOf(all[0], &tt.lookups[found])
			switch {
			case d == nil && tt.asked != "", d != nil && (d.asked != tt.asked || d.sure != tt.sure || d.asIs != tt.asIs):
				t.Errorf("got %+v, want %q, sure %v, as it is %v", d, tt.asked, tt.sure, tt.asIs)
			}
		})
	}
}

func TestNotAsked(t *testing.T) {
	r := resolutions([]attempt.Lookup{asked(0, "db.ns.svc.cluster.local", "A", attempt.LookupNoName), asked(0, "db", "A", attempt.LookupNoName)})[0]
	if got, want := r.notAsked(), []string{"db.svc.cluster.local", "db.cluster.local"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// quietServer answers no question, and counts them.
type quietServer struct{ asked int }

func (*quietServer) Try(context.Context, int, attempt.Attempt) (attempt.Outcome, error) {
	return attempt.Outcome{Kind: attempt.TimedOut}, nil
}

func (q *quietServer) Ask(_ context.Context, _ int, server netip.AddrPort, name, kind string) (attempt.Lookup, error) {
	q.asked++
	return attempt.Lookup{Server: server, Name: name, Type: kind}, nil
}

// TestSilentServerIsAskedOnce holds that a report is not late for a server that answers nobody.
func TestSilentServerIsAskedOnce(t *testing.T) {
	var q quietServer
	v := New(&q, nil, Options{})
	defer v.Close()
	server := netip.MustParseAddrPort("192.0.2.53:53")
	for _, name := range []string{"a.test", "b.test", "a.test"} {
		if told := v.askAddresses(t.Context(), pod, server, name); told.exists || told.missing || told.addrs != nil {
			t.Errorf("%s: got %+v", name, told)
		}
	}
	if q.asked != 1 {
		t.Errorf("asked %d times", q.asked)
	}
}

// TestNoQuestionWithoutLeave holds that --no-counterfactuals asks nothing.
func TestNoQuestionWithoutLeave(t *testing.T) {
	var q quietServer
	v := New(&q, nil, Options{NoCounterfactuals: true, Timeout: time.Second})
	defer v.Close()
	v.askAddresses(t.Context(), pod, netip.MustParseAddrPort("192.0.2.53:53"), "a.test")
	if q.asked != 0 {
		t.Errorf("asked %d times", q.asked)
	}
}
