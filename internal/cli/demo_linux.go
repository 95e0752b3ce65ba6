package cli

import (
	"context"
	"io"
	"os"
	"os/signal"

	"github.com/sallyport/sallyport/internal/demo"
	"github.com/sallyport/sallyport/report"
	"github.com/sallyport/sallyport/supervise"
	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/internal/cli/shell"
)

const demoAbout = `Plays the case that sallyport started from, live: three scripts that differ in their bind alone connect to a server,
under the profile openshift-v2-gear, and sallyport says why two of them fail, and runs one of those fixed. It needs no
network and no rights, contacts nothing but this machine, takes some two seconds, and leaves nothing behind. The exit
status is 0 when all went as in the case, and 1 when not.`

func runDemo(args []string, _ io.Reader, stdout, stderr io.Writer) int {
	fs := shell.NewFlags("demo", "[FLAGS]", demoAbout, stderr)
	python := fs.Bool("python", false, "let python3 run the scripts, instead of sallyport itself")
	output := fs.String("output", "text", "text or json")
	if status, done := shell.Parse(fs, args, stdout); done {
		return status
	}
	if fs.NArg() > 0 {
		shell.Problem(stderr, "demo takes no arguments, not %q", fs.Arg(0))
		return shell.Usage
	}
	if err := shell.Choice("output", *output, "text", "json"); err != nil {
		shell.Problem(stderr, "%v", err)
		return shell.Usage
	}
	if *python {
		if _, _, err := supervise.LookPath("python3"); err != nil {
			shell.Problem(stderr, "demo --python needs Python: %v; without --python it needs nothing", err)
			return shell.Failed
		}
	}
	d := &demoShow{stdout: stdout, text: *output == "text", options: report.TextOptions{Color: shell.Colour(stdout), Width: demoWidth(stdout)}}
	return d.play(*python, stderr)
}

// demoShow shows a demo as it goes on.
type demoShow struct {
	stdout     io.Writer
	text       bool
	options    report.TextOptions
	doc        report.Demo
	unexpected []*demo.Run
	err        error // the first of writing
}

func (d *demoShow) play(python bool, stderr io.Writer) int {
	// A signal ends the demo by ctx, so that nothing is left of it, and then this process.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	signals := make(chan os.Signal, 1)
	caught := make(chan unix.Signal, 1)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	go func() { // ends with the process
		if sig, ok := (<-signals).(unix.Signal); ok {
			caught <- sig
			cancel()
		}
	}()
	err := demo.Play(ctx, demo.Options{Python: python, Start: d.start, Begin: d.begin, End: d.end})
	if ctx.Err() != nil {
		signal.Reset()
		supervise.Raise(int(<-caught))
		return shell.Failed
	}
	if err != nil {
		shell.Problem(stderr, "demo: %v", err)
		shell.Problem(stderr, "sallyport doctor tells what is missing")
		return shell.Failed
	}
	if err := d.finish(); err != nil {
		shell.Problem(stderr, "demo: write: %v", err)
		return shell.Failed
	}
	for _, r := range d.unexpected {
		shell.Problem(stderr, "demo: script %d ended otherwise than in the case: %v, want %v", r.Script, r.Outcome, r.Want)
	}
	if len(d.unexpected) > 0 {
		return shell.Found
	}
	return shell.OK
}

func (d *demoShow) start(s *demo.Stage) {
	d.doc = report.Demo{
		Network: s.Network, Because: s.Because, Name: demo.Name, Server: s.Server, Gear: s.Gear,
		Profile: s.Profile, Variant: s.Variant,
	}
	d.write(func() error { return report.DemoStart(d.stdout, &d.doc, d.options) })
}

func (d *demoShow) begin(r *demo.Run) {
	d.write(func() error { return report.DemoBegin(d.stdout, demoRun(r), d.options) })
}

func (d *demoShow) end(r *demo.Run) {
	shown := demoRun(r)
	d.doc.Runs = append(d.doc.Runs, *shown)
	if r.Outcome != r.Want {
		d.unexpected = append(d.unexpected, r)
	}
	d.write(func() error { return report.DemoEnd(d.stdout, shown, d.options) })
}

// write writes a part of the text, unless the whole is to be written as JSON, or writing has failed.
func (d *demoShow) write(part func() error) {
	if d.text && d.err == nil {
		d.err = part()
	}
}

func (d *demoShow) finish() error {
	if !d.text {
		return d.doc.JSON(d.stdout)
	}
	d.write(func() error { return report.DemoFinish(d.stdout, d.options) })
	return d.err
}

func demoRun(r *demo.Run) *report.DemoRun {
	return &report.DemoRun{
		Script: r.Script, Does: r.Does, WithoutBind: r.WithoutBind, Saw: r.Saw, Outcome: r.Outcome, Local: r.Local, Took: r.Took,
		Run: report.Run{
			Version: report.Version, Program: r.Program, ExitStatus: r.ExitStatus,
			Findings: r.Findings, Notes: r.Notes, Lives: r.Lives,
		},
	}
}

// demoColumns is how wide the text is, but on a narrower terminal.
const demoColumns = 100

func demoWidth(w io.Writer) int {
	if n := shell.Columns(w); n > 0 {
		return min(n, demoColumns)
	}
	return demoColumns
}
