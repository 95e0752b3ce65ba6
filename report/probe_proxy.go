package report

import (
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/probe"
	"github.com/sallyport/sallyport/profile/flowset"
)

// The shapes of docs/probe.schema.json that are about proxies.
type (
	probeWay struct {
		Kind   string      `json:"kind"`
		Target string      `json:"target"`
		Name   string      `json:"name"`
		Ports  [][2]uint16 `json:"ports"`
		Proxy  string      `json:"proxy"`
		Direct *probeEnd   `json:"direct"`
		By     probeEnd    `json:"by"`
		Words  string      `json:"words"`
		Next   []string    `json:"next"`
	}
	probeReading struct {
		Targets []string `json:"targets"`
		Direct  []string `json:"direct"`
		By      []string `json:"by"`
		Reasons []string `json:"reasons"`
		Rules   []string `json:"rules"`
	}
)

var wayKinds = [...]string{probe.OnlyByProxy: "only-by-proxy", probe.OnlyDirect: "only-direct", probe.WantsLogin: "wants-login", probe.Intercepted: "intercepted"}

// proxies writes where ways by proxies differ from the direct one, and where clients take different ones.
func (p *printer) proxies(found *Probe) {
	for _, w := range found.Ways {
		p.head("proxy", wayWords(w))
		for _, next := range w.Next {
			p.item(next, "")
		}
	}
	for _, r := range found.Readings {
		p.head("proxy", readingWords(r))
		for _, s := range append(r.Reasons(), r.Rules()...) {
			p.item(s, "")
		}
	}
}

// proxyLines are the same, a line for each.
func proxyLines(found *Probe) []string {
	var list []string
	for _, w := range found.Ways {
		list = append(list, wayWords(w)+"; "+strings.Join(w.Next, "; "))
	}
	for _, r := range found.Readings {
		list = append(list, readingWords(r)+"; "+strings.Join(append(r.Reasons(), r.Rules()...), "; "))
	}
	return list
}

// wayWords is how the ways to a destination differ, what works first.
func wayWords(w *probe.Way) string {
	to := w.Name + " port " + flowset.PortsOf(w.Ports...).String()
	by := ended(attempt.TCP, w.By.Stage, w.By.Outcome, w.By.Took)
	if w.By.Words != "" {
		by = w.By.Words
	}
	if w.Via.Variable != "" {
		by += ", " + w.Via.Variable + " names it"
	}
	direct := "its name is not found here"
	if w.Direct != nil {
		direct = ended(attempt.TCP, w.Direct.Stage, w.Direct.Outcome, w.Direct.Took)
	}
	switch w.Kind {
	case probe.OnlyByProxy:
		words := fmt.Sprintf("%s: only the proxy %v leads there; directly %s", to, w.Via, direct)
		if w.Via.Variable != "" {
			words += " (" + w.Via.Variable + " names the proxy)"
		}
		return words
	case probe.WantsLogin:
		return fmt.Sprintf("%s: the proxy %v wants a login: %s; directly %s", to, w.Via, by, direct)
	case probe.Intercepted:
		return fmt.Sprintf("%s: the proxy %v reads along: its certificate is issued by %s, directly it is by %s", to, w.Via, w.By.Answer.TLS.Issuer, w.Direct.Answer.TLS.Issuer)
	}
	return fmt.Sprintf("%s: it connects directly; the proxy %v does not lead there: %s", to, w.Via, by)
}

// maxNamed is how many targets a line names.
const maxNamed = 3

func readingWords(r *probe.Reading) string {
	names := strings.Join(r.Targets[:min(len(r.Targets), maxNamed)], ", ")
	if n := len(r.Targets) - maxNamed; n > 0 {
		names += fmt.Sprintf(" and %d more", n)
	}
	var direct, by []string
	for _, x := range r.Direct {
		direct = append(direct, x.Client.String())
	}
	for _, x := range r.By {
		by = append(by, x.Client.String())
	}
	return fmt.Sprintf("%s: clients differ: %s directly, %s by way of the proxy", names, and(direct), and(by))
}

func and(names []string) string {
	if len(names) == 1 {
		return names[0] + " goes"
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1] + " go"
}

func waysOf(list []*probe.Way) []probeWay {
	out := []probeWay{}
	for _, w := range list {
		x := probeWay{wayKinds[w.Kind], w.Target, w.Name, probePorts(flowset.PortsOf(w.Ports...)), w.Via.String(), nil, probeEndOf(w.By), wayWords(w), append([]string{}, w.Next...)}
		if w.Direct != nil {
			e := probeEndOf(w.Direct)
			x.Direct = &e
		}
		out = append(out, x)
	}
	return out
}

func readingsOf(list []*probe.Reading) []probeReading {
	out := []probeReading{}
	for _, r := range list {
		x := probeReading{Targets: r.Targets, Direct: []string{}, By: []string{}, Reasons: append([]string{}, r.Reasons()...), Rules: append([]string{}, r.Rules()...)}
		for _, c := range r.Direct {
			x.Direct = append(x.Direct, c.Client.String())
		}
		for _, c := range r.By {
			x.By = append(x.By, c.Client.String())
		}
		out = append(out, x)
	}
	return out
}

// origins tells where the targets of some rows were named.
func (p *printer) origins(rows []*probe.MatrixRow) {
	last := ""
	for _, r := range rows {
		if r.Origin != last && r.Origin != "" {
			p.wrapped("  named in ", 11, "           ", r.Origin)
		}
		last = r.Origin
	}
}

func viaOf(r *probe.MatrixRow) string {
	if r.Via == nil {
		return ""
	}
	return r.Via.String()
}
