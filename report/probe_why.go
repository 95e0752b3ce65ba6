package report

import (
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/diagnose"
)

// why writes what explains failures: the cause, what was seen of it, and the first thing to do.
func (p *printer) why(list []diagnose.Finding) {
	for i := range list {
		f := &list[i]
		p.line("")
		summary := f.Summary
		if f.Count > 1 {
			summary += fmt.Sprintf(" (%d times)", f.Count)
		}
		p.head(f.Cause, summary)
		for _, c := range f.Counterfactuals {
			p.item(c.String(), "")
		}
		if len(f.Remedy) > 0 {
			p.item(f.Remedy[0], "to do: ")
		}
	}
}

// why is the same for the page.
func (p *page) why(list []diagnose.Finding) {
	if len(list) == 0 {
		return
	}
	p.raw("<h2>Why attempts failed</h2>\n<dl>\n")
	for i := range list {
		f := &list[i]
		p.raw("<dt><b>").text(f.Cause).raw("</b>: ").text(f.Summary).raw("</dt>\n")
		for _, c := range f.Counterfactuals {
			p.raw("<dd>").text(c.String()).raw("</dd>\n")
		}
		if len(f.Remedy) > 0 {
			p.raw("<dd>").text("to do: " + f.Remedy[0]).raw("</dd>\n")
		}
	}
	p.raw("</dl>\n")
}

// markdownWhy is the same in Markdown.
func markdownWhy(b *strings.Builder, list []diagnose.Finding) {
	if len(list) == 0 {
		return
	}
	fmt.Fprint(b, "\n## Why attempts failed\n\n")
	for i := range list {
		f := &list[i]
		fmt.Fprintf(b, "- **%s**: %s\n", md(f.Cause), md(f.Summary))
		for _, c := range f.Counterfactuals {
			fmt.Fprintf(b, "  - %s\n", md(c.String()))
		}
		if len(f.Remedy) > 0 {
			fmt.Fprintf(b, "  - to do: %s\n", md(f.Remedy[0]))
		}
	}
}
