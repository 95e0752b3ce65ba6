package report

import (
	"fmt"

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
