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

// signalOf looks for signals of a thread that waits: proc_pid_status(5). shared reports whether its process has one that is not
// taken yet, by this thread or another.
//
// Whether its process was stopped is looked at only where stops says so.
func signalOf(tid int, stops bool) (state signalState, shared bool) {
	dir := "/proc/" + strconv.Itoa(tid)
	status := readProc(dir + "/status")
	if status == "" {
		return noSignal, false
	}
	alone := statusField(status, "Threads") == "1"
	blocked := statusMask(status, "SigBlk")
	own, ofProcess := statusMask(status, "SigPnd"), statusMask(status, "ShdPnd")
	switch {
	case own&^blocked != 0 || alone && ofProcess&^blocked != 0:
		return ownSignal, ofProcess != 0
	case ofProcess&^blocked != 0:
		return mayBeTaken, true
	case stops && !alone && othersStopped(dir, tid):
		return mayBeTaken, true
	}
	return noSignal, ofProcess != 0
}

// othersStopped reports whether the process has been stopped: that reaches a thread only when it leaves its call, so it is read
// off the other threads. Looking at a few will do: those that wait as well are not stopped either.
func othersStopped(dir string, tid int) bool {
	f, err := os.Open(dir + "/task")
	if err != nil {
		return false
	}
	defer f.Close()
	names, _ := f.Readdirnames(3)
	for _, name := range names {
		if n, err := strconv.Atoi(name); err == nil && n != tid && stopped(n) {
			return true
		}
	}
	return false
}

// readProc reads a file of /proc, "" where it can't: without the runtime's poller, which os.ReadFile would have look at it
// in vain, and at most a page, which is what most files there have at most.
func readProc(path string) string {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	var b [4096]byte
	n, err := unix.Read(fd, b[:])
	if err != nil || n <= 0 {
		return ""
	}
	return string(b[:n])
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
