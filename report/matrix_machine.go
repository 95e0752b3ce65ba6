package report

import (
	"bufio"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/kube"
	"github.com/sallyport/sallyport/profile/flowset"
)

// eachRow yields the rows that were asked for, with their numbers.
func (m *Matrix) eachRow(yield func(i int, row *kube.Row) error) error {
	if !slices.Contains(m.From.Workloads, true) {
		return nil
	}
	number := map[*kube.Workload]int{}
	for i, w := range m.Evaluator.Workloads() {
		number[w] = i
	}
	for row := range m.Evaluator.Matrix() {
		if i := number[row.From]; m.From.Workloads[i] {
			if err := yield(i, &row); err != nil {
				return err
			}
		}
	}
	return nil
}

// reachTexts remembers the words for what a matrix has over and over.
type reachTexts struct {
	seen map[*kube.Reach]string
	last *kube.Reach
	text string
}

// of is ",PORTS,UNDECIDABLE" of a line of CSV: "" where nothing is reached.
func (t *reachTexts) of(r *kube.Reach) string {
	if r == t.last {
		return t.text
	}
	text, there := t.seen[r]
	if !there {
		if len(t.seen) > 1<<16 || t.seen == nil {
			t.seen = map[*kube.Reach]string{}
		}
		if text = ""; !r.Possible.IsEmpty() {
			text = portCells(r.Certain, r.Possible)
		}
		t.seen[r] = text
	}
	t.last, t.text = r, text
	return text
}

func portCells(certain, possible flowset.Transports) string {
	s := ","
	if !certain.IsEmpty() {
		s += csvCell(portWords(certain))
	}
	s += ","
	if rest := possible.Subtract(certain); !rest.IsEmpty() {
		s += csvCell(portWords(rest))
	}
	return s + "\n"
}

func (p outsidePart) cells() string {
	if p.certain {
		return portCells(p.ports, p.ports)
	}
	return portCells(flowset.Transports{}, p.ports)
}

// csvCell is a cell of RFC 4180.
func csvCell(s string) string {
	s = printable(s)
	if strings.ContainsAny(s, `",`) {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}

// CSV writes a line for each pair of which the one may reach the other, or might.
func (m *Matrix) CSV(w io.Writer) error {
	b := bufio.NewWriterSize(w, 1<<16)
	b.WriteString("from,to,allowed,undecidable\n")
	work := m.Evaluator.Workloads()
	names := m.Evaluator.Names()
	for i, n := range names {
		names[i] = csvCell(n)
	}
	var texts reachTexts
	err := m.eachRow(func(i int, row *kube.Row) error {
		for j, r := range row.Reach {
			if !m.To.Workloads[j] || i == j && work[i].Single() {
				continue
			}
			if s := texts.of(r); s != "" {
				b.WriteString(names[i])
				b.WriteByte(',')
				b.WriteString(names[j])
				if _, err := b.WriteString(s); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, w := range work {
		if m.From.Workloads[i] && m.To.Outside {
			for _, p := range outsideParts(m.Evaluator.Outside(w).To) {
				b.WriteString(names[i] + "," + csvCell(outsideWords(p.addrs)) + p.cells())
			}
		}
		if m.To.Workloads[i] && m.From.Outside {
			for _, p := range outsideParts(m.Evaluator.Outside(w).From) {
				b.WriteString(csvCell(outsideWords(p.addrs)) + "," + names[i] + p.cells())
			}
		}
	}
	return b.Flush()
}

// The shapes of docs/check.schema.json for the matrix.
type (
	matrixWorkloadJSON struct {
		Name      string `json:"name"`
		Kind      string `json:"kind"`
		Namespace string `json:"namespace"`
		File      string `json:"file"`
		Line      int    `json:"line"`
	}
	matrixRowJSON struct {
		From  int               `json:"from"`
		Reach []matrixReachJSON `json:"reach"`
	}
	matrixReachJSON struct {
		To        []int               `json:"to"`
		Protocols map[string][]string `json:"protocols"`
		Certain   bool                `json:"certain"`
	}
	matrixOutsideJSON struct {
		Workload int                     `json:"workload"`
		To       []matrixOutsidePartJSON `json:"to"`
		From     []matrixOutsidePartJSON `json:"from"`
	}
	matrixOutsidePartJSON struct {
		Addresses []blockJSON         `json:"addresses"`
		Protocols map[string][]string `json:"protocols"`
		Certain   bool                `json:"certain"`
	}
)

// JSON writes the rows one by one, in one document of docs/check.schema.json: a line each.
func (m *Matrix) JSON(w io.Writer) error {
	b := bufio.NewWriterSize(w, 1<<16)
	work := m.Evaluator.Workloads()
	names := m.Evaluator.Names()
	list := &jsonList{w: b}
	b.WriteString("{\"version\": 1,\n\"workloads\": [")
	for i, w := range work {
		list.add(matrixWorkloadJSON{names[i], w.Kind, w.Namespace, w.File, w.Line})
	}
	list.next("],\n\"rows\": [")
	err := m.eachRow(func(i int, row *kube.Row) error {
		list.add(m.rowJSON(i, row))
		return list.err
	})
	if err != nil {
		return err
	}
	list.next("],\n\"outside\": [")
	for i, w := range work {
		if to, from := m.From.Workloads[i] && m.To.Outside, m.To.Workloads[i] && m.From.Outside; to || from {
			o := m.Evaluator.Outside(w)
			row := matrixOutsideJSON{i, []matrixOutsidePartJSON{}, []matrixOutsidePartJSON{}}
			if to {
				row.To = outsideJSON(o.To)
			}
			if from {
				row.From = outsideJSON(o.From)
			}
			list.add(row)
		}
	}
	list.next("],\n\"problems\": [")
	for _, p := range problemsJSON(m.Problems) {
		list.add(p)
	}
	list.next("]}\n")
	if list.err != nil {
		return list.err
	}
	return b.Flush()
}

// jsonList writes the elements of lists, one after the other.
type jsonList struct {
	w    *bufio.Writer
	some bool
	err  error
}

func (l *jsonList) add(v any) {
	if l.some {
		l.w.WriteByte(',')
	}
	l.some = true
	text, err := json.Marshal(v)
	if err == nil {
		l.w.WriteByte('\n')
		_, err = l.w.Write(text)
	}
	if l.err == nil {
		l.err = err
	}
}

// next ends a list, and begins what follows.
func (l *jsonList) next(s string) {
	l.some = false
	l.w.WriteString(s)
}

func (m *Matrix) rowJSON(i int, row *kube.Row) matrixRowJSON {
	out := matrixRowJSON{From: i, Reach: []matrixReachJSON{}}
	at := map[kube.Reach]int{}
	var order []kube.Reach
	var to [][]int
	var last *kube.Reach
	n := 0
	for j, r := range row.Reach {
		if !m.To.Workloads[j] || r.Possible.IsEmpty() || i == j && row.From.Single() {
			continue
		}
		if r != last {
			last = r
			var there bool
			if n, there = at[*r]; !there {
				n = len(order)
				at[*r] = n
				order = append(order, *r)
				to = append(to, nil)
			}
		}
		to[n] = append(to[n], j)
	}
	for n, r := range order {
		if !r.Certain.IsEmpty() {
			out.Reach = append(out.Reach, matrixReachJSON{to[n], protocolsJSON(r.Certain), true})
		}
		if rest := r.Possible.Subtract(r.Certain); !rest.IsEmpty() {
			out.Reach = append(out.Reach, matrixReachJSON{to[n], protocolsJSON(rest), false})
		}
	}
	return out
}

func outsideJSON(s kube.EgressSet) []matrixOutsidePartJSON {
	out := []matrixOutsidePartJSON{}
	for _, p := range outsideParts(s) {
		out = append(out, matrixOutsidePartJSON{blocksJSON(p.addrs), protocolsJSON(p.ports), p.certain})
	}
	return out
}

func blocksJSON(a flowset.Addrs) []blockJSON {
	out := []blockJSON{}
	for _, b := range a.Blocks() {
		out = append(out, blockJSON{b.Prefix.String(), prefixStrings(b.Except)})
	}
	return out
}
