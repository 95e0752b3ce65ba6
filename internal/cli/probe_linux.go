package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/signal"
	"time"

	"github.com/sallyport/sallyport/probe"
	"github.com/sallyport/sallyport/report"
)

const probeAbout = `Measures what a client socket may do here: each way to choose the source, by TCP and UDP, first without any network, then at each
TARGET. A TARGET is HOST:PORTS (mail.example:25, host:1-1024, host:common), or a URL whose protocol is then spoken (smtp://mail.example,
https://api.example/health, ssh://host). Nothing is sent to any other destination.`

func runProbe(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	fs := newFlags("probe", "[FLAGS] [TARGET...]", probeAbout, stderr)
	file := fs.String("targets", "", "a `FILE` of targets, one a line; - is standard input")
	sources := fs.String("sources", "auto", "auto: every source for targets of one port; none: no bind alone; all: every source")
	timeout := fs.Duration("timeout", 3*time.Second, "how long a connect, and each step of a handshake, may take")
	rate := fs.Int("rate", 100, "attempts a second; 0: as fast as it goes, also to one host")
	output := fs.String("output", "text", "text, or yaml: the observed profile")
	concurrency := fs.Int("concurrency", 0, "attempts at a time (default 64, with --rate 0 1000)")
	if status, done := parse(fs, args, stdout); done {
		return status
	}
	limits := probe.Limits{Timeout: *timeout, Concurrency: *concurrency, Rate: *rate}
	if *rate == 0 {
		limits.Rate, limits.PerHost = -1, -1
		if *concurrency == 0 {
			limits.Concurrency = 1000
		}
	}
	plan := &probe.Plan{}
	err := errors.Join(choice("sources", *sources, "auto", "none", "all"), choice("output", *output, "text", "yaml"))
	switch {
	case err != nil:
	case *rate < 0 || *concurrency < 0 || *timeout <= 0:
		err = errors.New("--rate and --concurrency want numbers from 0, --timeout a time above 0")
	case *sources == "none":
		plan.Sources = probe.NoBind
	case *sources == "all":
		plan.Sources = probe.AllSources
	}
	targets := make([]probe.Target, 0, fs.NArg())
	for _, arg := range fs.Args() {
		t, bad := probe.Parse(arg)
		err = errors.Join(err, bad)
		targets = append(targets, t)
	}
	if err != nil {
		problem(stderr, "%v", err)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if plan.Place, err = probe.ReadPlace(); err != nil {
		problem(stderr, "read the addresses of this host: %v", err)
		return exitFailed
	}
	o := report.TextOptions{Color: colour(stdout), Width: columns(stdout)}
	bad := 0
	local := probe.Local(ctx, plan.Place)
	if *output == "text" {
		if err := report.ProbeLocal(stdout, local, o); err != nil {
			problem(stderr, "write the result: %v", err)
			return exitFailed
		}
	}
	plan.Unresolved = func(t probe.Target, err error) {
		bad++
		problem(stderr, "%s: %v", t.Text, err)
	}
	all, closeAll, err := targetList(targets, *file, stdin, func(err error) {
		bad++
		problem(stderr, "%v", err)
	})
	if err != nil {
		problem(stderr, "%v", err)
		return exitUsage
	}
	defer closeAll()
	var m probe.Matrix
	for r := range probe.Run(ctx, plan.Attempts(ctx, all), limits, probe.Meet) {
		m.Add(&r)
	}
	if *output == "yaml" {
		host, _ := os.Hostname()
		seen := probe.Observed{Name: host, Place: plan.Place, Environment: probe.Environment(), Resolver: probe.ReadResolver("/etc/resolv.conf"), Local: local, Matrix: &m}
		data, err := seen.Profile().Encode()
		if err == nil {
			_, err = stdout.Write(data)
		}
		if err != nil {
			problem(stderr, "write the profile: %v", err)
			return exitFailed
		}
	} else if m.Attempts > 0 {
		fmt.Fprintln(stdout)
		if err := report.ProbeMatrix(stdout, &m, o); err != nil {
			problem(stderr, "write the result: %v", err)
			return exitFailed
		}
	}
	if bad > 0 {
		return exitFound
	}
	return exitOK
}

// targetList is the targets of the arguments, and then those of a file, which is read as they are tried.
func targetList(args []probe.Target, file string, stdin io.Reader, bad func(error)) (iter.Seq[probe.Target], func(), error) {
	in, name, end := io.Reader(nil), file, func() {}
	switch file {
	case "":
	case "-":
		in, name = stdin, "standard input"
	default:
		f, err := os.Open(file)
		if err != nil {
			return nil, nil, err
		}
		in, end = f, func() { _ = f.Close() }
	}
	return func(yield func(probe.Target) bool) {
		for _, t := range args {
			if !yield(t) {
				return
			}
		}
		if in == nil {
			return
		}
		for t, err := range probe.ReadList(name, in) {
			if err != nil {
				bad(err)
				continue
			}
			if !yield(t) {
				return
			}
		}
	}, end, nil
}
