package cli

import (
	"io"

	"github.com/sallyport/sallyport/report"

	"github.com/sallyport/sallyport/internal/cli/shell"
)

func explain(args []string, _ io.Reader, stdout, stderr io.Writer) int {
	fs := shell.NewFlags("explain", "[CAUSE]", "Explains a cause that a report names. Without one, lists them all.", stderr)
	if status, done := shell.Parse(fs, args, stdout); done {
		return status
	}
	var err error
	switch fs.NArg() {
	case 0:
		err = report.Causes(stdout)
	case 1:
		err = report.Explain(stdout, fs.Arg(0))
	default:
		shell.Problem(stderr, "explain takes one cause, not %d", fs.NArg())
		return shell.Usage
	}
	if err != nil {
		shell.Problem(stderr, "%v", err)
		return shell.Usage
	}
	return shell.OK
}
