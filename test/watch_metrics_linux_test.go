package test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/testhost"
)

// within asks again until there is an answer, or fails.
func within(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if f() {
			return
		}
	}
	t.Errorf("%s did not come", what)
}

// query asks a Prometheus for one value; native is that of a native histogram's count.
func query(t *testing.T, h *testhost.Host, expr string) (values []string, native int) {
	t.Helper()
	got := h.Run(probeTimeout, "", "curl", "-sS", "--data-urlencode", "query="+expr, fmt.Sprintf("http://127.0.0.1:%d/api/v1/query", testhost.PortPrometheus))
	var doc struct {
		Data struct {
			Result []struct {
				Value     [2]any
				Histogram []json.RawMessage
			}
		}
	}
	if err := json.Unmarshal([]byte(got.Stdout), &doc); err != nil {
		t.Fatalf("%v: %s%s", err, got.Stdout, got.Stderr)
	}
	for _, r := range doc.Data.Result {
		if len(r.Histogram) == 2 {
			native++
		} else {
			values = append(values, fmt.Sprint(r.Value[1]))
		}
	}
	return values, native
}

// TestWatchPrometheus has a real Prometheus ask for what a watch sees.
func TestWatchPrometheus(t *testing.T) {
	p := testhost.NewPair(t)
	testhost.Need(t, "curl", "curl")
	a := testhost.NewAuthority(t, "Office CA")
	testhost.NginxTLS(p.Server, a, "api.test")
	w := watch(t, p.Client, nil, nil, "--watch", "300ms", fast, "--sources", "none", "--metrics", "9469", "https://"+server4, server4+":9")
	w.until("round")
	curl := func(args ...string) testhost.Result {
		return p.Client.Run(probeTimeout, "", append([]string{"curl", "-sS", "-m", "5"}, args...)...)
	}
	const url = "http://127.0.0.1:9469"
	if got := curl(url + "/healthz"); got.Stdout != "ok\n" {
		t.Errorf("%+v", got)
	}
	text := curl(url + "/metrics").Stdout
	if got := p.Client.Run(probeTimeout, text, testhost.Need(t, "promtool", "prometheus"), "check", "metrics"); got.Status != 0 || got.Stdout+got.Stderr != "" {
		t.Errorf("promtool check metrics: %+v\n%s", got, text)
	}
	if got := curl("-i", "-H", "Accept: application/openmetrics-text; version=1.0.0", url+"/metrics").Stdout; !strings.Contains(got, "Content-Type: application/openmetrics-text") || !strings.HasSuffix(got, "# EOF\n") {
		t.Errorf("no OpenMetrics: %s", got)
	}
	for _, bad := range []struct{ want, args string }{
		{"404", "/other"}, {"405", "-XPOST /metrics"}, {"431", "-Hx:" + strings.Repeat("x", 40_000) + " /metrics"},
	} {
		args := strings.Fields(bad.args)
		args[len(args)-1] = url + args[len(args)-1]
		if got := curl(append([]string{"-o", "/dev/null", "-w", "%{http_code}"}, args...)...); got.Stdout != bad.want {
			t.Errorf("%.20s: status %s, want %s", bad.args, got.Stdout, bad.want)
		}
	}
	testhost.Prometheus(p.Client, "127.0.0.1:9469")
	for expr, want := range map[string]string{
		`sallyport_attempt_outcome{port="443",outcome="connected"}`:                        "1",
		`sallyport_attempt_outcome{port="443",outcome="refused"}`:                          "0",
		`sallyport_attempt_outcome{port="9",outcome="refused"}`:                            "1",
		`sallyport_attempt_verdict{port="9",verdict="inconclusive"}`:                       "1",
		`sum by (port) (sallyport_attempt_outcome{port="9"})`:                              "1",
		`sallyport_attempts_unlisted`:                                                      "0",
		`sallyport_tls_certificate_not_after_timestamp_seconds - time() > bool 86400`:      "1",
		`sallyport_tls_certificate_not_after_timestamp_seconds - time() > bool 90 * 86400`: "0",
		`time() - sallyport_last_round_timestamp_seconds < bool 5`:                         "1",
		`sallyport_rounds_total > bool 1`:                                                  "1",
		`count(sallyport_build_info)`:                                                      "1",
		`sallyport_attempts_total{outcome="connected"} > bool 0`:                           "1",
	} {
		within(t, expr+" = "+want, func() bool {
			got, _ := query(t, p.Client, expr)
			return len(got) == 1 && got[0] == want
		})
	}
	within(t, "native histograms of connect, tls and handshake", func() bool {
		_, native := query(t, p.Client, `sallyport_attempt_duration_seconds{target="https://`+server4+`"}`)
		return native == 3
	})
	within(t, "a quantile", func() bool {
		got, _ := query(t, p.Client, `histogram_quantile(0.99, sum by (target) (rate(sallyport_attempt_duration_seconds{stage="connect"}[5s]))) < bool 1`)
		return len(got) == 2 && got[0] == "1"
	})
	w.end()
	if got := curl(url + "/healthz"); got.Status == 0 {
		t.Errorf("it still answers: %+v", got)
	}
}

// TestWatchRules has promtool take the rules of the documentation.
func TestWatchRules(t *testing.T) {
	doc, err := os.ReadFile("../docs/probe-watch.md")
	if err != nil {
		t.Fatal(err)
	}
	rules := regexp.MustCompile("(?s)```yaml\n(groups:.*?)```").FindSubmatch(doc)
	if rules == nil {
		t.Fatal("no rules in docs/probe-watch.md")
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, rules[1], 0o644); err != nil {
		t.Fatal(err)
	}
	p := testhost.NewPair(t)
	if got := p.Client.Run(probeTimeout, "", testhost.Need(t, "promtool", "prometheus"), "check", "rules", file); got.Status != 0 || !strings.Contains(got.Stdout, "SUCCESS: 5 rules found") {
		t.Errorf("%+v", got)
	}
	set, err := os.ReadFile("../probe/metrics/prometheus.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile(`"(sallyport_[a-z_]+)"`).FindAllSubmatch(set, -1) {
		if !strings.Contains(string(doc), "`"+string(name[1])+"`") {
			t.Errorf("docs/probe-watch.md has no %s", name[1])
		}
	}
}

// TestWatchLimit watches more ports than have series.
func TestWatchLimit(t *testing.T) {
	p := testhost.NewPair(t)
	testhost.Need(t, "curl", "curl")
	w := watch(t, p.Client, nil, nil, "--watch", "5s", "--rate", "0", "--sources", "none", "--metrics", ":9469", server4+":1-9000")
	w.until("round")
	text := p.Client.Run(probeTimeout, "", "curl", "-sS", "http://127.0.0.1:9469/metrics").Stdout
	if n := strings.Count(text, "\nsallyport_attempt_outcome{"); n != 2000*8 {
		t.Errorf("%d series", n)
	}
	if !strings.Contains(text, "\nsallyport_attempts_unlisted 7000\n") {
		t.Error("the others are not counted")
	}
	if n := strings.Count(w.stderr.String(), "more destinations and sources than metrics have room for"); n != 1 {
		t.Errorf("told %d times: %s", n, w.stderr.String())
	}
	w.end()
}

// TestWatchOTLP sends to the OpenTelemetry collector's receiver, by both protocols, and while there is none.
func TestWatchOTLP(t *testing.T) {
	p := testhost.NewPair(t)
	a := testhost.NewAuthority(t, "Office CA")
	testhost.NginxTLS(p.Server, a, "api.test")
	for _, c := range []struct {
		protocol string
		port     int
	}{{"http/protobuf", testhost.PortOTLPHTTP}, {"grpc", testhost.PortOTLPGRPC}} {
		t.Run(c.protocol, func(t *testing.T) {
			env := []string{
				fmt.Sprintf("OTEL_EXPORTER_OTLP_ENDPOINT=http://%s:%d", server4, c.port), "OTEL_EXPORTER_OTLP_PROTOCOL=" + c.protocol, "OTEL_METRIC_EXPORT_INTERVAL=300",
				"OTEL_EXPORTER_OTLP_TIMEOUT=1000", "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test", "POD_NAMESPACE=shop", "OTEL_EXPORTER_OTLP_HEADERS=x-tenant=7",
			}
			h := p.Server.With(t)
			w := watch(t, p.Client.With(t), nil, env, "--watch", "300ms", fast, "--sources", "none", "https://"+server4, server4+":9")
			failed := func(words string) func() bool {
				return func() bool { return strings.Count(w.stderr.String(), words) == 1 }
			}
			within(t, "that an export failed", failed("send OTLP: "))
			w.until("round")
			w.until("round")
			w.until("round")
			if n := strings.Count(w.stderr.String(), "send OTLP: "); n != 1 {
				t.Errorf("told %d times: %s", n, w.stderr.String())
			}
			server := testhost.OTLP(h, filepath.Join("otlp", "otlp"))
			within(t, "that it works again", failed("send OTLP: it works again"))
			var got map[string]otlpMetric
			var resource string
			within(t, "an export", func() bool {
				got, resource = otlpOf(t, server.Output())
				return len(got) >= 8
			})
			for _, want := range []string{`service.name=sallyport-probe`, `host.name=`, `k8s.namespace.name=shop`, `deployment.environment.name=test`} {
				if !strings.Contains(resource, want) {
					t.Errorf("the resource has no %s: %s", want, resource)
				}
			}
			if d := got["sallyport.attempt.duration"]; d.Unit != "s" || len(d.ExponentialHistogram.DataPoints) != 4 {
				t.Errorf("%+v", d)
			}
			on := map[string]int{}
			for _, x := range got["sallyport.attempt.outcome"].Gauge.DataPoints {
				if x.AsInt == "1" {
					on[x.attr("sallyport.outcome")+" "+x.attr("server.address")+" "+x.attr("server.port")+" "+x.attr("network.transport")]++
				}
			}
			if len(on) != 2 || on["connected "+server4+" 443 tcp"] != 1 || on["refused "+server4+" 9 tcp"] != 1 {
				t.Errorf("%v", on)
			}
			if n := got["sallyport.rounds"].Sum; len(n.DataPoints) != 1 || !n.IsMonotonic {
				t.Errorf("%+v", n)
			}
			// The last export is made at the end: it has all rounds.
			sum, _ := w.end()
			within(t, "the last round", func() bool {
				got, _ := otlpOf(t, server.Output())
				return got["sallyport.attempts"].total() == sum.Attempts
			})
			server.Stop()
		})
	}
}

type otlpMetric struct {
	Name, Unit string
	Gauge      struct{ DataPoints []otlpPoint }
	Sum        struct {
		DataPoints  []otlpPoint
		IsMonotonic bool
	}
	ExponentialHistogram struct{ DataPoints []otlpPoint }
}

type otlpPoint struct {
	AsInt      string
	Attributes []otlpAttribute
}

type otlpAttribute struct {
	Key   string
	Value struct{ StringValue, IntValue string }
}

func (m otlpMetric) total() int {
	sum := 0
	for _, x := range m.Sum.DataPoints {
		n := 0
		_, _ = fmt.Sscan(x.AsInt, &n)
		sum += n
	}
	return sum
}

func (x *otlpPoint) attr(key string) string {
	for _, a := range x.Attributes {
		if a.Key == key {
			return a.Value.StringValue + a.Value.IntValue
		}
	}
	return ""
}

// otlpOf is the last export, and its resource.
func otlpOf(t *testing.T, output string) (map[string]otlpMetric, string) {
	t.Helper()
	lines := strings.Split(strings.TrimRight(output[:strings.LastIndex(output, "\n")+1], "\n"), "\n")
	last := lines[len(lines)-1]
	if last == "" {
		return nil, ""
	}
	var doc struct {
		ResourceMetrics []struct {
			Resource     struct{ Attributes []otlpAttribute }
			ScopeMetrics []struct{ Metrics []otlpMetric }
		}
	}
	if err := json.Unmarshal([]byte(last), &doc); err != nil {
		t.Fatalf("%v: %s", err, last)
	}
	out, resource := map[string]otlpMetric{}, ""
	for _, r := range doc.ResourceMetrics {
		for _, a := range r.Resource.Attributes {
			resource += a.Key + "=" + a.Value.StringValue + " "
		}
		for _, s := range r.ScopeMetrics {
			for _, m := range s.Metrics {
				out[m.Name] = m
			}
		}
	}
	return out, resource
}
