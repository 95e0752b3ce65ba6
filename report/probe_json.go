package report

import (
	"encoding/json"
	"io"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/diagnose"
	"github.com/sallyport/sallyport/probe"
	"github.com/sallyport/sallyport/profile/flowset"
)

// Probe is all that a probe measured, for the forms that are written at its end.
type Probe struct {
	Observed   *probe.Observed
	Comparison *probe.Comparison // nil where nothing was compared
	Unresolved []Unresolved
	Expected   int // expectations, of which Unmet are not met
	Unmet      []probe.Unmet
	Findings   []diagnose.Finding // why attempts failed, the first ones
	All        bool               // text shows every source, not only those that made a difference
}

// Unresolved is a target that was not tried, since its name was not found.
type Unresolved struct {
	Target, Error string
}

// The shapes of docs/probe.schema.json.
type (
	probeJSON struct {
		Version        int                 `json:"version"`
		Host           string              `json:"host"`
		Begin          *time.Time          `json:"begin"`
		End            *time.Time          `json:"end"`
		Attempts       int                 `json:"attempts"`
		Local          []probeLocal        `json:"local"`
		Contrasts      []probeContrast     `json:"contrasts"`
		Names          []probeNameContrast `json:"names"`
		EveryBindFails int                 `json:"every_bind_fails"`
		AcceptsAll     []string            `json:"accepts_all"`
		Rows           []probeRow          `json:"rows"`
		Findings       []findingJSON       `json:"findings"`
		Unresolved     []probeUnresolved   `json:"unresolved"`
		Differences    []probeDifference   `json:"differences"`
		Expected       int                 `json:"expected"`
		Unmet          []probeUnmet        `json:"unmet"`
	}
	probeUnresolved struct {
		Target string `json:"target"`
		Error  string `json:"error"`
	}
	probeEnd struct {
		Verdict string  `json:"verdict"`
		Stage   string  `json:"stage"`
		Outcome string  `json:"outcome"`
		Errno   string  `json:"errno"`
		Layer   string  `json:"layer"`
		Seconds float64 `json:"seconds"`
	}
	probeLocal struct {
		Source string   `json:"source"`
		Family string   `json:"family"`
		TCP    probeEnd `json:"tcp"`
		UDP    probeEnd `json:"udp"`
	}
	probeContrast struct {
		Sources  []string `json:"sources"`
		End      probeEnd `json:"end"`
		Count    int      `json:"count"`
		Of       int      `json:"of"`
		Example  string   `json:"example"`
		OnlyWith bool     `json:"only_with"`
	}
	probeRow struct {
		Target   string     `json:"target"`
		Name     string     `json:"name"`
		Address  string     `json:"address"`
		Protocol string     `json:"protocol"`
		Source   string     `json:"source"`
		Ends     []probeCut `json:"ends"`
	}
	probeCut struct {
		Ports [][2]uint16 `json:"ports"`
		probeEnd
		Answer *probeAnswer `json:"answer"`
		Words  string       `json:"words"`
	}
	probeAnswer struct {
		Service   string          `json:"service"`
		Version   string          `json:"version"`
		Detail    []string        `json:"detail"`
		Banner    string          `json:"banner"`
		TLS       *probeTLS       `json:"tls"`
		Skew      *float64        `json:"skew"`
		Reflected *probeReflected `json:"reflected"`
	}
	probeTLS struct {
		Version            string       `json:"version"`
		ALPN               string       `json:"alpn"`
		Names              []string     `json:"names"`
		Issuer             string       `json:"issuer"`
		NotBefore          *time.Time   `json:"not_before"`
		NotAfter           *time.Time   `json:"not_after"`
		Faults             []probeFault `json:"faults"`
		AsksForCertificate bool         `json:"asks_for_certificate"`
	}
	probeFault struct {
		Kind  string `json:"kind"`
		Words string `json:"words"`
	}
	probeUnmet struct {
		File   string `json:"file"`
		Line   int    `json:"line"`
		Target string `json:"target"`
		Source string `json:"source"`
		Want   string `json:"want"`
		Got    []struct {
			Destination string `json:"destination"`
			probeEnd
		} `json:"got"`
	}
	probeDifference struct {
		Target   string      `json:"target"`
		Address  string      `json:"address"`
		Protocol string      `json:"protocol"`
		Source   string      `json:"source"`
		Ports    [][2]uint16 `json:"ports"`
		Declared string      `json:"declared"`
		By       string      `json:"by"`
		Observed probeEnd    `json:"observed"`
		Reason   string      `json:"reason"`
	}
)

// ProbeJSON writes it for a program, as docs/probe.schema.json has it.
func ProbeJSON(w io.Writer, p *Probe) error {
	m := p.Observed.Matrix
	doc := probeJSON{
		Version: 1, Host: p.Observed.Name, Attempts: m.Attempts,
		Local: []probeLocal{}, Contrasts: []probeContrast{}, Rows: []probeRow{}, Unresolved: []probeUnresolved{}, Differences: []probeDifference{}, Expected: p.Expected, Unmet: []probeUnmet{},
	}
	if m.Attempts > 0 {
		begin, end := m.Begin.UTC(), m.End.UTC()
		doc.Begin, doc.End = &begin, &end
	}
	for i := range p.Observed.Local {
		r := &p.Observed.Local[i]
		doc.Local = append(doc.Local, probeLocal{r.Name, r.Family.String(), resultEnd(&r.TCP), resultEnd(&r.UDP)})
	}
	doc.EveryBindFails, doc.AcceptsAll = m.EveryBindFails(), []string{}
	for _, a := range m.AcceptsAll() {
		doc.AcceptsAll = append(doc.AcceptsAll, a.String())
	}
	for _, c := range m.Contrasts() {
		doc.Contrasts = append(doc.Contrasts, probeContrast{
			c.Sources, endOf(c.Verdict, c.Stage, c.Outcome, probe.NoLayer, c.Took), c.Count, c.Of, c.Example.String(), c.Verdict == probe.Allowed,
		})
	}
	doc.Names = nameContrastsOf(m)
	for _, r := range m.Rows() {
		row := probeRow{r.Target, r.Name, r.Addr.String(), r.Protocol.String(), r.Source, []probeCut{}}
		for _, e := range r.Ends {
			row.Ends = append(row.Ends, probeCut{probePorts(e.Ports()), probeEndOf(e), answerOf(e.Answer), e.Words})
		}
		doc.Rows = append(doc.Rows, row)
	}
	doc.Findings = []findingJSON{}
	for i := range p.Findings {
		doc.Findings = append(doc.Findings, findingOf(&p.Findings[i]))
	}
	for _, u := range p.Unresolved {
		doc.Unresolved = append(doc.Unresolved, probeUnresolved(u))
	}
	for i := range p.Unmet {
		doc.Unmet = append(doc.Unmet, unmetOf(&p.Unmet[i]))
	}
	if p.Comparison != nil {
		for _, d := range p.Comparison.Differences {
			doc.Differences = append(doc.Differences, probeDifference{
				d.Row.Target, d.Row.Addr.String(), d.Row.Protocol.String(), d.Row.Source, probePorts(d.Ports()),
				d.Declared.Verdict.String(), d.Declared.Words(), probeEndOf(d.End), d.Reason,
			})
		}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(doc)
}

func unmetOf(u *probe.Unmet) probeUnmet {
	x := probeUnmet{File: u.File, Line: u.Line, Target: u.Target.Text, Source: u.Source.String(), Want: u.Want}
	x.Got = make([]struct {
		Destination string `json:"destination"`
		probeEnd
	}, len(u.Results))
	for i := range u.Results {
		x.Got[i].Destination, x.Got[i].probeEnd = u.Results[i].Destination.String(), resultEnd(&u.Results[i])
	}
	return x
}

func probeEndOf(e *probe.End) probeEnd { return endOf(e.Verdict, e.Stage, e.Outcome, e.Layer, e.Took) }

func resultEnd(r *probe.Result) probeEnd {
	return endOf(r.Verdict, r.Stage, r.Outcome, r.Layer, r.Took)
}

func endOf(v probe.Verdict, s probe.Stage, o attempt.Outcome, l probe.Layer, took time.Duration) probeEnd {
	errno := ""
	if o.Errno != 0 {
		errno = o.Errno.Name()
	}
	return probeEnd{v.String(), s.String(), o.Kind.String(), errno, l.String(), took.Seconds()}
}

func answerOf(a *probe.Answer) *probeAnswer {
	if a == nil {
		return nil
	}
	detail := a.Detail
	if detail == nil {
		detail = []string{}
	}
	out := &probeAnswer{Service: a.Service, Version: a.Version, Detail: detail, Banner: a.Banner, TLS: tlsOf(a.TLS), Reflected: reflectedOf(a.Reflected)}
	if a.Skew != nil {
		s := a.Skew.Seconds()
		out.Skew = &s
	}
	return out
}

func tlsOf(t *probe.TLS) *probeTLS {
	if t == nil {
		return nil
	}
	out := &probeTLS{
		Version: t.Version, ALPN: t.ALPN, Names: append([]string{}, t.Names...), Issuer: t.Issuer, Faults: []probeFault{}, AsksForCertificate: t.AsksForCertificate,
	}
	if !t.NotAfter.IsZero() {
		from, to := t.NotBefore.UTC(), t.NotAfter.UTC()
		out.NotBefore, out.NotAfter = &from, &to
	}
	for _, f := range t.Faults {
		out.Faults = append(out.Faults, probeFault{string(f.Kind), f.Words})
	}
	return out
}

func probePorts(p flowset.Ports) [][2]uint16 {
	out := [][2]uint16{}
	for first, last := range p.Ranges() {
		out = append(out, [2]uint16{first, last})
	}
	return out
}
