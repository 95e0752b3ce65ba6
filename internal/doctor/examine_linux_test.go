package doctor

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
	"github.com/sallyport/sallyport/unotify"
	"golang.org/x/sys/unix"
)

// needBare skips what says something of a machine that lets sallyport do everything.
func needBare(t *testing.T) {
	t.Helper()
	if s := readStatus()["Seccomp"]; s != "0" {
		t.Skipf("needs to run under no seccomp filter, and /proc/self/status says Seccomp: %s", s)
	}
}

func TestExamine(t *testing.T) {
	needBare(t)
	if b, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope"); err == nil && b[0] > '1' {
		t.Skipf("needs kernel.yama.ptrace_scope of 0 or 1, it is %s", b)
	}
	r := Examine(self)
	if r.Run != Fully || len(r.Because) > 0 || len(r.Change) > 0 {
		t.Errorf("run: got %v, because %q, change %q", r.Run, r.Because, r.Change)
	}
	for _, name := range []string{Kernel, Notification, Outer, Duplicate, Inject, ReadVM, ReadProc, PtraceScope} {
		if c := r.Check(name); c.OK != Yes {
			t.Errorf("%s: got %v: %s", name, c.OK, c.Reason)
		}
	}
	for _, c := range r.Checks {
		if c.Reason == "" {
			t.Errorf("%s: no reason", c.Name)
		}
		if c.OK == Yes && c.Change != "" {
			t.Errorf("%s: yes, and still to be changed: %s", c.Name, c.Change)
		}
	}
}

func TestExamineLeavesNothing(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	Examine(self) // what is opened once for good
	fds := count()
	for range 3 {
		Examine(self)
	}
	if user, _ := tryNamespaces(self); user != nil {
		// Where clone(2) fails, forkAndExecInChild of package syscall forgets the pipe that it made for the mappings.
		t.Logf("descriptors not compared: no user namespaces here: %v", user)
	} else if got := count(); got != fds {
		t.Errorf("descriptors: got %d, want %d", got, fds)
	}
	stacks := make([]byte, 1<<16)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for g := range strings.SplitSeq(string(stacks), "\n\n") {
		if strings.Contains(g, "internal/doctor.") && !strings.Contains(g, "runtime.Stack") && !strings.Contains(g, "testing.(*T).Run") {
			t.Errorf("a goroutine was left:\n%s", g)
		}
	}
	if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); err != syscall.ECHILD {
		t.Errorf("a child was left: wait4 returned %d, %v", pid, err)
	}
}

func TestDockerDefault(t *testing.T) {
	injection := map[string]string{
		Notification: "yes", Outer: "yes", Duplicate: "no", Inject: "yes", ReadVM: "yes", UserNamespaces: "no", Setuid: "no",
	}
	ptrace := append([]string{"CAP_SYS_PTRACE"}, testhost.DockerCaps...)
	tests := []struct {
		name string
		c    testhost.Container
		run  string
		want map[string]string
	}{
		{"root", testhost.Container{}, "injection", injection},
		{"another user", testhost.Container{UID: 65534, NoNewPrivs: true}, "injection", injection},
		{"with CAP_SYS_PTRACE", testhost.Container{Caps: ptrace}, "yes", map[string]string{Duplicate: "yes", UserNamespaces: "no"}},
	}
	exe := testhost.PublicCopy(t, "/proc/self/exe")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cmd := testhost.DockerDefault(t, test.c, exe, asExamine)
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			f := parse(t, out)
			if f.Run != test.run {
				t.Errorf("run: got %s, want %s", f.Run, test.run)
			}
			f.wantOK(t, test.want)
			wantIn(t, f.fact("seccomp"), "like the default profile of Docker")
			if test.run == "injection" {
				wantIn(t, strings.Join(f.Because, "\n"), "a seccomp filter around this process refuses the call")
				wantIn(t, strings.Join(f.Change, "\n"), "--cap-add SYS_PTRACE")
			}
		})
	}
}

// An examination under a filter of a supervisor finds that supervisor, and that run does not work.
func TestOuterSupervisor(t *testing.T) {
	needBare(t)
	file := filepath.Join(t.TempDir(), "report")
	p, err := unotify.Start(&unotify.Command{
		Path: "/bin/sh", Args: []string{"sh", "-c", `exec "$0" ` + asExamine + ` >"$1"`, selfPath(t), file},
		Filter: unotify.Filter{Rules: []unotify.Rule{{Syscall: unix.SYS_ACCT, Action: unotify.Notify}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Listener.Close()
	if err := p.Executed(); err != nil {
		t.Fatal(err)
	}
	if _, err := syscall.Wait4(p.PID, nil, 0, nil); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f := parse(t, b)
	if f.Run != "no" {
		t.Errorf("run: got %s, want no", f.Run)
	}
	f.wantOK(t, map[string]string{Outer: "no", Notification: "unknown"})
	wantIn(t, strings.Join(f.Because, "\n"), "EBUSY")
	wantIn(t, strings.Join(f.Change, "\n"), "outside of what supervises it")
}

func TestUnderFilter(t *testing.T) {
	needBare(t)
	const kill = unotify.Action(0x80000000) // SECCOMP_RET_KILL_PROCESS
	eperm := unotify.Fail(uint16(unix.EPERM))
	rule := func(nr int, a unotify.Action) unotify.Rule { return unotify.Rule{Syscall: nr, Action: a} }
	tests := []struct {
		name    string
		rules   []unotify.Rule
		run     string
		want    map[string]string
		because string
	}{
		{
			"no seccomp",
			[]unotify.Rule{rule(unix.SYS_SECCOMP, eperm)},
			"no",
			map[string]string{Notification: "no", Outer: "unknown"},
			"refuses seccomp(2)",
		},
		{
			"killed for seccomp",
			[]unotify.Rule{rule(unix.SYS_SECCOMP, kill)},
			"no",
			map[string]string{Notification: "no", Outer: "unknown", Duplicate: "unknown"},
			"kills the caller",
		},
		{
			"killed for pidfd_getfd and keyctl",
			[]unotify.Rule{rule(unix.SYS_PIDFD_GETFD, kill), rule(unix.SYS_KEYCTL, kill)},
			"injection",
			map[string]string{Notification: "yes", Duplicate: "no", Inject: "yes"},
			"the caller is killed",
		},
		{
			"no pidfd_open",
			[]unotify.Rule{rule(unix.SYS_PIDFD_OPEN, eperm)},
			"injection",
			map[string]string{Duplicate: "no", Inject: "yes"},
			"pidfd_open",
		},
		{
			"no process_vm_readv",
			[]unotify.Rule{rule(unix.SYS_PROCESS_VM_READV, eperm)},
			"yes",
			map[string]string{ReadVM: "no", ReadProc: "yes"},
			"",
		},
		{
			"no user namespaces",
			[]unotify.Rule{{
				Syscall: unix.SYS_CLONE, Action: eperm,
				When: []unotify.Condition{{Arg: 0, Mask: unix.CLONE_NEWUSER, Value: unix.CLONE_NEWUSER}},
			}},
			"yes",
			map[string]string{UserNamespaces: "no", NetNamespaces: "no"},
			"",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rules, err := json.Marshal(test.rules)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(selfPath(t), asFilter, string(rules))
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			f := parse(t, out)
			if f.Run != test.run {
				t.Errorf("run: got %s, want %s", f.Run, test.run)
			}
			f.wantOK(t, test.want)
			wantIn(t, strings.Join(f.Because, "\n"), test.because)
		})
	}
}

// Without rights, no_new_privs is what is in the way of setuid programs.
func TestUnprivileged(t *testing.T) {
	needBare(t)
	testhost.NeedRoot(t)
	cmd := exec.Command(testhost.PublicCopy(t, "/proc/self/exe"), asExamine)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	cmd.Dir = "/"
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	f := parse(t, out)
	f.wantOK(t, map[string]string{Notification: "yes", Duplicate: "yes", Setuid: "no"})
	wantIn(t, f.fact("capabilities"), "lacks CAP_SYS_ADMIN")
}

func selfPath(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
