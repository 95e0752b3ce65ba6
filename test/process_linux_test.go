package test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/testhost"
)

// The tests of this file and its neighbours, process_*, compare a program under `sallyport run` with the same program bare:
// what a shell sees of it, what it sees itself, and what is left of it.

// processTimeout is how long a script may take before it is killed: none has anything to wait for.
const processTimeout = 20 * time.Second

// seen is what a script left.
type seen struct {
	stdout, stderr string
	status         syscall.WaitStatus
}

// shell runs a script by bash, in which $RUN before a command runs it bare (run is "") or under sallyport. Each runs in a
// process group of its own, which is killed when it takes too long.
func shell(t testing.TB, run, script string) seen {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), processTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, testhost.Need(t, "bash", "bash"), "-c", script)
	cmd.Env = append(os.Environ(), "RUN="+run, "LC_ALL=C")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if ctx.Err() != nil || errors.Is(err, exec.ErrWaitDelay) {
		t.Fatalf("%q with RUN=%q: not done after %v: %v\nstdout: %s\nstderr: %s", script, run, processTimeout, err, out.String(), errs.String())
	}
	ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok {
		t.Fatal("no wait status")
	}
	return seen{out.String(), errs.String(), ws}
}

// underRun is what $RUN is under sallyport, with flags.
func underRun(t testing.TB, flags ...string) string {
	t.Helper()
	return strings.Join(append([]string{sallyport(t), "run"}, flags...), " ") + " --"
}

// shellPIDs are the process ids in what bash says of jobs.
var shellPIDs = regexp.MustCompile(`(line \d+: +|\] )\d+`)

func (s seen) withoutPIDs() seen {
	s.stderr = shellPIDs.ReplaceAllString(s.stderr, "${1}PID")
	return s
}

// same runs a script bare and under sallyport, and fails the test where anything differs.
func same(t *testing.T, script string) seen {
	t.Helper()
	bare := shell(t, "", script).withoutPIDs()
	got := shell(t, underRun(t), script).withoutPIDs()
	if got != bare {
		t.Errorf("%s\nunder sallyport: status %#x\n%s%s\nbare: status %#x\n%s%s",
			script, int(got.status), got.stdout, got.stderr, int(bare.status), bare.stdout, bare.stderr)
	}
	return bare
}

// scripts runs a table of scripts by same. want, where it is not empty, must be in stdout or stderr: it keeps a script
// from being the same for want of what it is about.
func scripts(t *testing.T, table []struct{ name, script, want string }) {
	for _, tt := range table {
		t.Run(tt.name, func(t *testing.T) {
			if got := same(t, tt.script); !strings.Contains(got.stdout+got.stderr, tt.want) {
				t.Errorf("%s\nstdout %q\nstderr %q\nwant %q", tt.script, got.stdout, got.stderr, tt.want)
			}
		})
	}
}

// eventually waits until a condition holds that no event tells of.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(processTimeout); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", processTimeout, what)
		}
	}
}

func deadline() time.Time { return time.Now().Add(processTimeout) }

// fileText is what a file holds now, "" where there is none.
func fileText(path string) string {
	b, _ := os.ReadFile(path)
	return string(b)
}
