package test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/testhost"
	"github.com/sallyport/sallyport/probe"
	"github.com/sallyport/sallyport/probe/measure"
)

// try is a handshake to make in a host's network namespace.
type try struct {
	Service string
	Name    string // of the server, for SNI and the certificate
	To      netip.AddrPort
	UDP     bool
	Roots   string // a file of certificates that are trusted; "" for those that this machine trusts
}

// tried is what came of one.
type tried struct {
	try
	Outcome string
	Verdict string
	Answer  *probe.Answer
	Words   string
	Took    time.Duration
}

// text is what a person would read of it.
func (r *tried) text() string {
	list := []string{r.Outcome}
	if a := r.Answer; a != nil {
		list = append(append(list, strings.TrimSpace(a.Service+" "+a.Version)), a.Detail...)
	}
	if r.Words != "" {
		list = append(list, "BUT "+r.Words)
	}
	return strings.Join(list, ", ")
}

const tryEnv = "SALLYPORT_TEST_TRIES"

// TestTries is not a test: it makes the handshakes that stdin tells, in a process of its own in a host's network namespace.
func TestTries(t *testing.T) {
	if os.Getenv(tryEnv) == "" {
		t.Skip("runs as a helper of other tests")
	}
	var tries []try
	if err := json.NewDecoder(os.Stdin).Decode(&tries); err != nil {
		t.Fatal(err)
	}
	pools := map[string]*x509.CertPool{"": nil}
	attempts := make([]probe.Attempt, len(tries))
	at := map[*probe.Target]int{}
	for i, x := range tries {
		if _, read := pools[x.Roots]; !read {
			pem, err := os.ReadFile(x.Roots)
			if err != nil {
				t.Fatal(err)
			}
			pools[x.Roots] = x509.NewCertPool()
			pools[x.Roots].AppendCertsFromPEM(pem)
		}
		target := &probe.Target{Service: x.Service, Path: "/"}
		attempts[i] = probe.Attempt{Attempt: attempt.Attempt{Protocol: attempt.TCP, Destination: x.To, Name: x.Name}, Target: target, Variant: "no bind"}
		if x.UDP {
			attempts[i].Protocol = attempt.UDP
		}
		at[target] = i
	}
	out := json.NewEncoder(os.Stdout)
	limits := measure.Limits{Timeout: tryTimeout, Concurrency: 24, PerHost: -1, Rate: -1}
	greeters := map[string]*measure.Greeter{}
	for path, pool := range pools {
		greeters[path] = &measure.Greeter{Roots: pool}
	}
	meet := func(ctx context.Context, a *probe.Attempt, f *os.File, timeout time.Duration) (*probe.Answer, error) {
		return greeters[tries[at[a.Target]].Roots].Meet(ctx, a, f, timeout)
	}
	for r := range measure.Run(t.Context(), slices.Values(attempts), limits, meet) {
		if err := out.Encode(tried{tries[at[r.Target]], r.Outcome.Kind.String(), r.Verdict.String(), r.Answer, r.Words, r.Took}); err != nil {
			t.Fatal(err)
		}
	}
}

// tryTimeout is that of each step of a handshake here. A silent server takes as long.
const tryTimeout = 2 * time.Second

// makeTries makes handshakes in a host.
func makeTries(t testing.TB, h *testhost.Host, tries []try) []tried {
	t.Helper()
	in, err := json.Marshal(tries)
	if err != nil {
		t.Fatal(err)
	}
	got := h.With(t).Run(5*time.Minute, string(in), "env", tryEnv+"=1", os.Args[0], "-test.run=^TestTries$", "-test.count=1")
	if got.Status != 0 {
		t.Fatalf("helper: %+v", got)
	}
	var results []tried
	for line := range strings.Lines(got.Stdout) {
		if !strings.HasPrefix(line, "{") {
			continue
		}
		var r tried
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		results = append(results, r)
	}
	if len(results) != len(tries) {
		t.Fatalf("%d results of %d handshakes", len(results), len(tries))
	}
	return results
}
