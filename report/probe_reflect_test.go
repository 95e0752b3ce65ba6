package report

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/probe"
)

// TestReflected renders what a reflector saw, and what did not get through to it.
func TestReflected(t *testing.T) {
	m := &probe.Matrix{}
	add := func(text string, kind attempt.Kind, a *probe.Answer, words string) {
		target, err := probe.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		r := probe.Result{Answer: a, Stage: probe.StageHandshake, Outcome: attempt.Outcome{Kind: kind}, Words: words}
		r.Attempt = probe.Attempt{Attempt: attempt.Attempt{Protocol: attempt.TCP, Destination: netip.MustParseAddrPort("203.0.113.9:443")}, Target: &target, Variant: "no bind"}
		r.Judge()
		m.Add(&r)
	}
	seen := &probe.Reflected{
		Seen: netip.MustParseAddrPort("198.51.100.7:40000"), Local: netip.MustParseAddrPort("10.0.0.5:5555"), Reached: netip.MustParseAddrPort("203.0.113.9:443"),
		Out: probe.Passage{Sent: 4096, Came: 4096, Differ: 13}, Back: probe.Passage{Sent: 4096, Came: 4096, Differ: -1}, Changes: []string{"via: 1.1 x was added"},
	}
	add("reflect://203.0.113.9:443", attempt.Connected, &probe.Answer{Service: "reflect", Detail: []string{"seen"}, Reflected: seen}, "")
	add("reflect+tls://203.0.113.9:443", attempt.Connected, &probe.Answer{Service: "reflect-tls", Reflected: seen}, "")
	add("reflect+tls://203.0.113.9:443/a.example", attempt.Reset, nil, "closed without an answer, by something on the way")
	found := &Probe{Observed: &probe.Observed{Name: "here", Matrix: m}}
	var text, doc bytes.Buffer
	if err := ProbeText(&text, found, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"name: a.example in TLS's hello (SNI) does not get through to 203.0.113.9 port 443", "443 reflect+tls/a.example", "connected, then closed without an answer, by something"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, text.String())
		}
	}
	if err := ProbeJSON(&doc, found); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"differ": 13`, `"differ": null`, `"seen": "198.51.100.7:40000"`, `"name": "a.example"`} {
		if !strings.Contains(doc.String(), want) {
			t.Errorf("it does not have %s:\n%s", want, doc.String())
		}
	}
	valid(t, schema(t, "probe.schema.json"), doc.Bytes())
}
