package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/probe"
)

// ProbeLocal writes what the rules of this host are, for a terminal: a row for each way to choose the source, those that end alike together.
func ProbeLocal(w io.Writer, rows []probe.LocalRow, o TextOptions) error {
	p := &printer{o: o}
	p.line(p.paint(bold, "Here, without any network"))
	type group struct {
		text  string
		names []string
	}
	for _, family := range []attempt.Family{attempt.IPv4, attempt.IPv6} {
		var groups []*group
		for i := range rows {
			r := &rows[i]
			if r.Family != family {
				continue
			}
			text := localText(r)
			var g *group
			for _, x := range groups {
				if x.text == text {
					g = x
				}
			}
			if g == nil {
				g = &group{text: text}
				groups = append(groups, g)
			}
			g.names = append(g.names, r.Name)
		}
		for _, g := range groups {
			p.row(family.String()+", "+g.text, joinNames(g.names))
		}
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

func joinNames(names []string) string {
	var out []string
	for _, n := range names {
		if base, ok := strings.CutSuffix(n, ", port at connect"); ok && len(out) > 0 && out[len(out)-1] == base {
			continue // the same with IP_BIND_ADDRESS_NO_PORT
		}
		out = append(out, n)
	}
	return strings.Join(out, "; ")
}

func localText(r *probe.LocalRow) string {
	tcp, udp := endText(&r.TCP), endText(&r.UDP)
	if tcp == udp {
		return tcp
	}
	return "tcp " + tcp + ", udp " + udp
}

// endText is the end of an attempt in a few words: "connected", "bind: EACCES (permission denied)".
func endText(r *probe.Result) string {
	return ended(r.Stage, r.Outcome, r.Took)
}

func ended(stage probe.Stage, o attempt.Outcome, took time.Duration) string {
	what := o.Kind.String()
	if o.Errno != 0 {
		what = o.Errno.Name()
	}
	if o.Kind == attempt.TimedOut {
		what = "silence for " + attempt.DurationText(took.Round(100*time.Millisecond))
	}
	switch {
	case o.Kind == attempt.Connected:
		return "connected"
	case stage == probe.StageDone, stage == probe.StageConnect && o.Kind == attempt.TimedOut:
		return what
	case stage == probe.StageHandshake:
		return "connected, then " + what
	}
	return stage.String() + ": " + what
}

// ProbeText writes what came of the attempts at targets for a terminal, what stands out first.
func ProbeText(w io.Writer, found *Probe, o TextOptions) error {
	p := &printer{o: o}
	m := found.Observed.Matrix
	if m.Attempts > 0 {
		p.line("")
	}
	if c := found.Comparison; c != nil {
		p.comparison(c)
	}
	for i := range found.Unmet {
		u := &found.Unmet[i]
		p.head("not as expected", fmt.Sprintf("%s:%d: %s", u.File, u.Line, unmetWords(u)))
	}
	if n := found.Expected - len(found.Unmet); found.Expected > 0 {
		p.head("", fmt.Sprintf("%d of %d are as expected", n, found.Expected))
	}
	for _, c := range m.Contrasts() {
		p.head("source", contrastWords(&c))
	}
	last := ""
	for _, r := range m.Rows() {
		head := r.Addr.String()
		if r.Name != "" {
			head = r.Name + " (" + head + ")"
		}
		head += " " + r.Protocol.String()
		if head != last {
			p.line("")
			p.line(p.paint(bold, head))
			last = head
		}
		for _, e := range r.Ends {
			p.row(e.Ports().String()+" "+r.Source, endWords(e))
		}
	}
	p.beyond(&found.Observed.Beyond)
	_, err := io.WriteString(w, p.b.String())
	return err
}

func endWords(e *probe.End) string {
	text := ended(e.Stage, e.Outcome, e.Took)
	if e.Verdict == probe.Inconclusive {
		text += ", which proves nothing"
	}
	if e.Answer != nil {
		text += answerText(e.Answer)
	}
	if e.Words != "" && e.Outcome.Kind == attempt.Connected {
		text += "; " + e.Words
	}
	text += rejectionText(e)
	if e.Layer != probe.NoLayer {
		text += " [" + e.Layer.String() + "]"
	}
	return text
}

// comparison writes where declared and observed differ.
func (p *printer) comparison(c *probe.Comparison) {
	for _, d := range c.Differences {
		p.head("differs", differenceWords(d))
		if by := d.Declared.Words(); by != "" {
			p.item("declared by "+by, "")
		}
		p.item("likely: "+d.Reason, "")
	}
	words := fmt.Sprintf("%d differ, %d are as declared", len(c.Differences), c.Same)
	if c.Unsure > 0 {
		words += fmt.Sprintf(", of %d nothing is certain", c.Unsure)
	}
	p.head("", words)
}

func sourceWords(name string) string {
	if strings.HasPrefix(name, "device ") {
		return name
	}
	return "a bind to " + name
}

func answerText(a *probe.Answer) string {
	var s string
	if a.Service != "" {
		s += ", " + a.Service
	}
	if a.Version != "" {
		s += " " + a.Version
	}
	for _, d := range a.Detail {
		s += ", " + d
	}
	if a.Service == "" && a.Banner != "" {
		s += ", says " + a.Banner
	}
	return s
}
