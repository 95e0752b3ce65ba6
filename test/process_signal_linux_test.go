package test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
	"golang.org/x/sys/unix"
)

// counting is a program that says "ready", and then the name of each signal that comes, by way of a pipe that the signal
// handler writes to: none is lost; SIGUSR2 ends it.
const counting = `import os, signal, sys
def say(s): os.write(1, (s + "\n").encode())
r, w = os.pipe()
os.set_blocking(w, False)
signal.set_wakeup_fd(w)
for s in [1, 2, 3, 10, 12, 14, 15, 18, 20, 21, 22, 23, 26, 28, 29, 30]: signal.signal(s, lambda n, f: None)
say("ready")
while True:
    n = os.read(r, 1)[0]
    say(signal.Signals(n).name)
    if n == signal.SIGUSR2: os._exit(7)`

// child is a running program whose output is read line by line.
type child struct {
	t   testing.TB
	cmd *exec.Cmd
	out io.Reader
}

// start starts a program under sallyport, or bare where run is false, without input.
func start(t testing.TB, run bool, argv ...string) *child {
	t.Helper()
	return startWith(t, nil, run, argv...)
}

func startWith(t testing.TB, in *os.File, run bool, argv ...string) *child {
	t.Helper()
	if run {
		argv = append([]string{sallyport(t), "run", "--"}, argv...)
	}
	c := &child{t: t, cmd: exec.Command(argv[0], argv[1:]...)}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = r
	if in != nil {
		c.cmd.Stdin = in
	}
	c.cmd.Stdout, c.cmd.Stderr = w, os.Stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() {
		_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
		r.Close()
		_ = c.cmd.Wait()
	})
	return c
}

// line reads one line of the program's output, "" at its end.
func (c *child) line() string {
	c.t.Helper()
	f, ok := c.out.(*os.File)
	if !ok {
		c.t.Fatal("not a pipe")
	}
	_ = f.SetReadDeadline(deadline())
	var b strings.Builder
	for one := make([]byte, 1); ; {
		switch _, err := f.Read(one); {
		case err == io.EOF:
			return b.String()
		case err != nil:
			c.t.Fatalf("after %q: %v", b.String(), err)
		case one[0] == '\n':
			return b.String()
		}
		b.WriteByte(one[0])
	}
}

func (c *child) wait() syscall.WaitStatus {
	c.t.Helper()
	_ = c.cmd.Wait()
	ws, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok {
		c.t.Fatal("no wait status")
	}
	return ws
}

// TestProcessSignals sends signals to sallyport alone: each reaches the program, once. A second signal shows that the first did
// not come twice.
func TestProcessSignals(t *testing.T) {
	python := testhost.Need(t, "/usr/bin/python3", "python3")
	c := start(t, true, python, "-c", counting)
	if got := c.line(); got != "ready" {
		t.Fatal(got)
	}
	for _, sig := range []syscall.Signal{
		unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGUSR1, unix.SIGALRM, unix.SIGTERM, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU,
		unix.SIGVTALRM, unix.SIGWINCH, unix.SIGIO, unix.SIGPWR,
	} {
		if err := c.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if got, want := c.line(), unix.SignalName(sig); got != want && !(want == "SIGIO" && got == "SIGPOLL") {
			t.Errorf("the program got %s, want %s", got, want)
		}
	}
	if err := c.cmd.Process.Signal(unix.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	if got := c.line(); got != "SIGUSR2" {
		t.Errorf("the program got %s, want SIGUSR2", got)
	}
	if ws := c.wait(); ws.ExitStatus() != 7 {
		t.Errorf("status %#x, want 7", int(ws))
	}
}

// TestProcessSignalDefault sends signals that end the program, which sallyport then is ended by as well.
func TestProcessSignalDefault(t *testing.T) {
	for _, sig := range []syscall.Signal{unix.SIGTERM, unix.SIGHUP, unix.SIGINT, unix.SIGUSR1, unix.SIGALRM, syscall.Signal(40)} {
		c := start(t, true, "sh", "-c", "echo ready; exec sleep 15")
		c.line()
		if err := c.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if ws := c.wait(); !ws.Signaled() || ws.Signal() != sig {
			t.Errorf("status %#x, want death by %v", int(ws), sig)
		}
	}
}

// TestProcessGroupSignal: a program that signals its own process group gets that once, though sallyport is in the group.
func TestProcessGroupSignal(t *testing.T) {
	python := testhost.Need(t, "/usr/bin/python3", "python3")
	own := strings.Replace(counting, `say("ready")`, `say("ready")
for s in [10, 15, 1, 28, 2]: os.kill(0, s)
os.kill(os.getpid(), 12)`, 1)
	for _, run := range []bool{false, true} {
		c := start(t, run, python, "-c", own)
		for _, want := range []string{"ready", "SIGUSR1", "SIGTERM", "SIGHUP", "SIGWINCH", "SIGINT", "SIGUSR2", ""} {
			if got := c.line(); got != want {
				t.Fatalf("run %v: the program got %q, want %q", run, got, want)
			}
		}
	}
}

// Where there is no terminal, and so no shell that looks after stopped jobs, sallyport does not stop with the program; a
// SIGCONT to sallyport continues the program.
func TestProcessStoppedWithoutTerminal(t *testing.T) {
	python := testhost.Need(t, "/usr/bin/python3", "python3")
	c := start(t, false, testhost.Need(t, "setsid", "util-linux"), "-w", sallyport(t), "run", "--", python, "-c", strings.Replace(counting, `say("ready")`, `say(str(os.getpid()) + " " + str(os.getppid()))`, 1))
	var pid, own int
	if _, err := fmt.Sscan(c.line(), &pid, &own); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // in a session of its own; pid is not reused while own has not waited for it
		if c.cmd.ProcessState == nil {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	})
	state := func(pid int) string {
		_, rest, _ := strings.Cut(fileText(fmt.Sprintf("/proc/%d/stat", pid)), ") ")
		return rest[:1]
	}
	for range 3 {
		if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the program stops", func() bool { return state(pid) == "T" })
		if err := unix.Kill(own, unix.SIGUSR1); err != nil { // shows that sallyport goes on
			t.Fatal(err)
		}
		if err := unix.Kill(own, unix.SIGCONT); err != nil {
			t.Fatal(err)
		}
		got := []string{c.line(), c.line()}
		slices.Sort(got)
		if !slices.Equal(got, []string{"SIGCONT", "SIGUSR1"}) {
			t.Errorf("the program got %v, want SIGUSR1 and SIGCONT", got)
		}
	}
	if err := unix.Kill(own, unix.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	if ws := c.wait(); ws.ExitStatus() != 7 {
		t.Errorf("status %#x, want 7", int(ws))
	}
}

// An alarm that was set before sallyport was executed rings, as it does for a program that is executed directly:
// perl -e 'alarm 5; exec @ARGV' is a way to set a limit to a program's time.
func TestProcessAlarm(t *testing.T) {
	const alarm = `/usr/bin/python3 -c 'import os, shlex, signal
signal.setitimer(signal.ITIMER_REAL, 0.3)
argv = shlex.split(os.environ["RUN"]) + ["sleep", "100"]
os.execvp(argv[0], argv)'; echo $?`
	if got := same(t, alarm); got.stdout != "142\n" {
		t.Errorf("%+v, want death by SIGALRM", got)
	}
}

// TestProcessTimeout: timeout(1) ends a program under sallyport as it ends it bare.
func TestProcessTimeout(t *testing.T) {
	scripts(t, []struct{ name, script, want string }{
		{"timeout", `timeout 0.2 $RUN sleep 100; echo $?`, "124"},
		{"foreground", `timeout --foreground -s INT 0.2 $RUN sleep 100; echo $?`, "124"},
		{"preserved", `timeout --preserve-status -s USR1 0.2 $RUN sleep 100; echo $?`, "138"},
		{"the other way round", `$RUN timeout 0.2 sleep 100; echo $?`, "124"},
		{"nohup", `nohup $RUN sh -c 'kill -HUP $$; echo alive' 2>/dev/null`, "alive"},
		{"trap", `trap '' TERM; $RUN sh -c 'kill -TERM $$; echo alive'`, "alive"},
		{"background ignores SIGINT", `$RUN sh -c 'kill -INT $$; echo alive' & wait`, "alive"},
		{"setsid", `$RUN setsid -w sh -c 'exit 5'; echo $?`, "5"},
		{"wait for a job", `$RUN sh -c 'exec sleep 100' >/dev/null & kill $!; wait $!; echo $?`, "143"},
	})
}
