package report

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/probe"
)

// rejectionText says who rejected an attempt, as far as what came back tells.
func rejectionText(e *probe.End) string {
	switch words := e.Rejection.Words(); {
	case e.Neighbour:
		return "nobody answers for the next hop: the host, or the router there, is down or not on this network"
	case words != "":
		if e.Layer == probe.LocalFirewall {
			words += ", which is this host itself"
		}
		return words
	}
	return ""
}

// part is a section of what was measured beyond single attempts, the same for each form of output.
type part struct {
	title string
	rows  []partRow
}

type partRow struct {
	left  string
	lines []string
}

const clockTitle = "Clock"

// beyondParts are the sections that have something to tell.
func beyondParts(b *probe.Beyond) []part {
	var parts []part
	add := func(title string, rows []partRow) {
		if len(rows) > 0 {
			parts = append(parts, part{title, rows})
		}
	}
	if f := b.Clock.Finding(); f != nil {
		add(clockTitle, []partRow{{"this host", f.Words}})
	}
	var rows []partRow
	for _, p := range b.Paths {
		rows = append(rows, partRow{pathTo(p), pathLines(p)})
	}
	for _, r := range b.Refusers {
		to := r.To.Addr().String()
		if r.Name != "" {
			to = r.Name + " " + to
		}
		rows = append(rows, partRow{fmt.Sprintf("%s %d/tcp", to, r.To.Port()), []string{r.Words()}})
	}
	for _, m := range b.MTUs {
		if words := m.Words(); words != "" {
			rows = append(rows, partRow{m.Addr.String(), []string{words}})
		}
	}
	add("On the way", rows)
	if b.Names != nil {
		add("Names", nameRows(b.Names))
	}
	return parts
}

func pathTo(p *probe.Path) string {
	to := p.To.Addr().String()
	if p.Name != "" {
		to = p.Name + " " + to
	}
	return fmt.Sprintf("%s %d/%v", to, p.To.Port(), p.Protocol)
}

func pathLines(p *probe.Path) []string {
	b := p.Begins()
	first := b.Words
	if !b.Conclusive && b.Layer != probe.NoLayer && p.Rejected == nil {
		first += " (not certain)"
	}
	lines := []string{first}
	if trail := p.Trail(); trail != "" {
		if p.Ways() {
			trail += "; there are several ways, so that packets of one connection may take another"
		}
		lines = append(lines, "hops: "+trail)
	}
	return append(lines, "next: "+b.Next)
}

func nameRows(n *probe.Names) []partRow {
	c := &n.Conf
	conf := fmt.Sprintf("servers %s", addrsText(c.Servers))
	if len(c.Search) > 0 {
		conf += fmt.Sprintf("; search %s", strings.Join(c.Search, " "))
	}
	conf += fmt.Sprintf("; ndots:%d", c.Ndots)
	if len(n.Order) > 0 {
		conf += "; nsswitch.conf: " + strings.Join(n.Order, ", ")
	}
	rows := []partRow{{c.File, append([]string{conf}, n.Words()...)}}
	for _, l := range n.Lookups {
		lines := l.Words(n)
		if s := &l.System; s.Error != "" {
			lines = append(lines, fmt.Sprintf("this program's own lookup failed after %s: %s", attempt.DurationText(s.Took), s.Error))
		} else {
			lines = append(lines, fmt.Sprintf("this program's own lookup: %s in %s", addrsText(s.Addrs), attempt.DurationText(s.Took)))
		}
		for i := range l.Candidates {
			x := &l.Candidates[i]
			lines = append(lines, fmt.Sprintf("asked for %s: A %s, AAAA %s", x.Name, x.A.Words(), x.AAAA.Words()))
		}
		for i := range l.Servers {
			s := &l.Servers[i]
			if s.Silent() {
				lines = append(lines, fmt.Sprintf("%v: silent, by UDP and TCP", s.Server))
				continue
			}
			lines = append(lines, fmt.Sprintf("%v: A %s; AAAA %s; with EDNS %s; by TCP %s", s.Server, s.A.Words(), s.AAAA.Words(), s.EDNS.Words(), s.TCP.Words()))
		}
		rows = append(rows, partRow{l.Name, lines})
	}
	return rows
}

func addrsText(list []netip.Addr) string {
	var out []string
	for _, a := range list[:min(len(list), 4)] {
		out = append(out, a.String())
	}
	text := strings.Join(out, ", ")
	if n := len(list) - 4; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	if text == "" {
		return "nothing"
	}
	return text
}

// beyond writes the sections for a terminal.
func (p *printer) beyond(b *probe.Beyond) {
	for _, s := range beyondParts(b) {
		if s.title == clockTitle { // stands at the top
			continue
		}
		p.line("")
		p.line(p.paint(bold, s.title))
		for _, r := range s.rows {
			left := r.left
			if len(left) > rowWidth-4 && len(r.lines) > 0 {
				p.line("  " + printable(left))
				left = ""
			}
			for _, line := range r.lines {
				p.row(left, line)
				left = ""
			}
		}
	}
}

// beyondMarkdown is the sections as lists.
func beyondMarkdown(w *strings.Builder, b *probe.Beyond) {
	for _, s := range beyondParts(b) {
		fmt.Fprintf(w, "\n## %s\n\n", s.title)
		for _, r := range s.rows {
			fmt.Fprintf(w, "- %s\n", md(r.left))
			for _, line := range r.lines {
				fmt.Fprintf(w, "  - %s\n", md(line))
			}
		}
	}
}

// beyond is the sections as lists.
func (p *page) beyond(b *probe.Beyond) {
	for _, s := range beyondParts(b) {
		p.raw("<h2>").text(s.title).raw("</h2>\n<dl>\n")
		for _, r := range s.rows {
			p.raw("<dt>").text(r.left).raw("</dt>\n")
			for _, line := range r.lines {
				p.raw("<dd>").text(line).raw("</dd>\n")
			}
		}
		p.raw("</dl>\n")
	}
}
