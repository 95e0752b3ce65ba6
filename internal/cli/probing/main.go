package probing

import (
	"io"
)

// Main runs the command that args name, probe where they name none, and returns the exit status.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "reflect" {
		return runReflect(args[1:], stdin, stdout, stderr)
	}
	if len(args) > 0 && args[0] == "probe" {
		args = args[1:]
	}
	return runProbe(args, stdin, stdout, stderr)
}
