package test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/scenes"
)

// TestScenes provokes each failure for real: the cause that is reported is the right one.
func TestScenes(t *testing.T) {
	for _, s := range scenes.All() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			place := s.Make(t)
			path := t.TempDir() + "/report.json"
			argv := slices.Concat(place.Under, []string{sallyport(t), "run", "--output", "json", "--report", path}, place.Flags, []string{"--"}, place.Argv)
			got := place.Host.With(t).Run(clientTimeout, "", argv...)
			r := readReport(t, path)
			text, _ := os.ReadFile(path)
			var causes []string
			for _, f := range r.Findings {
				causes = append(causes, f.Cause)
			}
			if len(s.Causes) == 0 && len(causes) > 0 || len(s.Causes) > 0 && (len(causes) != 1 || causes[0] != s.Causes[0]) {
				t.Errorf("findings %q, want %q\nstderr %s\n%s", causes, s.Causes, got.Stderr, text)
			}
			for _, word := range s.Silent {
				if strings.Contains(string(text), word) {
					t.Errorf("%q in\n%s", word, text)
				}
			}
			for _, says := range s.Says {
				if !strings.Contains(string(text), says) {
					t.Errorf("no %q in\n%s", says, text)
				}
			}
		})
	}
}
