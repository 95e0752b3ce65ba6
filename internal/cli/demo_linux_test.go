package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/testhost"
	"golang.org/x/sys/unix"
)

// built builds sallyport where every user may run it.
func built(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sallyport-test-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "sallyport")
	if out, err := exec.Command("go", "build", "-o", path, "../../cmd/sallyport").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// playedDemo is what a demo wrote.
type playedDemo struct {
	Network, Because, Server, Variant string
	Runs                              []struct {
		Outcome, Errno, Local, Saw string
		Findings                   []struct{ Cause string }
	}
}

// play runs a demo, which has to go as the case did.
func play(t *testing.T, cmd *exec.Cmd) playedDemo {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	begin := time.Now()
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, stderr.String())
	}
	// The budget is five seconds on a machine that has nothing else to do.
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
	var d playedDemo
	if err := json.Unmarshal(stdout.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Runs) != 4 {
		t.Fatalf("%d runs, want 4", len(d.Runs))
	}
	for i, want := range []struct{ errno, cause string }{{"ETIMEDOUT", ""}, {"EACCES", "bind-denied"}, {}, {}} {
		r := d.Runs[i]
		if r.Errno != want.errno || (r.Outcome == "connected") != (want.errno == "") {
			t.Errorf("run %d: %s %s, want %q", i+1, r.Outcome, r.Errno, want.errno)
		}
		if want.cause != "" && (len(r.Findings) != 1 || r.Findings[0].Cause != want.cause) {
			t.Errorf("run %d: findings %v, want %s", i+1, r.Findings, want.cause)
		}
		if want.errno == "" && (len(r.Findings) > 0 || !strings.Contains(r.Saw, "Looking up your hostname")) {
			t.Errorf("run %d: saw %q, findings %v; want the greeting and none", i+1, r.Saw, r.Findings)
		}
	}
	return d
}

// inNamespaces checks what only namespaces have.
func inNamespaces(t *testing.T, d playedDemo) {
	t.Helper()
	if d.Network != "namespaces" {
		t.Fatalf("took place on %s: %s", d.Network, d.Because)
	}
	for _, i := range []int{2, 3} {
		if !strings.HasPrefix(d.Runs[i].Local, "172.16.6.170:") {
			t.Errorf("run %d connected from %s, want 172.16.6.170", i+1, d.Runs[i].Local)
		}
	}
	if f := d.Runs[0].Findings; len(f) != 1 || f[0].Cause != "bind-loopback-source" {
		t.Errorf("run 1: findings %v, want bind-loopback-source", f)
	}
}

func TestDemoAsRoot(t *testing.T) {
	t.Parallel()
	testhost.NeedRoot(t)
	inNamespaces(t, play(t, exec.Command(built(t), "demo", "--output", "json")))
}

// Nobody has no rights and no home.
func TestDemoAsNobody(t *testing.T) {
	t.Parallel()
	testhost.NeedRoot(t)
	const nobody = 65534
	cmd := exec.Command(built(t), "demo", "--output", "json")
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=/nonexistent"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	inNamespaces(t, play(t, cmd))
}

// A default container may make no namespaces, and no pidfd_getfd.
func TestDemoInDocker(t *testing.T) {
	t.Parallel()
	testhost.NeedRoot(t)
	bin := built(t)
	for name, c := range map[string]testhost.Container{
		"root": {}, "nobody": {UID: 65534}, "no new privileges": {UID: 65534, NoNewPrivs: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.Dir = "/"
			d := play(t, testhost.DockerDefault(t, c, bin, "demo", "--output", "json"))
			if d.Network != "loopback" || !strings.Contains(d.Because, "operation not permitted") {
				t.Errorf("took place on %s because %q, want loopback, operation not permitted", d.Network, d.Because)
			}
		})
	}
}

// Nothing but a loopback device, and no more namespaces: a container without a network.
func TestDemoWithoutAddress(t *testing.T) {
	t.Parallel()
	unshare := testhost.Need(t, "unshare", "util-linux")
	testhost.Need(t, "ip", "iproute2")
	if out, err := exec.Command(unshare, "-Urn", "true").CombinedOutput(); err != nil {
		t.Skipf("no namespaces here: %s", out)
	}
	const script = `ip link set lo up && echo 0 >/proc/sys/user/max_user_namespaces && echo 0 >/proc/sys/user/max_net_namespaces && exec "$0" "$@"`
	d := play(t, exec.Command(unshare, "-Urn", "sh", "-c", script, built(t), "demo", "--output", "json"))
	if d.Network != "loopback" || !strings.HasPrefix(d.Server, "127.") || d.Variant == "" {
		t.Errorf("took place on %s with the server at %s, variant %q; want loopback, 127.x, and that it is one", d.Network, d.Server, d.Variant)
	}
}

// However a demo ends, no process of it is left: each of them holds the writing end of a pipe.
func TestDemoLeavesNothing(t *testing.T) {
	t.Parallel()
	bin := built(t)
	for _, sig := range []unix.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGKILL} {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			t.Parallel()
			tmp := t.TempDir()
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			null, err := os.Open(os.DevNull)
			if err != nil {
				t.Fatal(err)
			}
			defer null.Close()
			cmd := exec.Command(bin, "demo")
			cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
			if _, err := exec.LookPath("python3"); err == nil && sig != unix.SIGKILL {
				cmd.Args = append(cmd.Args, "--python")
			}
			// Descriptor 3 is used for other things on the way down.
			cmd.ExtraFiles = []*os.File{null, null, null, null, w}
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			w.Close()
			if _, err := stdout.Read(make([]byte, 1)); err != nil { // the network is there
				t.Fatal(err)
			}
			awaitScript1(t, tmp) // which takes two seconds from now
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if err := r.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("processes are left: %v", err)
			}
			_ = cmd.Wait()
			if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || ws.Signal() != sig {
				t.Errorf("ended with %v, want %v", cmd.ProcessState, sig)
			}
			if entries, err := os.ReadDir(tmp); err != nil || len(entries) > 0 {
				t.Errorf("files are left: %v, %v", entries, err)
			}
		})
	}
}

// awaitScript1 waits until the first script of the demo with that TMPDIR runs.
func awaitScript1(t *testing.T, tmp string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, file := range files {
			argv, _ := os.ReadFile(file)
			env, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "environ"))
			if (bytes.HasPrefix(argv, []byte("script1\x00")) || bytes.Contains(argv, []byte("\x00script1.py\x00"))) &&
				!bytes.HasPrefix(argv, []byte("[")) && bytes.Contains(env, []byte("TMPDIR="+tmp+"\x00")) {
				return
			}
		}
	}
	t.Fatal("the first script never ran")
}
