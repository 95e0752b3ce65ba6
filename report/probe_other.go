package report

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/probe"
)

// ProbeMarkdown writes it with tables, as GitHub renders them.
func ProbeMarkdown(w io.Writer, found *Probe) error {
	var b strings.Builder
	m := found.Observed.Matrix
	fmt.Fprintf(&b, "# What client sockets may do on %s\n\n", md(found.Observed.Name))
	for _, a := range m.AcceptsAll() {
		fmt.Fprintf(&b, "- %s\n", md(acceptsWords(a)))
	}
	if n := m.EveryBindFails(); n > 0 {
		fmt.Fprintf(&b, "- %s\n", md(everyBindWords(n)))
	}
	for _, c := range m.Contrasts() {
		fmt.Fprintf(&b, "- %s\n", md(contrastWords(&c)))
	}
	for _, line := range proxyLines(found) {
		fmt.Fprintf(&b, "- %s\n", md(line))
	}
	for _, c := range m.NameContrasts() {
		fmt.Fprintf(&b, "- %s\n", md(nameContrastWords(&c)))
	}
	for i := range found.Unmet {
		fmt.Fprintf(&b, "- not as expected: %s\n", md(unmetWords(&found.Unmet[i])))
	}
	if c := found.Comparison; c != nil {
		for _, d := range c.Differences {
			fmt.Fprintf(&b, "- differs from what was declared: %s; likely %s\n", md(differenceWords(d)), md(d.Reason))
		}
	}
	if words := countedWords(m); words != "" {
		fmt.Fprintf(&b, "- %s\n", md(words))
	}
	fmt.Fprint(&b, "\n## Without any network\n\n")
	table(&b, "source", "family", "tcp", "udp")
	for i := range found.Observed.Local {
		r := &found.Observed.Local[i]
		fmt.Fprintf(&b, "| %s | %v | %s | %s |\n", md(r.Name), r.Family, md(endText(&r.TCP)), md(endText(&r.UDP)))
	}
	if m.Attempts > 0 {
		fmt.Fprint(&b, "\n## Targets\n\n")
		table(&b, "destination", "ports", "source", "verdict", "what came")
		for _, r := range m.Rows() {
			to := destinationText(r)
			for _, e := range r.Ends {
				fmt.Fprintf(&b, "| %s | %s/%v | %s | %v | %s |\n", md(to), e.Ports(), r.Protocol, md(r.Source), e.Verdict, md(endWords(e)))
			}
		}
	}
	markdownWhy(&b, found.Findings)
	beyondMarkdown(&b, &found.Observed.Beyond)
	_, err := io.WriteString(w, b.String())
	return err
}

// The shapes of JUnit's XML, as CI systems read it.
type (
	junitSuite struct {
		XMLName  xml.Name    `xml:"testsuite"`
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string     `xml:"classname,attr"`
		Name    string     `xml:"name,attr"`
		Time    string     `xml:"time,attr"`
		Failure *junitText `xml:"failure,omitempty"`
		Skipped *junitText `xml:"skipped,omitempty"`
		Output  string     `xml:"system-out,omitempty"`
	}
	junitText struct {
		Message string `xml:"message,attr"`
	}
)

// ProbeJUnit writes it as JUnit's XML: a case for each cell. A cell fails that is not as was expected or declared; without
// either, one that was denied does. What proves nothing is skipped.
func ProbeJUnit(w io.Writer, found *Probe) error {
	m := found.Observed.Matrix
	s := junitSuite{Name: "sallyport probe on " + found.Observed.Name, Time: fmt.Sprintf("%.3f", m.End.Sub(m.Begin).Seconds())}
	failed := map[*probe.End]string{}
	judged := found.Comparison != nil || found.Expected > 0
	if found.Comparison != nil {
		for _, d := range found.Comparison.Differences {
			failed[d.End] = differenceWords(d) + "; likely " + d.Reason
		}
	}
	for _, r := range m.Rows() {
		for _, e := range r.Ends {
			c := junitCase{Class: r.Target, Name: fmt.Sprintf("%s %s/%v from %s", cmp.Or(r.At(), r.Name), e.Ports(), r.Protocol, r.Source), Time: fmt.Sprintf("%.3f", e.Took.Seconds()), Output: endWords(e)}
			words, bad := failed[e]
			switch {
			case bad:
				c.Failure = &junitText{words}
			case !judged && e.Verdict == probe.Denied:
				c.Failure = &junitText{endWords(e)}
			case e.Verdict == probe.Inconclusive:
				c.Skipped = &junitText{endWords(e)}
				s.Skipped++
			}
			if c.Failure != nil {
				s.Failures++
			}
			s.Cases = append(s.Cases, c)
		}
	}
	for i := range found.Unmet {
		u := &found.Unmet[i]
		s.Cases = append(s.Cases, junitCase{Class: u.File, Name: u.String(), Time: "0", Failure: &junitText{unmetWords(u)}})
		s.Failures++
	}
	s.Tests = len(s.Cases)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func contrastWords(c *probe.Contrast) string {
	what := fmt.Sprintf("%s: %s; without a bind: connected", sourceWords(c.Sources), ended(c.Protocol, c.Stage, c.Outcome, c.Took))
	if c.Stage == probe.StageBind && c.Verdict == probe.Denied {
		what = fmt.Sprintf("a bind to %s fails with %v; without a bind: connected", strings.TrimPrefix(sourceWords(c.Sources), "bound to "), c.Outcome.Errno)
	}
	if c.Verdict == probe.Allowed {
		what = "only " + sourceWords(c.Sources) + " it connects"
	}
	if c.Of == 1 {
		return what
	}
	return what + fmt.Sprintf(" (%d of %d, the first %v)", c.Count, c.Of, c.Example)
}

func differenceWords(d *probe.Difference) string {
	to := fmt.Sprintf("%v port %s by %v, %s", d.Row.Addr, d.Ports(), d.Row.Protocol, d.Row.Source)
	if d.Row.Name != "" {
		to = d.Row.Name + " at " + to
	}
	return fmt.Sprintf("%s: declared %s, observed %s", to, d.Declared.Verdict, ended(d.End.Protocol, d.End.Stage, d.End.Outcome, d.End.Took))
}

func unmetWords(u *probe.Unmet) string {
	s := u.String()
	if len(u.Results) == 0 {
		return s + " was expected, and no attempt was made"
	}
	r := &u.Results[0]
	s += fmt.Sprintf(" was expected, and %v ended so: %s", r.Destination, ended(r.Protocol, r.Stage, r.Outcome, r.Took))
	if r.Verdict == probe.Inconclusive && r.Outcome.Kind != attempt.Connected {
		s += ", which proves nothing"
	}
	if n := len(u.Results) - 1; n > 0 {
		s += fmt.Sprintf(", and %d more", n)
	}
	return s
}
