package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
)

// Check writes the answer to a question for people: the result, then what decides.
func Check(w io.Writer, a profile.Answer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%s: %s\n", a.Result, questionText(a.Question))
	if len(a.Shares) == 1 {
		d := a.Shares[0].By
		fmt.Fprintf(b, "  %s, decided by %s\n", d.Verdict, printable(d.Words()))
	} else {
		for _, s := range a.Shares {
			for part := range s.Flows.All() {
				fmt.Fprintf(b, "  %s: to %s: %s\n", s.By.Verdict, destinations(part.Addrs), transports(part.Transports))
			}
			fmt.Fprintf(b, "    decided by %s\n", printable(s.By.Words()))
		}
	}
	if a.Unbound {
		fmt.Fprintf(b, "  without a bind it is allowed: sallyport run --without-bind, and take the bind out of the program\n")
	}
	if len(a.Chain) > 1 {
		fmt.Fprintf(b, "  considered\n")
		width := 0
		for _, c := range a.Chain {
			width = max(width, len(c.Layer))
		}
		for _, c := range a.Chain {
			fmt.Fprintf(b, "    %-*s  %s\n", width, c.Layer, considered(c))
		}
	}
	return b.Flush()
}

func considered(c profile.Considered) string {
	if c.Rule == nil {
		return c.Verdict.String() + ", no rule matches"
	}
	s := c.Verdict.String() + ", " + c.Rule.Short()
	if c.Rule.Reason != "" {
		s += ": " + c.Rule.Reason
	}
	return printable(s)
}

func questionText(q profile.Question) string {
	to := q.To.String()
	if q.To.IsSingleIP() {
		to = q.To.Addr().String()
	}
	var s string
	switch {
	case q.Protocol == 0:
		s = "every protocol to " + to
	case !profile.FlowProtocol(q.Protocol).HasPorts():
		s = q.Protocol.String() + " to " + to
	case q.Port == profile.EveryPort:
		s = q.Protocol.String() + " to every port of " + to
	case q.To.IsSingleIP():
		a, _ := q.Attempt()
		s = q.Protocol.String() + " to " + a.Destination.String()
	default:
		s = q.Protocol.String() + " to port " + strconv.Itoa(q.Port) + " of " + to
	}
	if q.Source.Kind != attempt.SourceNone {
		s += " from " + q.Source.String()
	}
	return s
}

// The shapes of docs/check.schema.json.
type (
	checkJSON struct {
		Version    int              `json:"version"`
		Result     string           `json:"result"`
		Source     string           `json:"source"`
		To         string           `json:"to"`
		Protocol   string           `json:"protocol"` // "" for every one
		Port       *int             `json:"port"`     // null for every one
		Decisions  []shareJSON      `json:"decisions"`
		Considered []consideredJSON `json:"considered"`
		Unbound    bool             `json:"allowed_without_bind"`
	}
	shareJSON struct {
		Verdict string     `json:"verdict"`
		Allowed bool       `json:"allowed"`
		By      byJSON     `json:"by"`
		Flows   []partJSON `json:"flows"`
	}
	consideredJSON struct {
		Layer   string `json:"layer"`
		Verdict string `json:"verdict"`
		By      byJSON `json:"by"`
	}
)

// CheckJSON writes what Check writes as one JSON document, docs/check.schema.json.
func CheckJSON(w io.Writer, a profile.Answer) error {
	q := a.Question
	doc := checkJSON{
		Version: 1, Result: string(a.Result), Source: q.Source.String(), To: q.To.String(), Unbound: a.Unbound,
		Decisions: []shareJSON{}, Considered: []consideredJSON{},
	}
	if q.Protocol != 0 {
		doc.Protocol = q.Protocol.String()
	}
	if q.Port != profile.EveryPort {
		doc.Port = &q.Port
	}
	for _, s := range a.Shares {
		doc.Decisions = append(doc.Decisions, shareJSON{s.By.Verdict.String(), !s.By.Verdict.Denies(), byOf(s.By.By()), partsOf(s.Flows)})
	}
	for _, c := range a.Chain {
		doc.Considered = append(doc.Considered, consideredJSON{c.Layer, c.Verdict.String(), byOf(c.By())})
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(doc)
}
