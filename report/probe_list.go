package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

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
	for i := range rows {
		r := &rows[i]
		p.line(p.paint(bold, r.Text))
		what := r.Protocol.String() + ", a connection and what it says first"
		if r.Service != "" {
			what = r.Protocol.String() + ", handshake of " + r.Service
		}
		p.row(fmt.Sprintf("%d attempts", r.Attempts), what)
		p.row("from", strings.Join(joinSources(r.Sources), "; "))
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

func joinSources(names []string) []string { return strings.Split(joinNames(names), "; ") }
