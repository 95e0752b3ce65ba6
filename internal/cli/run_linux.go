package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/callsite"
	"github.com/sallyport/sallyport/diagnose"
	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/report"
	"github.com/sallyport/sallyport/supervise"
	"github.com/sallyport/sallyport/unotify"
	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/internal/cli/shell"
)

const runAbout = `Runs a program, unchanged, and watches its client sockets. When an outgoing connection has failed, says what
happened and what to change, after the program has ended. The exit status is the program's own; 125, 126 and 127 are
sallyport's, as with env and timeout.`

// runFlags is what run was asked for.
type runFlags struct {
	where                                       string
	profile, report, output, events             string
	withoutBind, withoutUDPBind, keepPort       bool
	verbose, noCounterfactuals, socketInjection bool
}

func (f *runFlags) options(p *profile.Profile) supervise.Options {
	return supervise.Options{
		Profile: p,
		Elide:   supervise.Elide{TCP: f.withoutBind, UDP: f.withoutUDPBind, KeepPort: f.keepPort},
		Locals:  f.verbose || f.output == "json" || f.events != "",
		Inject:  f.socketInjection,
		Endings: true,
	}
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var f runFlags
	fs := shell.NewFlags("run", "[FLAGS] [--] CMD ARG...", runAbout, stderr)
	fs.BoolVar(&f.withoutBind, "without-bind", false, "answer the binds of TCP client sockets, and don't perform them; a socket that listens is bound after all")
	fs.BoolVar(&f.withoutUDPBind, "without-udp-bind", false, "the same for UDP, where a server's binds can't be told from a client's")
	fs.BoolVar(&f.keepPort, "keep-port-binds", false, "with --without-bind: perform the binds that ask for a port of their own")
	fs.StringVar(&f.profile, "profile", "", "enforce a profile: a `file`, - or a built-in name")
	fs.StringVar(&f.report, "report", "", "write the report to a `file` instead of stderr")
	fs.StringVar(&f.output, "output", "text", "the report's format: text or json")
	fs.StringVar(&f.events, "events", "", "write one JSON object a step to a `file`, as it happens")
	fs.StringVar(&f.where, "where", "failed", "`which` calls to find the line of source of: failed, all (every bind and connect too), node (all, and Node's by a hook in NODE_OPTIONS), or off")
	fs.BoolVar(&f.verbose, "verbose", false, "report each socket's life, also where nothing failed")
	fs.BoolVar(&f.noCounterfactuals, "no-counterfactuals", false, "don't try failed attempts again with one thing changed")
	fs.BoolVar(&f.socketInjection, "inject", false, "work by socket injection, as where pidfd_getfd is forbidden")
	if status, done := shell.Parse(fs, args, stdout); done {
		return status
	}
	if fs.NArg() == 0 {
		shell.Problem(stderr, "run needs a program: sallyport run [FLAGS] -- CMD ARG...")
		return shell.Usage
	}
	if err := errors.Join(shell.Choice("output", f.output, "text", "json"), shell.Choice("where", f.where, "failed", "all", "node", "off")); err != nil {
		shell.Problem(stderr, "%v", err)
		return shell.Usage
	}
	r, status := prepare(&f, fs.Args(), stdin, stderr)
	if r == nil {
		return status
	}
	return r.run()
}

// running is one run of a program, with all that it needs open.
type running struct {
	flags  *runFlags
	argv   []string
	opts   supervise.Options
	out    *os.File // where the report goes; nil: stderr
	events *os.File
	stderr io.Writer

	callsites callsite.Reader
}

// prepare finds all that can be wrong before the program starts.
func prepare(f *runFlags, argv []string, stdin io.Reader, stderr io.Writer) (*running, int) {
	path, status, err := supervise.LookPath(argv[0])
	if err != nil {
		shell.Problem(stderr, "%v", err)
		return nil, status
	}
	var p *profile.Profile
	if f.profile != "" {
		if p, err = profile.Load(f.profile, stdin); err != nil {
			shell.Problem(stderr, "%v", err)
			return nil, shell.Usage
		}
	}
	r := &running{flags: f, argv: argv, opts: f.options(p), stderr: stderr}
	r.opts.Path, r.opts.Args = path, argv
	if f.where != "off" {
		r.opts.Where, r.opts.WhereAll = stacks(&r.callsites), f.where != "failed"
	}
	if f.report != "" {
		if r.out, err = os.OpenFile(f.report, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o666); err != nil {
			shell.Problem(stderr, "report file: %v", err)
			return nil, shell.Usage
		}
	}
	if f.events != "" {
		if r.events, err = os.OpenFile(f.events, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o666); err != nil {
			shell.Problem(stderr, "events file: %v", err)
			return nil, shell.Usage
		}
		r.opts.OnStep = eventsTo(r.events, func(err error) { shell.Problem(stderr, "events file: %v", err) })
	}
	if f.where == "node" {
		if err := r.addHook(); err != nil {
			shell.Problem(stderr, "hook for Node: %v", err)
			return nil, shell.Failed
		}
	}
	if what := supervise.LosesRights(path); what != "" {
		shell.Problem(stderr, "%s is %s, and runs without those rights here: sallyport lacks CAP_SYS_ADMIN, so the kernel demands no_new_privs", path, what)
	}
	return r, 0
}

func (r *running) run() int {
	var investigation *diagnose.Investigation
	r.opts.OnFailed = func(l *attempt.Life, res attempt.Result) { investigation.Failed(l, res) }
	r.opts.OnStalled = func(l *attempt.Life) { investigation.Stalled(l) }
	r.opts.OnFull = func(p *attempt.Process, cookie uint64, limit int) { investigation.Full(p, cookie, limit) }
	r.opts.OnDial = func(p *attempt.Process, to netip.AddrPort) bool { return investigation.Dials(p, to) }
	s := supervise.New(r.opts)
	facts := func() diagnose.Facts {
		f := diagnose.ReadFacts()
		f.NoNewPrivs = s.NoNewPrivs()
		return f
	}
	investigation = diagnose.New(s, facts, diagnose.Options{
		NoCounterfactuals: r.flags.noCounterfactuals, Program: r.argv, Profile: r.flags.profile,
	})
	defer investigation.Close()
	if err := s.Start(); err != nil {
		r.removeHook()
		return r.startFailed(err)
	}
	letGoOfStreams()
	interrupts := catchInterrupts()
	exit, err := s.Wait()
	select {
	case <-interrupts: // it was the program's
	default:
	}
	if err != nil {
		shell.Problem(r.stderr, "wait for %s: %v", r.argv[0], err)
		exit.Status = shell.Failed
	}
	out := report.Run{Version: 1, Program: r.argv, ExitStatus: exit.Status}
	if exit.Signal != 0 {
		out.ExitStatus = 128 + exit.Signal
	}
	if out.ExitStatus != 0 {
		s.AwaitEndings()
	}
	var lives []*attempt.Life
	lives, out.LivesDropped = s.Lives()
	out.Lives = lives
	investigation.Ended(out.ExitStatus)
	out.Lookups, out.LookupsDropped = s.Lookups()
	investigation.Looked(out.Lookups)
	investigation.Heard(s.Heard())
	out.Findings, out.Notes = r.findings(investigation, lives, interrupts)
	out.Warnings = r.warnings(s, len(out.Findings) > 0)
	if r.callsites.Node != nil && !s.Survivors() { // else Node programs may yet start, and the keeper removes it
		r.removeHook()
	}
	s.Close()
	if err := r.write(&out); err != nil {
		shell.Problem(r.stderr, "write report: %v", err)
	}
	if exit.Signal != 0 {
		supervise.Raise(exit.Signal)
	}
	return out.ExitStatus
}

// findings waits for the counterfactuals under way. A signal from interrupts cuts that short, for the report to be written
// with what is known; the next one ends sallyport.
func (r *running) findings(v *diagnose.Investigation, lives []*attempt.Life, interrupts chan os.Signal) ([]diagnose.Finding, []diagnose.Note) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { // ends with ctx
		select {
		case <-interrupts:
			cancel()
		case <-ctx.Done():
		}
		signal.Stop(interrupts)
	}()
	defer r.progress()()
	return v.Findings(ctx, lives)
}

// catchInterrupts catches the signals that cut a report short, those of them that are not ignored. They must be caught
// before the supervisor lets go of them: there is no time in which they end sallyport, and the program's status is lost.
func catchInterrupts() chan os.Signal {
	ch := make(chan os.Signal, 1)
	for _, sig := range []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT} {
		if !signal.Ignored(sig) {
			signal.Notify(ch, sig)
		}
	}
	return ch
}

// warnings is what else the user should know of this run. Where processes live on, it gives them a keeper.
func (r *running) warnings(s *supervise.Supervisor, found bool) []string {
	var out []string
	if s.Survivors() {
		tag := ""
		if r.events != nil {
			tag, _ = filepath.Abs(r.flags.events)
		}
		switch pid, err := s.HandOver(tag); {
		case err != nil:
			out = append(out, fmt.Sprintf("processes of the program live on without sallyport, and their socket calls fail: %v", err))
		case found || r.flags.verbose:
			out = append(out, fmt.Sprintf("processes of the program live on; sallyport (pid %d) stays with them and reports nothing more", pid))
		}
	}
	if found && s.NoNewPrivs() {
		out = append(out, "without CAP_SYS_ADMIN the program ran with no_new_privs: setuid programs (sudo, ping) had no extra rights")
	}
	if n := s.Unseen(); n > 0 && (found || r.flags.verbose) {
		out = append(out, fmt.Sprintf("%d calls were not seen: their process may not be looked into (another user's, or not dumpable); run sallyport as root to see them", n))
	}
	if s.Confined() && (found || r.flags.verbose) {
		out = append(out, "a process confined itself with Landlock: its calls were its own from then on, and their errno was not seen")
	}
	return out
}

// startFailed explains why the program did not start.
func (r *running) startFailed(err error) int {
	var se *unotify.StartError
	if errors.As(err, &se) && se.Step == "execute" {
		shell.Problem(r.stderr, "%s: %v", r.argv[0], se.Err)
		if errors.Is(err, unix.ENOENT) {
			return shell.NotFound
		}
		return shell.NotExecuted
	}
	shell.Problem(r.stderr, "can't watch a program here: %v", err)
	switch {
	case errors.Is(err, unix.EBUSY):
		shell.Problem(r.stderr, "another supervisor holds the program's seccomp listener already (a sallyport around this one?); only one can")
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
		shell.Problem(r.stderr, "the kernel has no seccomp user notification: it came with Linux 5.0, and sallyport needs 5.6")
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		shell.Problem(r.stderr, "an outer sandbox forbids seccomp(2)")
	}
	shell.Problem(r.stderr, "sallyport doctor tells what is missing")
	return shell.Failed
}

// write writes the report where it belongs, closing its file.
func (r *running) write(out *report.Run) error {
	var w io.Writer = r.stderr
	if r.out != nil {
		w = r.out
	}
	var err error
	if r.flags.output == "json" {
		err = out.JSON(w)
	} else {
		err = out.Text(w, report.TextOptions{Color: shell.Colour(w), Verbose: r.flags.verbose, Width: shell.Columns(w)})
	}
	if r.out != nil {
		err = errors.Join(err, r.out.Close())
	}
	return err
}

// progressAfter is how long the report may take before a terminal is told that it is being made.
const progressAfter = time.Second

// progress tells a terminal that counterfactuals are under way, if that takes long. The function that it
// returns ends it, and clears the line.
func (r *running) progress() func() {
	f, ok := r.stderr.(*os.File)
	if !ok || !shell.IsTerminal(f) {
		return func() {}
	}
	const line = "sallyport: trying the failed attempts again, with one thing changed..."
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { // ends with stop
		defer close(done)
		select {
		case <-stop:
		case <-time.After(progressAfter):
			fmt.Fprint(f, line)
			<-stop
			fmt.Fprint(f, "\r\x1b[K")
		}
	}()
	return func() { close(stop); <-done }
}

// eventsTo is an OnStep that writes each step to a file before the program goes on. failed is told the first error.
func eventsTo(f *os.File, failed func(error)) func(*attempt.Life, *attempt.Step) {
	var told atomic.Bool
	return func(l *attempt.Life, st *attempt.Step) {
		b, err := report.EventJSON(l, st)
		if err == nil {
			_, err = f.Write(b)
		}
		if err != nil && !told.Swap(true) {
			failed(err)
		}
	}
}
