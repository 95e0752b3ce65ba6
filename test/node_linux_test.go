package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/testhost"
)

// TestWhereNode looks for the line of a Node program that asked for a connection which failed later, with the hook for Node;
// what the program writes and sees, and how it ends, is as it is bare.
func TestWhereNode(t *testing.T) {
	node := testhost.Need(t, "node", "nodejs")
	for _, c := range []struct {
		name, file, how, mark string // mark ends the line; "-": the hook keeps away
		options               string // the user's NODE_OPTIONS
	}{
		{"net", "failing.js", "net", "// net", ""},
		{"by name", "failing.js", "name", "// name", ""},
		{"bind", "failing.js", "bind", "// bind", ""},
		{"http", "failing.js", "http", "// http", ""},
		{"own stack traces", "failing.js", "prepared", "// prepared", ""},
		{"uncaught", "failing.js", "thrown", "// thrown", ""},
		{"fetch", "failing.js", "fetch", "// fetch", ""},
		{"worker", "failing.js", "worker", "// net", ""},
		{"child", "failing.js", "child", "// net", ""},
		{"module", "failing.mjs", "", "// module", ""},
		{"options", "failing.js", "net", "// net", "--stack-trace-limit=7 --no-warnings "},
		{"deprecation warnings", "failing.js", "net", "-", "--pending-deprecation"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			if err := os.Chmod(os.Getenv("TMPDIR"), 0o755); err != nil {
				t.Fatal(err)
			}
			if c.options != "" {
				t.Setenv("NODE_OPTIONS", c.options)
			}
			script := testdata(t, "node/"+c.file)
			program := []string{node, script, c.how}
			want := outputOf(t, program)
			report := filepath.Join(t.TempDir(), "report.json")
			argv := []string{sallyport(t), "run", "--no-counterfactuals", "--output", "json", "--report", report, "--where", "node", "--"}
			got := outputOf(t, append(argv, program...))
			if got != want {
				t.Errorf("\ngot  %+v\nwant %+v", got, want)
			}
			r := readReport(t, report)
			if len(r.Findings) != 1 {
				t.Fatalf("%+v, want one finding", r.Findings)
			}
			switch f := r.Findings[0]; {
			case c.mark == "-":
				for _, w := range f.Where {
					if strings.HasPrefix(w.File, script) {
						t.Errorf("%+v, want the hook to keep away", f.Where)
					}
				}
			case len(f.Where) == 0:
				t.Error("no place, want one")
			case f.WhereTold || f.Where[0].File != script || !strings.HasSuffix(f.Where[0].Text, c.mark):
				t.Errorf("%+v, want the line of %s with %s", f.Where, script, c.mark)
			}
			if left, _ := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestNodeHookStays: a Node program that starts after sallyport has reported finds what it is told to load, which is gone
// when the last process is.
func TestNodeHookStays(t *testing.T) {
	node := testhost.Need(t, "node", "nodejs")
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	// The late program waits for the pipe's other end to close.
	late := filepath.Join(t.TempDir(), "late")
	cmd := exec.Command(sallyport(t), "run", "--where", "node", "--report", os.DevNull, "--", "sh", "-c",
		`(cat <&3 3<&-; "$0" -e 'require("fs").writeFileSync(process.argv[1], "ran")' "$1") >/dev/null 2>&1 & exit 0`, node, late)
	cmd.ExtraFiles = []*os.File{r}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "sallyport-node-*")); len(left) != 1 {
		t.Errorf("%v, want the hook while a process lives", left)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		text, _ := os.ReadFile(late)
		left, _ := filepath.Glob(filepath.Join(dir, "sallyport-node-*"))
		if string(text) == "ran" && len(left) == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond) // another process's doing: nothing tells when
	}
	t.Error("the late program did not run, or the hook is left behind")
}
