package report

import (
	"fmt"
	"io"
	"slices"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/probe"
)

// PlannedTarget is what would be tried at a target.
type PlannedTarget struct {
	probe.Target
	Sources  []string
	Attempts int // for each address that its name has
}

// ProbeList writes what would be tried, and where each target was named.
func ProbeList(w io.Writer, rows []PlannedTarget, attempts int, o TextOptions) error {
	p := &printer{o: o}
	names := slices.ContainsFunc(rows, func(r PlannedTarget) bool { return r.Host != "" })
	last := ""
	for i := range rows {
		r := &rows[i]
		what := "a connection, and what it says first"
		switch {
		case r.Service != "":
			what = "the handshake of " + r.Service
		case r.Protocol == attempt.UDP:
			what = "an empty datagram"
		}
		p.line(p.paint(bold, r.Text))
		p.row(fmt.Sprintf("%d attempts", r.Attempts), what)
		if from := joinNames(r.Sources); from != last {
			p.row("sources", from)
			last = from
		}
		if r.Origin != "" {
			p.row("named in", r.Origin)
		}
	}
	words := fmt.Sprintf("%d targets, %d attempts", len(rows), attempts)
	if names {
		words += " for one address of each name"
	}
	p.line(words + "; nothing was sent")
	_, err := io.WriteString(w, p.b.String())
	return err
}
