package report

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/probe"
)

// nameContrastWords say what a name, TLS or HTTP made of attempts at a reflector.
func nameContrastWords(c *probe.NameContrast) string {
	what := map[string]string{"reflect": "bytes of no known protocol", "reflect-tls": "TLS", "reflect-http": "HTTP"}[c.Service]
	where := fmt.Sprintf("%v port %s", c.Addr, c.Ports())
	end := ended(attempt.TCP, c.Stage, c.Outcome, c.Took)
	if end == "connected" {
		end = "connected, and no answer of the reflector came"
	}
	if c.Name != "" {
		how := map[string]string{"reflect-tls": "in TLS's hello (SNI)", "reflect-http": "in HTTP's Host"}[c.Service]
		return fmt.Sprintf("%s %s does not get through to %s: %s; without that name it does", c.Name, how, where, end)
	}
	if c.Service == "reflect" {
		what += " do not get through to "
	} else {
		what += " does not get through to "
	}
	return what + where + ": " + end + "; by " + c.Other + " it does"
}

// saidName is the name that a target has a reflector asked by, as it stands in the target.
func saidName(r *probe.MatrixRow) string {
	scheme, rest, _ := strings.Cut(r.Target, "://")
	if !strings.HasPrefix(scheme, "reflect") {
		return ""
	}
	if _, name, _ := strings.Cut(rest, "/"); name != "" {
		return "/" + name
	}
	return ""
}

// reflectorWords is endWords, and what may be the reason where a reflector did not answer: it tells nothing to those who do not prove its token.
func reflectorWords(r *probe.MatrixRow, e *probe.End) string {
	if r.Protocol == attempt.UDP && strings.HasPrefix(r.Target, "reflect") && e.Outcome.Kind == attempt.TimedOut && e.Words != "" {
		return ended(e.Protocol, e.Stage, e.Outcome, e.Took) + ": " + e.Words
	}
	return endWords(e)
}

// The shapes of docs/probe.schema.json that reflectors fill.
type (
	probeReflected struct {
		Seen    string       `json:"seen"`
		Local   string       `json:"local"`
		Reached string       `json:"reached"`
		Out     probePassage `json:"out"`
		Back    probePassage `json:"back"`
		Name    string       `json:"name"`
		Said    string       `json:"said"`
		Between string       `json:"between"`
		Changes []string     `json:"changes"`
	}
	probePassage struct {
		Sent   int  `json:"sent"`
		Came   int  `json:"came"`
		Differ *int `json:"differ"`
	}
	probeNameContrast struct {
		Target  string      `json:"target"`
		Other   string      `json:"other"`
		Address string      `json:"address"`
		Ports   [][2]uint16 `json:"ports"`
		Name    string      `json:"name"`
		End     probeEnd    `json:"end"`
	}
)

func reflectedOf(r *probe.Reflected) *probeReflected {
	if r == nil {
		return nil
	}
	text := func(a netip.AddrPort) string {
		if !a.IsValid() {
			return ""
		}
		return a.String()
	}
	return &probeReflected{
		text(r.Seen), text(r.Local), text(r.Reached), passageOf(&r.Out), passageOf(&r.Back), r.Name, r.Said, r.Between, append([]string{}, r.Changes...),
	}
}

func passageOf(p *probe.Passage) probePassage {
	out := probePassage{Sent: p.Sent, Came: p.Came}
	if p.Differ >= 0 {
		out.Differ = &p.Differ
	}
	return out
}

func nameContrastsOf(m *probe.Matrix) []probeNameContrast {
	list := []probeNameContrast{}
	for _, c := range m.NameContrasts() {
		list = append(list, probeNameContrast{c.Target, c.Other, c.Addr.String(), probePorts(c.Ports()), c.Name, endOf(c.Verdict, c.Stage, c.Outcome, c.Layer, c.Took)})
	}
	return list
}
