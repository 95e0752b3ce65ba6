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
	end := ended(c.Stage, c.Outcome, c.Took)
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

// reflectorHead tells the targets of one destination apart, which are asked by other names and protocols.
func reflectorHead(r *probe.MatrixRow) string {
	if strings.HasPrefix(r.Target, "reflect") {
		return ", " + r.Target
	}
	return ""
}

// reflectorHint says what may be the reason where a reflector did not answer: it tells nothing to those who do not prove its token.
func reflectorHint(r *probe.MatrixRow, e *probe.End) string {
	if reflectorHead(r) == "" || e.Words == "" || e.Outcome.Kind == attempt.Connected || e.Stage != probe.StageHandshake {
		return ""
	}
	return "; " + e.Words
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
