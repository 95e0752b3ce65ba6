package unotify

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A process starts with some signals ignored (nohup, or trap in a shell), and hands that on to
// what it executes. A Go program does not: its runtime replaces SIG_IGN by its own handler for every signal but
// SIGHUP, SIGINT and the job control ones, and execve(2) turns handlers into SIG_DFL. The runtime notes what
// it replaced, in runtime.fwdSig, for no one to read. This file finds it there, so that the child of a Start can
// ignore again what this process was started with.

// signalSet is a set of signals as the kernel has it: bit n-1 for signal n.
type signalSet uint64

func (s signalSet) has(sig int) bool { return s>>(sig-1)&1 != 0 }

const (
	sigDefault = 0
	sigIgnore  = 1
	lastSignal = 64
	// probeSignal is the one whose entry in fwdSig is used to find the array. Like interruptSignal, nobody
	// else's. Whether this process was started with it ignored is the one thing not learnt.
	probeSignal = 63
)

// ignoredAtInit are the signals ignored when this package was initialised, which is before anybody could have called
// signal.Ignore: those that the runtime left as they were.
var ignoredAtInit = func() (s signalSet) {
	for sig := 1; sig <= lastSignal; sig++ {
		if sa, err := getAction(sig); err == nil && sa.handler == sigIgnore {
			s |= 1 << (sig - 1)
		}
	}
	return s
}()

// startedIgnoring is the set of signals that this process was started with ignored. Where the runtime's array was
// not found, the signals that the runtime took over are missing from it.
func startedIgnoring() signalSet {
	s := ignoredAtInit
	if fwd, err := forwarded(); err == nil {
		for sig := 1; sig <= lastSignal; sig++ {
			if atomic.LoadUintptr(&fwd[sig]) == sigIgnore {
				s |= 1 << (sig - 1)
			}
		}
	}
	return s
}

// ignoreExactly makes this process ignore the signals in s and no others. What the runtime handles it leaves alone:
// execve makes that SIG_DFL.
func ignoreExactly(s signalSet) {
	for sig := 1; sig <= lastSignal; sig++ {
		sa, err := getAction(sig)
		if err != nil || (sa.handler == sigIgnore) == s.has(sig) {
			continue
		}
		sa = sigaction{handler: sigDefault}
		if s.has(sig) {
			sa.handler = sigIgnore
		}
		_ = setAction(sig, &sa) // SIGKILL and SIGSTOP can be neither
	}
}

func getAction(sig int) (sa sigaction, err error) {
	_, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), 0, uintptr(unsafe.Pointer(&sa)), 8, 0, 0)
	if e != 0 {
		return sa, e
	}
	return sa, nil
}

func setAction(sig int, sa *sigaction) error {
	_, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(sa)), 0, 8, 0, 0)
	if e != 0 {
		return e
	}
	return nil
}

// anchor lies in the same section as fwdSig does: zeroed data without pointers.
var anchor uintptr

// handlerAddress is the address of a signal handler that does nothing.
func handlerAddress() uintptr

// forwarded is runtime.fwdSig: for each signal the handler that the runtime's own one replaced. The linker lets nobody
// refer to it, and a stripped binary has no symbols, so it is found by what the runtime does to it
// (runtime/signal_unix.go, sigenable): when a signal is enabled whose handler is not the runtime's, the handler is
// noted in fwdSig. So a handler that no one else has is installed, the signal is enabled, and the handler's
// address is looked for. Should a signal come meanwhile, the handler is there to take it.
var forwarded = sync.OnceValues(func() (*[lastSignal + 1]uintptr, error) {
	sa, err := getAction(probeSignal)
	if err != nil {
		return nil, err
	}
	mark := handlerAddress()
	if mark == 0 {
		return nil, errors.New("runtime.fwdSig: not looked for on this architecture")
	}
	signal.Ignore(syscall.Signal(probeSignal)) // makes the runtime forget that it handles it
	sa.handler = mark
	if err := setAction(probeSignal, &sa); err != nil {
		return nil, err
	}
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.Signal(probeSignal))
	signal.Stop(c)
	low, high, err := writableAround(uintptr(unsafe.Pointer(&anchor)))
	if err != nil {
		return nil, err
	}
	return findForwarded(mark, low, high)
})

// findForwarded looks for the array between two addresses around anchor: first behind it, since the
// linker puts small things first, then before it.
//
//go:norace
//go:nocheckptr
func findForwarded(mark, low, high uintptr) (*[lastSignal + 1]uintptr, error) {
	const word = 8
	base := unsafe.Pointer(&anchor)
	before, behind := int(uintptr(base)-low)/word, int(high-uintptr(base))/word
	for n := range before + behind {
		i := n
		if n >= behind {
			i = behind - n - 1
		}
		if *(*uintptr)(unsafe.Add(base, i*word)) != mark || i-probeSignal < -before || i >= behind-1 {
			continue
		}
		a := (*[lastSignal + 1]uintptr)(unsafe.Add(base, (i-probeSignal)*word))
		if a[0] == 0 && a[unix.SIGKILL] == 0 && a[unix.SIGSTOP] == 0 {
			a[probeSignal] = sigDefault
			return a, nil
		}
	}
	return nil, errors.New("runtime.fwdSig: not found")
}

// writableAround is the writable memory around an address: the mapping it is in, and those that
// join it without a gap. A heap that follows is not of interest.
func writableAround(addr uintptr) (low, high uintptr, err error) {
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		span, rest, _ := strings.Cut(s.Text(), " ")
		first, last, _ := strings.Cut(span, "-")
		from, ferr := strconv.ParseUint(first, 16, 64)
		to, terr := strconv.ParseUint(last, 16, 64)
		if err := errors.Join(ferr, terr); err != nil {
			return 0, 0, fmt.Errorf("read /proc/self/maps: %w", err)
		}
		joins := strings.HasPrefix(rest, "rw") && !strings.HasSuffix(rest, "[heap]")
		switch {
		case joins && uintptr(from) == high:
			high = uintptr(to)
			continue
		case addr >= low && addr < high:
			return low, high, nil
		case joins:
			low, high = uintptr(from), uintptr(to)
		default:
			low, high = 0, 0
		}
	}
	return 0, 0, fmt.Errorf("read /proc/self/maps: no writable memory at %#x", addr)
}
