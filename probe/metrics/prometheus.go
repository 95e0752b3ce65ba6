package metrics

import (
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/sallyport/sallyport/probe"
)

// The names follow https://prometheus.io/docs/practices/naming: base units, and _total for counters. A state that is one of several is a gauge for each,
// of which one is 1, as OpenMetrics' StateSet and kube-state-metrics have it.
var (
	cellLabels = []string{"target", "name", "address", "protocol", "port", "source"}

	outcomeDesc = prometheus.NewDesc("sallyport_attempt_outcome",
		"How the last attempt ended: 1 for its outcome, 0 for the others.", append(cellLabels[:len(cellLabels):len(cellLabels)], "outcome"), nil)
	verdictDesc = prometheus.NewDesc("sallyport_attempt_verdict",
		"What the last attempt shows of what client sockets may do: 1 for its verdict, 0 for the others.", append(cellLabels[:len(cellLabels):len(cellLabels)], "verdict"), nil)
	unlistedDesc = prometheus.NewDesc("sallyport_attempts_unlisted",
		"Destinations and sources that are watched and have no series of their own, since there are too many.", nil, nil)
	attemptsDesc = prometheus.NewDesc("sallyport_attempts_total", "Attempts that were made, by outcome. Second tries count.", []string{"outcome"}, nil)
	changesDesc  = prometheus.NewDesc("sallyport_changes_total", "Changes, by target. Those of what flaps count too.", []string{"target"}, nil)
	roundsDesc   = prometheus.NewDesc("sallyport_rounds_total", "Rounds that ended.", nil, nil)
	missedDesc   = prometheus.NewDesc("sallyport_rounds_missed_total", "Rounds that were left out, since the one before took longer than the interval.", nil, nil)
	tookDesc     = prometheus.NewDesc("sallyport_round_duration_seconds", "How long the last round took.", nil, nil)
	lastDesc     = prometheus.NewDesc("sallyport_last_round_timestamp_seconds", "When the last round ended.", nil, nil)
	namesDesc    = prometheus.NewDesc("sallyport_name_addresses", "Addresses that a name was resolved to in the last round; 0 where it was not resolved.", []string{"name"}, nil)
	expiryDesc   = prometheus.NewDesc("sallyport_tls_certificate_not_after_timestamp_seconds",
		"When the certificate ends that the server presents.", []string{"target", "name", "address", "protocol", "port"}, nil)
	buildDesc = prometheus.NewDesc("sallyport_build_info", "1, with what this program was built from.", []string{"version", "revision", "goversion"}, nil)
)

// prometheusExporter is a set as Prometheus asks for it.
type prometheusExporter struct {
	set       *Set
	durations *prometheus.HistogramVec
	registry  *prometheus.Registry
	server    *server
}

func newPrometheus(s *Set) *prometheusExporter {
	p := &prometheusExporter{set: s, registry: prometheus.NewRegistry()}
	p.durations = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "sallyport_attempt_duration_seconds",
		Help: "How long the stages of attempts took: resolve, connect, tls and handshake.",
		// Those who do not ask for native histograms get these.
		Buckets:                         []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  100,
		NativeHistogramMinResetDuration: time.Hour,
	}, []string{"target", "stage"})
	p.registry.MustRegister(p, p.durations, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return p
}

func (p *prometheusExporter) duration(target, stage string, d time.Duration) {
	p.durations.WithLabelValues(target, stage).Observe(d.Seconds())
}

func (p *prometheusExporter) close() error { return p.server.close() }

// Describe is prometheus.Collector's.
func (p *prometheusExporter) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		outcomeDesc, verdictDesc, unlistedDesc, attemptsDesc, changesDesc, roundsDesc, missedDesc, tookDesc, lastDesc, namesDesc, expiryDesc, buildDesc,
	} {
		c <- d
	}
}

// Collect is prometheus.Collector's.
func (p *prometheusExporter) Collect(c chan<- prometheus.Metric) {
	x := p.set.snapshot()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		c <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		c <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	for i := range x.cells {
		n := &x.cells[i]
		at := []string{n.Target, n.Name, n.Addr.String(), n.Protocol.String(), strconv.Itoa(int(n.Port)), n.Source, ""}
		set := func(d *prometheus.Desc, name string, on bool) {
			at[len(at)-1] = name
			v := 0.0
			if on {
				v = 1
			}
			gauge(d, v, at...)
		}
		is := outcomeIndex(n.State.Outcome.Kind)
		for j, name := range outcomeNames {
			set(outcomeDesc, name, j == is)
		}
		for _, v := range verdicts {
			set(verdictDesc, v.String(), v == n.State.Verdict)
		}
	}
	for i, n := range x.attempts {
		counter(attemptsDesc, n, outcomeNames[i])
	}
	for t, n := range x.changes {
		counter(changesDesc, n, t)
	}
	for name, n := range x.names {
		gauge(namesDesc, float64(n), name)
	}
	for at, end := range x.expiry {
		gauge(expiryDesc, float64(end.Unix()), at.target, at.name, at.addr, at.protocol, strconv.Itoa(int(at.port)))
	}
	gauge(unlistedDesc, float64(x.unlisted))
	counter(roundsDesc, x.rounds)
	counter(missedDesc, x.missed)
	if x.rounds > 0 {
		gauge(tookDesc, x.last.End.Sub(x.last.Begin).Seconds())
		gauge(lastDesc, float64(x.last.End.UnixMilli())/1000)
	}
	version, revision := build()
	gauge(buildDesc, 1, version, revision, runtime.Version())
}

var verdicts = [...]probe.Verdict{probe.Allowed, probe.Denied, probe.Inconclusive}

// build is what this program was built from, as far as it knows.
func build() (version, revision string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "", ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value
		}
	}
	return info.Main.Version, revision
}
