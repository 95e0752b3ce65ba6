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
