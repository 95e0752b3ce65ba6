package cli

import (
	"errors"
	"io"

	"github.com/sallyport/sallyport/kube"
	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/report"

	"github.com/sallyport/sallyport/internal/cli/shell"
)

const checkAbout = `Would the attempt be allowed, and which rules decide? It exits with 0 where all of it is allowed (or is as --expect says), and
with 1 where not.

  check --to DEST PROFILE
    In a profile: built in, a file, or -. DEST is an address or a prefix, with a port and a protocol where only those are asked
    about: 192.0.2.1:443, [2001:db8::1]:53/udp, 10.0.0.0/8:25/tcp, ::1. With a port the protocol is tcp unless given.
  check --from SOURCE --to DEST FILE...
    By Kubernetes and OpenShift objects: files, directories, -, and REVISION:PATH of a git repository. SOURCE is a workload
    (NAMESPACE/NAME, or NAMESPACE/KIND/NAME), or an address outside. DEST is one of these, a prefix, a service (svc/NAMESPACE/NAME, or
    as its name is looked up: db, db.shop, db.shop.svc.cluster.local), or a DNS name outside; then :PORT (a number or a name), then
    /PROTOCOL. Without a port: which ports are open.
  check --matrix FILE...
    Who may reach what, for all workloads. --from and --to narrow it to a namespace, a workload, or outside.`

func check(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	fs := shell.NewFlags("check", "[--from SOURCE] --to DEST [FLAGS] PROFILE | FILE...", checkAbout, stderr)
	to := fs.String("to", "", "the `DEST` of the attempt")
	from := fs.String("from", "", "the `SOURCE` of the attempt, a workload or an address, where objects are asked")
	source := fs.String("source", "none", "what the program asks to send from, where a profile is asked: none (no bind), any, or an `address`")
	expect := fs.String("expect", "", "what should come out, allow or deny: exit with 1 where it does not")
	matrix := fs.Bool("matrix", false, "who may reach what, for all workloads of the objects")
	plugin := pluginFlag(fs)
	all := fs.Bool("all", false, "show everything that was considered, and every problem of reading")
	output := fs.String("output", "text", "how to write it: text or json; with --matrix also csv, dot or markdown")
	if status, done := shell.Parse(fs, args, stdout); done {
		return status
	}
	var err error
	if *matrix {
		err = shell.Choice("output", *output, "text", "json", "csv", "dot", "markdown")
		if *expect != "" {
			err = errors.Join(err, errors.New("--expect is about one attempt, and --matrix shows all"))
		}
	} else {
		err = shell.Choice("output", *output, "text", "json")
	}
	if *expect != "" {
		err = errors.Join(err, shell.Choice("expect", *expect, "allow", "deny"))
	}
	assume, unknown := assumptions(*plugin)
	err = errors.Join(err, unknown)
	if err == nil && *to == "" && !*matrix {
		err = errors.New("want --to DEST, such as --to 192.0.2.1:443")
	}
	if err == nil && fs.NArg() == 0 {
		err = errors.New("want one profile (a built-in profile, a file, or -), or objects: files, directories, -")
	}
	if err != nil {
		shell.Problem(stderr, "check: %v", err)
		return shell.Usage
	}
	p, err := policyOf(fs.Args(), stdin, *matrix || *from != "")
	if err != nil {
		shell.Problem(stderr, "%v", err)
		return shell.Usage
	}
	switch {
	case *matrix && !p.objects:
		shell.Problem(stderr, "check: --matrix is about the workloads of a cluster, and a profile has none: want objects")
		return shell.Usage
	case *matrix:
		return checkMatrix(p, assume, *from, *to, *output, *all, stdout, stderr)
	case p.objects:
		if *source != "none" {
			shell.Problem(stderr, "check: --source is about a profile's bind rules: for objects, --from names the workload")
			return shell.Usage
		}
		return checkObjects(p, assume, *from, *to, *expect, *output, *all, stdout, stderr)
	case *from != "":
		shell.Problem(stderr, "check: --from names a workload of a cluster, and a profile has none: want objects, or no --from")
		return shell.Usage
	}
	return checkProfile(p, *to, *source, *expect, *output, stdout, stderr)
}

func checkProfile(p *policy, to, source, expect, output string, stdout, stderr io.Writer) int {
	q, err := question(to, source)
	if err == nil && len(p.args) != 1 {
		err = errors.New("want one profile: a built-in profile, a file, or -")
	}
	if err != nil {
		shell.Problem(stderr, "check: %v", err)
		return shell.Usage
	}
	ps, err := profiles(p.args, p.stdin)
	if err != nil {
		shell.Problem(stderr, "%v", err)
		return shell.Usage
	}
	answer := ps[0].Answer(q)
	render := report.Check
	if output == "json" {
		render = report.CheckJSON
	}
	if err := render(stdout, answer); err != nil {
		shell.Problem(stderr, "check: write the answer: %v", err)
		return shell.Failed
	}
	want := profile.Allowed
	if expect == "deny" {
		want = profile.Denied
	}
	if answer.Result != want {
		return shell.Found
	}
	return shell.OK
}

func checkObjects(p *policy, assume kube.Assumptions, from, to, expect, output string, all bool, stdout, stderr io.Writer) int {
	c, problems, err := p.cluster(p.args)
	if err != nil {
		shell.Problem(stderr, "%v", err)
		return shell.Usage
	}
	reading(stderr, problems, all)
	e := kube.Compile(c, assume)
	if from == "" {
		shell.Problem(stderr, "%v", wantFrom("check", e))
		return shell.Usage
	}
	origin, note, err := e.Origin(from)
	if err != nil {
		shell.Problem(stderr, "check: --from %v", err)
		return shell.Usage
	}
	target, err := e.Target(to, origin)
	if err != nil {
		shell.Problem(stderr, "check: --to %v", err)
		return shell.Usage
	}
	answer := report.ObjectsCheck{Answer: e.Answer(origin, target), Problems: problems}
	if note != "" {
		answer.Notes = append(answer.Notes, note)
	}
	if output == "json" {
		err = answer.JSON(stdout)
	} else {
		err = answer.Text(stdout, report.TextOptions{Color: shell.Colour(stdout), Width: shell.Columns(stdout), Verbose: all})
	}
	if err != nil {
		shell.Problem(stderr, "check: write the answer: %v", err)
		return shell.Failed
	}
	want := kube.Allowed
	if expect == "deny" {
		want = kube.Denied
	}
	if answer.Verdict != want {
		return shell.Found
	}
	return shell.OK
}

func checkMatrix(p *policy, assume kube.Assumptions, from, to, output string, all bool, stdout, stderr io.Writer) int {
	c, problems, err := p.cluster(p.args)
	if err != nil {
		shell.Problem(stderr, "%v", err)
		return shell.Usage
	}
	reading(stderr, problems, all)
	e := kube.Compile(c, assume)
	m := report.Matrix{Evaluator: e, Problems: problems}
	if len(e.Workloads()) == 0 {
		shell.Problem(stderr, "check: no workload was read: want the objects of pods, or of what makes them, beside the policies")
		return shell.Usage
	}
	if m.From, err = e.Choose(from); err != nil {
		shell.Problem(stderr, "check: --from %v", err)
		return shell.Usage
	}
	if m.To, err = e.Choose(to); err != nil {
		shell.Problem(stderr, "check: --to %v", err)
		return shell.Usage
	}
	switch output {
	case "json":
		err = m.JSON(stdout)
	case "csv":
		err = m.CSV(stdout)
	case "dot":
		err = m.DOT(stdout)
	case "markdown":
		err = m.Markdown(stdout)
	default:
		err = m.Text(stdout, report.TextOptions{Color: shell.Colour(stdout), Width: shell.Columns(stdout), Verbose: all})
	}
	if err != nil {
		shell.Problem(stderr, "check: write the matrix: %v", err)
		return shell.Failed
	}
	return shell.OK
}
