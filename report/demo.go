package report

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// Demo is the case that sallyport started from, played.
type Demo struct {
	Network string // "namespaces" or "loopback"
	Because string // why it is not namespaces
	Name    string // what the server is called
	Server  netip.AddrPort
	Gear    netip.Addr // the address that the kernel sends from
	Profile string
	Variant string // how the profile differs from the built-in one; "" for not at all
	Runs    []DemoRun
}

// DemoRun is one run of one of the three scripts.
type DemoRun struct {
	Script      int
	Does        string // as a verb phrase
	WithoutBind bool
	Saw         string // what the program wrote
	Outcome     attempt.Outcome
	Local       netip.AddrPort
	Took        time.Duration
	Run         Run // what sallyport has to say of it
}

type (
	demoJSON struct {
		Version int           `json:"version"`
		Network string        `json:"network"`
		Because string        `json:"because"`
		Name    string        `json:"name"`
		Server  string        `json:"server"`
		Profile string        `json:"profile"`
		Variant string        `json:"variant"`
		Runs    []demoRunJSON `json:"runs"`
	}
	demoRunJSON struct {
		Script      int           `json:"script"`
		Does        string        `json:"does"`
		WithoutBind bool          `json:"without_bind"`
		Program     []string      `json:"program"`
		Saw         string        `json:"saw"`
		Outcome     string        `json:"outcome"`
		Errno       string        `json:"errno"`
		Local       string        `json:"local"`
		ExitStatus  int           `json:"exit_status"`
		Took        float64       `json:"took"`
		Findings    []findingJSON `json:"findings"`
	}
)

// JSON writes the demo as one JSON document, docs/demo.schema.json, and a newline.
func (d *Demo) JSON(w io.Writer) error {
	doc := demoJSON{
		Version: Version, Network: d.Network, Because: d.Because, Name: d.Name, Server: d.Server.String(),
		Profile: d.Profile, Variant: d.Variant, Runs: make([]demoRunJSON, 0, len(d.Runs)),
	}
	for i := range d.Runs {
		r := &d.Runs[i]
		out := demoRunJSON{
			Script: r.Script, Does: r.Does, WithoutBind: r.WithoutBind, Program: list(r.Run.Program), Saw: r.Saw,
			Outcome: r.Outcome.Kind.String(), Errno: errnoName(r.Outcome.Errno), ExitStatus: r.Run.ExitStatus,
			Took: r.Took.Seconds(), Findings: make([]findingJSON, 0, len(r.Run.Findings)),
		}
		if r.Local.IsValid() {
			out.Local = r.Local.String()
		}
		for j := range r.Run.Findings {
			out.Findings = append(out.Findings, findingOf(&r.Run.Findings[j]))
		}
		doc.Runs = append(doc.Runs, out)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(doc)
}

// DemoStart writes what comes first: what is about to be played, and where.
func DemoStart(w io.Writer, d *Demo, o TextOptions) error {
	p := &printer{o: o}
	p.wrapped("", 0, "", fmt.Sprintf("A service on OpenShift must reach %s, port %d. ssh, telnet and wget get out; the service does not. "+
		"Three scripts that differ in their bind alone show why.", d.Name, d.Server.Port()))
	p.line("")
	where := fmt.Sprintf("They run under the profile %s, in a network namespace of their own, where the kernel sends from %v. No packet leaves it.", d.Profile, d.Gear)
	if d.Network != "namespaces" {
		where = fmt.Sprintf("They run under the profile %s. A network namespace can't be had here (%s), so %s is %v, an address of this machine, "+
			"and the kernel sends from %v. No packet leaves the machine.", d.Profile, d.Because, d.Name, d.Server.Addr(), d.Gear)
	}
	if d.Variant != "" {
		where += " The profile is a variant: " + d.Variant + "."
	}
	p.wrapped("", 0, "", where)
	_, err := io.WriteString(w, p.b.String())
	return err
}

// DemoBegin writes what a run is about to do.
func DemoBegin(w io.Writer, r *DemoRun, o TextOptions) error {
	p := &printer{o: o}
	p.line("")
	title := fmt.Sprintf("Script %d", r.Script)
	if r.WithoutBind {
		title += " again,"
	}
	p.line(p.paint(bold, title) + " " + r.Does)
	_, err := io.WriteString(w, p.b.String())
	return err
}

// DemoEnd writes what a run came to: what the program saw, and what sallyport says.
func DemoEnd(w io.Writer, r *DemoRun, o TextOptions) error {
	p := &printer{o: o}
	const label = "  it saw  "
	first, lines := label, sawLines(r.Saw)
	for i, line := range lines {
		if i == len(lines)-1 && r.Took >= time.Second {
			line += ", after " + attempt.DurationText(r.Took)
		}
		p.line(first + p.paint(demoColor(r), printable(line)))
		first = strings.Repeat(" ", len(label))
	}
	for _, e := range r.Run.elided() {
		p.line("  sallyport answered its bind, and did not perform it: " + e.String())
	}
	if err := r.findings(p); err != nil {
		return err
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

// DemoFinish writes what follows from it all.
func DemoFinish(w io.Writer, o TextOptions) error {
	p := &printer{o: o}
	p.line("")
	p.wrapped("", 0, "", "Now yours: `sallyport run -- CMD ARG...` says why, and `sallyport run --without-bind -- CMD ARG...` tries the fix.")
	_, err := io.WriteString(w, p.b.String())
	return err
}

// mostRemedies is how many remedies of a finding are shown: the fix for now, which the demo goes on to try, and the one for good.
const mostRemedies = 2

// findings writes the report that sallyport run makes of the run, with less advice.
func (r *DemoRun) findings(p *printer) error {
	if len(r.Run.Findings) == 0 {
		if !r.WithoutBind {
			p.line("  sallyport has nothing to report: no attempt failed")
		}
		return nil
	}
	inner := TextOptions{Color: p.o.Color}
	if p.o.Width > 0 {
		inner.Width = p.o.Width - 2
	}
	short := Run{Program: r.Run.Program, Findings: slices.Clone(r.Run.Findings)}
	for i := range short.Findings {
		f := &short.Findings[i]
		f.Remedy = f.Remedy[:min(mostRemedies, len(f.Remedy))]
	}
	var b strings.Builder
	if err := short.Text(&b, inner); err != nil {
		return err
	}
	p.line("")
	for line := range strings.Lines(b.String()) {
		p.b.WriteString("  " + line)
	}
	return nil
}

func demoColor(r *DemoRun) string {
	if r.Outcome.Kind == attempt.Connected {
		return green
	}
	return red
}

// sawLines is what a program wrote, line by line; of a traceback of Python where it was, and the error.
func sawLines(saw string) []string {
	var out []string
	traceback := false
	for line := range strings.Lines(saw) {
		line = strings.TrimRight(line, " \r\n")
		switch {
		case strings.HasPrefix(line, "Traceback (most recent call last):"):
			traceback = true
		case strings.Trim(line, " ~^") == "": // an empty line, or a traceback's marks
		case traceback:
			out = append(out, strings.TrimPrefix(line, "  "))
		default:
			out = append(out, line)
		}
	}
	return out
}
