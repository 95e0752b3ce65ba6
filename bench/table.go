package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// Table is what one benchmark found.
type Table struct {
	Name    string   `json:"name"`
	What    string   `json:"what"`
	Unit    string   `json:"unit"`
	Beside  []string `json:"beside,omitempty"` // what the numbers of a round beside the main one are
	Base    string   `json:"base,omitempty"`   // what the series are compared with, in a word
	Series  []Series `json:"series"`
	Budgets []Budget `json:"budgets,omitempty"`
	Notes   []string `json:"notes,omitempty"`

	ratiosOnly bool // a difference to the base says nothing
}

// Budget is a limit, and what was measured of it. It is met by what is not more.
type Budget struct {
	What     string  `json:"what"`
	Unit     string  `json:"unit,omitempty"`
	Limit    float64 `json:"limit"`
	Measured float64 `json:"measured"`
	Met      bool    `json:"met"`
}

// judge adds a budget. What could not be measured is no number, and adds a note instead.
func (t *Table) judge(what, unit string, limit, measured float64) {
	if math.IsNaN(measured) {
		t.Notes = append(t.Notes, "not judged, for want of numbers: "+what)
		return
	}
	t.Budgets = append(t.Budgets, Budget{what, unit, limit, measured, measured <= limit})
}

// find is the series of that name; an empty one where there is none.
func (t *Table) find(name string) *Series {
	for i := range t.Series {
		if t.Series[i].Name == name {
			return &t.Series[i]
		}
	}
	return &Series{}
}

// text writes the table for people.
func (t *Table) text(w io.Writer) {
	fmt.Fprintf(w, "\n%s: %s\n", t.Name, t.What)
	lines := [][]string{t.head()}
	for i := range t.Series {
		lines = append(lines, t.line(&t.Series[i]))
	}
	align(w, lines)
	for i := range t.Series {
		switch s := &t.Series[i]; {
		case s.Skipped != "":
			fmt.Fprintf(w, "  not measured: %s: %s\n", s.Name, s.Skipped)
		case s.Noisy():
			fmt.Fprintf(w, "  noisy: %s\n", s.Name)
		}
	}
	for _, n := range t.Notes {
		fmt.Fprintf(w, "  note: %s\n", n)
	}
	for _, b := range t.Budgets {
		word := "met"
		if !b.Met {
			word = "MISSED"
		}
		fmt.Fprintf(w, "  budget %s: %s: %s, at most %s\n", word, b.What, withUnit(b.Measured, b.Unit), withUnit(b.Limit, b.Unit))
	}
}

// head and line have the same cells.
func (t *Table) head() []string {
	cells := []string{"", t.Unit, "min", "max"}
	cells = append(cells, t.Beside...)
	if t.Base != "" && !t.ratiosOnly {
		cells = append(cells, "over "+t.Base)
	}
	if t.Base != "" {
		cells = append(cells, "x "+t.Base)
	}
	return cells
}

func (t *Table) line(s *Series) []string {
	cells := []string{s.Name, number(median(s.Rounds)), "-", "-"}
	if len(s.Rounds) > 0 {
		cells[2], cells[3] = number(slices.Min(s.Rounds)), number(slices.Max(s.Rounds))
	}
	for i := range t.Beside {
		v := math.NaN()
		if i < len(s.Beside) {
			v = median(s.Beside[i])
		}
		cells = append(cells, number(v))
	}
	over, times := "", ""
	if s.Base != "" {
		base := t.find(s.Base)
		over, times = number(s.over(base)), number(s.times(base))
	}
	if t.Base != "" && !t.ratiosOnly {
		cells = append(cells, over)
	}
	if t.Base != "" {
		cells = append(cells, times)
	}
	return cells
}

// align writes lines of cells in columns, names to the left and numbers to the right.
func align(w io.Writer, lines [][]string) {
	width := make([]int, len(lines[0]))
	for _, cells := range lines {
		for i, c := range cells {
			width[i] = max(width[i], len(c))
		}
	}
	for _, cells := range lines {
		line := fmt.Sprintf("  %-*s", width[0], cells[0])
		for i, c := range cells[1:] {
			line += fmt.Sprintf("  %*s", width[i+1], c)
		}
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
}

// number has three digits or so that mean something.
func number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return "-"
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 0.01:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.2g", v)
}

func withUnit(v float64, unit string) string { return strings.TrimSpace(number(v) + " " + unit) }
