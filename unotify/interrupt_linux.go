package unotify

import (
	"sync"

	"golang.org/x/sys/unix"
)

// interruptSignal wakes a thread of this process out of a blocking call. A real-time signal that nobody
// else uses, near the upper end: glibc and the Go runtime use the lowest ones.
const interruptSignal = 62

// sigaction is the kernel's struct sigaction, asm/signal.h of amd64 and arm64.
type sigaction struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

const saRestart = 0x10000000

var prepareInterrupt = sync.OnceValue(func() error {
	// The Go runtime handles every signal with SA_RESTART, so that no call ever ends in EINTR. For this one signal
	// we want just that: take the runtime's handler, which ignores it, and drop the flag.
	sa, err := getAction(interruptSignal)
	if err != nil {
		return err
	}
	sa.flags &^= saRestart
	return setAction(interruptSignal, &sa)
})

// Interrupt makes the blocking call that a thread of this process is in end with EINTR, as a signal would. tid is its
// gettid(2). It does nothing to a thread that is in no call; who needs certainty repeats it, with
// time between: real-time signals queue.
func Interrupt(tid int) error {
	if err := prepareInterrupt(); err != nil {
		return err
	}
	err := unix.Tgkill(unix.Getpid(), tid, interruptSignal)
	if err == unix.EAGAIN { // RLIMIT_SIGPENDING: as many are on their way as can be
		return nil
	}
	return err
}
