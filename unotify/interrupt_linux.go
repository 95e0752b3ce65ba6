package unotify

import (
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// interruptSignal wakes a thread of this process out of a blocking call. A real-time signal that nobody
// else uses, near the upper end: glibc and the Go runtime use the lowest ones.
const interruptSignal = 62

// sigaction is the kernel's struct sigaction on amd64; arm64's has no restorer, and the kernel ignores the
// tail there.
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
	var sa sigaction
	if _, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, interruptSignal, 0, uintptr(unsafe.Pointer(&sa)), 8, 0, 0); e != 0 {
		return e
	}
	sa.flags &^= saRestart
	if _, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, interruptSignal, uintptr(unsafe.Pointer(&sa)), 0, 8, 0, 0); e != 0 {
		return e
	}
	return nil
})

// Interrupt makes the blocking call that a thread of this process is in end with EINTR, as a signal would. tid is its
// gettid(2). It does nothing to a thread that is in no call; who needs certainty repeats it.
func Interrupt(tid int) error {
	if err := prepareInterrupt(); err != nil {
		return err
	}
	return unix.Tgkill(unix.Getpid(), tid, interruptSignal)
}
