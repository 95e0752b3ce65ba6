package report

import (
	"encoding/json"
	"io"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/diagnose"
)

// The shapes of docs/run.schema.json. They are kept apart from the types of the other packages, so that
// those can change and the document does not.
type (
	runJSON struct {
		Version      int           `json:"version"`
		Program      []string      `json:"program"`
		ExitStatus   int           `json:"exit_status"`
		Findings     []findingJSON `json:"findings"`
		Notes        []noteJSON    `json:"notes"`
		Lives        []lifeJSON    `json:"lives"`
		LivesDropped int           `json:"lives_dropped"`
		Elided       []elidedJSON  `json:"elided"`
		Lookups      []lookupJSON  `json:"lookups"`
		Warnings     []string      `json:"warnings"`
	}
	attemptJSON struct {
		Protocol    string `json:"protocol"`
		Source      string `json:"source"`
		Destination string `json:"destination"`
		Name        string `json:"name"`
		Device      string `json:"device"`
	}
	findingJSON struct {
		Cause           string               `json:"cause"`
		Summary         string               `json:"summary"`
		Attempt         attemptJSON          `json:"attempt"`
		Outcome         string               `json:"outcome"`
		Errno           string               `json:"errno"`
		PID             int                  `json:"pid"`
		FD              int                  `json:"fd"`
		Process         string               `json:"process"`
		Where           []frameJSON          `json:"where"`
		WhereTold       bool                 `json:"where_told"`
		DeniedBy        string               `json:"denied_by"`
		Rule            string               `json:"rule"`
		Evidence        []string             `json:"evidence"`
		Remedy          []string             `json:"remedy"`
		Counterfactuals []counterfactualJSON `json:"counterfactuals"`
		Count           int                  `json:"count"`
		At              string               `json:"at"`
	}
	frameJSON struct {
		File     string `json:"file"`
		Line     int    `json:"line"`
		Function string `json:"function"`
		Standard bool   `json:"standard"`
		Text     string `json:"text"`
	}
	counterfactualJSON struct {
		Change  string      `json:"change"`
		Attempt attemptJSON `json:"attempt"`
		Outcome string      `json:"outcome"`
		Errno   string      `json:"errno"`
		Detail  string      `json:"detail"`
		Took    float64     `json:"took"`
	}
	noteJSON struct {
		Kind    string      `json:"kind"`
		Text    string      `json:"text"`
		Attempt attemptJSON `json:"attempt"`
		Outcome string      `json:"outcome"`
		Errno   string      `json:"errno"`
		PID     int         `json:"pid"`
		Count   int         `json:"count"`
		At      string      `json:"at"`
	}
	lifeJSON struct {
		PID      int               `json:"pid"`
		Process  string            `json:"process"`
		FD       int               `json:"fd"`
		Cookie   uint64            `json:"cookie"`
		Protocol string            `json:"protocol"`
		Family   int               `json:"family"`
		Local    string            `json:"local"`
		Steps    []json.RawMessage `json:"steps"`
	}
	elidedJSON struct {
		Protocol string `json:"protocol"`
		Address  string `json:"address"`
		Count    int    `json:"count"`
	}
)

// JSON writes the report as one JSON document, docs/run.schema.json, and a newline.
func (r *Run) JSON(w io.Writer) error {
	doc := runJSON{
		Version: r.Version, Program: list(r.Program), ExitStatus: r.ExitStatus, LivesDropped: r.LivesDropped,
		Warnings: list(r.Warnings), Findings: make([]findingJSON, 0, len(r.Findings)), Notes: make([]noteJSON, 0, len(r.Notes)),
		Lives: make([]lifeJSON, 0, len(r.Lives)), Elided: []elidedJSON{},
	}
	if doc.Version == 0 {
		doc.Version = Version
	}
	for i := range r.Findings {
		doc.Findings = append(doc.Findings, findingOf(&r.Findings[i]))
	}
	for _, n := range r.Notes {
		doc.Notes = append(doc.Notes, noteJSON{
			Kind: n.Kind, Text: n.Text, Attempt: attemptOf(n.Attempt), Outcome: n.Outcome.Kind.String(), Errno: errnoName(n.Outcome.Errno),
			PID: n.PID, Count: max(n.Count, 1), At: timeText(n.At),
		})
	}
	for _, l := range r.Lives {
		doc.Lives = append(doc.Lives, lifeOf(l))
	}
	doc.Lookups = make([]lookupJSON, 0, len(r.Lookups))
	for i := range r.Lookups {
		doc.Lookups = append(doc.Lookups, lookupOf(&r.Lookups[i]))
	}
	for _, b := range r.elided() {
		doc.Elided = append(doc.Elided, elidedJSON{b.protocol.String(), b.address, b.count})
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(doc)
}

func findingOf(f *diagnose.Finding) findingJSON {
	out := findingJSON{
		Cause: f.Cause, Summary: f.Summary, Attempt: attemptOf(f.Attempt), Outcome: f.Outcome.Kind.String(), Errno: errnoName(f.Outcome.Errno),
		PID: f.PID, FD: f.FD, Process: diagnose.CommandLine(f.Process), DeniedBy: string(f.DeniedBy), Rule: f.Rule, Evidence: list(f.Evidence), Remedy: list(f.Remedy),
		Where: []frameJSON{}, WhereTold: f.WhereTold, Counterfactuals: []counterfactualJSON{}, Count: max(f.Count, 1), At: timeText(f.At),
	}
	for _, w := range f.Where {
		out.Where = append(out.Where, frameJSON(w))
	}
	for _, c := range f.Counterfactuals {
		out.Counterfactuals = append(out.Counterfactuals, counterfactualJSON{
			c.Change, attemptOf(c.Attempt), c.Outcome.Kind.String(), errnoName(c.Outcome.Errno), c.Detail, c.Took.Seconds(),
		})
	}
	return out
}

func attemptOf(a attempt.Attempt) attemptJSON {
	out := attemptJSON{Protocol: a.Protocol.String(), Source: a.Source.String(), Name: a.Name, Device: a.Device}
	if a.Destination.IsValid() {
		out.Destination = a.Destination.String()
	}
	return out
}

func lifeOf(l *attempt.Life) lifeJSON {
	out := lifeJSON{FD: l.FD, Cookie: l.Cookie, Protocol: l.Protocol.String(), Family: int(l.Family), Steps: make([]json.RawMessage, len(l.Steps))}
	if l.Process != nil {
		out.PID, out.Process = l.Process.PID, diagnose.CommandLine(l.Process.Command)
	}
	if l.Local.IsValid() {
		out.Local = l.Local.String()
	}
	for i := range l.Steps {
		out.Steps[i] = append(appendStep([]byte{'{'}, &l.Steps[i]), '}')
	}
	return out
}

// list is a list that is never null.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func errnoName(e attempt.Errno) string {
	if e == 0 {
		return ""
	}
	return e.Name()
}

func timeText(t time.Time) string { return t.Format(time.RFC3339Nano) }
