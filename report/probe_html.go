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
	h.raw("<p class=key><span class=allowed>✓ allowed</span><span class=denied>✗ denied</span><span class=inconclusive>? proves nothing</span><span class=ordinary>– as on every host</span></p>\n")
	h.outstanding(found)
	rows := m.Rows()
	h.heat(rows)
	h.sources(found.Observed.Local, rows)
	h.why(found.Findings)
	h.details(rows)
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
	for _, a := range found.Observed.Matrix.AcceptsAll() {
		list = append(list, acceptsWords(a))
	}
	if n := found.Observed.Matrix.EveryBindFails(); n > 0 {
		list = append(list, everyBindWords(n))
	}
	for _, c := range found.Observed.Matrix.Contrasts() {
		list = append(list, contrastWords(&c))
	}
	list = append(list, proxyLines(found)...)
	for _, c := range found.Observed.Matrix.NameContrasts() {
		list = append(list, nameContrastWords(&c))
	}
	if words := countedWords(found.Observed.Matrix); words != "" {
		list = append(list, words)
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

// cell writes one cell. Ordinary is what happens on every host alike, and is no news.
func (p *page) cell(v probe.Verdict, ordinary bool, text, more string) *page {
	sign := [...]string{probe.Inconclusive: "?", probe.Allowed: "✓", probe.Denied: "✗"}[v]
	class := v.String()
	if ordinary && v != probe.Allowed {
		sign, class = "–", "ordinary"
	}
	p.raw("<td class=", class, " title=\"").text(text+more).raw("\"><b>", sign, "</b> <span>").text(text)
	return p.raw("</span></td>")
}

func (p *page) end(r *probe.MatrixRow, e *probe.End) *page {
	if e == nil {
		return p.raw("<td></td>")
	}
	more := strings.TrimPrefix(endWords(e), ended(e.Protocol, e.Stage, e.Outcome, e.Took))
	return p.cell(e.Verdict, r.Ordinary(e), shortEnd(e), more)
}

// shortEnd is an end in two words at most: what answered, or how it failed.
func shortEnd(e *probe.End) string {
	switch k := e.Outcome.Kind; {
	case k == attempt.Connected && e.Answer != nil && e.Answer.Service != "":
		return e.Answer.Service
	case k == attempt.TimedOut && e.Stage != probe.StageHandshake:
		return "silence"
	case k == attempt.Denied || k == attempt.Failed || k == attempt.Unreachable && e.Outcome.Errno != 0:
		return e.Outcome.Errno.Name()
	case e.Stage == probe.StageHandshake:
		return "no handshake"
	}
	return e.Outcome.Kind.String()
}

// wideGrid is how many columns a grid may have whose cells have words.
const wideGrid = 10

// heat is a grid with a row for each destination and a column for ports that no row divides.
func (p *page) heat(rows []*probe.MatrixRow) {
	var plain []*probe.MatrixRow
	for _, r := range rows {
		if r.Plain() || r.ByProxy() {
			plain = append(plain, r)
		}
	}
	if len(plain) == 0 {
		return
	}
	columns := columnsOf(plain)
	class := ""
	if len(columns) > wideGrid {
		class = " class=signs"
	}
	p.raw("<h2>Destinations, without a bind</h2>\n<div class=grid><table", class, ">\n<thead><tr><th></th>")
	for _, c := range columns {
		p.raw("<th scope=col>").text(c.String()).raw("</th>")
	}
	p.raw("</tr></thead>\n")
	for len(plain) > 0 {
		name := targetText(plain[0])
		same := func(r *probe.MatrixRow) bool { return targetText(r) == name }
		p.raw("<tr><th scope=row>").text(name)
		if plain[0].Origin != "" {
			p.raw("<br><small>").text("named in " + plain[0].Origin).raw("</small>")
		}
		p.raw("</th>")
		for _, c := range columns {
			i := slices.IndexFunc(plain, func(r *probe.MatrixRow) bool { return same(r) && endAt(r, c.first) != nil })
			if i < 0 {
				p.raw("<td></td>")
				continue
			}
			p.end(plain[i], endAt(plain[i], c.first))
		}
		p.raw("</tr>\n")
		plain = slices.DeleteFunc(plain, same)
	}
	p.raw("</table></div>\n")
}

// targetText is a destination, with the scheme that it was given with.
func targetText(r *probe.MatrixRow) string {
	text := destinationText(r) + " " + r.Protocol.String()
	if scheme, _, is := strings.Cut(r.Target, "://"); is && scheme != r.Protocol.String() {
		text = destinationText(r) + " " + scheme
	}
	if r.Via != nil {
		text += ", " + r.Source
	}
	return text
}

// sources is a grid with a row for each way to choose the source: here, without any network, and then to each destination that was tried from
// more than one.
func (p *page) sources(local []probe.LocalRow, rows []*probe.MatrixRow) {
	type place struct{ target, addr, protocol string }
	at := func(r *probe.MatrixRow) place { return place{r.Target, r.At(), r.Protocol.String()} }
	cells := map[place]map[string]*probe.MatrixRow{}
	var places []place
	var names []string
	name := func(n string) {
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	for i := range local {
		name(local[i].Name)
	}
	for _, r := range rows {
		if r.ByProxy() { // has a row among the destinations
			continue
		}
		if cells[at(r)] == nil {
			cells[at(r)] = map[string]*probe.MatrixRow{}
			places = append(places, at(r))
		}
		cells[at(r)][r.Source] = r
		name(r.Source)
	}
	places = slices.DeleteFunc(places, func(x place) bool { return len(cells[x]) < 2 })
	p.raw("<h2>Sources</h2>\n<div class=grid><table>\n<thead><tr><th></th><th scope=col>here, tcp</th><th scope=col>here, udp</th>")
	columns := map[place][]column{}
	for _, x := range places {
		var of []*probe.MatrixRow
		for _, r := range cells[x] {
			of = append(of, r)
		}
		columns[x] = columnsOf(of)
		for _, c := range columns[x] {
			p.raw("<th scope=col>").text(targetText(of[0]) + " " + c.String()).raw("</th>")
		}
	}
	p.raw("</tr></thead>\n")
	last := ""
	for _, n := range names {
		var row page
		i := slices.IndexFunc(local, func(r probe.LocalRow) bool { return r.Name == n })
		if i < 0 {
			row.raw("<td></td><td></td>")
		} else {
			r := &local[i]
			here := both(local, n)
			row.cell(here.TCP.Verdict, r.Ordinary(), endText(&here.TCP), "").cell(here.UDP.Verdict, r.Ordinary(), endText(&here.UDP), "")
		}
		for _, x := range places {
			for _, c := range columns[x] {
				r := cells[x][n]
				if r == nil {
					row.raw("<td></td>")
					continue
				}
				row.end(r, endAt(r, c.first))
			}
		}
		if text := row.b.String(); !strings.HasSuffix(n, ", port at connect") || text != last { // the same with IP_BIND_ADDRESS_NO_PORT is no news
			p.raw("<tr><th scope=row>").text(n).raw("</th>", text, "</tr>\n")
			last = text
		}
	}
	p.raw("</table></div>\n")
}

// both is the row of a source of that name; where it is one of each family, the one that is not as it should be.
func both(local []probe.LocalRow, name string) *probe.LocalRow {
	var found *probe.LocalRow
	for i := range local {
		if r := &local[i]; r.Name == name && (found == nil || found.Ordinary() && !r.Ordinary()) {
			found = r
		}
	}
	return found
}

// details is a table of all that was found, for reading.
func (p *page) details(rows []*probe.MatrixRow) {
	if len(rows) == 0 {
		return
	}
	p.raw("<details><summary>In words</summary>\n<table class=words>\n")
	for _, d := range probeDestinations(rows) {
		for _, l := range d.lines(true) {
			p.raw("<tr><th scope=row>").text(d.head).raw("</th><td class=plain>").text(l.ports).raw("</td><td class=", l.verdict.String(), ">").text(l.verdict.String())
			p.raw("</td><td class=plain>").text(joinNames(l.sources) + ": " + l.text).raw("</td></tr>\n")
		}
	}
	p.raw("</table></details>\n")
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
