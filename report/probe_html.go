package report

import (
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/probe"
)

//go:embed probe.css
var probeCSS string

// ProbeHTML writes it as one page that needs nothing else: a grid for each destination, a row for each source, a cell for ports that end
// alike, coloured by its verdict, which its sign tells as well.
func ProbeHTML(w io.Writer, found *Probe) error {
	h := page{}
	m := found.Observed.Matrix
	h.raw("<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n<meta name=viewport content=\"width=device-width, initial-scale=1\">\n")
	h.raw("<meta name=color-scheme content=\"light dark\">\n<title>").text("What client sockets may do on " + found.Observed.Name).raw("</title>\n<style>\n" + probeCSS + "</style>\n")
	h.raw("<h1>What client sockets may do on ").text(found.Observed.Name).raw("</h1>\n")
	if m.Attempts > 0 {
		h.raw("<p>").text(fmt.Sprintf("%d attempts, %s to %s", m.Attempts, m.Begin.UTC().Format(time.RFC3339), m.End.UTC().Format(time.RFC3339))).raw("</p>\n")
	}
	h.raw("<p class=key><span class=allowed>✓ allowed</span><span class=denied>✗ denied</span><span class=inconclusive>? proves nothing</span></p>\n")
	h.outstanding(found)
	h.raw("<h2>Without any network</h2>\n<div class=grid><table>\n<thead><tr><th></th><th>tcp</th><th>udp</th></tr></thead>\n")
	for i := range found.Observed.Local {
		r := &found.Observed.Local[i]
		h.raw("<tr><th scope=row>").text(r.Name + ", " + r.Family.String()).raw("</th>")
		h.cell(r.TCP.Verdict, endText(&r.TCP), "").cell(r.UDP.Verdict, endText(&r.UDP), "").raw("</tr>\n")
	}
	h.raw("</table></div>\n")
	rows := m.Rows()
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n].Target == rows[0].Target && rows[n].Addr == rows[0].Addr && rows[n].Protocol == rows[0].Protocol {
			n++
		}
		h.destination(rows[:n])
		rows = rows[n:]
	}
	h.beyond(&found.Observed.Beyond)
	h.raw("</html>\n")
	_, err := io.WriteString(w, h.b.String())
	return err
}

// outstanding lists what stands out.
func (p *page) outstanding(found *Probe) {
	var list []string
	if c := found.Comparison; c != nil {
		for _, d := range c.Differences {
			list = append(list, "differs: "+differenceWords(d)+"; likely "+d.Reason)
		}
	}
	for i := range found.Unmet {
		list = append(list, "not as expected: "+unmetWords(&found.Unmet[i]))
	}
	for _, c := range found.Observed.Matrix.Contrasts() {
		list = append(list, contrastWords(&c))
	}
	for _, u := range found.Unresolved {
		list = append(list, u.Target+": "+u.Error)
	}
	if len(list) == 0 {
		return
	}
	p.raw("<ul>\n")
	for _, s := range list {
		p.raw("<li>").text(s).raw("</li>\n")
	}
	p.raw("</ul>\n")
}

func (p *page) cell(v probe.Verdict, text, small string) *page {
	sign := [...]string{probe.Inconclusive: "?", probe.Allowed: "✓", probe.Denied: "✗"}[v]
	p.raw("<td class=", v.String(), "><b>", sign, "</b>").text(text)
	if small != "" {
		p.raw("<br><small>").text(small).raw("</small>")
	}
	return p.raw("</td>")
}

// destination is the grid of one destination. Its columns are ranges of ports that no row divides.
func (p *page) destination(rows []*probe.MatrixRow) {
	head := rows[0].Addr.String()
	if rows[0].Name != "" {
		head = rows[0].Name + " (" + head + ")"
	}
	p.raw("<h2>").text(head + " by " + rows[0].Protocol.String()).raw("</h2>\n<div class=grid><table>\n")
	columns := columnsOf(rows)
	p.raw("<thead><tr><th></th>")
	for _, c := range columns {
		p.raw("<th>").text(c.String()).raw("</th>")
	}
	p.raw("</tr></thead>\n")
	for _, r := range rows {
		p.raw("<tr><th scope=row>").text(r.Source).raw("</th>")
		for _, c := range columns {
			e := endAt(r, c.first)
			if e == nil {
				p.raw("<td></td>")
				continue
			}
			small := ""
			if e.Answer != nil {
				small = strings.TrimPrefix(answerText(e.Answer), ", ")
			}
			if e.Outcome.Kind != attempt.Connected && e.Layer != probe.NoLayer {
				small = e.Layer.String()
			}
			p.cell(e.Verdict, ended(e.Stage, e.Outcome, e.Took), small)
		}
		p.raw("</tr>\n")
	}
	p.raw("</table></div>\n")
}

type column struct{ first, last uint16 }

func (c column) String() string {
	if c.first == c.last {
		return fmt.Sprint(c.first)
	}
	return fmt.Sprintf("%d-%d", c.first, c.last)
}

func columnsOf(rows []*probe.MatrixRow) []column {
	begins := map[int]bool{}
	for _, r := range rows {
		for _, e := range r.Ends {
			for first, last := range e.Ports().Ranges() {
				begins[int(first)], begins[int(last)+1] = true, true
			}
		}
	}
	edges := make([]int, 0, len(begins))
	for e := range begins {
		edges = append(edges, e)
	}
	slices.Sort(edges)
	var columns []column
	for i := 0; i+1 < len(edges); i++ {
		c := column{uint16(edges[i]), uint16(edges[i+1] - 1)}
		if slices.ContainsFunc(rows, func(r *probe.MatrixRow) bool { return endAt(r, c.first) != nil }) {
			columns = append(columns, c)
		}
	}
	return columns
}

func endAt(r *probe.MatrixRow, port uint16) *probe.End {
	for _, e := range r.Ends {
		if e.Ports().Contains(port) {
			return e
		}
	}
	return nil
}
