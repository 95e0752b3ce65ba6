package report

import (
	"io"

	"github.com/sallyport/sallyport/kube"
)

// The shapes of docs/diff.schema.json for objects.
type (
	objectsDiffJSON struct {
		Version   int            `json:"version"`
		A         string         `json:"a"`
		B         string         `json:"b"`
		Equal     bool           `json:"equal"`
		OnlyInA   []string       `json:"workloads_only_a"`
		OnlyInB   []string       `json:"workloads_only_b"`
		Changes   []changeJSON   `json:"changes"`
		ProblemsA []troubledJSON `json:"problems_a"`
		ProblemsB []troubledJSON `json:"problems_b"`
	}
	changeJSON struct {
		Before    string              `json:"before"`
		After     string              `json:"after"`
		From      changeEndJSON       `json:"from"`
		To        changeEndJSON       `json:"to"`
		Protocols map[string][]string `json:"protocols"`
		Rules     []changeRuleJSON    `json:"rules"`
	}
	changeEndJSON struct {
		Workloads []string    `json:"workloads"`
		Addresses []blockJSON `json:"addresses"`
	}
	changeRuleJSON struct {
		From      string              `json:"from"`
		To        string              `json:"to"`
		Protocols map[string][]string `json:"protocols"`
		Before    *decidersJSON       `json:"before"`
		After     *decidersJSON       `json:"after"`
	}
	decidersJSON struct {
		Verdict  string       `json:"verdict"`
		Deciders []chainJSON  `json:"deciders"`
		Reasons  []reasonJSON `json:"reasons"`
	}
)

// JSON writes what Text writes as one JSON document, docs/diff.schema.json.
func (d *ObjectsDiff) JSON(w io.Writer) error {
	doc := objectsDiffJSON{
		Version: 1, A: d.A, B: d.B, Equal: len(d.Changes) == 0, OnlyInA: []string{}, OnlyInB: []string{}, Changes: []changeJSON{},
		ProblemsA: problemsJSON(d.ProblemsA), ProblemsB: problemsJSON(d.ProblemsB),
	}
	for n, name := range d.Names {
		if d.Differences.B[n] == nil {
			doc.OnlyInA = append(doc.OnlyInA, name)
		}
		if d.Differences.A[n] == nil {
			doc.OnlyInB = append(doc.OnlyInB, name)
		}
	}
	for i := range d.Changes {
		c := &d.Changes[i]
		j := changeJSON{
			Before: verdictJSON(c.Before), After: verdictJSON(c.After), From: d.changeEnd(c, c.From), To: d.changeEnd(c, c.To),
			Protocols: protocolsJSON(c.Ports), Rules: []changeRuleJSON{},
		}
		for _, r := range c.Rules {
			j.Rules = append(j.Rules, changeRuleJSON{d.end(r, r.From), d.end(r, r.To), protocolsJSON(r.Ports), decidersJSONOf(r.Before), decidersJSONOf(r.After)})
		}
		doc.Changes = append(doc.Changes, j)
	}
	return writeJSON(w, doc)
}

func (d *ObjectsDiff) changeEnd(c *kube.Change, numbers []int) changeEndJSON {
	end := changeEndJSON{Workloads: []string{}, Addresses: []blockJSON{}}
	if numbers == nil {
		end.Addresses = blocksJSON(c.Addrs)
	}
	for _, n := range numbers {
		end.Workloads = append(end.Workloads, d.Names[n])
	}
	return end
}

func decidersJSONOf(d *kube.Decision) *decidersJSON {
	if d == nil {
		return nil
	}
	out := &decidersJSON{Verdict: verdictJSON(d.Verdict), Deciders: []chainJSON{}, Reasons: []reasonJSON{}}
	for _, c := range decidersOf(d) {
		out.Deciders = append(out.Deciders, consideredJSONOf(c))
	}
	for _, r := range d.Reasons {
		out.Reasons = append(out.Reasons, reasonJSON{r.Field, r.Words, r.File, r.Line})
	}
	return out
}
