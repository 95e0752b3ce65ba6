package supervise

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A signal that comes between a notification and its answer interrupts the caller, and the answer can be lost even where the
// kernel took it: the caller is interrupted just before it looks. Then a call that had its effect comes again, and nothing
// tells it from a new one. So callers wait for their answers through signals, where the kernel has that
// (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, Linux 5.19); most answers take microseconds. Only a call that blocks is different:
// its caller must get its signals. The minder looks for them, and has the caller make the rest of its call itself.

// canWaitKillable reports whether the kernel knows the flag: with no filter it says EFAULT where it knows all flags, EINVAL
// where not (seccomp(2)).
func canWaitKillable() bool {
	_, _, e := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_NEW_LISTENER|unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, 0)
	return e == unix.EFAULT
}

// signalState says what a thread that waits has to attend to.
type signalState uint8

const (
	noSignal   signalState = iota
	mayBeTaken             // a signal that it, or another thread of its process, will take; or a stop to join
	ownSignal              // a signal that only it can take
)

// errRestart is ERESTARTSYS, linux/errno.h: the kernel turns it into a restart or EINTR, as the handler wants, where the
// thread has a signal pending. A thread without one would see the number.
const errRestart unix.Errno = 512

// signalOf looks for signals of a thread that waits: proc_pid_status(5).
func signalOf(tid int) signalState {
	dir := "/proc/" + strconv.Itoa(tid)
	b, err := os.ReadFile(dir + "/status")
	if err != nil {
		return noSignal
	}
	status := string(b)
	alone := statusField(status, "Threads") == "1"
	blocked := statusMask(status, "SigBlk")
	own, shared := statusMask(status, "SigPnd")&^blocked, statusMask(status, "ShdPnd")&^blocked
	switch {
	case own != 0 || alone && shared != 0:
		return ownSignal
	case shared != 0:
		return mayBeTaken
	case alone:
		return noSignal
	}
	// A stop of the process reaches the thread only when it leaves its call: see whether the others have stopped.
	tasks, err := readNames(dir + "/task")
	if err != nil {
		return noSignal
	}
	for _, t := range tasks {
		if n, err := strconv.Atoi(t); err == nil && n != tid {
			if stopped(n) {
				return mayBeTaken
			}
			break
		}
	}
	return noSignal
}

func statusField(status, name string) string {
	_, rest, _ := strings.Cut(status, "\n"+name+":")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}

func statusMask(status, name string) uint64 {
	n, err := strconv.ParseUint(statusField(status, name), 16, 64)
	if err != nil {
		return 0
	}
	return n
}
