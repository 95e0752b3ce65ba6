package doctor

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// trialTimeout ends a trial that hangs. Each takes a few milliseconds.
const trialTimeout = 10 * time.Second

// trial is one system call, made so that it has no effect whatever its answer.
type trial struct {
	name string
	call func() (uintptr, unix.Errno)
}

func raw(nr uintptr, args ...uintptr) func() (uintptr, unix.Errno) {
	var a [6]uintptr
	copy(a[:], args)
	return func() (uintptr, unix.Errno) {
		r, _, e := unix.RawSyscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
		return r, e
	}
}

const none = ^uintptr(0) // no descriptor

// keyctl has no operation of this number, and answers EOPNOTSUPP where it can be called at all.
const noKeyctl = 9999

// landlockVersion is LANDLOCK_CREATE_RULESET_VERSION, linux/landlock.h.
const landlockVersion = 1

// trials says in a comment what each answers where it can be called.
var trials = []trial{
	{"seccomp", func() (uintptr, unix.Errno) { // 0
		action := uint32(unix.SECCOMP_RET_USER_NOTIF)
		_, _, e := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&action)))
		return 0, e
	}},
	{"pidfd_open", raw(unix.SYS_PIDFD_OPEN, 0, 0)},             // EINVAL
	{"pidfd_getfd", raw(unix.SYS_PIDFD_GETFD, none, 0, 0)},     // EBADF
	{"process_vm_readv", raw(unix.SYS_PROCESS_VM_READV, 0, 0)}, // 0: nothing to read
	{"unshare", raw(unix.SYS_UNSHARE, unix.CLONE_NEWUSER)},     // EINVAL: we have threads
	{"clone3", raw(unix.SYS_CLONE3, 0, 0)},                     // EINVAL
	{"keyctl", raw(unix.SYS_KEYCTL, noKeyctl)},                 // EOPNOTSUPP
	{"io_uring_setup", raw(unix.SYS_IO_URING_SETUP, 0, 0)},     // EFAULT or EINVAL
	{"landlock_create_ruleset", raw(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, landlockVersion)},
}

// called is how a call ended.
type called struct {
	tried  bool
	killed bool // the caller was killed for it
	result int
	errno  unix.Errno
}

// ready is what the child writes before it makes the first call.
const ready = "ready"

// makeCalls is the child: it makes the calls from one on, and writes a line for each as soon as it is answered.
func makeCalls(from int) {
	fmt.Println(ready)
	for _, t := range trials[min(from, len(trials)):] {
		r, e := t.call()
		fmt.Printf("%d:%d\n", int(r), int(e))
	}
}

// tryCalls has a child make all the calls. Where one kills the child, another makes those that follow.
func tryCalls(self Self) map[string]called {
	answers := map[string]called{}
	for next := 0; next < len(trials); next++ {
		ctx, cancel := context.WithTimeout(context.Background(), trialTimeout)
		out, _ := self.command(ctx, trialCalls+":"+strconv.Itoa(next)).Output()
		cancel()
		lines := strings.Fields(string(out))
		if len(lines) == 0 || lines[0] != ready {
			break // it didn't come to a trial: the rest is unknown
		}
		for _, line := range lines[1:] {
			var c called
			if _, err := fmt.Sscanf(line, "%d:%d", &c.result, &c.errno); err != nil || next == len(trials) {
				return answers
			}
			c.tried = true
			answers[trials[next].name] = c
			next++
		}
		if next < len(trials) {
			answers[trials[next].name] = called{tried: true, killed: true}
		}
	}
	return answers
}

// command is this program again, making a trial.
func (s Self) command(ctx context.Context, trial string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", append(s[1:len(s):len(s)], trial)...)
	cmd.Args[0] = s[0]
	return cmd
}

// Child makes the trial of an examination that the argument names, and returns the exit status.
func Child(trial string) int {
	name, arg, _ := strings.Cut(trial, ":")
	switch name {
	case trialCalls:
		from, err := strconv.Atoi(arg)
		if err != nil || from < 0 {
			return 2
		}
		makeCalls(from)
		return 0
	case trialSupervised:
		return beSupervised()
	case trialLoopback:
		return raiseLoopback()
	}
	fmt.Fprintf(os.Stderr, "sallyport: doctor has no trial %q\n", trial)
	return 2
}
