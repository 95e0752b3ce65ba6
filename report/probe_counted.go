package report

import (
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/probe"
)

// countedWords says what was tried beyond the destinations that are listed; "" where all are.
func countedWords(m *probe.Matrix) string {
	const most = 4
	var words []string
	n, rest := 0, 0
	for i, c := range m.Counted() {
		n += c.Attempts
		if i >= most {
			rest += c.Attempts
			continue
		}
		text := fmt.Sprintf("%d %s", c.Attempts, ended(c.Protocol, c.Stage, c.Outcome, 0))
		if c.Source != "no bind" {
			text += " (" + c.Source + ")"
		}
		words = append(words, text)
	}
	if n == 0 {
		return ""
	}
	if rest > 0 {
		words = append(words, fmt.Sprintf("%d otherwise", rest))
	}
	return fmt.Sprintf("%d destinations are listed; %d attempts at more are only counted: %s", probe.MaxRows, n, strings.Join(words, ", "))
}

type probeCounted struct {
	Protocol string `json:"protocol"`
	Source   string `json:"source"`
	Verdict  string `json:"verdict"`
	Stage    string `json:"stage"`
	Outcome  string `json:"outcome"`
	Errno    string `json:"errno"`
	Layer    string `json:"layer"`
	Attempts int    `json:"attempts"`
}

func countedJSON(m *probe.Matrix) []probeCounted {
	list := []probeCounted{}
	for _, c := range m.Counted() {
		e := endOf(c.Verdict, c.Stage, c.Outcome, c.Layer, 0)
		list = append(list, probeCounted{c.Protocol.String(), c.Source, e.Verdict, e.Stage, e.Outcome, e.Errno, e.Layer, c.Attempts})
	}
	return list
}
