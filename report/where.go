package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/diagnose"
)

// shownFrames is how many frames of a stack are shown without Verbose: the call, and who called for it.
const shownFrames = 6

// where writes the lines of source that made a call, innermost first. Those of the language's own library are left out without
// Verbose, but for the call itself: nobody can change them.
func where(p *printer, finding *diagnose.Finding) {
	if finding.WhereTold {
		p.section("where it learned of it")
	} else {
		p.section("where")
	}
	frames := finding.Where
	var through *attempt.Frame
	if !p.o.Verbose && frames[0].Standard {
		if own := slices.DeleteFunc(slices.Clone(frames), func(f attempt.Frame) bool { return f.Standard }); len(own) > 0 {
			through, frames = &frames[0], own
		}
	}
	for i, f := range frames {
		if i == shownFrames && !p.o.Verbose {
			p.item(fmt.Sprintf("%d more: --verbose shows them", len(frames)-shownFrames), "")
			break
		}
		p.item(place(&f), "")
		if f.Text != "" {
			p.item(strings.TrimSpace(f.Text), "  ")
		}
	}
	if through != nil {
		p.item("by way of "+place(through), "")
	}
}

// place is "connection.py:60 in Factory.connect". Java and stripped programs may have functions of no known file or line.
func place(f *attempt.Frame) string {
	if f.File == "" {
		return f.Function
	}
	at := f.File
	if f.Line > 0 {
		at += fmt.Sprintf(":%d", f.Line)
	}
	if f.Function != "" {
		at += " in " + f.Function
	}
	return at
}
