package report

import (
	"bytes"
	"encoding/xml"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/diagnose"
	"github.com/sallyport/sallyport/probe"
	"github.com/sallyport/sallyport/profile"
)

// probed is the case as a probe finds it, and what else a network does: made of results as they are measured.
func probed(t *testing.T) *Probe {
	t.Helper()
	begin := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	place := &probe.Place{Addresses: []netip.Addr{netip.MustParseAddr("172.16.6.170")}, Loopbacks: []netip.Addr{netip.MustParseAddr("127.6.26.1")}, Devices: []string{"lo", "eth0"}}
	m := &probe.Matrix{}
	result := func(v probe.Variant, to netip.AddrPort, protocol attempt.Protocol, target string, stage probe.Stage, o attempt.Outcome, took time.Duration) probe.Result {
		r := probe.Result{Attempt: v.To(to, protocol), Stage: stage, Outcome: o, Begin: begin, Took: took, Tries: 1, AtOnce: o.Errno != 0}
		if target != "" {
			parsed, err := probe.Parse(target)
			if err != nil {
				t.Fatal(err)
			}
			r.Target, r.Name = &parsed, parsed.Host
		}
		return r
	}
	irc := netip.MustParseAddrPort("172.16.6.1:8001")
	outcome := func(v *probe.Variant) (probe.Stage, attempt.Outcome, time.Duration) {
		switch {
		case v.Foreign:
			return probe.StageBind, attempt.OutcomeOf(attempt.EADDRNOTAVAIL), 0
		case v.Source.Kind == attempt.SourceAny, v.Source.Addr.Port() != 0:
			return probe.StageBind, attempt.OutcomeOf(attempt.EACCES), 0
		case v.Source.Kind == attempt.SourceGiven && v.Source.Addr.Addr().IsLoopback(), v.Device == "lo":
			return probe.StageConnect, attempt.Outcome{Kind: attempt.TimedOut}, 3 * time.Second
		}
		return probe.StageDone, attempt.Outcome{Kind: attempt.Connected}, time.Millisecond
	}
	var local []probe.LocalRow
	for _, v := range place.Variants(attempt.IPv4, 40000) {
		row := probe.LocalRow{Variant: v}
		for _, protocol := range []attempt.Protocol{attempt.TCP, attempt.UDP} {
			stage, o, took := outcome(&v)
			if v.Source.Kind == attempt.SourceGiven && stage == probe.StageConnect || v.Device == "lo" { // it does connect here
				stage, o, took = probe.StageDone, attempt.Outcome{Kind: attempt.Connected}, time.Millisecond
			}
			if v.Device == "eth0" {
				stage, o, took = probe.StageConnect, attempt.Outcome{Kind: attempt.TimedOut}, 2*time.Second
			}
			r := result(v, netip.MustParseAddrPort("127.0.0.1:5555"), protocol, "", stage, o, took)
			r.Answer = &probe.Answer{Service: "reflector"}
			r.Judge()
			if protocol == attempt.TCP {
				row.TCP = r
			} else {
				row.UDP = r
			}
		}
		local = append(local, row)
		stage, o, took := outcome(&v)
		r := result(v, irc, attempt.TCP, "irc://banks.freenode.test:8001", stage, o, took)
		if o.Kind == attempt.Connected {
			r.Answer = &probe.Answer{Service: "irc", Version: "banks.freenode.test"}
		}
		r.Judge()
		m.Add(&r)
	}
	plain := probe.Variant{Name: "no bind", Family: attempt.IPv4}
	skew := 90 * time.Second
	for _, end := range []struct {
		port   string
		stage  probe.Stage
		kind   attempt.Outcome
		answer *probe.Answer
		words  string
	}{
		{"443", probe.StageDone, attempt.Outcome{Kind: attempt.Connected}, &probe.Answer{
			Service: "https", Version: "HTTP/1.1 200 OK", Skew: &skew,
			Detail: []string{"TLS 1.3", "certificate issued by Office Proxy CA, which this host does not trust"},
			TLS:    &probe.TLS{Version: "TLS 1.3", Issuer: "Office Proxy CA", NotBefore: begin, NotAfter: begin.Add(24 * time.Hour), Faults: []probe.Fault{{Kind: probe.UntrustedIssuer, Words: "issued by Office Proxy CA"}}},
		}, ""},
		{"22", probe.StageConnect, attempt.Outcome{Kind: attempt.TimedOut}, nil, ""},
		{"23", probe.StageConnect, attempt.OutcomeOf(attempt.ECONNREFUSED), nil, ""},
		{"24", probe.StageConnect, attempt.OutcomeOf(attempt.EPERM), nil, ""},
		{"26", probe.StageConnect, attempt.OutcomeOf(attempt.EHOSTUNREACH), nil, ""},
		{"25", probe.StageHandshake, attempt.Outcome{Kind: attempt.Connected}, &probe.Answer{Service: "ssh"}, "speaks ssh, not smtp"},
	} {
		scheme := map[string]string{"443": "https", "25": "smtp"}[end.port]
		if scheme == "" {
			scheme = "tcp"
		}
		r := result(plain, netip.MustParseAddrPort("172.16.6.2:"+end.port), attempt.TCP, scheme+"://api.example.test:"+end.port, end.stage, end.kind, 3*time.Second)
		r.Answer, r.Words, r.AtOnce = end.answer, end.words, end.port == "24"
		r.Judge()
		m.Add(&r)
	}
	r := result(plain, netip.MustParseAddrPort("172.16.6.2:53"), attempt.UDP, "udp://172.16.6.2:53", probe.StageHandshake, attempt.Outcome{Kind: attempt.TimedOut}, 3*time.Second)
	r.Judge()
	m.Add(&r)
	return &Probe{Observed: &probe.Observed{Name: "ex-std-node1", Place: place, Local: local, Matrix: m}, Unresolved: []Unresolved{{"nosuch.example.test:1", "no such host"}}}
}

func probeText(t *testing.T, p *Probe, o TextOptions) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := ProbeLocal(&b, p.Observed.Local, p.All, o); err != nil {
		t.Fatal(err)
	}
	if err := ProbeText(&b, p, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestProbeText(t *testing.T) {
	p := probed(t)
	golden(t, "probe.txt", probeText(t, p, TextOptions{Width: 100}))
	p.All = true
	golden(t, "probe-all.txt", probeText(t, p, TextOptions{Width: 100}))
	for line := range strings.Lines(string(probeText(t, p, TextOptions{Width: 60}))) {
		if n := len([]rune(strings.TrimSpace(line))); n > 72 {
			t.Errorf("%d columns, where words could have been wrapped: %s", n, line)
		}
	}
	var b bytes.Buffer
	if err := ProbeMarkdown(&b, p); err != nil {
		t.Fatal(err)
	}
	golden(t, "probe.md", b.Bytes())
}

func TestProbeMachineForms(t *testing.T) {
	p := probed(t)
	declared := &profile.Profile{Name: "declared"}
	c := p.Observed.Matrix.Compare(declared)
	p.Comparison = &c
	if len(c.Differences) == 0 {
		t.Error("a profile that allows everything differs in nothing from a place that does not")
	}
	var b bytes.Buffer
	if err := ProbeJSON(&b, p); err != nil {
		t.Fatal(err)
	}
	valid(t, schema(t, "probe.schema.json"), b.Bytes())
	for _, want := range []string{`"kind": "untrusted-issuer"`, `"skew": 90`, `"every_bind_fails": 0`, `"target": "nosuch.example.test:1"`} {
		if !bytes.Contains(b.Bytes(), []byte(want)) {
			t.Errorf("the JSON has no %s", want)
		}
	}
	b.Reset()
	if err := ProbeJUnit(&b, p); err != nil {
		t.Fatal(err)
	}
	var suite junitSuite
	if err := xml.Unmarshal(b.Bytes(), &suite); err != nil {
		t.Fatal(err)
	}
	if suite.Failures < len(c.Differences) || suite.Tests != len(suite.Cases) {
		t.Errorf("%d failures of %d, %d differences", suite.Failures, suite.Tests, len(c.Differences))
	}
	b.Reset()
	if err := ProbeHTML(&b, p); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<td class=denied title=\"silence: dropped", "<td class=ordinary", "certificate issued by Office Proxy CA", "differs: "} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if strings.Contains(b.String(), "http://") || strings.Contains(b.String(), "src=") {
		t.Error("the page asks for something else")
	}
}

// TestEveryBindFails tells it only where it is so of each source.
func TestEveryBindFails(t *testing.T) {
	m := &probe.Matrix{}
	place := &probe.Place{Addresses: []netip.Addr{netip.MustParseAddr("172.16.6.170")}}
	to := netip.MustParseAddrPort("172.16.6.1:80")
	add := func(port uint16, works func(*probe.Variant) bool) {
		for _, v := range place.Variants(attempt.IPv4, 40000) {
			r := probe.Result{Attempt: v.To(netip.AddrPortFrom(to.Addr(), port), attempt.TCP), Stage: probe.StageDone, Outcome: attempt.Outcome{Kind: attempt.Connected}}
			if !works(&v) {
				r.Stage, r.Outcome = probe.StageBind, attempt.OutcomeOf(attempt.EACCES)
			}
			r.Judge()
			m.Add(&r)
		}
	}
	add(80, func(v *probe.Variant) bool { return v.Source.Kind == attempt.SourceNone })
	if n := m.EveryBindFails(); n != 1 {
		t.Errorf("%d, want 1", n)
	}
	add(81, func(v *probe.Variant) bool { return v.Source.Kind != attempt.SourceAny })
	add(82, func(*probe.Variant) bool { return false })
	if n := m.EveryBindFails(); n != 1 {
		t.Errorf("%d, want 1", n)
	}
}

// TestProbeWhy has what explains failures in each form for people.
func TestProbeWhy(t *testing.T) {
	p := probed(t)
	p.Findings = []diagnose.Finding{{
		Cause: "port-filtered", Summary: "the probe got no answer from 172.16.6.2:22 <b>", Remedy: []string{"have it allowed", "or not"}, Count: 1,
		Counterfactuals: []diagnose.Counterfactual{{Change: "the same again", Outcome: attempt.Outcome{Kind: attempt.TimedOut}, Took: 3 * time.Second}},
	}}
	forms := map[string]string{"text": string(probeText(t, p, TextOptions{}))}
	var b bytes.Buffer
	if err := ProbeMarkdown(&b, p); err != nil {
		t.Fatal(err)
	}
	forms["markdown"] = b.String()
	b.Reset()
	if err := ProbeHTML(&b, p); err != nil {
		t.Fatal(err)
	}
	forms["html"] = b.String()
	for form, text := range forms {
		for _, want := range []string{"port-filtered", "got no answer from 172.16.6.2:22", "the same again: timed out", "to do: have it allowed"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s has no %q", form, want)
			}
		}
	}
	if strings.Contains(forms["html"], "22 <b>") {
		t.Error("the page takes a finding's words for its own")
	}
}
