package diagnose

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

func TestEachDistinctAttemptIsTriedOnce(t *testing.T) {
	trier := &outcomes{by: map[string]attempt.Outcome{"tcp to 192.0.2.1:80": {Kind: attempt.Refused}}}
	v := New(trier, nil, Options{})
	defer v.Close()
	l := tcp4(0, connect("192.0.2.1:80", attempt.ECONNREFUSED))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { v.Failed(l, l.Attempts()[0]) })
	}
	wg.Wait()
	findings, _ := v.Findings(t.Context(), []*attempt.Life{l})
	if len(trier.asked) != 1 {
		t.Errorf("asked %q, want one attempt", trier.asked)
	}
	if len(findings) != 1 || len(findings[0].Counterfactuals) != 1 || findings[0].Counterfactuals[0].String() != "the same again: refused" {
		t.Errorf("got %+v", findings)
	}
}

func TestNoCounterfactuals(t *testing.T) {
	trier := &outcomes{}
	findings, _ := investigate(t, trier, ordinary, Options{NoCounterfactuals: true}, time.Minute, tcp4(0, connect("192.0.2.1:80", attempt.ECONNREFUSED)))
	if len(trier.asked) != 0 || len(findings) != 1 {
		t.Errorf("asked %q, findings %+v", trier.asked, findings)
	}
}

func TestWhatCouldNotBeTriedIsSaid(t *testing.T) {
	findings, _ := investigate(t, &outcomes{}, ordinary, Options{}, time.Minute, tcp4(0, connect("192.0.2.1:80", attempt.ECONNREFUSED)))
	if got := strings.Join(findings[0].Evidence, "\n"); !strings.Contains(got, "the same again: could not be tried: no route to the test") {
		t.Errorf("evidence %s", got)
	}
}

// silent is a Trier to which nothing ever answers.
type silent struct{}

func (silent) Try(ctx context.Context, _ int, _ attempt.Attempt) (attempt.Outcome, error) {
	<-ctx.Done()
	return attempt.Outcome{}, ctx.Err()
}

func TestASilentCounterfactualTimesOut(t *testing.T) {
	findings, _ := investigate(t, silent{}, ordinary, Options{Timeout: 200 * time.Millisecond}, time.Minute,
		tcp4(0, connect("192.0.2.1:80", attempt.ETIMEDOUT, time.Minute)))
	if got := findings[0].Counterfactuals; len(got) != 1 || got[0].Outcome.Kind != attempt.TimedOut || !strings.Contains(got[0].String(), "no answer within") {
		t.Errorf("got %v", got)
	}
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	v := New(silent{}, nil, Options{Timeout: time.Hour})
	for i := range 100 {
		l := tcp4(0, connect(fmt.Sprintf("192.0.2.%d:80", i), attempt.ECONNREFUSED))
		v.Failed(l, l.Attempts()[0])
	}
	v.Close()
	l := tcp4(0, connect("198.51.100.1:80", attempt.ECONNREFUSED))
	v.Failed(l, l.Attempts()[0]) // after Close: nothing
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if findings, _ := v.Findings(ctx, []*attempt.Life{l}); len(findings) != 1 {
		t.Errorf("got %+v, want the finding without counterfactuals", findings)
	}
}

func TestFactsAreReadOnlyForAFailure(t *testing.T) {
	read := 0
	v := New(nil, func() Facts { read++; return Facts{} }, Options{})
	defer v.Close()
	v.Findings(t.Context(), []*attempt.Life{tcp4(0, connect("192.0.2.1:80", 0))})
	if read != 0 {
		t.Errorf("facts were read %d times though nothing failed", read)
	}
}

// dialing is outcomes that can dial.
type dialing struct{ outcomes }

func (*dialing) Dial(_ context.Context, _ int, to netip.AddrPort) (*os.File, error) {
	c, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(to))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.File()
}

// answering answers CONNECT: status for a host, nobody for one that can't exist.
func answering(status, nobody int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + " " + r.Host {
		case "CONNECT 192.0.2.1:443":
			w.WriteHeader(status)
		case "CONNECT sallyport.invalid:443":
			w.WriteHeader(nobody)
		default:
			w.WriteHeader(http.StatusBadRequest)
		}
	})
}

// TestProxy asks a real HTTP proxy on loopback.
func TestProxy(t *testing.T) {
	for _, tt := range []struct {
		name           string
		status, nobody int
		want           string
		cause          string
	}{
		{"lets through", 200, 502, "connected", ProxyNeeded},
		{"wants a password", 407, 407, "refused, the proxy answered 407 Proxy Authentication Required", TimedOut},
		{"says yes to all", 200, 200, "failed, " + indiscriminate, TimedOut},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			srv := &http.Server{Handler: answering(tt.status, tt.nobody)}
			go srv.Serve(ln) // ends with Close
			defer srv.Close()
			f := ordinary
			f.Proxies = []Proxy{{Variable: "https_proxy", Scheme: "http", Host: ln.Addr().String()}}
			trier := &dialing{outcomes{by: map[string]attempt.Outcome{"tcp to 192.0.2.1:443": {Kind: attempt.TimedOut}}}}
			findings, _ := investigate(t, trier, f, Options{}, time.Minute, tcp4(0, connect("192.0.2.1:443", attempt.ETIMEDOUT, time.Minute)))
			got := findings[0].Counterfactuals[1].String()
			if want := "by way of the proxy in https_proxy (" + ln.Addr().String() + "): " + tt.want; got != want {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
			if findings[0].Cause != tt.cause {
				t.Errorf("cause %s, want %s", findings[0].Cause, tt.cause)
			}
		})
	}
}
