package report

import (
	"context"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/diagnose"
)

var update = flag.Bool("update", false, "write the golden files")

var noon = time.Date(2026, 3, 1, 12, 0, 1, 123e6, time.UTC)

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s\n got:\n%s\nwant:\n%s", path, got, want)
	}
}

// always is a Trier that answers by destination and source.
type always map[string]attempt.Outcome

func (a always) Try(_ context.Context, _ int, t attempt.Attempt) (attempt.Outcome, error) {
	return a[t.String()], nil
}

var facts = diagnose.Facts{
	Addresses:     []diagnose.Address{{Interface: "lo", Addr: netip.MustParseAddr("127.0.0.1")}, {Interface: "eth0", Addr: netip.MustParseAddr("10.0.0.5")}},
	DefaultRoute4: diagnose.Yes, AnyRoute4: diagnose.Yes, DefaultRoute6: diagnose.No, AnyRoute6: diagnose.No,
	UnprivilegedMin: 1024, CapBindService: diagnose.No,
}

// life is a life of the bot, with a step every 5 ms.
func life(cookie uint64, start time.Duration, steps ...attempt.Step) *attempt.Life {
	l := &attempt.Life{
		Cookie: cookie, Process: &attempt.Process{PID: 123, Command: []string{"python3", "bot.py", "--nick", "a bot"}}, FD: 3,
		Protocol: attempt.TCP, Family: attempt.IPv4, Steps: steps,
	}
	at := noon.Add(start)
	for i := range l.Steps {
		l.Steps[i].At, l.Steps[i].TID = at, 123
		at = at.Add(5*time.Millisecond + l.Steps[i].Took)
	}
	return l
}

func step(c attempt.Call, address string, e attempt.Errno, took time.Duration) attempt.Step {
	s := attempt.Step{Call: c, Errno: e, Took: took}
	if address != "" {
		s.Address = netip.MustParseAddrPort(address)
	}
	return s
}

// reportOf is the report of a run with these lives, diagnosed for real.
func reportOf(t *testing.T, f diagnose.Facts, trier diagnose.Trier, lives ...*attempt.Life) *Run {
	t.Helper()
	program := []string{"python3", "bot.py", "--nick", "a bot"}
	v := diagnose.New(trier, func() diagnose.Facts { return f }, diagnose.Options{Program: program})
	defer v.Close()
	for _, l := range lives {
		for _, r := range l.Attempts() {
			v.Failed(l, r)
		}
	}
	r := &Run{Program: program, ExitStatus: 1, Lives: lives}
	r.Findings, r.Notes = v.Findings(t.Context(), lives)
	for i := range r.Findings {
		for j := range r.Findings[i].Counterfactuals {
			r.Findings[i].Counterfactuals[j].Took = 3 * time.Second // it is never the same
		}
	}
	return r
}

const bot = "192.0.2.1:8001"

// The runs that the golden files are of.
func denied(t *testing.T) *Run {
	return reportOf(t, facts, always{}, life(1, 0, step(attempt.CallBind, "0.0.0.0:0", attempt.EACCES, 12*time.Microsecond)))
}

func deniedByProfile(t *testing.T) *Run {
	s := step(attempt.CallBind, "0.0.0.0:0", attempt.EACCES, 12*time.Microsecond)
	s.How, s.Rule = attempt.Decided, "openshift-v2-gear, bind rule 1"
	return reportOf(t, facts, always{}, life(1, 0, s))
}

func fromLoopback(t *testing.T) *Run {
	f := facts
	f.RouteLocalnet = []string{"all"}
	return reportOf(t, f, always{"tcp to " + bot: {Kind: attempt.Connected}}, life(1, 0,
		step(attempt.CallBind, "127.3.4.5:0", 0, 9*time.Microsecond),
		step(attempt.CallConnect, bot, attempt.ETIMEDOUT, 127*time.Second)))
}

func several(t *testing.T) *Run {
	f := facts
	f.Kubernetes = true
	f.Proxies = []diagnose.Proxy{{Variable: "https_proxy", Scheme: "socks5", Host: "proxy:1080"}}
	v6 := life(4, time.Second, step(attempt.CallConnect, "[2001:db8::2]:443", attempt.ENETUNREACH, 20*time.Microsecond))
	v6.Family = attempt.IPv6
	return reportOf(t, f, always{
		"tcp to " + bot: {Kind: attempt.TimedOut}, "tcp to 127.0.0.1:5432": {Kind: attempt.Refused, Errno: attempt.ECONNREFUSED},
		"tcp to [::1]:5432": {Kind: attempt.Connected},
	},
		life(1, 0, step(attempt.CallConnect, bot, attempt.ETIMEDOUT, 127*time.Second)),
		life(2, 0, step(attempt.CallConnect, "127.0.0.1:5432", attempt.ECONNREFUSED, 30*time.Microsecond)),
		life(3, time.Millisecond, step(attempt.CallConnect, "127.0.0.1:5432", attempt.ECONNREFUSED, 30*time.Microsecond)),
		v6, life(5, time.Second+250*time.Millisecond, step(attempt.CallConnect, "192.0.2.2:443", 0, 20*time.Millisecond)),
	)
}

func elided(t *testing.T) *Run {
	b := step(attempt.CallBind, "0.0.0.0:6000", 0, time.Microsecond)
	b.How = attempt.Elided
	return reportOf(t, facts, always{}, life(1, 0, b, step(attempt.CallConnect, bot, 0, 20*time.Millisecond)))
}
