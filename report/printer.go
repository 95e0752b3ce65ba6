package report

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// printer lays text out: a head begins with "sallyport:", sections are indented by two, items by four.
type printer struct {
	b strings.Builder
	o TextOptions
}

const (
	bold   = "\x1b[1m"
	red    = "\x1b[1;31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	reset  = "\x1b[0m"
)

// head writes a first line, "sallyport: label: text"; the label may be empty.
func (p *printer) head(label, text string) {
	prefix, plain := "sallyport: ", "sallyport: "
	if label != "" {
		plain += label + ": "
		prefix += p.paint(red, label) + ": "
	}
	p.wrapped(prefix, utf8.RuneCountInString(plain), "  ", text)
}

func (p *printer) section(title string) { p.line("  " + p.paint(bold, title)) }

// item writes an indented text that may be wrapped, after its bullet.
func (p *printer) item(text, bullet string) {
	indent := 4 + len(bullet)
	p.wrapped("    "+bullet, indent, strings.Repeat(" ", indent), text)
}

func (p *printer) line(s string) { p.b.WriteString(s + "\n") }

func (p *printer) paint(color, s string) string {
	if !p.o.Color {
		return s
	}
	return color + s + reset
}

// wrapped writes text after first, which is firstWidth columns wide, and breaks it at spaces so that no
// line is wider than Width. What stands in backticks is to be pasted, and stays in one piece; so does a
// word that is too long.
func (p *printer) wrapped(first string, firstWidth int, rest, text string) {
	p.b.WriteString(first)
	column, begin := firstWidth, true
	for _, word := range words(printable(text)) {
		n := utf8.RuneCountInString(word)
		switch {
		case begin:
		case p.o.Width > 0 && column+1+n > p.o.Width:
			p.b.WriteString("\n" + rest)
			column = len(rest)
		default:
			p.b.WriteByte(' ')
			column++
		}
		p.b.WriteString(word)
		column += n
		begin = false
	}
	p.b.WriteByte('\n')
}

// words splits at spaces outside backticks.
func words(s string) []string {
	quoted := false
	return strings.FieldsFunc(s, func(r rune) bool {
		if r == '`' {
			quoted = !quoted
		}
		return r == ' ' && !quoted
	})
}

// printable makes control characters harmless: a program's arguments are its own, and the terminal is
// the user's.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
}
