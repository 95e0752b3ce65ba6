package callsite

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestPythonExec: what was learnt about a process is not held against the program that takes its place, of another
// version or the same, at the same addresses where the kernel doesn't choose them at random.
func TestPythonExec(t *testing.T) {
	list := interpreters(t)
	if len(list) == 0 {
		t.Skip("no Python")
	}
	setarch, err := exec.LookPath("setarch")
	if err != nil {
		t.Skip("no setarch (package util-linux)")
	}
	before := filepath.Join(t.TempDir(), "before.py")
	source := "import os, sys\nos.read(0, 1)\nos.execv(sys.argv[1], [sys.argv[1], 'testdata/module.py'])\n"
	if err := os.WriteFile(before, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	var r Reader
	for i, python := range list {
		next := list[(i+1)%len(list)]
		t.Run(python.name+" to "+next.name, func(t *testing.T) {
			stdin, feed, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer stdin.Close()
			defer feed.Close()
			cmd := exec.Command(setarch, "-R", python.path, before, next.path)
			cmd.Stdin = stdin
			tid := startBlocked(t, cmd)
			frames, err := r.Stack(tid)
			if err != nil || frames[0].File != before {
				t.Fatalf("before\ngot  %+v, %v\nwant %s", frames, err, before)
			}
			if _, err := feed.Write([]byte{0}); err != nil {
				t.Fatal(err)
			}
			deadline := time.Now().Add(20 * time.Second)
			for time.Now().Before(deadline) {
				// Until it reads again it may be anywhere.
				frames, err = r.Stack(tid)
				if err == nil && len(frames) == 1 && filepath.Base(frames[0].File) == "module.py" {
					return
				}
			}
			t.Errorf("after\ngot  %+v, %v\nwant module.py", frames, err)
		})
	}
}
