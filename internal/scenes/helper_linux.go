package scenes

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// helper builds a program of test/testdata and returns its path.
func helper(t testing.TB, name string) string {
	t.Helper()
	_, file, _, _ := runtime.Caller(0)
	cmd := exec.Command("go", "build", "-o", filepath.Join(t.TempDir(), name), "./test/testdata/"+name)
	cmd.Dir = filepath.Join(filepath.Dir(file), "..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return cmd.Args[3]
}
