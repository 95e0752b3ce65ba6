package metrics

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/probe"
	"github.com/sallyport/sallyport/probe/watch"
)

func TestListen(t *testing.T) {
	for text, want := range map[string]string{
		"9469": "127.0.0.1:9469", ":9469": "127.0.0.1:9469", "0.0.0.0:9469": "0.0.0.0:9469", "[::1]:9469": "[::1]:9469", "localhost:0": "localhost:0",
		"": "", "x": "", "70000": "", "127.0.0.1": "", "::1": "", "[::1]": "", "127.0.0.1:": "", "a:b:c": "", "127.0.0.1:http": "", "-1": "",
	} {
		got, err := Listen(text)
		if want == "" && err == nil || want != "" && got != want {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestOTLPEndpoint(t *testing.T) {
	for _, c := range []struct {
		name string
		env  []string
		want string
		bad  string
	}{
		{"nothing", nil, "", ""},
		{"for all", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c.test:4318"}, "http://c.test:4318", ""},
		{"for metrics", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c.test:4318", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=https://m.test/v1/metrics"}, "https://m.test/v1/metrics", ""},
		{"a password", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://me:secret@c.test"}, "http://me:xxxxx@c.test", ""},
		{"grpc", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c.test:4317", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, "http://c.test:4317", ""},
		{"json", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c.test", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=http/json"}, "", "want http/protobuf"},
		{"no URL", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=c.test:4318"}, "", "no URL"},
		{"disabled", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c.test", "OTEL_SDK_DISABLED=true"}, "", ""},
		{"another exporter", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c.test", "OTEL_METRICS_EXPORTER=none"}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, e := range c.env {
				name, value, _ := strings.Cut(e, "=")
				t.Setenv(name, value)
			}
			got, err := OTLPEndpoint()
			if got != c.want || (err == nil) != (c.bad == "") || err != nil && !strings.Contains(err.Error(), c.bad) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// TestNil is a watch without metrics.
func TestNil(t *testing.T) {
	var s *Set
	s.Attempt(&probe.Result{})
	s.State(watch.Cell{}, watch.Now{})
	s.Lookup("a", 1, time.Second, nil)
	s.Change(watch.Cell{})
	s.Gone(watch.Cell{})
	s.Round(Round{})
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestServer has clients that don't end what they began: the server ends in time nevertheless, and leaves nothing.
func TestServer(t *testing.T) {
	before := runtime.NumGoroutine()
	s := NewSet(func(string) {})
	url, err := s.Serve("0")
	if err != nil {
		t.Fatal(err)
	}
	c := watch.Cell{Target: "t\"\n", Addr: netip.MustParseAddr("192.0.2.1"), Protocol: attempt.TCP, Port: 1, Source: "no bind"}
	s.State(c, watch.Now{State: watch.State{Outcome: attempt.Outcome{Kind: attempt.Connected}, Verdict: probe.Allowed}, NotAfter: time.Unix(2e9, 0)})
	addr := strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/metrics")
	for range 2 * maxConns {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "GET /metrics HTTP/1.1\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 3*closeTimeout {
		t.Errorf("it took %v to end", took)
	}
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); {
		runtime.Gosched()
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines, %d before", n, before)
	}
}

// TestGone has what is watched no longer be exported no longer.
func TestGone(t *testing.T) {
	s := NewSet(func(string) {})
	url, err := s.Serve("0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := watch.Cell{Target: "a \"b\"", Addr: netip.MustParseAddr("192.0.2.1"), Protocol: attempt.TCP, Port: 1, Source: "no bind"}
	series := func() (n int) {
		r, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		for in := bufio.NewScanner(r.Body); in.Scan(); {
			if strings.HasPrefix(in.Text(), `sallyport_attempt_outcome{`) && strings.Contains(in.Text(), `target="a \"b\""`) {
				n++
			}
		}
		return n
	}
	s.State(c, watch.Now{State: watch.State{Outcome: attempt.Outcome{Kind: attempt.Connected}}})
	if n := series(); n != len(outcomes) {
		t.Errorf("%d series", n)
	}
	s.Gone(c)
	if n := series(); n != 0 {
		t.Errorf("%d series of what is gone", n)
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestTargetsAreBounded has more targets than are told apart.
func TestTargetsAreBounded(t *testing.T) {
	s := NewSet(func(string) {})
	for i := range 10 * maxTargets {
		target := &probe.Target{Text: strings.Repeat("x", i)}
		s.Attempt(&probe.Result{Attempt: probe.Attempt{Target: target}, Times: probe.Times{Connect: time.Second}})
		s.Change(watch.Cell{Target: target.Text, Addr: netip.MustParseAddr("192.0.2.1")})
	}
	if x := s.snapshot(); len(x.changes) != maxTargets+1 || x.changes[others] != 9*maxTargets {
		t.Errorf("%d targets, %d others", len(x.changes), x.changes[others])
	}
}
