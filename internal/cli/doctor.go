package cli

import (
	"io"

	examiner "github.com/sallyport/sallyport/internal/doctor"
	"github.com/sallyport/sallyport/report"

	"github.com/sallyport/sallyport/internal/cli/shell"
)

// doctorTrial is the flag by which doctor starts this program again, to make a trial in a child.
const doctorTrial = "--trial"

// doctor exits with 0 where run works, by socket injection too, and with 1 where it does not.
func doctor(args []string, _ io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 2 && args[0] == doctorTrial {
		return examiner.Child(args[1])
	}
	fs := shell.NewFlags("doctor", "[FLAGS]", "Says what this machine lets sallyport do, and what to change. It exits with 0 where sallyport run works\n"+
		"here, and with 1 where it does not.", stderr)
	output := fs.String("output", "text", "how to write it: text or json")
	if status, done := shell.Parse(fs, args, stdout); done {
		return status
	}
	if err := shell.Choice("output", *output, "text", "json"); err != nil {
		shell.Problem(stderr, "doctor: %v", err)
		return shell.Usage
	}
	if fs.NArg() > 0 {
		shell.Problem(stderr, "doctor takes no argument, not %q", fs.Arg(0))
		return shell.Usage
	}
	render := report.Doctor
	if *output == "json" {
		render = report.DoctorJSON
	}
	r := examiner.Examine(examiner.Self{"sallyport", "doctor", doctorTrial})
	if err := render(stdout, r); err != nil {
		shell.Problem(stderr, "doctor: write the report: %v", err)
		return shell.Failed
	}
	if r.Run == examiner.NotAtAll {
		return shell.Found
	}
	return shell.OK
}
