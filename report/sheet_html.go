package report

import (
	_ "embed"
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/sallyport/sallyport/profile/sheet"
)

//go:embed sheet.css
var sheetCSS string

// SheetHTML writes a sheet as one page that needs nothing else: no script, no font, no picture. It prints on one A4 page, and reads on a
// phone, light and dark. It is written by hand, since html/template would make every start of sallyport slower.
func SheetHTML(w io.Writer, s *sheet.Sheet) error {
	h := page{}
	h.raw("<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n<meta name=viewport content=\"width=device-width, initial-scale=1\">\n")
	h.raw("<meta name=color-scheme content=\"light dark\">\n<title>").text("Client sockets in " + s.Name).raw("</title>\n<style>\n" + sheetCSS + "</style>\n")
	h.raw("<header>\n<h1>Client sockets in <em>").text(s.Name).raw("</em></h1>\n")
	if s.Description != "" {
		h.raw("<p>").text(s.Description).raw("</p>\n")
	}
	h.raw("</header>\n<main>\n<section class=answers>\n<dl>\n")
	for _, a := range s.Answers {
		h.raw("<div class=", class(a.Verdict), "><dt>").text(a.Question).raw("</dt><dd>").text(a.Text).refs(a.From).raw("</dd></div>\n")
	}
	h.raw("</dl>\n</section>\n<section class=sources>\n<h2>Do not bind a client socket</h2>\n<table>\n")
	for _, x := range s.Sources {
		h.raw("<tr class=", class(x.Verdict), "><th scope=row>").text(x.Asked)
		if x.Code != "" {
			h.raw(" <code>").text(x.Code).raw("</code>")
		}
		h.raw("</th><td>").text(x.Text).refs(x.From).raw("</td></tr>\n")
	}
	h.raw("</table>\n")
	if len(s.Denials) > 0 {
		h.raw("<h2>What a denied attempt looks like from inside</h2>\n<table>\n")
		for _, d := range s.Denials {
			h.raw("<tr><th scope=row>").text(d.What).raw("</th><td>").text(d.Text).refs(d.From).raw("</td></tr>\n")
		}
		h.raw("</table>\n")
	}
	if len(s.Inside) > 0 {
		h.raw("<h2>By name</h2>\n<table>\n")
		for _, x := range s.Inside {
			h.raw("<tr class=", class(x.Verdict), "><th scope=row>").text(x.Name).raw("</th><td class=port>").text(x.Ports).
				raw("</td><td>").text(x.Text).refs(x.From).raw("</td></tr>\n")
		}
		h.raw("</table>\n")
	}
	h.raw("</section>\n<section class=services>\n")
	h.raw("<h2>What a socket that is not bound reaches</h2>\n<table>\n")
	for _, x := range s.Services {
		h.raw("<tr class=", class(x.Verdict), "><th scope=row>").text(x.Name).raw("</th><td class=port>").text(portOf(&x)).
			raw("</td><td>").text(x.Text).refs(x.From).raw("</td></tr>\n")
	}
	h.raw("</table>\n</section>\n<section class=clients>\n<h2>A right client</h2>\n<div class=code>\n")
	for _, c := range s.Clients {
		h.raw("<figure><figcaption><b>").text(c.Language).raw("</b> without ").text(c.Avoid).raw("</figcaption><pre>").text(c.Code).raw("</pre></figure>\n")
	}
	h.raw("</div>\n</section>\n")
	if len(s.Notes) > 0 {
		h.raw("<section class=rules>\n<h2>What it does not say</h2>\n<ul>\n")
		for _, n := range s.Notes {
			h.raw("<li>").text(n).raw("</li>\n")
		}
		h.raw("</ul>\n</section>\n")
	}
	if len(s.Rules) > 0 {
		h.raw("<section class=rules>\n<h2>Where this comes from</h2>\n<ol>\n")
		for i, r := range s.Rules {
			h.raw(fmt.Sprintf("<li id=r%d>", i+1)).text(r).raw("</li>\n")
		}
		h.raw("</ol>\n</section>\n")
	}
	h.raw("</main>\n</html>\n")
	_, err := io.WriteString(w, h.b.String())
	return err
}

// page is HTML in the making.
type page struct{ b strings.Builder }

func (p *page) raw(parts ...string) *page {
	for _, s := range parts {
		p.b.WriteString(s)
	}
	return p
}

func (p *page) text(s string) *page { return p.raw(html.EscapeString(s)) }

func (p *page) refs(from []int) *page {
	if len(from) == 0 {
		return p
	}
	p.raw("<sup>")
	for i, n := range from {
		if i > 0 {
			p.raw(" ")
		}
		p.raw(fmt.Sprintf("<a href=#r%d>%d</a>", n, n))
	}
	return p.raw("</sup>")
}

// class is a verdict as a class name.
func class(v sheet.Verdict) string { return strings.ReplaceAll(string(v), " ", "-") }
