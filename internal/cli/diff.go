package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/sallyport/sallyport/kube"
	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/report"

	"github.com/sallyport/sallyport/internal/cli/shell"
)

const diffAbout = `What A allows and B does not, and the other way round, exactly, with the rules on either side. It exits with 0 where both allow
the same, and with 1 where they differ.

  diff A B
    Of profiles, which are built in, files, or -: binds, and connects from every source. How something is denied is not compared.
    Of objects of a cluster, which are files, directories, -, or REVISION:PATH of a git repository (HEAD~1:manifests/): who may reach
    what, for all workloads and the world outside. --from names a namespace, a workload, or outside.`

func diff(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	fs := shell.NewFlags("diff", "[FLAGS] A B", diffAbout, stderr)
	output := fs.String("output", "text", "how to write it: text or json")
	from := fs.String("from", "", "of objects, compare what this `SOURCE` may reach alone")
	plugin := pluginFlag(fs)
	all := fs.Bool("all", false, "show every difference, and every problem of reading objects")
	if status, done := shell.Parse(fs, args, stdout); done {
		return status
	}
	assume, err := assumptions(*plugin)
	err = errors.Join(shell.Choice("output", *output, "text", "json"), err)
	if err == nil && fs.NArg() != 2 {
		err = fmt.Errorf("want two profiles, not %d: built-in profiles, files, or -; or two times objects: files, directories, -, REVISION:PATH", fs.NArg())
	}
	if err != nil {
		shell.Problem(stderr, "diff: %v", err)
		return shell.Usage
	}
	p, err := policyOf(fs.Args(), stdin, *from != "")
	if err != nil {
		shell.Problem(stderr, "%v", err)
		return shell.Usage
	}
	switch {
	case p.objects:
		return diffObjects(p, assume, *from, *output, *all, stdout, stderr)
	case *from != "":
		shell.Problem(stderr, "diff: --from names a workload of a cluster, and a profile has none: want objects, or no --from")
		return shell.Usage
	}
	ps, err := profiles(fs.Args(), p.stdin)
	if err != nil {
		shell.Problem(stderr, "%v", err)
		return shell.Usage
	}
	d := report.Diff{A: fs.Arg(0), B: fs.Arg(1), Differences: profile.Diff(ps[0], ps[1])}
	render := d.Text
	if *output == "json" {
		render = d.JSON
	}
	if err := render(stdout); err != nil {
		shell.Problem(stderr, "diff: write it: %v", err)
		return shell.Failed
	}
	if len(d.OnlyA)+len(d.OnlyB) > 0 {
		return shell.Found
	}
	return shell.OK
}

func diffObjects(p *policy, assume kube.Assumptions, from, output string, all bool, stdout, stderr io.Writer) int {
	d := report.ObjectsDiff{A: p.args[0], B: p.args[1]}
	var sides [2]*kube.Evaluator
	for i, problems := range []*[]kube.Problem{&d.ProblemsA, &d.ProblemsB} {
		c, list, err := p.cluster(p.args[i : i+1])
		if err != nil {
			shell.Problem(stderr, "%v", err)
			return shell.Usage
		}
		*problems = list
		reading(stderr, list, all)
		sides[i] = kube.Compile(c, assume)
		if len(sides[i].Workloads()) == 0 {
			shell.Problem(stderr, "diff: %s: no workload was read: want the objects of pods, or of what makes them, beside the policies", p.args[i])
			return shell.Usage
		}
	}
	var err error
	if d.Differences, err = kube.Diff(sides[0], sides[1], from); err != nil {
		shell.Problem(stderr, "diff: --from %v", err)
		return shell.Usage
	}
	if output == "json" {
		err = d.JSON(stdout)
	} else {
		err = d.Text(stdout, report.TextOptions{Color: shell.Colour(stdout), Width: shell.Columns(stdout), Verbose: all})
	}
	if err != nil {
		shell.Problem(stderr, "diff: write it: %v", err)
		return shell.Failed
	}
	if len(d.Changes) > 0 {
		return shell.Found
	}
	return shell.OK
}
