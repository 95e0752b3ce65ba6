package diagnosis

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/scenes"
	"github.com/sallyport/sallyport/internal/testhost"
)

var table = flag.String("table", "", "write the whole table, as Markdown, to a `file`; without it one scene is played, for a trial")

// limit is how long one program may take, under whatever it runs.
const limit = 60 * time.Second

// row is what was said of one scene.
type row struct {
	scene                   scenes.Scene
	reported                []string
	grade                   grade
	summary, strace, itself string
	straceLines, frames     int
}

// grade is how good a report was.
type grade string

const (
	right     grade = "right"
	undecided grade = "undecided"
	wrong     grade = "wrong"
)

// TestTable plays the scenes, each under sallyport, under strace and alone.
func TestTable(t *testing.T) {
	sallyport := filepath.Join(t.TempDir(), "sallyport")
	if out, err := exec.Command("go", "build", "-o", sallyport, "../../cmd/sallyport").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	all := scenes.All()
	if *table == "" {
		all = all[:1]
	}
	played := make([]*row, len(all)) // nil: left out, since the machine lacks what it takes
	t.Run("scenes", func(t *testing.T) {
		for i, s := range all {
			t.Run(s.Name, func(t *testing.T) {
				t.Parallel()
				r := row{scene: s}
				r.report(t, sallyport)
				r.straced(t)
				r.alone(t)
				t.Logf("%s: %q", r.grade, r.reported)
				played[i] = &r
			})
		}
	})
	var rows []row
	for _, r := range played {
		if r != nil {
			rows = append(rows, *r)
		}
	}
	if *table == "" {
		if len(rows) == 1 && rows[0].grade != right {
			t.Errorf("%s was reported as %q", rows[0].scene.Name, rows[0].reported)
		}
		return
	}
	if err := os.WriteFile(*table, []byte(markdown(rows)), 0o666); err != nil {
		t.Fatal(err)
	}
}

// report plays the scene under sallyport. Each way to play it makes its place anew: some are used up.
func (r *row) report(t *testing.T, sallyport string) {
	place := r.scene.Make(t)
	path := filepath.Join(t.TempDir(), "report.json")
	argv := slices.Concat(place.Under, []string{sallyport, "run", "--output", "json", "--report", path}, place.Flags, []string{"--"}, place.Argv)
	place.Host.With(t).Run(limit, "", argv...)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Findings []struct {
			Cause, Summary string
			Where          []struct{}
		}
	}
	if err := json.Unmarshal(b, &report); err != nil {
		t.Fatal(err)
	}
	for i, f := range report.Findings {
		r.reported = append(r.reported, f.Cause)
		r.frames = max(r.frames, len(f.Where))
		if i == 0 {
			r.summary = f.Summary
		}
	}
	r.grade = gradeOf(&r.scene, r.reported)
}

// gradeOf is wrong as soon as one cause is; and no finding about a failure is undecided.
func gradeOf(s *scenes.Scene, reported []string) grade {
	g := right
	if len(reported) == 0 && len(s.Causes) > 0 {
		g = undecided
	}
	for _, c := range reported {
		switch {
		case slices.Contains(s.Causes, c):
		case len(s.Causes) > 0 && (c == "unknown" || slices.Contains(s.Undecided, c)):
			g = undecided
		default:
			return wrong
		}
	}
	return g
}

// straced plays the scene under strace, and keeps the calls that failed.
func (r *row) straced(t *testing.T) {
	place := r.scene.Make(t)
	path := filepath.Join(t.TempDir(), "strace")
	argv := slices.Concat(place.Under, []string{testhost.Need(t, "strace", "strace"), "-f", "-e", "trace=network", "-o", path}, place.Argv)
	place.Host.With(t).Run(limit, "", argv...)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var failed []string
	for line := range strings.Lines(string(b)) {
		r.straceLines++
		// Python asks for the peer of a socket that has none: that is no failure.
		if strings.Contains(line, "= -1 E") && !strings.Contains(line, "AF_UNIX") && !strings.Contains(line, "getpeername(") {
			_, call, _ := strings.Cut(strings.TrimSpace(line), " ") // after the pid
			failed = append(failed, strings.TrimSpace(call))
		}
	}
	r.strace = "no call failed"
	if n := len(failed); n > 0 {
		r.strace = failed[n-1]
	}
}

// alone plays the scene with nobody watching, and keeps the program's last word.
func (r *row) alone(t *testing.T) {
	place := r.scene.Make(t)
	got := place.Host.With(t).Run(limit, "", slices.Concat(place.Under, place.Argv)...)
	lines := strings.Split(strings.TrimSpace(got.Stdout+"\n"+got.Stderr), "\n")
	r.itself = strings.TrimSpace(lines[len(lines)-1])
}

func markdown(rows []row) string {
	var b strings.Builder
	count := map[grade]int{}
	for _, r := range rows {
		count[r.grade]++
	}
	fmt.Fprintf(&b, "# Diagnosis: %d provoked failures\n\nRight cause: %d. Undecided: %d. Wrong: %d.\n\n", len(rows), count[right], count[undecided], count[wrong])
	fmt.Fprint(&b, "Made by `scripts/diagnosis`. Each failure is provoked by the real mechanism (`internal/scenes`), and met three times: under `sallyport run`,\n",
		"under `strace -f -e trace=network` (the last call that failed, of so many lines), and alone (the program's last line).\n\n",
		"| failure | sallyport | | strace | the program itself |\n|---|---|---|---|---|\n")
	for _, r := range rows {
		reported := strings.Join(r.reported, ", ")
		if reported == "" {
			reported = "nothing"
		}
		fmt.Fprintf(&b, "| %s | **%s** %s | %s | %s (%d lines) | %s |\n", r.scene.Name, reported, cell(r.summary), r.grade, cell(r.strace), r.straceLines, cell(r.itself))
	}
	return b.String()
}

// cell is text that fits into a table.
func cell(s string) string {
	const most = 200
	s = strings.NewReplacer("|", "\\|", "\n", " ", "<", "&lt;").Replace(s)
	if len(s) > most {
		s = s[:most] + "..."
	}
	return s
}
