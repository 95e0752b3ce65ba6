package testhost

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// tries are the calls that the test makes inside, each with the errno it ends in. None has an effect.
var tries = []struct {
	name string
	try  func() unix.Errno
}{
	{"pidfd_getfd", func() unix.Errno { return errnoOf(unix.SYS_PIDFD_GETFD, ^uintptr(0), 0, 0) }},
	{"process_vm_readv", func() unix.Errno {
		var b [1]byte
		local, remote := unix.Iovec{Base: &b[0], Len: 1}, unix.RemoteIovec{Base: uintptr(unsafe.Pointer(&b)), Len: 1}
		_, _, e := unix.RawSyscall6(unix.SYS_PROCESS_VM_READV, uintptr(os.Getpid()), uintptr(unsafe.Pointer(&local)), 1,
			uintptr(unsafe.Pointer(&remote)), 1, 0)
		return e
	}},
	{"unshare", func() unix.Errno { return errnoOf(unix.SYS_UNSHARE, unix.CLONE_NEWUSER|unix.CLONE_FS, 0, 0) }},
	{"keyctl", func() unix.Errno { return errnoOf(unix.SYS_KEYCTL, 9999, 0, 0) }},
	{"io_uring_setup", func() unix.Errno { return errnoOf(unix.SYS_IO_URING_SETUP, 0, 0, 0) }},
	{"clone3", func() unix.Errno { return errnoOf(unix.SYS_CLONE3, 0, 0, 0) }},
	// A listener on a filter that allows everything.
	{"listener", func() unix.Errno {
		code := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0x7fff0000}
		prog := unix.SockFprog{Len: 1, Filter: &code}
		_ = unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
		return errnoOf(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(&prog)))
	}},
}

func errnoOf(call, a, b, c uintptr) unix.Errno {
	_, _, e := syscall.RawSyscall(call, a, b, c)
	return e
}

// In the container this binary makes the calls and nothing else.
func init() {
	if os.Getenv("TESTHOST_TRY") != "" {
		for _, c := range tries {
			fmt.Println(c.name, unix.ErrnoName(c.try()))
		}
		os.Exit(3)
	}
}

// The profile of github.com/moby/profiles v0.3.0, as it is to a container without extra capabilities, on
// a kernel of 4.8 or later: process_vm_readv is allowed since then, and pidfd_getfd is not.
func TestDockerDefault(t *testing.T) {
	const refused = "pidfd_getfd EPERM\nprocess_vm_readv \nunshare EPERM\nkeyctl EPERM\nio_uring_setup EPERM\nclone3 ENOSYS\nlistener \n"
	ptrace := append([]string{"CAP_SYS_PTRACE"}, DockerCaps...)
	tests := []struct {
		name string
		c    Container
		want string
	}{
		{"root", Container{}, refused},
		{"another user", Container{UID: 65534}, refused},
		{"no new privileges", Container{UID: 65534, NoNewPrivs: true}, refused},
		{"with CAP_SYS_PTRACE", Container{Caps: ptrace}, strings.Replace(refused, "getfd EPERM", "getfd EBADF", 1)},
	}
	exe := PublicCopy(t, "/proc/self/exe")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.c.Env = []string{"TESTHOST_TRY=1"}
			cmd := DockerDefault(t, test.c, exe)
			out, err := cmd.Output()
			if got := string(out); got != test.want {
				t.Errorf("calls in the container:\ngot\n%s\nwant\n%s", got, test.want)
			}
			if status := cmd.ProcessState.ExitCode(); status != 3 {
				t.Errorf("exit status %d (%v: %s), want 3", status, err, stderrOf(err))
			}
		})
	}
}

func TestDockerDefaultIdentity(t *testing.T) {
	cmd := DockerDefault(t, Container{Env: []string{"A=1"}, Dir: "/usr"}, "/bin/sh", "-c",
		`grep -E '^(Uid|CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status; pwd; echo "A=$A"`)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderrOf(err))
	}
	// a80425fb is what Docker's documentation and many a /proc/self/status show.
	const want = "Uid:\t0\t0\t0\t0\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nNoNewPrivs:\t0\nSeccomp:\t2\n/usr\nA=1\n"
	if string(out) != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
}

func stderrOf(err error) []byte {
	if exit, ok := err.(*exec.ExitError); ok {
		return exit.Stderr
	}
	return nil
}
