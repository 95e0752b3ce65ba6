package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sallyport/sallyport/kube"
	"github.com/sallyport/sallyport/profile/flowset"
)

// Matrix is who may reach what: the rows of From and the columns of To.
type Matrix struct {
	Evaluator *kube.Evaluator
	From, To  kube.Choice
	Problems  []kube.Problem
}

// matrixLine is a line of the text and Markdown forms.
type matrixLine struct {
	from, to, ports string
}

// unsure marks ports that are undecidable.
const unsure = "? "

// lines are the groups of rows, a line for each that is reached by the same ports.
func (m *Matrix) lines(all bool) []matrixLine {
	e := m.Evaluator
	names := newNamer(e.Names(), e.Makers(), all)
	var out []matrixLine
	for _, g := range e.Groups(m.From, m.To) {
		from := names.words(g.From)
		before := len(out)
		for _, r := range g.Reach {
			set := r.To()
			to := names.words(set)
			switch same := slices.Equal(set, g.From); {
			case same && len(set) > 1:
				to = "each other"
			case same:
				to = "its other pods"
			}
			for _, p := range reachWords(r.Reach) {
				out = append(out, matrixLine{from, to, p})
			}
		}
		slices.SortStableFunc(out[before:], func(a, b matrixLine) int { return strings.Compare(a.to, b.to) })
		for _, p := range outsideParts(g.Outside) {
			out = append(out, matrixLine{from, outsideWords(p.addrs), p.words()})
		}
		if len(out) == before {
			out = append(out, matrixLine{from, "nothing", ""})
		}
	}
	slices.SortStableFunc(out, func(a, b matrixLine) int { return strings.Compare(a.from, b.from) })
	if m.From.Outside {
		out = append(out, m.inbound(names)...)
	}
	return out
}

// inbound are the lines of what comes from outside.
func (m *Matrix) inbound(names *namer) []matrixLine {
	type key struct{ addrs, ports string }
	var order []key
	to := map[key][]int{}
	for i, w := range m.Evaluator.Workloads() {
		if !m.To.Workloads[i] {
			continue
		}
		for _, p := range outsideParts(m.Evaluator.Outside(w).From) {
			k := key{outsideWords(p.addrs), p.words()}
			if to[k] == nil {
				order = append(order, k)
			}
			to[k] = append(to[k], i)
		}
	}
	var out []matrixLine
	for _, k := range order {
		out = append(out, matrixLine{k.addrs, names.words(to[k]), k.ports})
	}
	if len(out) == 0 && slices.Contains(m.To.Workloads, true) {
		out = append(out, matrixLine{kube.OutsideName, "nothing", ""})
	}
	return out
}

// reachWords is ports that are allowed, and ports that are undecidable.
func reachWords(r kube.Reach) []string {
	var out []string
	if !r.Certain.IsEmpty() {
		out = append(out, portWords(r.Certain))
	}
	if rest := r.Possible.Subtract(r.Certain); !rest.IsEmpty() {
		out = append(out, unsure+portWords(rest))
	}
	return out
}

// outsidePart is addresses outside with the ports by which they are reached.
type outsidePart struct {
	addrs   flowset.Addrs
	ports   flowset.Transports
	certain bool
}

func (p outsidePart) words() string {
	if p.certain {
		return portWords(p.ports)
	}
	return unsure + portWords(p.ports)
}

func outsideParts(s kube.EgressSet) []outsidePart {
	var out []outsidePart
	for p := range s.Certain.All() {
		out = append(out, outsidePart{p.Addrs, p.Transports, true})
	}
	for p := range s.Possible.Subtract(s.Certain).All() {
		out = append(out, outsidePart{p.Addrs, p.Transports, false})
	}
	return out
}

func outsideWords(a flowset.Addrs) string {
	switch {
	case a.IsAll():
		return kube.OutsideName
	case a.Equal(flowset.AllIPv4()):
		return kube.OutsideName + " (IPv4)"
	case a.Equal(flowset.AllIPv6()):
		return kube.OutsideName + " (IPv6)"
	}
	return kube.OutsideName + " " + a.String()
}

// Text writes a table of the groups.
func (m *Matrix) Text(w io.Writer, o TextOptions) error {
	b := bufio.NewWriter(w)
	lines := m.lines(o.Verbose)
	width := o.Width
	if width == 0 {
		width = 110
	}
	from, to := len("FROM"), len("TO")
	longest := [2]int{}
	for _, l := range lines {
		from, to = max(from, utf8.RuneCountInString(l.from)), max(to, utf8.RuneCountInString(l.to))
		longest[0], longest[1] = max(longest[0], longestWord(l.from)), max(longest[1], longestWord(l.to))
	}
	from, to = min(from, max(width*35/100, longest[0])), min(to, max(width*40/100, longest[1]))
	ports := max(width-from-to-4, fewestForPorts)
	row := func(l matrixLine) {
		cells := [][]string{fold(l.from, from), fold(l.to, to), fold(l.ports, ports)}
		for i := range max(len(cells[0]), len(cells[1]), len(cells[2])) {
			var at [3]string
			for c := range cells {
				if i < len(cells[c]) {
					at[c] = cells[c][i]
				}
			}
			line := fmt.Sprintf("%-*s  %-*s  %s", from, at[0], to, at[1], at[2])
			fmt.Fprintln(b, strings.TrimRight(line, " "))
		}
	}
	row(matrixLine{"FROM", "TO", "PORTS"})
	last, marked := "", false
	for _, l := range lines {
		marked = marked || strings.HasPrefix(l.ports, unsure)
		shown := l
		if l.from == last {
			shown.from = ""
		}
		last = l.from
		row(shown)
	}
	if marked {
		fmt.Fprintln(b, "? is not certain by the objects: sallyport check --from FROM --to TO says why")
	}
	return b.Flush()
}

// fewestForPorts is how narrow the column of ports gets.
const fewestForPorts = 16

// longestWord is how wide a column has to be, so that no name is broken: later lines of a cell are indented by two.
func longestWord(s string) int {
	n := 0
	for word := range strings.FieldsSeq(s) {
		n = max(n, utf8.RuneCountInString(word)+2)
	}
	return n
}

// fold breaks text at spaces into lines of a width.
func fold(s string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(printable(s)) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width:
			lines = append(lines, line)
			line = "  " + word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}

// Markdown writes the table of the groups in Markdown.
func (m *Matrix) Markdown(w io.Writer) error {
	b := bufio.NewWriter(w)
	b.WriteString("| from | to | ports |\n|---|---|---|\n")
	escape := strings.NewReplacer("|", `\|`, "*", `\*`, "_", `\_`, "<", "&lt;")
	for _, l := range m.lines(true) {
		fmt.Fprintf(b, "| %s | %s | %s |\n", escape.Replace(printable(l.from)), escape.Replace(printable(l.to)), escape.Replace(printable(l.ports)))
	}
	return b.Flush()
}
