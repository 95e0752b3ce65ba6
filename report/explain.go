package report

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/sallyport/sallyport/diagnose"
)

// Causes lists the causes with a line each.
func Causes(w io.Writer) error {
	b := bufio.NewWriter(w)
	width := 0
	for _, c := range diagnose.Causes() {
		width = max(width, len(c.Name))
	}
	for _, c := range diagnose.Causes() {
		fmt.Fprintf(b, "%-*s  %s\n", width, c.Name, c.Title)
	}
	return b.Flush()
}

// Explain writes the page of a cause for a terminal. The error of an unknown cause says which there are.
func Explain(w io.Writer, cause string) error {
	c, err := diagnose.CauseNamed(cause)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(w)
	var table []string
	for line := range strings.Lines(c.Page + "\n") {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "|") {
			table = append(table, line)
			continue
		}
		for _, row := range columns(table) {
			fmt.Fprintln(b, row)
		}
		table = nil
		fmt.Fprintln(b, plain(line))
	}
	return b.Flush()
}

var emphasis = regexp.MustCompile(`\*\*([^*]+)\*\*|\[([^]]+)\]\([^)]+\)`)

// plain is a line of Markdown as it reads on a terminal. Code in backticks keeps them: they show where it
// begins and ends.
func plain(line string) string {
	switch {
	case strings.HasPrefix(line, "# "):
		return strings.TrimPrefix(line, "# ")
	case strings.HasPrefix(line, "## "):
		return strings.ToUpper(strings.TrimPrefix(line, "## "))
	case strings.HasPrefix(line, "    "):
		return line
	}
	return emphasis.ReplaceAllString(line, "$1$2")
}

// tableWidth is how wide a table may be before its rows become paragraphs.
const tableWidth = 96

// columns lays a Markdown table out in columns, without its rule; a table too wide for that as a
// paragraph a row, each cell after the heading of its column.
func columns(table []string) []string {
	var rows [][]string
	var widths []int
	for _, line := range table {
		if strings.Trim(line, "|- ") == "" {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = plain(strings.TrimSpace(cells[i]))
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len([]rune(cells[i]))+2)
		}
		rows = append(rows, cells)
	}
	total := 0
	for _, w := range widths {
		total += w
	}
	var out []string
	for i, cells := range rows {
		if total > tableWidth {
			if i > 0 {
				out = append(out, paragraph(rows[0], cells)...)
			}
			continue
		}
		row := "  "
		for j, c := range cells {
			row += c + strings.Repeat(" ", widths[j]-len([]rune(c)))
		}
		out = append(out, strings.TrimRight(row, " "))
	}
	return out
}

// paragraph is a row of a wide table.
func paragraph(headings, cells []string) []string {
	out := []string{"  " + cells[0]}
	for i, c := range cells[1:] {
		if c != "" {
			out = append(out, "      "+headings[i+1]+": "+c)
		}
	}
	return out
}
