package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sallyport/sallyport/profile/sheet"
)

// SheetText writes a sheet for a terminal.
func SheetText(w io.Writer, s *sheet.Sheet, o TextOptions) error {
	p := &printer{o: o}
	p.line(p.paint(bold, "Client sockets in "+s.Name))
	if s.Description != "" {
		p.wrapped("", 0, "", s.Description)
	}
	p.line("")
	for _, a := range s.Answers {
		p.row(a.Question, a.Text+refs(a.From))
	}
	p.line("")
	p.line(p.paint(bold, "Do not bind a client socket"))
	for _, x := range s.Sources {
		p.row(x.Asked, x.Text+refs(x.From))
	}
	if len(s.Inside) > 0 {
		p.line("")
		p.line(p.paint(bold, "By name"))
		for i := range s.Inside {
			x := &s.Inside[i]
			p.row(x.Name+ports(x), x.Text+refs(x.From))
		}
	}
	p.line("")
	p.line(p.paint(bold, "What reaches what, for a socket that is not bound"))
	for _, g := range alike(s.Services) {
		p.row(g[0].Text+refs(g[0].From), strings.Join(g.names(), ", "))
	}
	if len(s.Denials) > 0 {
		p.line("")
		p.line(p.paint(bold, "What a denied attempt looks like from inside"))
		for _, d := range s.Denials {
			p.row(d.What, d.Text+refs(d.From))
		}
	}
	p.line("")
	p.line(p.paint(bold, "A right client"))
	for _, c := range s.Clients {
		p.line("  " + c.Language + ", without " + c.Avoid)
		for line := range strings.SplitSeq(c.Code, "\n") {
			p.line("    " + line)
		}
	}
	if len(s.Notes) > 0 {
		p.line("")
		p.line(p.paint(bold, "What it does not say"))
		for _, n := range s.Notes {
			p.wrapped("  ", 2, "  ", n)
		}
	}
	if len(s.Rules) > 0 {
		p.line("")
		p.line(p.paint(bold, "Where this comes from"))
		for i, r := range s.Rules {
			p.wrapped(fmt.Sprintf("  [%d] ", i+1), 6, "      ", r)
		}
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

// ports are those of a destination, after a space.
func ports(x *sheet.Inside) string {
	if x.Ports == "" {
		return ""
	}
	return " " + x.Ports
}

// rowWidth is the width of the left column of a sheet.
const rowWidth = 32

// row writes a text beside what it is about.
func (p *printer) row(left, text string) {
	left = "  " + printable(left)
	left += strings.Repeat(" ", max(2, rowWidth-utf8.RuneCountInString(left)))
	p.wrapped(left, utf8.RuneCountInString(left), strings.Repeat(" ", rowWidth), text)
}

// refs are the rules that a statement comes from: " [1, 3]".
func refs(from []int) string {
	if len(from) == 0 {
		return ""
	}
	var out []string
	for _, n := range from {
		out = append(out, strconv.Itoa(n))
	}
	return " [" + strings.Join(out, ", ") + "]"
}

// likeness is services with the same answer.
type likeness []sheet.Service

// alike puts services with the same answer together, in the order in which the answers first come.
func alike(all []sheet.Service) []likeness {
	var out []likeness
next:
	for _, s := range all {
		for i := range out {
			if out[i][0].Text == s.Text && slices.Equal(out[i][0].From, s.From) {
				out[i] = append(out[i], s)
				continue next
			}
		}
		out = append(out, likeness{s})
	}
	return out
}

// names is "HTTPS 443/tcp" for each.
func (l likeness) names() []string {
	var out []string
	for i := range l {
		out = append(out, l[i].Name+" "+portOf(&l[i]))
	}
	return out
}

// portOf is "443/tcp".
func portOf(s *sheet.Service) string { return fmt.Sprintf("%d/%v", s.Port, s.Protocol) }

// SheetJSON writes a sheet for a program, as docs/sheet.schema.json has it.
func SheetJSON(w io.Writer, s *sheet.Sheet) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Version int `json:"version"`
		*sheet.Sheet
	}{1, s})
}

// SheetMarkdown writes a sheet as Markdown with tables, as GitHub's renders it.
func SheetMarkdown(w io.Writer, s *sheet.Sheet) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Client sockets in %s\n\n", md(s.Name))
	if s.Description != "" {
		fmt.Fprintf(&b, "%s\n\n", md(s.Description))
	}
	table(&b, "question", "answer")
	for _, a := range s.Answers {
		fmt.Fprintf(&b, "| **%s** | %s%s |\n", md(a.Question), md(a.Text), md(refs(a.From)))
	}
	fmt.Fprint(&b, "\n## Do not bind a client socket\n\n")
	table(&b, "source asked for", "what becomes of it")
	for _, x := range s.Sources {
		fmt.Fprintf(&b, "| %s | %s%s |\n", md(x.Asked), md(x.Text), md(refs(x.From)))
	}
	if len(s.Inside) > 0 {
		fmt.Fprint(&b, "\n## By name\n\n")
		table(&b, "destination", "ports", "answer")
		for _, x := range s.Inside {
			fmt.Fprintf(&b, "| %s | %s | %s%s |\n", md(x.Name), md(x.Ports), md(x.Text), md(refs(x.From)))
		}
	}
	fmt.Fprint(&b, "\n## What reaches what, for a socket that is not bound\n\n")
	table(&b, "service", "port", "answer")
	for _, x := range s.Services {
		fmt.Fprintf(&b, "| %s | %s | %s%s |\n", md(x.Name), portOf(&x), md(x.Text), md(refs(x.From)))
	}
	if len(s.Denials) > 0 {
		fmt.Fprint(&b, "\n## What a denied attempt looks like from inside\n\n")
		table(&b, "denial", "what the program sees")
		for _, d := range s.Denials {
			fmt.Fprintf(&b, "| %s | %s%s |\n", md(d.What), md(d.Text), md(refs(d.From)))
		}
	}
	fmt.Fprint(&b, "\n## A right client\n")
	for _, c := range s.Clients {
		fmt.Fprintf(&b, "\n%s, without %s:\n\n```%s\n%s\n```\n", md(c.Language), md(c.Avoid), fence(c.Language), c.Code)
	}
	if len(s.Notes) > 0 {
		fmt.Fprint(&b, "\n## What it does not say\n\n")
		for _, n := range s.Notes {
			fmt.Fprintf(&b, "- %s\n", md(n))
		}
	}
	if len(s.Rules) > 0 {
		fmt.Fprint(&b, "\n## Where this comes from\n\n")
		for i, r := range s.Rules {
			fmt.Fprintf(&b, "%d. %s\n", i+1, md(r))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func table(b *strings.Builder, heads ...string) {
	fmt.Fprintf(b, "| %s |\n|%s\n", strings.Join(heads, " | "), strings.Repeat("---|", len(heads)))
}

func fence(language string) string {
	switch language {
	case "Node":
		return "js"
	case "curl":
		return "sh"
	}
	return strings.ToLower(language)
}

var mdEscapes = strings.NewReplacer(`\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "<", "&lt;", "`", "\\`", "[", `\[`, "]", `\]`)

// md is text that Markdown shows as it is.
func md(s string) string { return mdEscapes.Replace(s) }
