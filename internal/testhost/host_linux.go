package testhost

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Host is a network namespace with one network card.
type Host struct {
	// V4 and V6 are its addresses, in the order in which the kernel prefers them as a source.
	V4, V6 []netip.Addr

	t  testing.TB
	ns *os.File
}

// newHost makes a namespace with nothing but its loopback device, up.
func newHost(t testing.TB) *Host {
	t.Helper()
	h := &Host{t: t}
	err := inOwnNetwork(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("make a network namespace: %w", err)
		}
		var err error
		h.ns, err = os.Open("/proc/thread-self/ns/net")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.ns.Close() })
	// Addresses are usable at once: nobody else has them.
	h.Sysctl("net.ipv6.conf.default.accept_dad", "0")
	h.Sysctl("net.ipv4.ip_forward", "0") // a new namespace has what the machine has, which a container engine switches on
	h.IP("link", "set", "lo", "up")
	return h
}

// With is the same host, reporting to a subtest: t instead of the test that made it.
func (h *Host) With(t testing.TB) *Host {
	c := *h
	c.t = t
	return &c
}

// Do calls f on a thread that is in the host's namespace. Sockets that f opens, files of /proc/sys/net and /proc/thread-self/net
// that it reads, and programs that it starts are the host's; goroutines that it starts are not.
func (h *Host) Do(f func()) {
	h.t.Helper()
	if err := h.do(f); err != nil {
		h.t.Fatal(err)
	}
}

func (h *Host) do(f func()) error {
	return inOwnNetwork(func() error {
		if err := unix.Setns(int(h.ns.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter the host's network namespace: %w", err)
		}
		f()
		return nil
	})
}

// inOwnNetwork calls f on a thread whose network namespace f may change. The thread is given back as it was; ending it
// instead would kill the programs that it started (see Start).
func inOwnNetwork(f func() error) error {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("open this thread's network namespace: %w", err)
	}
	defer func() { // also where f ends the test, by Goexit
		if err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); err != nil {
			panic("testhost: can't leave a host's network namespace: " + err.Error())
		}
		home.Close()
		runtime.UnlockOSThread()
	}()
	return f()
}

// Start is cmd.Start in the host. The program leads a process group of its own, and is killed should this process die.
func (h *Host) Start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	// Sent when the thread that started it ends (PR_SET_PDEATHSIG(2const)). The Go runtime ends no thread but that of a
	// goroutine that ends while it is locked to it, so tests that use hosts start no such goroutines.
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	var err error
	if in := h.do(func() { err = cmd.Start() }); in != nil {
		return in
	}
	return err
}

// Enter is a command line to put before a program's, for it to run in the host's network namespace whatever it was started in.
func (h *Host) Enter() []string {
	h.t.Helper()
	return []string{Need(h.t, "nsenter", "util-linux"), fmt.Sprintf("--net=/proc/%d/fd/%d", os.Getpid(), h.ns.Fd())}
}

// IP runs ip(8) in the host.
func (h *Host) IP(args ...string) {
	h.t.Helper()
	h.must(exec.Command(Need(h.t, "ip", "iproute2"), args...))
}

// Sysctl sets a kernel parameter of the host: Sysctl("net.ipv4.tcp_syn_retries", "1").
func (h *Host) Sysctl(key, value string) {
	h.t.Helper()
	path := filepath.Join("/proc/sys", strings.ReplaceAll(key, ".", "/"))
	h.Do(func() {
		if err := os.WriteFile(path, []byte(value), 0); err != nil {
			h.t.Fatalf("sysctl %s=%s: %v", key, value, err)
		}
	})
}

// must runs a command in the host that has to succeed.
func (h *Host) must(cmd *exec.Cmd) {
	h.t.Helper()
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	err := h.Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		h.t.Fatalf("%v: %v\n%s", cmd.Args, err, out.String())
	}
}
