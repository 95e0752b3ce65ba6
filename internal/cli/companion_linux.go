package cli

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/internal/cli/shell"
)

// companion is the program that sends something. Libraries that it needs (TLS, HTTP, metrics) would make the start of run slower, and link it
// dynamically: docs/architecture.md.
const companion = "sallyport-probe"

func runProbe(args []string, _ io.Reader, _, stderr io.Writer) int {
	return become(append([]string{"probe"}, args...), stderr)
}

func runReflect(args []string, _ io.Reader, _, stderr io.Writer) int {
	return become(append([]string{"reflect"}, args...), stderr)
}

// become goes on as the companion, which stands beside this program, or in PATH.
func become(args []string, stderr io.Writer) int {
	path, err := beside(companion)
	if err != nil {
		shell.Problem(stderr, "%s needs the program %s, which is neither beside sallyport nor in PATH: go install github.com/sallyport/sallyport/cmd/%[2]s@latest", args[0], companion)
		return shell.NotFound
	}
	err = unix.Exec(path, append([]string{companion}, args...), os.Environ())
	shell.Problem(stderr, "run %s: %v", path, err)
	return shell.NotExecuted
}

func beside(name string) (string, error) {
	if self, err := os.Executable(); err == nil {
		path := filepath.Join(filepath.Dir(self), name)
		if unix.Access(path, unix.X_OK) == nil {
			return path, nil
		}
	}
	return exec.LookPath(name)
}
