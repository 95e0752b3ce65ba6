package cli

import (
	"fmt"
	"io"

	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/report"
)

const diffAbout = `What profile A allows and B does not, and the other way round: binds, and connects from every source, exactly, with the
rules on either side. How something is denied is not compared. A and B are built-in profiles, files, or -. It exits with 0 where both
allow the same, and with 1 where they differ.`

func diff(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	fs := newFlags("diff", "[FLAGS] A B", diffAbout, stderr)
	output := fs.String("output", "text", "how to write it: text or json")
	if status, done := parse(fs, args, stdout); done {
		return status
	}
	err := choice("output", *output, "text", "json")
	if err == nil && fs.NArg() != 2 {
		err = fmt.Errorf("want two profiles, not %d: built-in profiles, files, or -", fs.NArg())
	}
	if err != nil {
		problem(stderr, "diff: %v", err)
		return exitUsage
	}
	ps, err := profiles(fs.Args(), stdin)
	if err != nil {
		problem(stderr, "%v", err)
		return exitUsage
	}
	d := report.Diff{A: fs.Arg(0), B: fs.Arg(1), Differences: profile.Diff(ps[0], ps[1])}
	render := d.Text
	if *output == "json" {
		render = d.JSON
	}
	if err := render(stdout); err != nil {
		problem(stderr, "diff: write it: %v", err)
		return exitFailed
	}
	if len(d.OnlyA)+len(d.OnlyB) > 0 {
		return exitFound
	}
	return exitOK
}
