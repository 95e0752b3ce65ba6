// Package probing holds the commands that send something, which sallyport-probe has: flags in, calls, rendering out.
package probing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/probe"
	"github.com/sallyport/sallyport/probe/measure"
	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/report"

	"github.com/sallyport/sallyport/internal/cli/shell"
)

const probeAbout = `Measures what a client socket may do here: each way to choose the source, by TCP and UDP, first without any network, then at each
TARGET. A TARGET is HOST:PORTS (mail.example:25, host:1-1024, host:common), or a URL whose protocol is then spoken (smtp://mail.example,
https://api.example/health, ssh://host). Nothing is sent to any other destination. With --output yaml it writes the observed profile, which
sheet, diff, check and run --profile take.`

// probeFlags are the flags of probe.
type probeFlags struct {
	file, sources, output, compare, expect string
	reflectToken                           string
	timeout                                time.Duration
	rate, concurrency                      int
	everySource, noCounterfactuals         bool
	watchFlags
}

func runProbe(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var f probeFlags
	fs := shell.NewFlags("probe", "[FLAGS] [TARGET...]", probeAbout, stderr)
	fs.StringVar(&f.file, "targets", "", "a `FILE` of targets, one a line; - is standard input")
	fs.StringVar(&f.sources, "sources", "auto", "auto: every source for targets of one port; none: no bind alone; all: every source")
	fs.DurationVar(&f.timeout, "timeout", 3*time.Second, "how long a connect, and each step of a handshake, may take")
	fs.IntVar(&f.rate, "rate", 100, "attempts a second; 0: as fast as it goes, also to one host")
	fs.IntVar(&f.concurrency, "concurrency", 0, "attempts at a time (default 64, with --rate 0 1000)")
	fs.StringVar(&f.compare, "compare", "", "the `PROFILE` that was declared: show where it and what is observed differ, and exit with 1 where they do")
	fs.StringVar(&f.expect, "expect", "", "a `FILE` of attempts and what must come of them: exit with 1 where something else does")
	fs.StringVar(&f.reflectToken, "reflect-token-file", "", "a `FILE` with the token of the sallyport reflect that reflect:// targets name; without, SALLYPORT_REFLECT_TOKEN has it")
	fs.BoolVar(&f.everySource, "all", false, "text: show every source, not only those that made a difference")
	fs.BoolVar(&f.noCounterfactuals, "no-counterfactuals", false, "do not ask why attempts failed, which makes a few more of them")
	fs.StringVar(&f.output, "output", "text", "text, json, markdown, junit, html, or yaml: the observed profile")
	f.watchFlags.register(fs)
	if status, done := shell.Parse(fs, args, stdout); done {
		return status
	}
	f.watchFlags.parsed(fs)
	p, err := newProber(&f, fs.Args(), stdin, stdout, stderr)
	if err != nil {
		shell.Problem(stderr, "%v", err)
		return shell.Usage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if f.every > 0 {
		return p.watch(ctx, stop)
	}
	return p.run(ctx)
}

// prober is one probe: what it is to do, and what it has found.
type prober struct {
	*probeFlags
	plan           *measure.Plan
	limits         measure.Limits
	targets        []probe.Target
	declared       *profile.Profile
	judge          probe.Judge
	meet           measure.Greet
	stdin          io.Reader
	stdout, stderr io.Writer
	progress       *progress
	bad            bool
	found          report.Probe
}

func newProber(f *probeFlags, args []string, stdin io.Reader, stdout, stderr io.Writer) (*prober, error) {
	p := &prober{probeFlags: f, plan: &measure.Plan{}, stdin: stdin, stdout: stdout, progress: newProgress(stderr)}
	p.stderr, stderr = p.progress, p.progress
	err := errors.Join(shell.Choice("sources", f.sources, "auto", "none", "all"), shell.Choice("output", f.output, "text", "json", "yaml", "markdown", "junit", "html"))
	if f.rate < 0 || f.concurrency < 0 || f.timeout <= 0 {
		err = errors.Join(err, errors.New("--rate and --concurrency want numbers from 0, --timeout a time above 0"))
	}
	if f.compare != "" && f.output == "yaml" {
		err = errors.Join(err, errors.New("--compare shows differences, which a profile cannot hold: want --output text or json"))
	}
	err = errors.Join(err, f.watchFlags.check(f))
	for _, arg := range args {
		if len(arg) > 1 && arg[0] == '-' {
			err = errors.Join(err, fmt.Errorf("%s: flags come before the targets", arg))
			break
		}
		t, bad := probe.Parse(arg)
		err = errors.Join(err, bad)
		p.targets = append(p.targets, t)
	}
	if err != nil {
		return nil, err
	}
	switch f.sources {
	case "none":
		p.plan.Sources = measure.NoBind
	case "all":
		p.plan.Sources = measure.AllSources
	}
	p.limits = measure.Limits{Timeout: f.timeout, Concurrency: f.concurrency, Rate: f.rate}
	if f.rate == 0 {
		p.limits.Rate, p.limits.PerHost = -1, -1
		if f.concurrency == 0 {
			p.limits.Concurrency = 1000
		}
	}
	if f.expect != "" {
		data, err := readAll(f.expect, stdin)
		if err != nil {
			return nil, err
		}
		if p.judge.List, err = probe.ReadExpectations(f.expect, data); err != nil {
			return nil, err
		}
	}
	if f.compare != "" {
		var err error
		if p.declared, err = profile.Load(f.compare, stdin); err != nil {
			return nil, err
		}
	}
	greeter, err := p.greeter()
	if err != nil {
		return nil, err
	}
	p.meet = greeter.Meet
	if p.plan.Place, err = measure.ReadPlace(); err != nil {
		return nil, fmt.Errorf("read the addresses of this host: %w", err)
	}
	p.plan.Unresolved = func(t probe.Target, err error) {
		p.bad = true
		p.found.Unresolved = append(p.found.Unresolved, report.Unresolved{Target: t.Text, Error: err.Error()})
		shell.Problem(stderr, "%s: %v", t.Text, err)
	}
	return p, nil
}

func (p *prober) run(ctx context.Context) int {
	all, end, err := p.all()
	if err != nil {
		shell.Problem(p.stderr, "%v", err)
		return shell.Usage
	}
	defer end()
	p.found.All = p.everySource
	host, _ := os.Hostname()
	o := report.TextOptions{Color: shell.Colour(p.stdout), Width: shell.Columns(p.stdout)}
	m := &probe.Matrix{}
	p.progress.start(0, 0, localLabel)
	p.found.Observed = &probe.Observed{
		Name: host, Place: p.plan.Place, Environment: measure.Environment(), Resolver: measure.ReadResolver("/etc/resolv.conf"),
		Local: measure.Local(ctx, p.plan.Place), Matrix: m,
	}
	p.progress.end()
	if p.output == "text" {
		err = report.ProbeLocal(p.stdout, p.found.Observed.Local, p.everySource, o)
	}
	var why *explainer
	if !p.noCounterfactuals {
		why = newExplainer()
	}
	attempts := both(p.plan.Expected(ctx, p.judge.List), p.plan.Attempts(ctx, withCompanions(all)))
	total, hosts := p.count()
	p.progress.start(total, hosts, "")
	for r := range measure.Run(ctx, p.progress.watching(attempts), p.limits, p.meet) {
		m.Add(&r)
		p.judge.Add(&r)
		p.progress.result(&r)
		if why != nil {
			why.add(&r)
		}
	}
	p.progress.end()
	if why != nil {
		p.progress.start(0, 0, "asking why attempts failed")
		p.found.Findings = why.findings(ctx)
		p.progress.end()
		tell(m, p.found.Findings)
	}
	if p.expect != "" {
		p.found.Expected, p.found.Unmet = len(p.judge.List), p.judge.Unmet()
	}
	interrupted := ctx.Err() != nil
	if interrupted {
		shell.Problem(p.stderr, "interrupted: what follows is what it has")
	}
	if p.declared != nil {
		c := m.Compare(p.declared)
		p.found.Comparison = &c
	}
	if err == nil {
		err = p.write(o)
	}
	switch {
	case err != nil:
		shell.Problem(p.stderr, "write the result: %v", err)
		return shell.Failed
	case interrupted, p.bad, len(p.found.Unmet) > 0, p.found.Comparison != nil && len(p.found.Comparison.Differences) > 0:
		return shell.Found
	}
	return shell.OK
}

const localLabel = "trying each source on this host, without any network"

// count is how many attempts there are to make, and at how many hosts; 0 where that is not known beforehand.
func (p *prober) count() (attempts, hosts int) {
	if p.file != "" || len(p.judge.List) > 0 {
		return 0, 0
	}
	attempts, hosts, _ = p.plan.Count(slices.Collect(withCompanions(slices.Values(p.targets))))
	return attempts, hosts
}

func (p *prober) write(o report.TextOptions) error {
	switch p.output {
	case "json":
		return report.ProbeJSON(p.stdout, &p.found)
	case "markdown":
		return report.ProbeMarkdown(p.stdout, &p.found)
	case "junit":
		return report.ProbeJUnit(p.stdout, &p.found)
	case "html":
		return report.ProbeHTML(p.stdout, &p.found)
	case "yaml":
		data, err := p.found.Observed.Profile().Encode()
		if err != nil {
			return err
		}
		_, err = p.stdout.Write(data)
		return err
	}
	return report.ProbeText(p.stdout, &p.found, o)
}

// all is the targets of the arguments, and then those of a file, which is read as they are tried.
func (p *prober) all() (iter.Seq[probe.Target], func(), error) {
	in, name, end := io.Reader(nil), p.file, func() {}
	switch p.file {
	case "":
	case "-":
		in, name = p.stdin, "standard input"
	default:
		f, err := os.Open(p.file)
		if err != nil {
			return nil, nil, err
		}
		in, end = f, func() { _ = f.Close() }
	}
	return func(yield func(probe.Target) bool) {
		for _, t := range p.targets {
			if !yield(t) {
				return
			}
		}
		if in == nil {
			return
		}
		for t, err := range probe.ReadList(name, in) {
			if err != nil {
				p.bad = true
				shell.Problem(p.stderr, "%v", err)
				continue
			}
			if !yield(t) {
				return
			}
		}
	}, end, nil
}

func both[T any](a, b iter.Seq[T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		for x := range a {
			if !yield(x) {
				return
			}
		}
		b(yield)
	}
}

// readAll reads a file, or standard input.
func readAll(file string, stdin io.Reader) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(file)
}
