package unotify

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// helperFlag makes the test binary a helper: the program under a filter, or the one that starts it.
const helperFlag = "--helper"

func TestMain(m *testing.M) {
	// Else a program built with the race detector sleeps for a second before it ends.
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	if os.Getenv("WITHOUT_CHILD_INIT") == "" {
		ChildInit()
	}
	if len(os.Args) > 2 && os.Args[1] == helperFlag {
		os.Exit(helper(os.Args[2], os.Args[3:]))
	}
	if os.Args[0] == childName {
		os.Exit(3)
	}
	os.Exit(m.Run())
}

// helper is a program with what it does.
func helper(name string, args []string) int {
	runtime.LockOSThread()
	switch name {
	case "call": // OUT NR ARG...: makes a call, and writes how it ended
		var a [7]uint64
		for i, s := range args[1:] {
			a[i], _ = strconv.ParseUint(s, 0, 64)
		}
		_ = prepareInterrupt()
		r, _, e := unix.Syscall6(uintptr(a[0]), uintptr(a[1]), uintptr(a[2]), uintptr(a[3]), uintptr(a[4]), uintptr(a[5]), uintptr(a[6]))
		return write(args[0], fmt.Sprintf("%d %s", int(r), unix.ErrnoName(e)))
	case "take": // OUT: makes calls until one returns 0, writes into the descriptors that they return
		for i := 0; ; i++ {
			r, _, e := unix.Syscall(unix.SYS_ACCT, 0, 0, 0)
			if e != 0 || r < 3 {
				return write(args[0], fmt.Sprintf("%d taken, then %d %s", i, int(r), unix.ErrnoName(e)))
			}
			flags, _ := unix.FcntlInt(r, unix.F_GETFD, 0)
			fmt.Fprint(fdWriter(r), flags)
			unix.Close(int(r))
		}
	case "full": // OUT: as take, with a full table of descriptors
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: 64}); err != nil {
			return 1
		}
		r, _, e := unix.Syscall(unix.SYS_ACCT, 0, 0, 0)
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 64, Max: 64})
		return write(args[0], fmt.Sprintf("%d %s", int(r), unix.ErrnoName(e)))
	case "start": // PATH ARG...: runs a program by Start, and passes its exit status on
		return startHelper(args)
	case "masked": // SIGNALS PATH ARG...: executes a program with signals blocked
		var set unix.Sigset_t
		for s := range strings.SplitSeq(args[0], ",") {
			n, _ := strconv.Atoi(s)
			set.Val[0] |= 1 << (n - 1)
		}
		if err := unix.PthreadSigmask(unix.SIG_SETMASK, &set, nil); err != nil {
			return 1
		}
		fmt.Fprintln(os.Stderr, syscall.Exec(args[1], args[1:], os.Environ()))
		return 1
	case "ignoring": // PATH ARG...: ignores and handles signals before it is a start
		signal.Ignore(syscall.SIGUSR2, syscall.SIGTSTP, syscall.SIGHUP)
		signal.Notify(make(chan os.Signal, 1), syscall.SIGTERM, syscall.SIGINT, syscall.SIGTTOU)
		return startHelper(args)
	case "private": // OUT: says whether Start needed no_new_privs
		p, err := Start(&Command{Path: "/bin/true", Args: []string{"true"}, Filter: notify(unix.SYS_ACCT)})
		if err != nil {
			return 1
		}
		_ = p.Executed()
		_, _ = syscall.Wait4(p.PID, nil, 0, nil)
		fmt.Print(p.NoNewPrivs)
		return 0
	}
	return 2
}

// startHelper is the shortest of supervisors.
func startHelper(args []string) int {
	p, err := Start(&Command{Path: args[0], Args: args, Filter: notify(unix.SYS_ACCT)})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 125
	}
	if err := p.Executed(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	var ws syscall.WaitStatus
	if _, err := wait4(p.PID, &ws); err != nil {
		return 125
	}
	return ws.ExitStatus()
}

func wait4(pid int, ws *syscall.WaitStatus) (int, error) {
	for {
		if n, err := syscall.Wait4(pid, ws, 0, nil); err != syscall.EINTR {
			return n, err
		}
	}
}

type fdWriter int

func (f fdWriter) Write(b []byte) (int, error) { return unix.Write(int(f), b) }

// write leaves a result for the test, all at once.
func write(path, text string) int {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// notify is the filter that hands calls over: acct(2) most often, which nothing makes unasked.
func notify(calls ...int) Filter {
	var f Filter
	for _, nr := range calls {
		f.Rules = append(f.Rules, Rule{Syscall: nr, Action: Notify})
	}
	return f
}

// program is a helper that was started, and where it leaves its result.
type program struct {
	*Process
	t      *testing.T
	out    string
	waited bool
}

// patience ends a test that waits for what doesn't come.
const patience = 20 * time.Second

// startProgram starts a helper under a filter that notifies acct(2). It ends with the test.
func startProgram(t *testing.T, c Command, name string, args ...string) *program {
	t.Helper()
	pr := &program{t: t, out: filepath.Join(t.TempDir(), "out")}
	c.Path, c.Filter = "/proc/self/exe", notify(unix.SYS_ACCT)
	c.Args = append([]string{"program", helperFlag, name, pr.out}, args...)
	var err error
	if pr.Process, err = Start(&c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		pr.Listener.Close()
		if !pr.waited {
			_ = syscall.Kill(pr.PID, syscall.SIGKILL)
			_, _ = wait4(pr.PID, nil)
		}
	})
	if err := pr.Executed(); err != nil {
		t.Fatal(err)
	}
	return pr
}

// receive is the next notification.
func (pr *program) receive() Notification {
	pr.t.Helper()
	p := []unix.PollFd{{Fd: int32(pr.Listener.FD()), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(p, int(patience.Milliseconds()))
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 || p[0].Revents&unix.POLLIN == 0 {
			pr.t.Fatalf("no notification: poll says %d, %v, events %#x", n, err, p[0].Revents)
		}
		break
	}
	var n Notification
	if err := pr.Listener.Receive(&n); err != nil {
		pr.t.Fatal(err)
	}
	return n
}

// end waits for the program, and returns what it left.
func (pr *program) end() string {
	pr.t.Helper()
	var ws syscall.WaitStatus
	if _, err := wait4(pr.PID, &ws); err != nil {
		pr.t.Fatal(err)
	}
	pr.waited = true
	if ws != 0 {
		pr.t.Fatalf("the program ended with status %#x", int(ws))
	}
	b, err := os.ReadFile(pr.out)
	if err != nil {
		pr.t.Fatal(err)
	}
	return string(b)
}

// until repeats a look until it is satisfied. There is no event to wait for in what it is used for.
func until(t *testing.T, what string, look func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !look(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("did not happen: %s", what)
		}
	}
}

// status is a line of /proc/PID/status.
func status(t *testing.T, pid int, key string) string {
	t.Helper()
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, key+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	t.Fatalf("no %s in /proc/%d/status", key, pid)
	return ""
}

// openFDs counts this process's descriptors.
func openFDs(t *testing.T) int {
	t.Helper()
	d, err := os.Open("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return len(names)
}

// output runs a command, and returns what it wrote with its exit status.
func output(t *testing.T, cmd *exec.Cmd) (string, int) {
	t.Helper()
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		return string(out) + string(exit.Stderr), exit.ExitCode()
	}
	return string(out), 0
}
