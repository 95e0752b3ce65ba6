package report

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/probe"
)

// ProbeLocal writes what the rules of this host are, for a terminal: what is not as on any other host, or that nothing is. All is every
// way to choose the source, those that end alike together.
func ProbeLocal(w io.Writer, rows []probe.LocalRow, all bool, o TextOptions) error {
	p := &printer{o: o}
	p.line(p.paint(bold, "Sources, without any network"))
	for _, family := range []attempt.Family{attempt.IPv4, attempt.IPv6} {
		var groups []*sources
		tried := 0
		for i := range rows {
			r := &rows[i]
			if r.Family != family {
				continue
			}
			tried++
			if all || !r.Ordinary() {
				groups = put(groups, localText(r), r.Name)
			}
		}
		switch {
		case tried == 0:
			p.row(family.String(), "this host has none")
		case len(groups) == 0:
			p.row(family.String(), fmt.Sprintf("each may be used, by tcp and udp (%d tried)", tried))
		case !all && len(groups) == 1 && strings.HasPrefix(groups[0].text, "connected"):
			p.row(family.String(), groups[0].text)
		default:
			for _, g := range groups {
				p.row(family.String()+"  "+g.text, joinNames(g.names))
			}
		}
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

// sources are ways to choose the source that end alike.
type sources struct {
	text  string
	names []string
}

func put(groups []*sources, text, name string) []*sources {
	i := slices.IndexFunc(groups, func(g *sources) bool { return g.text == text })
	if i < 0 {
		return append(groups, &sources{text, []string{name}})
	}
	groups[i].names = append(groups[i].names, name)
	return groups
}

// joinNames leaves those out that are the same with IP_BIND_ADDRESS_NO_PORT.
func joinNames(names []string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(names), func(n string) bool {
		base, ok := strings.CutSuffix(n, ", port at connect")
		return ok && slices.Contains(names, base)
	}), "; ")
}

func localText(r *probe.LocalRow) string {
	tcp, udp := endText(&r.TCP), endText(&r.UDP)
	if tcp == udp || r.TCP.Verdict == probe.Allowed && r.UDP.Verdict == probe.Allowed {
		return tcp
	}
	return "tcp " + tcp + ", udp " + udp
}

// endText is the end of an attempt in a few words: "connected", "bind: EACCES".
func endText(r *probe.Result) string {
	return ended(r.Protocol, r.Stage, r.Outcome, r.Took)
}

func ended(protocol attempt.Protocol, stage probe.Stage, o attempt.Outcome, took time.Duration) string {
	what := o.Kind.String()
	if o.Errno != 0 {
		what = o.Errno.Name()
	}
	if o.Kind == attempt.TimedOut {
		what = "silence for " + attempt.DurationText(took.Round(100*time.Millisecond))
	}
	switch {
	case protocol == attempt.UDP && o.Kind == attempt.Connected:
		return "answered"
	case protocol == attempt.UDP && (stage == probe.StageDone || stage == probe.StageHandshake):
		return what // connect(2) sent nothing
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
	p.standsOut(found)
	for i, d := range probeDestinations(m.Rows()) {
		if i > 0 {
			p.line("")
		}
		p.line(p.paint(bold, d.head))
		for _, l := range d.lines(found.All) {
			p.end(l)
		}
	}
	p.why(found.Findings)
	p.next(found)
	_, err := io.WriteString(w, p.b.String())
	return err
}

// standsOut writes what is not as it should be, and what made a difference.
func (p *printer) standsOut(found *Probe) {
	before := p.b.Len()
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
	m := found.Observed.Matrix
	for _, a := range m.AcceptsAll() {
		p.head("not proven", acceptsWords(a))
	}
	if n := m.EveryBindFails(); n > 0 {
		p.head("source", everyBindWords(n))
	}
	for _, c := range m.Contrasts() {
		p.head("source", contrastWords(&c))
	}
	for _, c := range m.NameContrasts() {
		p.head(c.What(), nameContrastWords(&c))
	}
	if p.b.Len() > before {
		p.line("")
	}
}

func acceptsWords(a netip.Addr) string {
	return fmt.Sprintf("each port that was tried of %v connects, and none says what it is: something on the way accepts in its place, so that \"connected\" tells nothing", a)
}

func everyBindWords(n int) string {
	return fmt.Sprintf("every bind that was tried fails here, and without one it connects (%s)", countOf(n, "destination", "destinations"))
}

func countOf(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// next is the step to take.
func (p *printer) next(found *Probe) {
	m := found.Observed.Matrix
	switch {
	case m.EveryBindFails() > 0 || slices.ContainsFunc(m.Contrasts(), func(c probe.Contrast) bool { return c.Stage == probe.StageBind && c.Verdict == probe.Denied }):
		p.line("")
		p.wrapped("next: ", 6, "      ", "`sallyport run --without-bind -- CMD` runs a program without its binds, and names the line that makes them")
	case m.Attempts > 0 && found.Comparison == nil && found.Expected == 0 && slices.ContainsFunc(m.Rows(), deniedPlain):
		p.line("")
		p.wrapped("next: ", 6, "      ", "`sallyport probe --compare PROFILE` tells whether that was declared; `--output yaml` keeps it as a profile, for `sheet`, `diff` and `run --profile`")
	}
}

func deniedPlain(r *probe.MatrixRow) bool {
	return r.Plain() && slices.ContainsFunc(r.Ends, func(e *probe.End) bool { return e.Verdict == probe.Denied })
}

func destinationText(r *probe.MatrixRow) string {
	if r.Name != "" {
		return r.Name + " (" + r.Addr.String() + ")"
	}
	return r.Addr.String()
}

// probeDestination is the rows of one address by one protocol.
type probeDestination struct {
	head string
	rows []*probe.MatrixRow
}

// probeDestinations are in the order in which they first appear.
func probeDestinations(rows []*probe.MatrixRow) []*probeDestination {
	var list []*probeDestination
	at := map[string]*probeDestination{}
	for _, r := range rows {
		head := destinationText(r) + " " + r.Protocol.String()
		d := at[head]
		if d == nil {
			d = &probeDestination{head: head}
			at[head] = d
			list = append(list, d)
		}
		d.rows = append(d.rows, r)
	}
	return list
}

const (
	longPorts    = 100 // columns for ports that have a line of their own, where the terminal does not tell its own
	portsWidth   = 22  // columns for ports
	verdictWidth = 14
)

// probeLine is some ports of a destination, and the sources from which they ended alike.
type probeLine struct {
	first   uint16
	ports   string
	verdict probe.Verdict
	text    string
	sources []string // empty: none but the kernel's choice is shown
}

// lines are those of a destination, without a bind alone unless all are asked for.
func (d *probeDestination) lines(all bool) []*probeLine {
	var list []*probeLine
	for _, r := range d.rows {
		if !all && !r.Plain() {
			continue
		}
		for _, e := range r.Ends {
			l := &probeLine{first: firstPort(e), ports: strings.ReplaceAll(e.Ports().String(), ",", ", "), verdict: e.Verdict, text: reflectorWords(r, e)}
			if scheme, _, is := strings.Cut(r.Target, "://"); is && scheme != "tcp" && scheme != "udp" {
				l.ports += " " + scheme + saidName(r)
			}
			if all {
				i := slices.IndexFunc(list, func(o *probeLine) bool { return o.ports == l.ports && o.verdict == l.verdict && o.text == l.text })
				if i >= 0 {
					list[i].sources = append(list[i].sources, r.Source)
					continue
				}
				l.sources = []string{r.Source}
			}
			list = append(list, l)
		}
	}
	slices.SortStableFunc(list, func(a, b *probeLine) int { return int(a.first) - int(b.first) })
	return list
}

func firstPort(e *probe.End) uint16 {
	for first := range e.Ports().Ranges() {
		return first
	}
	return 0
}

// end writes one line of a destination: ports, verdict, and what came.
func (p *printer) end(l *probeLine) {
	colour := map[probe.Verdict]string{probe.Allowed: green, probe.Denied: red, probe.Inconclusive: yellow}[l.verdict]
	ports := "  " + l.ports
	if utf8.RuneCountInString(ports) > portsWidth-1 { // a long list has lines of its own
		wide := &printer{o: p.o}
		if wide.o.Width == 0 {
			wide.o.Width = longPorts
		}
		wide.wrapped("  ", 2, "  ", strings.TrimSpace(ports))
		p.b.WriteString(wide.b.String())
		ports = ""
	}
	ports += strings.Repeat(" ", max(1, portsWidth-utf8.RuneCountInString(ports)))
	verdict := l.verdict.String()
	first := ports + p.paint(colour, verdict) + strings.Repeat(" ", verdictWidth-len(verdict))
	text := l.text
	if len(l.sources) > 0 {
		text = joinNames(l.sources) + ": " + text
	}
	p.wrapped(first, portsWidth+verdictWidth, strings.Repeat(" ", portsWidth+verdictWidth), text)
}

// endWords is what came of some ports, and what that means.
func endWords(e *probe.End) string {
	text := ended(e.Protocol, e.Stage, e.Outcome, e.Took)
	if e.Stage == probe.StageHandshake && e.Protocol == attempt.TCP && e.Words != "" {
		return "connected, then " + e.Words + answerWords(e)
	}
	text += answerWords(e)
	switch {
	case e.Words != "" && (e.Protocol == attempt.TCP || e.Outcome.Kind == attempt.Connected):
		text += "; " + e.Words
	case e.Outcome.Kind == attempt.Refused:
		text = "refused: nothing listens there, or a firewall answers in its name"
	case e.Verdict == probe.Inconclusive && e.Outcome.Kind == attempt.Connected:
		text = "sent, and nothing came back: that tells nothing"
	case e.Outcome.Kind == attempt.TimedOut && e.Protocol == attempt.UDP:
		text += ", as from most servers that don't understand what is sent: that tells nothing"
	case e.Layer == probe.LocalFirewall:
		text += ": a packet filter of this host"
	case e.Outcome.Kind == attempt.TimedOut && e.Verdict == probe.Denied:
		text += ": dropped on the way, or the host is down"
	case e.Layer == probe.LocalRoute:
		text += ": this host has no route there"
	case e.Outcome.Errno == attempt.EADDRNOTAVAIL:
		text += ": no address of this host"
	case e.Layer == probe.LocalCall:
		text += ", by a rule of this host"
	case e.Outcome.Kind == attempt.Unreachable:
		text += ": rejected on the way, or the host is not there"
	case e.Outcome.Kind == attempt.Reset:
		text += " by the far end, or in its name"
	}
	return text
}

func answerWords(e *probe.End) string {
	if e.Answer == nil {
		return ""
	}
	return answerText(e.Answer)
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

// sourceWords are some sources: "a bind to 127.0.0.1 or 127.6.26.1", "device eth0".
func sourceWords(names []string) string {
	var binds, devices []string
	for _, n := range strings.Split(joinNames(names), "; ") {
		if strings.HasPrefix(n, "device ") {
			devices = append(devices, n)
		} else {
			binds = append(binds, n)
		}
	}
	if len(binds) > 0 {
		binds[0] = "bound to " + binds[0]
	}
	all := append(binds, devices...)
	if n := len(all); n > 1 {
		return strings.Join(all[:n-1], ", ") + " or " + all[n-1]
	}
	return strings.Join(all, "")
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
