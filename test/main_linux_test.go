package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// binaries is a directory for programs built by the tests, each once.
var binaries struct {
	dir  string
	mu   sync.Mutex
	path map[string]string
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "sallyport-test-")
	if err == nil {
		err = os.Chmod(dir, 0o755) // programs that drop root's rights are run from it
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binaries.dir, binaries.path = dir, map[string]string{}
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// build builds the program of a directory of this module, named from this package's, and returns its path.
func build(t testing.TB, pkg string) string {
	t.Helper()
	binaries.mu.Lock()
	defer binaries.mu.Unlock()
	if path, ok := binaries.path[pkg]; ok {
		return path
	}
	path := filepath.Join(binaries.dir, filepath.Base(pkg))
	if out, err := exec.Command("go", "build", "-o", path, pkg).CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", pkg, err, out)
	}
	binaries.path[pkg] = path
	return path
}

func sallyport(t testing.TB) string {
	t.Helper()
	build(t, "../cmd/sallyport-probe") // which stands beside it, as go install puts it
	return build(t, "../cmd/sallyport")
}
