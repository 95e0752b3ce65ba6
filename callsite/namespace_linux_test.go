package callsite

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// TestPythonNamespaces: the program knows its thread by another number, and its script by a name that here is
// another file's.
func TestPythonNamespaces(t *testing.T) {
	if out, err := exec.Command("unshare", "--pid", "--fork", "--mount", "true").CombinedOutput(); err != nil {
		t.Skipf("no namespaces: %s", bytes.TrimSpace(out))
	}
	for _, python := range interpreters(t) {
		t.Run(python.name, func(t *testing.T) {
			dir := t.TempDir()
			script := filepath.Join(dir, "script.py")
			source := "import os\nos.read(0, 1)  # inside\n"
			if err := os.WriteFile(script, []byte("# outside\n# outside\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("unshare", "--pid", "--fork", "--mount", "sh", "-ec",
				`mount -t tmpfs none "$1"; printf %s "$2" > "$1/real.py"; ln -s "$1/real.py" "$1/script.py"; exec "$3" "$1/script.py"`,
				"sh", dir, source, python.path)
			frames, err := Stack(startBlocked(t, cmd))
			if err != nil {
				t.Fatal(err)
			}
			got := frames[0]
			if want := "os.read(0, 1)  # inside"; got.File != script || got.Line != 2 || got.Text != want {
				t.Errorf("\ngot  %+v\nwant %s:2 %s", got, script, want)
			}
		})
	}
}

// TestReaderConcurrent is for the race detector.
func TestReaderConcurrent(t *testing.T) {
	list := interpreters(t)
	if len(list) == 0 {
		t.Skip("no Python")
	}
	var r Reader
	var tids []int
	for _, python := range list {
		tids = append(tids, startBlocked(t, exec.Command(python.path, "testdata/function.py")))
	}
	var wg sync.WaitGroup
	for range 4 {
		for _, tid := range tids {
			wg.Go(func() {
				if frames, err := r.Stack(tid); err != nil || len(frames) != 6 && len(frames) != 7 {
					t.Errorf("%d frames, %v", len(frames), err)
				}
			})
		}
	}
	wg.Wait()
}
