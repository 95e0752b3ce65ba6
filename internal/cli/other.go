//go:build !linux

package cli

import (
	"io"
	"runtime"

	"github.com/sallyport/sallyport/internal/cli/shell"
)

// Init does nothing: only Linux has helpers.
func Init() {}

func needsLinux(name string, stderr io.Writer) int {
	shell.Problem(stderr, "%s needs Linux: it works by seccomp user notification, which %s does not have", name, runtime.GOOS)
	return shell.Failed
}

func run(_ []string, _ io.Reader, _, stderr io.Writer) int     { return needsLinux("run", stderr) }
func runDemo(_ []string, _ io.Reader, _, stderr io.Writer) int { return needsLinux("demo", stderr) }

func runProbe(_ []string, _ io.Reader, _, stderr io.Writer) int { return needsLinux("probe", stderr) }

func runReflect(_ []string, _ io.Reader, _, stderr io.Writer) int {
	shell.Problem(stderr, "reflect needs Linux, since it tells where a packet was sent to, and %s does not say that in the same way", runtime.GOOS)
	return shell.Failed
}
