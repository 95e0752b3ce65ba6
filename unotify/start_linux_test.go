package unotify

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
	"golang.org/x/sys/unix"
)

// look is what a program can see of the process it runs in. $$ is the program itself; cut and the like are
// its children, and while it forks it blocks signals.
const look = `
cd . && pwd
echo "arguments: $0 $*"
tr '\0' ' ' </proc/$$/cmdline; echo
for f in /proc/$$/fd/*; do echo "fd ${f##*/} $(readlink $f) $(grep flags /proc/$$/fdinfo/${f##*/})"; done
ulimit -a; ulimit -Ha
umask
env | sort
while read -r key value; do
	case $key in Sig[BIC]*|Uid:|Gid:|Groups:|Cap*|NoNewPrivs:|THP*|Cpus_allowed:) echo "$key $value" ;; esac
done </proc/$$/status
cut -d' ' -f5-8,18,19,40,41 /proc/$$/stat
cat /proc/$$/oom_score_adj /proc/$$/coredump_filter /proc/$$/timerslack_ns /proc/$$/personality 2>&1 | sed "s/$$/PID/"`

// A program sees the same, started by a shell or by a supervisor in its place.
func TestSame(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		before string   // in the shell that executes it
		via    []string // what executes the program or its supervisor
		helper string
	}{
		{name: "plain"},
		{name: "descriptors", before: "exec 3</dev/null 5>>/dev/zero 9</etc/passwd 7<&-"},
		{name: "limits", before: "ulimit -Sn 300; ulimit -c 0; ulimit -Ss 4096"},
		{name: "hard limit", before: "ulimit -n 64"},
		{name: "directory and umask", before: "cd /usr/lib; umask 0027"},
		{name: "environment", before: "A='1\n2'; export A; export EMPTY=; GOGC=off; export GOGC; unset HOME"},
		{name: "ignored signals", before: "trap '' TERM USR1 PIPE CHLD QUIT URG WINCH SYS ALRM 34 40 64"},
		{name: "ignored hangup and interrupt", before: "trap '' HUP INT"},
		{name: "ignored job control", before: "trap '' TSTP TTIN TTOU CONT"},
		{name: "supervisor that ignores", before: "trap '' TERM USR1 TTOU", helper: "ignoring"},
		{name: "blocked signals", via: []string{self, helperFlag, "masked", "1,2,10,12,13,15,20,23,28,40,64"}},
		{name: "priority", via: []string{"nice", "-n", "5"}},
	}
	program := []string{"/bin/sh", "-c", look, "name", "a b", ""}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			run := func(argv []string) (string, int) {
				args := append([]string{"-c", test.before + "\nexec \"$@\"", "sh"}, slices.Concat(test.via, argv)...)
				cmd := exec.Command("/bin/sh", args...)
				return output(t, cmd)
			}
			helper := "start"
			if test.helper != "" {
				helper = test.helper
			}
			want, wantStatus := run(program)
			got, gotStatus := run(append([]string{self, helperFlag, helper}, program...))
			want, got = settle(want), settle(got)
			if os.Geteuid() != 0 { // the one difference, which TestNoNewPrivs is about
				want = strings.Replace(want, "NoNewPrivs: 0", "NoNewPrivs: 1", 1)
			}
			if got != want || gotStatus != wantStatus || !strings.Contains(want, "SigIgn") {
				t.Errorf("status %d, want %d\n%s", gotStatus, wantStatus, difference(got, want))
			}
		})
	}
}

// settle leaves out what is another with each run: process ids of the program and its parent's group, pipes' numbers.
func settle(s string) string {
	var out []string
	for line := range strings.Lines(s) {
		if i := strings.Index(line, "pipe:["); i >= 0 {
			line = line[:i] + "pipe" + line[strings.IndexByte(line[i:], ']')+i+1:]
		}
		out = append(out, line)
	}
	return strings.Join(out, "")
}

// difference is the lines that only one of two texts has.
func difference(got, want string) string {
	var b strings.Builder
	only := func(mark, a, z string) {
		for line := range strings.Lines(a) {
			if !strings.Contains("\n"+z, "\n"+line) {
				b.WriteString(mark + line)
			}
		}
	}
	only("got  ", got, want)
	only("want ", want, got)
	return b.String()
}

func TestExecuteErrors(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := []struct {
		name   string
		path   string
		want   error
		status int
	}{
		{"missing", filepath.Join(dir, "none"), unix.ENOENT, 127},
		{"directory", dir, unix.EACCES, 126},
		{"not executable", file("text", "", 0o644), unix.EACCES, 126},
		{"missing interpreter", file("script", "#!/none\n", 0o755), unix.ENOENT, 127},
		{"no format", file("shell", "exit $(($1 + 4))\n", 0o755), nil, 7},
		{"empty", file("empty", "", 0o755), nil, 0},
		{"loop", func() string {
			path := filepath.Join(dir, "loop")
			if err := os.Symlink(path, path); err != nil {
				t.Fatal(err)
			}
			return path
		}(), unix.ELOOP, 126},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := Start(&Command{Path: test.path, Args: []string{"name", "3"}, Filter: notify(unix.SYS_ACCT)})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Listener.Close()
			err = p.Executed()
			var start *StartError
			if !errors.Is(err, test.want) || err != nil && (!errors.As(err, &start) || start.Step != "execute") {
				t.Errorf("Executed: got %v, want %v", err, test.want)
			}
			var ws syscall.WaitStatus
			if _, err := wait4(p.PID, &ws); err != nil || ws.ExitStatus() != test.status {
				t.Errorf("status %d, %v, want %d", ws.ExitStatus(), err, test.status)
			}
		})
	}
}

func TestStartErrors(t *testing.T) {
	start := func(f Filter) (string, error) {
		_, err := Start(&Command{Path: "/bin/true", Args: []string{"true"}, Filter: f})
		var start *StartError
		if !errors.As(err, &start) {
			t.Fatalf("got %v, want a StartError", err)
		}
		return start.Step, start.Err
	}
	t.Run("filter", func(t *testing.T) {
		step, _ := start(Filter{Rules: []Rule{{When: []Condition{{Arg: 6}}}}})
		if step != "assemble filter" {
			t.Errorf("got step %q", step)
		}
	})
	t.Run("without ChildInit", func(t *testing.T) {
		t.Setenv("WITHOUT_CHILD_INIT", "1")
		step, err := start(notify(unix.SYS_ACCT))
		if !errors.Is(err, errChildEnded) || !strings.Contains(err.Error(), "unotify.ChildInit") {
			t.Errorf("got step %q, %v", step, err)
		}
	})
	t.Run("second listener", func(t *testing.T) {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		out, status := output(t, exec.Command(self, helperFlag, "start", self, helperFlag, "start", "/bin/true"))
		if status != 125 || !strings.Contains(out, "install seccomp filter: device or resource busy") {
			t.Errorf("got status %d, %s", status, out)
		}
	})
}

func TestNoNewPrivs(t *testing.T) {
	testhost.NeedRoot(t)
	program := testhost.PublicCopy(t, "/proc/self/exe")
	for _, test := range []struct {
		name string
		uid  uint32
		want string
	}{{"root", 0, "false"}, {"nobody", 65534, "true"}} {
		t.Run(test.name, func(t *testing.T) {
			cmd := exec.Command(program, helperFlag, "private")
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: test.uid, Gid: test.uid}}
			if got, _ := output(t, cmd); got != test.want {
				t.Errorf("no_new_privs was needed: got %s, want %s", got, test.want)
			}
		})
	}
}

// Programs that are started at the same time, by Start and otherwise, don't get each other's descriptors: else one
// would not be known to have been executed before the other ended.
func TestStartTogether(t *testing.T) {
	before := openFDs(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 5 {
				p, err := Start(&Command{Path: "/bin/sleep", Args: []string{"sleep", "0.01"}, Filter: notify(unix.SYS_ACCT)})
				if err != nil {
					t.Error(err)
					return
				}
				if err := p.Executed(); err != nil {
					t.Error(err)
				}
				_, _ = wait4(p.PID, nil)
				p.Listener.Close()
			}
		})
		all.Go(func() {
			for range 10 {
				out, err := exec.Command("/bin/ls", "-l", "/proc/self/fd").Output()
				if err != nil || strings.Contains(string(out), "socket:") {
					t.Errorf("a descriptor got into another child: %v\n%s", err, out)
				}
			}
		})
	}
	all.Wait()
	if after := openFDs(t); after != before {
		t.Errorf("descriptors: got %d, want %d", after, before)
	}
	stacks := make([]byte, 1<<18)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for g := range strings.SplitSeq(string(stacks), "\n\n") {
		if strings.Contains(g, "unotify.") && !strings.Contains(g, "TestStartTogether") && !strings.Contains(g, "unotify.TestMain") {
			t.Errorf("a goroutine was left:\n%s", g)
		}
	}
}
