package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"github.com/sallyport/sallyport/kube/convert"
)

// ConvertLosses writes what objects cannot say of a profile, one line each, what changes what is allowed first; and the notes.
func ConvertLosses(w io.Writer, r *convert.Result) error {
	b := bufio.NewWriter(w)
	for i := range r.Lost {
		l := &r.Lost[i]
		how := "lost"
		switch {
		case l.Changes && l.Maybe:
			how = "may change what is allowed"
		case l.Changes:
			how = "changes what is allowed"
		}
		fmt.Fprintf(b, "sallyport: %s (%s): %s\n", how, l.Kind, printable(l.String()))
	}
	for _, n := range r.Notes {
		fmt.Fprintf(b, "sallyport: note: %s\n", printable(n))
	}
	return b.Flush()
}

// The shapes of docs/convert.schema.json.
type (
	convertJSON struct {
		Version int              `json:"version"`
		To      string           `json:"to"`
		Profile string           `json:"profile"`
		Objects []convert.Object `json:"objects"`
		Lost    []lossJSON       `json:"lost"`
		Notes   []string         `json:"notes"`
	}
	lossJSON struct {
		Kind    string     `json:"kind"`
		Words   string     `json:"words"`
		Changes bool       `json:"changes"`
		Certain bool       `json:"certain"`
		Rules   []byJSON   `json:"rules"`
		Sources string     `json:"sources"`
		Lost    []partJSON `json:"lost"`
		Gained  []partJSON `json:"gained"`
	}
)

// ConvertJSON writes objects and what they cannot say as one JSON document, docs/convert.schema.json.
func ConvertJSON(w io.Writer, r *convert.Result) error {
	doc := convertJSON{Version: 1, To: r.Target.Word(), Profile: r.Profile.Name, Objects: r.Objects, Lost: []lossJSON{}, Notes: []string{}}
	doc.Notes = append(doc.Notes, r.Notes...)
	for i := range r.Lost {
		l := &r.Lost[i]
		j := lossJSON{
			Kind: string(l.Kind), Words: l.Words, Changes: l.Changes, Certain: !l.Maybe, Rules: []byJSON{}, Sources: l.Sources,
			Lost: partsOf(l.Lost), Gained: partsOf(l.Gained),
		}
		for k := range l.Rules {
			j.Rules = append(j.Rules, byOf(&l.Rules[k]))
		}
		doc.Lost = append(doc.Lost, j)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(doc)
}
