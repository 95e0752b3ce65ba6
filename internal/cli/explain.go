package cli

import (
	"io"

	"github.com/sallyport/sallyport/report"
)

func explain(args []string, _ io.Reader, stdout, stderr io.Writer) int {
	fs := newFlags("explain", "[CAUSE]", "Explains a cause that a report names. Without one, lists them all.", stderr)
	if status, done := parse(fs, args, stdout); done {
		return status
	}
	var err error
	switch fs.NArg() {
	case 0:
		err = report.Causes(stdout)
	case 1:
		err = report.Explain(stdout, fs.Arg(0))
	default:
		problem(stderr, "explain takes one cause, not %d", fs.NArg())
		return exitUsage
	}
	if err != nil {
		problem(stderr, "%v", err)
		return exitUsage
	}
	return exitOK
}
