package metrics

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// OTLPEndpoint is where the environment says that metrics are to be sent, without a password; "" for nowhere. Bad is why that cannot be done:
// https://opentelemetry.io/docs/specs/otel/protocol/exporter.
func OTLPEndpoint() (endpoint string, bad error) {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || os.Getenv("OTEL_METRICS_EXPORTER") == "none" {
		return "", nil
	}
	if _, endpoint = otlpVariable("ENDPOINT"); endpoint == "" {
		return "", nil
	}
	if name, protocol := otlpVariable("PROTOCOL"); protocol != "" && protocol != "http/protobuf" && protocol != "grpc" {
		return "", fmt.Errorf("%s is %q: want http/protobuf (collectors take it on port 4318) or grpc (4317)", name, protocol)
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", errors.New("the OTLP endpoint of the environment is no URL: want http://HOST:4318")
	}
	return u.Redacted(), nil
}

// otlpVariable is a variable of the environment for metrics, or for all of OTLP.
func otlpVariable(kind string) (name, value string) {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_METRICS_" + kind, "OTEL_EXPORTER_OTLP_" + kind} {
		if v := os.Getenv(name); v != "" {
			return name, v
		}
	}
	return "", ""
}

// otlpExporter sends a set.
type otlpExporter struct {
	set       *Set
	provider  *sdk.MeterProvider
	durations metric.Float64Histogram
}

// sendTimeout is how long the last export may take, once the watch is over.
const sendTimeout = 3 * time.Second

// Send sends the set to where the environment says, every OTEL_METRIC_EXPORT_INTERVAL (60 s). Tell is called once when an export fails, and once when one
// succeeds again: nothing else comes of it.
func (s *Set) Send(ctx context.Context, tell func(words string)) error {
	var inner sdk.Exporter
	var err error
	if _, protocol := otlpVariable("PROTOCOL"); protocol == "grpc" {
		inner, err = otlpmetricgrpc.New(ctx)
	} else {
		inner, err = otlpmetrichttp.New(ctx)
	}
	if err != nil {
		return fmt.Errorf("send OTLP: %w", err)
	}
	once := &tellOnce{tell: tell}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { once.failed(err) }))
	p := sdk.NewMeterProvider(
		sdk.WithResource(identity(ctx)),
		sdk.WithReader(sdk.NewPeriodicReader(&toldExporter{inner, once})),
		sdk.WithCardinalityLimit(MaxCells*(len(outcomes)+1)),
		sdk.WithView(sdk.NewView(sdk.Instrument{Kind: sdk.InstrumentKindHistogram}, sdk.Stream{
			Aggregation: sdk.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20},
		})),
	)
	o := &otlpExporter{set: s, provider: p}
	if err := o.instruments(p.Meter("github.com/sallyport/sallyport")); err != nil {
		return fmt.Errorf("send OTLP: %w", err)
	}
	s.exporters = append(s.exporters, o)
	return nil
}

// identity is what sends: what the environment says of it comes last, and counts.
func identity(ctx context.Context) *resource.Resource {
	list := []attribute.KeyValue{attribute.String("service.name", "sallyport-probe")}
	version, _ := build()
	if version != "" {
		list = append(list, attribute.String("service.version", version))
	}
	if host, err := os.Hostname(); err == nil {
		list = append(list, attribute.String("host.name", host))
		if os.Getenv("KUBERNETES_SERVICE_HOST") != "" {
			list = append(list, attribute.String("k8s.pod.name", host)) // a pod's name is its host name, unless spec.hostname says otherwise
		}
	}
	// By convention, names that the downward API is given.
	for key, names := range map[string][]string{
		"k8s.pod.name":       {"POD_NAME", "K8S_POD_NAME"},
		"k8s.namespace.name": {"POD_NAMESPACE", "K8S_NAMESPACE_NAME", "K8S_POD_NAMESPACE"},
		"k8s.node.name":      {"NODE_NAME", "K8S_NODE_NAME"},
		"k8s.pod.uid":        {"POD_UID", "K8S_POD_UID"},
	} {
		for _, name := range names {
			if v := os.Getenv(name); v != "" {
				list = append(list, attribute.String(key, v))
				break
			}
		}
	}
	r, err := resource.New(ctx, resource.WithAttributes(list...), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil || r == nil {
		return resource.NewSchemaless(list...)
	}
	return r
}

// instruments makes the instruments. Their names and units are as the semantic conventions want them: no unit in a name, s for seconds, attributes
// server.*, network.*.
func (o *otlpExporter) instruments(m metric.Meter) error {
	var errs []error
	gauge := func(name, unit, text string) metric.Int64ObservableGauge {
		g, err := m.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(text))
		errs = append(errs, err)
		return g
	}
	counter := func(name, unit, text string) metric.Int64ObservableCounter {
		c, err := m.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(text))
		errs = append(errs, err)
		return c
	}
	outcome := gauge("sallyport.attempt.outcome", "1", "How the last attempt ended: 1 for its outcome, 0 for the others.")
	verdict := gauge("sallyport.attempt.verdict", "1", "What the last attempt shows of what client sockets may do: 1 for its verdict, 0 for the others.")
	unlisted := gauge("sallyport.attempt.unlisted", "{attempt}", "Destinations and sources that are watched and have no series of their own, since there are too many.")
	names := gauge("sallyport.name.addresses", "{address}", "Addresses that a name was resolved to in the last round; 0 where it was not resolved.")
	expiry := gauge("sallyport.tls.certificate.not_after", "s", "When the certificate ends that the server presents, in seconds since 1970.")
	attempts := counter("sallyport.attempts", "{attempt}", "Attempts that were made, by outcome.")
	changes := counter("sallyport.changes", "{change}", "Changes, by target. Those of what flaps count too.")
	rounds := counter("sallyport.rounds", "{round}", "Rounds that ended.")
	missed := counter("sallyport.rounds.missed", "{round}", "Rounds that were left out, since the one before took longer than the interval.")
	var err error
	o.durations, err = m.Float64Histogram("sallyport.attempt.duration", metric.WithUnit("s"), metric.WithDescription("How long the stages of attempts took."))
	errs = append(errs, err)
	_, err = m.RegisterCallback(func(_ context.Context, to metric.Observer) error {
		x := o.set.snapshot()
		for i := range x.cells {
			n := &x.cells[i]
			at := append(place{n.Target, n.Name, n.Addr.String(), n.Protocol.String(), n.Port}.attributes(), attribute.String("sallyport.source", n.Source))
			set := func(g metric.Int64ObservableGauge, key, value string, on bool) {
				v := int64(0)
				if on {
					v = 1
				}
				to.ObserveInt64(g, v, metric.WithAttributes(append(at[:len(at):len(at)], attribute.String(key, value))...))
			}
			is := outcomeIndex(n.State.Outcome.Kind)
			for j, name := range outcomeNames {
				set(outcome, "sallyport.outcome", name, j == is)
			}
			for _, v := range verdicts {
				set(verdict, "sallyport.verdict", v.String(), v == n.State.Verdict)
			}
		}
		for at, end := range x.expiry {
			to.ObserveInt64(expiry, end.Unix(), metric.WithAttributes(at.attributes()...))
		}
		for name, n := range x.names {
			to.ObserveInt64(names, int64(n), metric.WithAttributes(attribute.String("dns.question.name", name)))
		}
		for i, n := range x.attempts {
			to.ObserveInt64(attempts, int64(n), metric.WithAttributes(attribute.String("sallyport.outcome", outcomeNames[i])))
		}
		for t, n := range x.changes {
			to.ObserveInt64(changes, int64(n), metric.WithAttributes(attribute.String("sallyport.target", t)))
		}
		to.ObserveInt64(unlisted, int64(x.unlisted))
		to.ObserveInt64(rounds, int64(x.rounds))
		to.ObserveInt64(missed, int64(x.missed))
		return nil
	}, outcome, verdict, unlisted, names, expiry, attempts, changes, rounds, missed)
	return errors.Join(append(errs, err)...)
}

func (p place) attributes() []attribute.KeyValue {
	server := p.name
	if server == "" {
		server = p.addr
	}
	return []attribute.KeyValue{
		attribute.String("sallyport.target", p.target), attribute.String("server.address", server), attribute.Int("server.port", int(p.port)),
		attribute.String("network.peer.address", p.addr), attribute.String("network.transport", p.protocol),
	}
}

func (o *otlpExporter) duration(target, stage string, d time.Duration) {
	o.durations.Record(context.Background(), d.Seconds(), metric.WithAttributes(attribute.String("sallyport.target", target), attribute.String("sallyport.stage", stage)))
}

func (o *otlpExporter) close() error {
	ctx, stop := context.WithTimeout(context.Background(), sendTimeout)
	defer stop()
	_ = o.provider.Shutdown(ctx) // that it failed was told
	return nil
}

// tellOnce tells of the first failure, and of the first success after one.
type tellOnce struct {
	tell func(string)

	mu   sync.Mutex
	down bool
}

func (t *tellOnce) failed(err error) {
	t.mu.Lock()
	first := !t.down
	t.down = true
	t.mu.Unlock()
	if first {
		t.tell("send OTLP: " + strings.Join(strings.Fields(err.Error()), " ") + ": it is tried again at each interval, and the watch goes on")
	}
}

func (t *tellOnce) worked() {
	t.mu.Lock()
	back := t.down
	t.down = false
	t.mu.Unlock()
	if back {
		t.tell("send OTLP: it works again")
	}
}

// toldExporter keeps failures from whoever else would tell of each.
type toldExporter struct {
	sdk.Exporter
	once *tellOnce
}

func (e *toldExporter) Export(ctx context.Context, m *metricdata.ResourceMetrics) error {
	if err := e.Exporter.Export(ctx, m); err != nil {
		e.once.failed(err)
		return nil
	}
	e.once.worked()
	return nil
}
