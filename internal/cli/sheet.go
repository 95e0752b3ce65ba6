package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sallyport/sallyport/kube"
	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/profile/sheet"
	"github.com/sallyport/sallyport/report"

	"github.com/sallyport/sallyport/internal/cli/shell"
)

const sheetAbout = `Writes the one-page client-socket policy, for the people who deploy there: of a profile, or with --from of a workload or a
namespace of a cluster. PROFILE is a built-in name, a file, or - for standard input. OBJECTS are files and directories of the
cluster's objects as kubectl get -o yaml writes them, or -.`

func runSheet(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	fs := shell.NewFlags("sheet", "[FLAGS] PROFILE | --from NAMESPACE[/NAME] OBJECTS...", sheetAbout, stderr)
	from := fs.String("from", "", "the page of a `WORKLOAD` of a cluster, NAMESPACE/NAME, or of a new pod in a NAMESPACE")
	plugin := pluginFlag(fs)
	all := fs.Bool("all", false, "every problem of reading the objects")
	output := fs.String("output", "text", "text, markdown, html or json")
	if status, done := shell.Parse(fs, args, stdout); done {
		return status
	}
	assume, unknown := assumptions(*plugin)
	err := errors.Join(shell.Choice("output", *output, "text", "markdown", "html", "json"), unknown)
	switch {
	case err != nil:
	case *from != "" && fs.NArg() == 0:
		err = errors.New("--from wants the cluster's objects: files, directories, or - for what kubectl get -o yaml writes")
	case *from == "" && fs.NArg() != 1:
		err = fmt.Errorf("sheet takes one profile, not %d: `sallyport sheet openshift-v2-gear` shows a built-in one", fs.NArg())
	}
	if err != nil {
		shell.Problem(stderr, "%v", err)
		return shell.Usage
	}
	var s *sheet.Sheet
	if *from != "" {
		s, err = clusterSheet(*from, assume, fs.Args(), stdin, *all, stderr)
	} else {
		var p *profile.Profile
		if p, err = profile.Load(fs.Arg(0), stdin); err == nil {
			s = sheet.Of(p)
		}
	}
	if err != nil {
		shell.Problem(stderr, "%v", err)
		return shell.Usage
	}
	switch *output {
	case "markdown":
		err = report.SheetMarkdown(stdout, s)
	case "html":
		err = report.SheetHTML(stdout, s)
	case "json":
		err = report.SheetJSON(stdout, s)
	default:
		err = report.SheetText(stdout, s, report.TextOptions{Color: shell.Colour(stdout), Width: shell.Columns(stdout)})
	}
	if err != nil {
		shell.Problem(stderr, "write the sheet: %v", err)
		return shell.Failed
	}
	return shell.OK
}

// clusterSheet is the sheet of a workload of a cluster, or of a new pod in a namespace.
func clusterSheet(from string, assume kube.Assumptions, args []string, stdin io.Reader, all bool, stderr io.Writer) (*sheet.Sheet, error) {
	e, err := evaluator(assume, args, stdin, all, stderr)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(from, "/") {
		return e.NamespaceSheet(from)
	}
	named, err := e.Find(from)
	if err != nil {
		return nil, err
	}
	return e.Sheet(named.Workload)
}

// evaluator reads the objects that arguments name.
func evaluator(assume kube.Assumptions, args []string, stdin io.Reader, all bool, stderr io.Writer) (*kube.Evaluator, error) {
	p, err := policyOf(args, stdin, true)
	if err != nil {
		return nil, err
	}
	if !p.objects {
		return nil, errors.New("--from names a workload of a cluster, and a profile has none: want objects, or no --from")
	}
	c, problems, err := p.cluster(args)
	if err != nil {
		return nil, err
	}
	reading(stderr, problems, all)
	return kube.Compile(c, assume), nil
}
