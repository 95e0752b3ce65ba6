package cli

import (
	"fmt"
	"io"

	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/profile/sheet"
	"github.com/sallyport/sallyport/report"
)

func runSheet(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	fs := newFlags("sheet", "[FLAGS] PROFILE",
		"Writes the one-page client-socket policy of a profile, for the people who deploy there.\nPROFILE is a built-in name, a file, or - for standard input.", stderr)
	output := fs.String("output", "text", "text, markdown, html or json")
	if status, done := parse(fs, args, stdout); done {
		return status
	}
	if err := choice("output", *output, "text", "markdown", "html", "json"); err != nil {
		problem(stderr, "%v", err)
		return exitUsage
	}
	if fs.NArg() != 1 {
		problem(stderr, "sheet takes one profile, not %d: `sallyport sheet openshift-v2-gear` shows a built-in one", fs.NArg())
		return exitUsage
	}
	p, err := profile.Load(fs.Arg(0), stdin)
	if err != nil {
		fmt.Fprintf(stderr, "sallyport: %v\n", err)
		return exitUsage
	}
	s := sheet.Of(p)
	switch *output {
	case "markdown":
		err = report.SheetMarkdown(stdout, s)
	case "html":
		err = report.SheetHTML(stdout, s)
	case "json":
		err = report.SheetJSON(stdout, s)
	default:
		err = report.SheetText(stdout, s, report.TextOptions{Color: colour(stdout), Width: columns(stdout)})
	}
	if err != nil {
		problem(stderr, "write the sheet: %v", err)
		return exitFailed
	}
	return exitOK
}
