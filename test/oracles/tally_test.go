package oracles

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// tally is what came of comparing verdicts.
type tally struct {
	files, agreed, disagreed int
	left                     map[string]int // by why
}

// count counts one verdict. Why is why it is left out.
func (y *tally) count(t *testing.T, name, from, to, why string, good bool, got, want any) {
	t.Helper()
	switch {
	case why != "":
		if y.left == nil {
			y.left = map[string]int{}
		}
		y.left[why]++
	case good:
		y.agreed++
	default:
		if y.disagreed++; y.disagreed <= 20 {
			t.Errorf("%s: %s => %s: got %v, want %v", name, from, to, got, want)
		}
	}
}

// report tells the counts, and holds docs/conformance.md to them: a row of the suite, and one for each reason.
func (y *tally) report(t *testing.T, suite string) {
	t.Helper()
	total := 0
	var want []string
	for _, why := range slices.Sorted(maps.Keys(y.left)) {
		total += y.left[why]
		want = append(want, fmt.Sprintf("| %s | %s | %s |", suite, thousands(y.left[why]), why))
		t.Logf("%s: %d left out: %s", suite, y.left[why], why)
	}
	want = append(want, fmt.Sprintf("| %s | %s | %s | %s |", suite, thousands(y.agreed), thousands(total), thousands(y.disagreed)))
	t.Logf("%s: %d files or cases: %d verdicts agreed, %d left out, %d disagreed", suite, y.files, y.agreed, total, y.disagreed)
	page, err := os.ReadFile("../../docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "| "+suite+" |") {
			have = append(have, strings.TrimSpace(line))
		}
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("docs/conformance.md says of %s\n%s\nwant\n%s", suite, strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
}

// thousands is "109,956".
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
