package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// sizes is how much is measured.
type sizes struct {
	rounds   int
	cycles   int      // of a contender in one round; one that takes ten times as long makes a tenth of them
	starts   int      // of a program, by a contender in one round
	sockets  int      // that live at the same time
	transfer []string // iperf3's arguments for how much to send
	decide   time.Duration
}

var (
	full = sizes{
		rounds: 9, cycles: 20_000, starts: 10, sockets: 10_000,
		transfer: []string{"-t", "2"}, decide: 200 * time.Millisecond,
	}
	small = sizes{
		rounds: 1, cycles: 300, starts: 1, sockets: 100,
		transfer: []string{"-n", "5M"}, decide: time.Millisecond,
	}
)

// bench is what the benchmarks share.
type bench struct {
	sizes
	sallyport string // an absolute path
	self      string
	terminal  io.Writer // for progress; nil: nobody watches
	unjudged  bool      // the numbers are too few for budgets
}

func newBench(program string, size sizes, stderr io.Writer) (*bench, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, fmt.Errorf("find sallyport: %w; scripts/bench builds it", err)
	}
	b := &bench{sizes: size}
	if b.sallyport, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	if b.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if f, ok := stderr.(*os.File); ok {
		if st, err := f.Stat(); err == nil && st.Mode()&os.ModeCharDevice != 0 {
			b.terminal = f
		}
	}
	return b, nil
}

// progress tells a terminal what is going on; "" clears the line.
func (b *bench) progress(line string) {
	if b.terminal == nil {
		return
	}
	fmt.Fprint(b.terminal, "\r\x1b[K"+line)
}

// run is the command line that puts a program under sallyport.
func (b *bench) run(flags ...string) []string {
	return append(append([]string{b.sallyport, "run"}, flags...), "--")
}

// strace is the command line that puts a program under strace, as fast as strace is.
var strace = []string{"strace", "-f", "--seccomp-bpf", "-e", "trace=network", "-o", "/dev/null"}

// commandTimeout ends a command that hangs. The longest takes a few seconds.
const commandTimeout = 2 * time.Minute

// output runs a command line and is what it wrote to stdout.
func output(argv []string) ([]byte, error) {
	if _, err := exec.LookPath(argv[0]); err != nil {
		return nil, unavailable(argv[0] + " is not installed")
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, bytes.TrimSpace(problems.Bytes()))
	}
	return out.Bytes(), nil
}

// helper is a command line of this program in one of its helper modes, under another.
func (b *bench) helper(under []string, args ...any) []string {
	argv := append(append([]string(nil), under...), b.self, helperName)
	for _, a := range args {
		argv = append(argv, fmt.Sprint(a))
	}
	return argv
}

// perCycle is what the numbers beside the mean of a round's cycles are.
var perCycle = []string{"p50", "p99"}

// latency is what a helper's cycles take, in microseconds, under another command: the mean, so that slow ones count, and
// perCycle.
func (b *bench) latency(under []string, args ...any) (sample, error) {
	out, err := output(b.helper(under, args...))
	if err != nil {
		return sample{}, err
	}
	var l latencies
	if err := json.Unmarshal(out, &l); err != nil {
		return sample{}, fmt.Errorf("read the helper's answer %q: %w", out, err)
	}
	return sample{value: l.Mean / 1e3, beside: []float64{l.Median / 1e3, l.P99 / 1e3}}, nil
}
