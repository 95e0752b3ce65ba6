package supervise

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Whether a signal is to be sent on depends on who sent it. What the terminal sends, it sends to the whole foreground
// group, the program in it; what a process sends to sallyport is meant for the program. Package os/signal does not tell
// them apart, so a handler before the runtime's own notes the sender.

// senders is the process that last sent each signal, with bit 32 set, since that may be 0 (another pid namespace);
// fromKernel is 1 where the kernel did. Written by the handler, and cleared when the signal is sent on.
var (
	senders    [lastRealTime + 1]uint64
	fromKernel [lastRealTime + 1]uint32
)

// runtimeHandler is the Go runtime's handler, the same for every signal. The handler reads it.
var runtimeHandler uintptr

// sigaction is the kernel's struct sigaction, asm/signal.h of amd64 and arm64.
type sigaction struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

func swapAction(sig int, act, old *sigaction) error {
	_, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(act)), uintptr(unsafe.Pointer(old)), 8, 0, 0)
	if e != 0 {
		return e
	}
	return nil
}

var noting sync.Mutex

// noteSenders puts the noting handler before the runtime's, for a signal that the runtime handles: those that it does from
// the start, or that have been given to signal.Notify.
func noteSenders(sig syscall.Signal) {
	noting.Lock()
	defer noting.Unlock()
	h := notingHandler()
	var sa sigaction
	if h == 0 || swapAction(int(sig), nil, &sa) != nil || sa.handler == h || sa.handler < 2 {
		return
	}
	if runtimeHandler == 0 {
		runtimeHandler = sa.handler
	}
	if sa.handler == runtimeHandler {
		sa.handler = h
		_ = swapAction(int(sig), &sa, nil)
	}
}

// senderOf is the process that sent a signal since the last call; sent is false where only the kernel did, and known where
// nobody did. On an architecture without notes everything is known, and not sent.
func senderOf(sig syscall.Signal) (pid int, sent, known bool) {
	n := atomic.SwapUint64(&senders[sig], 0)
	k := atomic.SwapUint32(&fromKernel[sig], 0)
	return int(uint32(n)), n != 0, n != 0 || k != 0 || !sendersKnown()
}

// noted reports whether a signal came that was not sent on.
func noted(sig syscall.Signal) bool {
	return atomic.LoadUint64(&senders[sig]) != 0 || atomic.LoadUint32(&fromKernel[sig]) != 0
}

// sendersKnown reports whether senders are noted on this architecture.
func sendersKnown() bool { return notingHandler() != 0 }

// within reports whether a process is the program or descends from it.
func (s *Supervisor) within(pid int) bool {
	for pid > 1 {
		if pid == s.proc.PID {
			return true
		}
		pid = parentOf(pid)
	}
	return false
}

// statField is field n of /proc/PID/stat as proc(5) counts them, from 3 on; "" where there is none.
func statField(pid, n int) string {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:])) // the name may hold anything
	if len(f) <= n-3 {
		return ""
	}
	return f[n-3]
}

// parentOf is the parent of a process, 0 where there is none.
func parentOf(pid int) int {
	n, _ := strconv.Atoi(statField(pid, 4))
	return n
}

// stopped reports whether a process is stopped: state T.
func stopped(pid int) bool { return statField(pid, 3) == "T" }
