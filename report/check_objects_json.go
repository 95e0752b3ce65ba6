package report

import (
	"encoding/json"
	"io"
	"net/netip"
	"strings"

	"github.com/sallyport/sallyport/kube"
	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/profile/flowset"
)

// The shapes of docs/check.schema.json for objects.
type (
	objectsJSON struct {
		Version   int            `json:"version"`
		Result    string         `json:"result"`
		From      endJSON        `json:"from"`
		To        endJSON        `json:"to"`
		Protocol  string         `json:"protocol"` // "" for every one
		Port      *int           `json:"port"`     // null for every one
		Decisions []portsJSON    `json:"decisions"`
		Notes     []string       `json:"notes"`
		Problems  []troubledJSON `json:"problems"`
	}
	endJSON struct {
		Text      string `json:"text"`
		Kind      string `json:"kind"` // of an object; "" for what is none
		Namespace string `json:"namespace"`
		Name      string `json:"name"` // of an object, or a DNS name
		Addresses string `json:"addresses"`
		File      string `json:"file"`
		Line      int    `json:"line"`
	}
	portsJSON struct {
		Protocols map[string][]string `json:"protocols"`
		decisionJSON
	}
	decisionJSON struct {
		Verdict  string            `json:"verdict"`
		Egress   string            `json:"egress"`
		Ingress  string            `json:"ingress"`
		Reasons  []reasonJSON      `json:"reasons"`
		Chain    []chainJSON       `json:"chain"`
		Parts    []decidedPartJSON `json:"parts"`
		Remedies []remedyJSON      `json:"remedies"`
		Notes    []string          `json:"notes"`
	}
	decidedPartJSON struct {
		To        string   `json:"to"`
		Workload  string   `json:"workload"`
		Addresses []string `json:"addresses"`
		decisionJSON
	}
	reasonJSON struct {
		Field string `json:"field"`
		Words string `json:"words"`
		File  string `json:"file"`
		Line  int    `json:"line"`
	}
	chainJSON struct {
		Direction string `json:"direction"`
		Layer     string `json:"layer"`
		Object    string `json:"object"`
		Rule      int    `json:"rule"`
		Name      string `json:"name"`
		Says      string `json:"says"`
		Words     string `json:"words"`
		Decides   bool   `json:"decides"`
		File      string `json:"file"`
		Line      int    `json:"line"`
	}
	remedyJSON struct {
		Direction string `json:"direction"`
		Object    string `json:"object"`
		Words     string `json:"words"`
		YAML      string `json:"yaml"`
		File      string `json:"file"`
		Line      int    `json:"line"`
	}
	troubledJSON struct {
		Severity string `json:"severity"`
		Object   string `json:"object"`
		What     string `json:"what"`
		File     string `json:"file"`
		Line     int    `json:"line"`
	}
)

// JSON writes what Text writes, with all that was considered, as one JSON document, docs/check.schema.json.
func (c *ObjectsCheck) JSON(w io.Writer) error {
	doc := objectsJSON{
		Version: 1, Result: verdictJSON(c.Verdict), From: originJSON(c.From), To: destinationJSON(c.To.Destination),
		Decisions: []portsJSON{}, Notes: c.notes(), Problems: problemsJSON(c.Problems),
	}
	if doc.Notes == nil {
		doc.Notes = []string{}
	}
	if c.To.Protocol != kube.AnyProtocol {
		doc.Protocol = strings.ToLower(c.To.Protocol.String())
	}
	if c.To.Port != 0 {
		port := int(c.To.Port)
		doc.Port = &port
	}
	for i := range c.Shares {
		doc.Decisions = append(doc.Decisions, portsJSON{protocolsJSON(c.Shares[i].Transports), decided(&c.Shares[i].Decision)})
	}
	return writeJSON(w, doc)
}

func writeJSON(w io.Writer, doc any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(doc)
}

// verdictJSON is one word, as profiles' results are.
func verdictJSON(v kube.Verdict) string {
	if v == kube.Partly {
		return "partly"
	}
	return v.String()
}

func originJSON(o kube.Origin) endJSON {
	if o.Workload != nil {
		return objectJSON(&o.Workload.Meta)
	}
	return endJSON{Text: o.Addr.String(), Addresses: o.Addr.String()}
}

func destinationJSON(d kube.Destination) endJSON {
	switch {
	case d.Workload != nil:
		return objectJSON(&d.Workload.Meta)
	case d.Service != nil:
		return objectJSON(&d.Service.Meta)
	case d.Name != "":
		return endJSON{Text: d.Name, Name: d.Name}
	}
	s := destinationWords(d)
	return endJSON{Text: s, Addresses: s}
}

func objectJSON(m *kube.Meta) endJSON {
	return endJSON{Text: m.String(), Kind: m.Kind, Namespace: m.Namespace, Name: m.Name, File: m.File, Line: m.Line}
}

func decided(d *kube.Decision) decisionJSON {
	out := decisionJSON{
		Verdict: verdictJSON(d.Verdict),
		Reasons: []reasonJSON{}, Chain: []chainJSON{}, Parts: []decidedPartJSON{}, Remedies: []remedyJSON{}, Notes: []string{},
	}
	if d.Egress != kube.Undecidable || d.Ingress != kube.Undecidable || d.Verdict == kube.Undecidable && len(d.Parts) == 0 {
		out.Egress, out.Ingress = verdictJSON(d.Egress), verdictJSON(d.Ingress)
	}
	for _, r := range d.Reasons {
		out.Reasons = append(out.Reasons, reasonJSON{r.Field, r.Words, r.File, r.Line})
	}
	for _, c := range d.Chain {
		out.Chain = append(out.Chain, consideredJSONOf(c))
	}
	for i := range d.Parts {
		p := &d.Parts[i]
		part := decidedPartJSON{To: p.To, Addresses: prefixStrings(p.Addrs), decisionJSON: decided(&p.Decision)}
		if p.Workload != nil {
			part.Workload = p.Workload.String()
		}
		out.Parts = append(out.Parts, part)
	}
	for _, r := range d.Remedies {
		words, paste := remedyWords(r)
		out.Remedies = append(out.Remedies, remedyJSON{r.Direction.String(), r.Object, words, strings.Join(paste, "\n"), r.File, r.Line})
	}
	out.Notes = append(out.Notes, d.Notes...)
	return out
}

func consideredJSONOf(c kube.Considered) chainJSON {
	return chainJSON{c.Direction.String(), c.Layer.String(), c.Object, c.Rule, c.Name, c.Says.String(), c.Words, c.Decides, c.File, c.Line}
}

func prefixStrings(list []netip.Prefix) []string {
	out := []string{}
	for _, p := range list {
		out = append(out, p.String())
	}
	return out
}

func problemsJSON(list []kube.Problem) []troubledJSON {
	out := []troubledJSON{}
	for _, p := range list {
		out = append(out, troubledJSON{p.Severity.String(), p.Object, p.What, p.File, p.Line})
	}
	return out
}

// protocolsJSON is each protocol with its ports and port ranges.
func protocolsJSON(t flowset.Transports) map[string][]string {
	out := map[string][]string{}
	for p, ports := range t.All() {
		ranges := []string{}
		if p.HasPorts() {
			for first, last := range ports.Ranges() {
				ranges = append(ranges, profile.PortRange{First: first, Last: last}.String())
			}
		}
		out[p.String()] = ranges
	}
	return out
}
