package test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/scenes"
)

// TestScenes provokes each failure for real: the cause that is reported is the right one. The scenes load the machine, and what sallyport measures
// can be inconclusive then, which it has to say: a report that is true and says too little is asked for once more. One that is wrong is not.
func TestScenes(t *testing.T) {
	for _, s := range scenes.All() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			causes, text := play(t, &s)
			if complaint := short(&s, causes, text); complaint != "" && !wrong(&s, causes) {
				t.Logf("once more, since it said too little: %s", complaint)
				causes, text = play(t, &s)
			}
			if complaint := short(&s, causes, text); complaint != "" {
				t.Errorf("%s\n%s", complaint, text)
			}
			report, _, _ := strings.Cut(text, stderrMark)
			for _, word := range s.Silent {
				if strings.Contains(report, word) {
					t.Errorf("%q in\n%s", word, report)
				}
			}
		})
	}
}

// stderrMark is between the report and what the program wrote to its standard error.
const stderrMark = "\nstderr "

// play runs a scene's program under sallyport.
func play(t *testing.T, s *scenes.Scene) (causes []string, text string) {
	t.Helper()
	place := s.Make(t)
	path := t.TempDir() + "/report.json"
	argv := slices.Concat(place.Under, []string{sallyport(t), "run", "--output", "json", "--report", path}, place.Flags, []string{"--"}, place.Argv)
	got := place.Host.With(t).Run(clientTimeout, "", argv...)
	for _, f := range readReport(t, path).Findings {
		causes = append(causes, f.Cause)
	}
	report, _ := os.ReadFile(path)
	return causes, string(report) + stderrMark + got.Stderr
}

// short is what a report lacks; "" where it is as it should be.
func short(s *scenes.Scene, causes []string, text string) string {
	if len(s.Causes) == 0 && len(causes) > 0 || len(s.Causes) > 0 && (len(causes) != 1 || causes[0] != s.Causes[0]) {
		return fmt.Sprintf("findings %q, want %q", causes, s.Causes)
	}
	report, _, _ := strings.Cut(text, stderrMark)
	for _, says := range s.Says {
		if !strings.Contains(report, says) {
			return fmt.Sprintf("no %q in the report", says)
		}
	}
	return ""
}

// wrong reports whether a cause is neither right nor true and less telling.
func wrong(s *scenes.Scene, causes []string) bool {
	return slices.ContainsFunc(causes, func(c string) bool { return !slices.Contains(s.Causes, c) && !slices.Contains(s.Undecided, c) })
}
