package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/sallyport/sallyport/diagnose"
)

// TextOptions say how text looks.
type TextOptions struct {
	Color   bool // with escape sequences for a terminal
	Verbose bool // also without a finding, with notes and every life
	Width   int  // columns to wrap at; 0: none
}

// shown is how many findings are shown without Verbose: whoever has more needs the first ones first.
const shown = 10

// shownNotes is how many notes are shown without Verbose.
const shownNotes = 5

// Text writes the report for people. Without findings, and without Verbose, it writes nothing but what
// nobody may miss: warnings, and a bind that asked for a port and was not performed.
func (r *Run) Text(w io.Writer, o TextOptions) error {
	p := &printer{o: o}
	for i := range r.Findings {
		if i == shown && !o.Verbose {
			p.head("", fmt.Sprintf("%d more findings: run it with --verbose, or --output json", len(r.Findings)-shown))
			break
		}
		if i > 0 {
			p.line("")
		}
		r.finding(p, &r.Findings[i])
	}
	r.elisions(p)
	telling, others := r.tellingNotes()
	for _, n := range telling {
		p.head("note", n.Text)
	}
	if (len(r.Findings) > 0 || o.Verbose) && len(others) > 0 {
		r.notes(p, others)
	}
	for _, warning := range r.Warnings {
		p.head("warning", warning)
	}
	if o.Verbose {
		r.lives(p)
		r.lookups(p)
		if len(r.Findings) == 0 {
			p.head("", "no attempt failed that mattered")
		}
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

// finding writes one finding: the answer, what happened, what was tried, what to do.
func (r *Run) finding(p *printer, f *diagnose.Finding) {
	summary := f.Summary
	if f.Count > 1 {
		summary += fmt.Sprintf(" (%d times)", f.Count)
	}
	p.head(f.Cause, summary)
	if len(f.Where) > 0 {
		where(p, f)
	}
	p.section("what happened")
	for _, e := range f.Evidence {
		p.item(e, "")
	}
	if len(f.Counterfactuals) > 0 {
		p.section("tried again, with one thing changed")
		for _, c := range f.Counterfactuals {
			p.item(c.String(), "")
		}
	}
	p.section("what to do")
	for i, s := range f.Remedy {
		p.item(s, fmt.Sprintf("%d. ", i+1))
	}
	p.line("  more: sallyport explain " + f.Cause)
}

// elisions says which binds were not performed. A port of the program's own is always said: the far end
// may look at it.
func (r *Run) elisions(p *printer) {
	binds, always := r.elided(), false
	var list []string
	for _, b := range binds {
		always = always || b.ownPort
		list = append(list, b.String())
	}
	if len(binds) == 0 || !always && !p.o.Verbose && len(r.Findings) == 0 {
		return
	}
	const most = 5
	if len(list) > most {
		list = append(list[:most], fmt.Sprintf("and %d more", len(list)-most))
	}
	text := "not performed, since --without-bind: bind " + strings.Join(list, ", ")
	if always {
		text += "; a port that was asked for is not the one that was used"
	}
	p.head("", text)
}

// tellingNotes are the notes that may say why a program failed, where nothing else does, and all others.
func (r *Run) tellingNotes() (telling, others []diagnose.Note) {
	for _, n := range r.Notes {
		if n.Kind == diagnose.NoteProxy && r.ExitStatus != 0 {
			telling = append(telling, n)
		} else {
			others = append(others, n)
		}
	}
	return telling, others
}

// notes lists what did not matter.
func (r *Run) notes(p *printer, notes []diagnose.Note) {
	if len(r.Findings) > 0 {
		p.line("")
	}
	p.head("", "failed, and did not matter:")
	for i, n := range notes {
		if i == shownNotes && !p.o.Verbose {
			p.item(fmt.Sprintf("%d more: --verbose shows them", len(notes)-shownNotes), "- ")
			break
		}
		text := n.Text
		if n.Count > 1 {
			text += fmt.Sprintf(" (%d times)", n.Count)
		}
		p.item(text, "- ")
	}
}

func (r *Run) lives(p *printer) {
	for _, l := range r.Lives {
		who := "pid ?"
		if l.Process != nil {
			who = fmt.Sprintf("pid %d", l.Process.PID)
			if len(l.Process.Command) > 0 {
				who += " " + diagnose.CommandLine(l.Process.Command)
			}
		}
		p.head("", fmt.Sprintf("%v socket, fd %d of %s", l.Protocol, l.FD, who))
		for i := range l.Steps {
			p.item(l.Steps[i].String(), "")
			if at := l.Steps[i].Where; len(at) > 0 {
				p.item("at "+place(&at[0]), "  ")
			}
		}
	}
	if r.LivesDropped > 0 {
		p.head("", fmt.Sprintf("%d more sockets were seen and not kept", r.LivesDropped))
	}
}
