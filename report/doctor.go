package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"github.com/sallyport/sallyport/internal/doctor"
)

// doctorMark is what stands before a check. The unknown stand out by not being words.
var doctorMark = map[doctor.Answer]string{doctor.Yes: "yes", doctor.No: "no", doctor.Unknown: "?"}

// Doctor writes what this machine lets sallyport do, for people: the answer first, then what it rests on.
func Doctor(w io.Writer, r *doctor.Report) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "sallyport run works here: %v\n", r.Run)
	for _, because := range r.Because {
		fmt.Fprintf(b, "  because  %s\n", because)
	}
	for _, change := range r.Change {
		fmt.Fprintf(b, "  change   %s\n", change)
	}
	width := 0
	for _, c := range r.Checks {
		width = max(width, len(c.Name))
	}
	for _, f := range r.Facts {
		width = max(width, len(f.Name))
	}
	if len(r.Checks) > 0 {
		fmt.Fprintln(b)
	}
	for _, c := range r.Checks {
		fmt.Fprintf(b, "%-3s  %-*s  %s\n", doctorMark[c.OK], width, c.Name, c.Reason)
		if c.Change != "" {
			fmt.Fprintf(b, "%-3s  %-*s  change: %s\n", "", width, "", c.Change)
		}
	}
	if len(r.Facts) > 0 {
		fmt.Fprintln(b)
	}
	for _, f := range r.Facts {
		fmt.Fprintf(b, "     %-*s  %s\n", width, f.Name, f.Value)
	}
	return b.Flush()
}

// DoctorJSON writes what Doctor writes as one JSON document.
func DoctorJSON(w io.Writer, r *doctor.Report) error {
	doc := struct {
		Version int            `json:"version"`
		Run     doctor.Way     `json:"run"`
		Because []string       `json:"because"`
		Change  []string       `json:"change"`
		Checks  []doctor.Check `json:"checks"`
		Facts   []doctor.Fact  `json:"facts"`
	}{1, r.Run, some(r.Because), some(r.Change), some(r.Checks), some(r.Facts)}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(doc)
}

// some is a list that JSON shows as one, even where it is empty.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
