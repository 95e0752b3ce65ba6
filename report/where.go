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
	shown := frames
	if !p.o.Verbose {
		shown = readableFrames(frames)
	}
	for _, f := range shown {
		p.item(place(&f), "")
		if f.Text != "" {
			p.item(strings.TrimSpace(f.Text), "  ")
		}
	}
	if more := len(frames) - len(shown); more > 0 {
		p.item(fmt.Sprintf("%d more: --verbose shows them", more), "")
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

// readableFrames are the first of the frames, and of those in a row that are only places in the same file without a name, such as
// "libcurl.so.4+0x16774", one.
func readableFrames(frames []attempt.Frame) (out []attempt.Frame) {
	last := ""
	for _, f := range frames {
		file, _, _ := strings.Cut(f.File, "+0x")
		if f.Line > 0 || f.Function != "" {
			file = ""
		}
		if file == "" || file != last {
			out = append(out, f)
		}
		last = file
	}
	return out[:min(len(out), shownFrames)]
}
