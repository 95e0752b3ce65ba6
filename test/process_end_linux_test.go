package test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
	"golang.org/x/sys/unix"
)

// connecting connects, says so, and for each line that it reads tries again, and says how that ended.
const connecting = `import os, socket, sys
port = int(sys.argv[1])
kept = socket.create_connection(("127.0.0.1", port))
print("connected", os.getpid(), flush=True)
for line in sys.stdin:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        print("again", flush=True)
    except OSError as e: print("errno", e.errno, flush=True)`

// startConnecting starts it under sallyport, and returns its pid and where to write lines to.
func startConnecting(t *testing.T, port int) (*child, int, *os.File) {
	python := testhost.Need(t, "/usr/bin/python3", "python3")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	c := startWith(t, r, true, python, "-c", connecting, fmt.Sprint(port))
	r.Close()
	var pid int
	if _, err := fmt.Sscanf(c.line(), "connected %d", &pid); err != nil {
		t.Fatal(err)
	}
	return c, pid, w
}

// TestSupervisorKilled: without its supervisor the program fails closed, and goes on; nothing of ours is left.
func TestSupervisorKilled(t *testing.T) {
	l := listen(t)
	c, pid, in := startConnecting(t, port(l))
	conn := accept(t, l)
	if _, err := io.WriteString(in, "\n"); err != nil {
		t.Fatal(err)
	}
	if got := c.line(); got != "again" {
		t.Fatalf("the program says %q, want that it connected again", got)
	}
	accept(t, l).Close()
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if ws := c.wait(); ws.Signal() != unix.SIGKILL {
		t.Errorf("status %#x, want death by SIGKILL", int(ws))
	}
	noneOfOurs(t)
	if _, err := io.WriteString(in, "\n"); err != nil {
		t.Fatal(err)
	}
	if got, want := c.line(), fmt.Sprintf("errno %d", unix.ENOSYS); got != want {
		t.Errorf("the program says %q, want %q", got, want)
	}
	// What was connected before stays so, until the program ends.
	in.Close()
	if n, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("read %d, %v, want the end of the connection", n, err)
	}
	eventually(t, "the program ends", func() bool { return unix.Kill(pid, 0) == unix.ESRCH })
}

// TestProgramKilled: when the program is killed its peer hears of it at once, sallyport ends the same way, and nothing is left.
func TestProgramKilled(t *testing.T) {
	for _, sig := range []syscall.Signal{unix.SIGKILL, unix.SIGTERM} {
		l := listen(t)
		c, pid, _ := startConnecting(t, port(l))
		conn := accept(t, l)
		if err := unix.Kill(pid, sig); err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("read %d, %v, want the end of the connection", n, err)
		}
		if ws := c.wait(); !ws.Signaled() || ws.Signal() != sig {
			t.Errorf("status %#x, want death by %v", int(ws), sig)
		}
		noneOfOurs(t)
	}
}

// TestSecondNotifier: a program can have one supervisor.
func TestSecondNotifier(t *testing.T) {
	run := underRun(t)
	got := shell(t, run, `$RUN $RUN true`)
	if got.status.ExitStatus() != 125 || got.stdout != "" || !strings.Contains(got.stderr, "sallyport: another supervisor holds the program's seccomp listener already") {
		t.Errorf("%+v, want status 125, and why", got)
	}
	noneOfOurs(t)
}

// TestSeccompForbidden: an outer filter that answers EPERM to seccomp(2), as sandboxes do.
func TestSeccompForbidden(t *testing.T) {
	python := testhost.Need(t, "/usr/bin/python3", "python3")
	const forbid = `import ctypes, os, platform, shlex, struct
nr = {"x86_64": 317, "aarch64": 277}[platform.machine()]
code = b"".join(struct.pack("HBBI", *i) for i in [(0x20, 0, 0, 0), (0x15, 0, 1, nr), (6, 0, 0, 0x00050001), (6, 0, 0, 0x7fff0000)])
buf = ctypes.create_string_buffer(code)
class Prog(ctypes.Structure): _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Prog(4, ctypes.addressof(buf))), 0, 0) == 0
argv = shlex.split(os.environ["RUN"]) + ["echo", "ran"]
os.execvp(argv[0], argv)`
	script := "exec " + python + " -c '" + forbid + "'"
	if bare := shell(t, "", script); bare.stdout != "ran\n" {
		t.Fatalf("bare: %+v", bare)
	}
	got := shell(t, underRun(t), script)
	if got.status.ExitStatus() != 125 || got.stdout != "" || !strings.Contains(got.stderr, "sallyport: an outer sandbox forbids seccomp(2)\n") {
		t.Errorf("%+v, want status 125, and why", got)
	}
}

// The old and the foreign system calls, which do not pass by the filter's ordinary numbers: i386's on every amd64 kernel that
// has it, x32's.
func TestForeignABI(t *testing.T) {
	gcc := testhost.Need(t, "gcc", "gcc")
	for _, abi := range []string{"I386_SOCKETCALL", "I386_SOCKET", "X32"} {
		t.Run(abi, func(t *testing.T) {
			bin := t.TempDir() + "/foreign"
			if out, err := exec.Command(gcc, "-D"+abi, "-static", "-no-pie", "-nostdlib", "-O1", "-fno-stack-protector", "-o", bin, testdata(t, "foreign.c")).CombinedOutput(); err != nil {
				t.Skipf("can't build for amd64: %s", out)
			}
			// 200: it has a socket; else the errno.
			bare := same(t, "$RUN "+bin).status.ExitStatus()
			if bare != 200 && bare != int(unix.ENOSYS) {
				t.Fatalf("bare: %d", bare)
			}
			got := shell(t, underRun(t, "--profile", "openshift-v2-gear"), "$RUN "+bin).status.ExitStatus()
			if got != int(unix.EPERM) && got != int(unix.ENOSYS) || bare == 200 && got != int(unix.EPERM) {
				t.Errorf("under a profile: %d, want EPERM", got)
			}
		})
	}
}
