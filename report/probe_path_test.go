package report

import (
	"bytes"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/probe"
)

// beyondAll is one of everything that is measured beyond single attempts.
func beyondAll() probe.Beyond {
	a := netip.MustParseAddr
	at := netip.MustParseAddrPort
	answer := func(o attempt.Answer, addrs ...netip.Addr) probe.DNSAnswer {
		return probe.DNSAnswer{Asked: true, Outcome: o, Addrs: addrs, Took: 2 * time.Millisecond, Size: 60}
	}
	return probe.Beyond{
		Paths: []*probe.Path{{
			Name: "db.example", To: at("10.9.0.1:5432"), Protocol: attempt.TCP, Distance: 4, Alive: 22, Left: probe.LeftYes,
			Hops: []probe.Hop{{Silent: []netip.Addr{a("10.1.0.1")}, UDP: []netip.Addr{a("10.1.0.1")}}, {Silent: []netip.Addr{a("10.2.0.1"), a("10.3.0.1")}}, {UDP: []netip.Addr{a("10.4.0.1")}}},
		}},
		Refusers: []*probe.Refuser{{To: at("10.9.0.2:25"), Distance: 3, Hops: 2, Nearer: true}},
		MTUs:     []*probe.PathMTU{{Addr: a("10.9.0.3"), Own: 1500, MTU: 1400, Sure: true, By: a("10.2.0.1")}, {Addr: a("10.9.0.4"), Own: 1500, MTU: 1500}},
		Clock:    probe.Clock{Sources: []probe.ClockSource{{To: at("10.9.0.5:123"), Service: "ntp", Skew: 2 * time.Hour}, {To: at("10.9.0.6:80"), Service: "http", Skew: 2 * time.Hour}}},
		Names: &probe.Names{
			Conf: probe.ResolvConf{File: "/etc/resolv.conf", Servers: []netip.Addr{a("10.0.0.10")}, Search: []string{"svc.cluster.local"}, Ndots: 5, Timeout: 5 * time.Second},
			Lookups: []*probe.NameLookup{{
				Name: "api.example.com",
				Candidates: []probe.Candidate{
					{Name: "api.example.com.svc.cluster.local", A: answer(attempt.LookupNoName), AAAA: answer(attempt.LookupNoName)},
					{Name: "api.example.com", A: answer(attempt.LookupAnswered, a("192.0.2.1")), AAAA: answer(attempt.LookupNoData)},
				},
				Servers: []probe.ServerAnswers{{Server: a("10.0.0.10"), A: answer(attempt.LookupAnswered, a("192.0.2.1")), AAAA: answer(attempt.LookupNoData), EDNS: answer(attempt.LookupAnswered, a("192.0.2.1")), TCP: answer(attempt.LookupSilent), Random: answer(attempt.LookupNoName)}},
				System:  probe.SystemLookup{Addrs: []netip.Addr{a("192.0.2.1")}, Took: 4 * time.Millisecond},
			}},
		},
	}
}

func TestProbeBeyond(t *testing.T) {
	found := probed(t)
	found.Observed.Beyond = beyondAll()
	wants := []string{
		"this host's clock is 2 h 0 min behind: 10.9.0.5:123 by ntp, 10.9.0.6:80 by http say so",
		"silence begins at or after 10.2.0.1 or 10.3.0.1 (hop 2 of 4); other packets come as far as 10.4.0.1 (hop 3 of 4); port 22 of the same host answers, so it is a filter for tcp port 5432",
		"hops: 1 10.1.0.1, 2 10.2.0.1 or 10.3.0.1, 3 10.4.0.1; there are several ways",
		"at hop 2 already, and the host is at hop 3",
		"path MTU 1400 of 1500: 10.2.0.1 says so",
		"the search path costs 4 questions for api.example.com (ndots:5): write api.example.com. with the dot at its end",
		"the resolver 10.0.0.10 answers by UDP and not by TCP",
	}
	for _, form := range []struct {
		name  string
		write func(w *bytes.Buffer) error
	}{
		{"text", func(w *bytes.Buffer) error { return ProbeText(w, found, TextOptions{}) }},
		{"markdown", func(w *bytes.Buffer) error { return ProbeMarkdown(w, found) }},
		{"html", func(w *bytes.Buffer) error { return ProbeHTML(w, found) }},
	} {
		var b bytes.Buffer
		if err := form.write(&b); err != nil {
			t.Fatal(err)
		}
		got := strings.NewReplacer("&#39;", "'", "&#x27;", "'", `\.`, ".", `\_`, "_").Replace(b.String())
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("%s\nwant %q in %s", got, want, form.name)
			}
		}
		if strings.Contains(got, "10.9.0.4") {
			t.Errorf("%s tells what is ordinary", form.name)
		}
	}
	var b bytes.Buffer
	if err := ProbeJSON(&b, found); err != nil {
		t.Fatal(err)
	}
	const docs = "https://github.com/sallyport/sallyport/docs/"
	c := jsonschema.NewCompiler()
	for _, file := range []string{"probe.schema.json", "run.schema.json", "events.schema.json"} {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(mustRead(t, filepath.Join("..", "docs", file))))
		if err == nil {
			err = c.AddResource(docs+file, doc)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	schema, err := c.Compile(docs + "probe.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(&b)
	if err == nil {
		err = schema.Validate(doc)
	}
	if err != nil {
		t.Error(err)
	}
}
