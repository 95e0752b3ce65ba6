//go:build !linux

package probing

import (
	"io"
	"runtime"

	"github.com/sallyport/sallyport/internal/cli/shell"
)

func runProbe(_ []string, _ io.Reader, _, stderr io.Writer) int {
	shell.Problem(stderr, "probe needs Linux: it asks for sources as Linux has them, which %s does not", runtime.GOOS)
	return shell.Failed
}

func runReflect(_ []string, _ io.Reader, _, stderr io.Writer) int {
	shell.Problem(stderr, "reflect needs Linux, since it tells where a packet was sent to, and %s does not say that in the same way", runtime.GOOS)
	return shell.Failed
}
