package unotify

import (
	"os/signal"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// What this process was started with is also tested from outside, by TestSame: here, that the array is found at all, so
// that another Go release that moves it is noticed, and that looking for it leaves no trace.
func TestForwarded(t *testing.T) {
	if handlerAddress() == 0 {
		t.Skip("needs amd64 or arm64")
	}
	before, err := getAction(probeSignal)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := forwarded(); err != nil {
		t.Fatal(err)
	}
	after, err := getAction(probeSignal)
	if err != nil {
		t.Fatal(err)
	}
	if after != before {
		t.Errorf("action of the signal used for looking: got %+v, want %+v", after, before)
	}
	if startedIgnoring().has(probeSignal) {
		t.Errorf("signal %d is thought to have been ignored", probeSignal)
	}
	if signal.Ignored(syscall.Signal(probeSignal)) {
		t.Errorf("signal %d is ignored", probeSignal)
	}
}

// What is ignored later is not taken for what was ignored at the start.
func TestStartedIgnoring(t *testing.T) {
	want := startedIgnoring()
	signal.Ignore(syscall.SIGUSR2, syscall.SIGTSTP)
	defer signal.Reset(syscall.SIGUSR2, syscall.SIGTSTP)
	if got := startedIgnoring(); got != want {
		t.Errorf("got %#x, want %#x", got, want)
	}
}

func TestIgnoreExactly(t *testing.T) {
	before := map[int]sigaction{}
	for sig := 1; sig <= lastSignal; sig++ {
		before[sig], _ = getAction(sig)
	}
	defer func() {
		for sig, sa := range before {
			_ = setAction(sig, &sa)
		}
	}()
	ignored := func() (s signalSet) {
		for sig := 1; sig <= lastSignal; sig++ {
			if sa, err := getAction(sig); err == nil && sa.handler == sigIgnore {
				s |= 1 << (sig - 1)
			}
		}
		return s
	}
	set := func(sigs ...unix.Signal) (s signalSet) {
		for _, sig := range sigs {
			s |= 1 << (sig - 1)
		}
		return s
	}
	for _, want := range []signalSet{set(unix.SIGUSR1, unix.SIGUSR2, 64), set(unix.SIGUSR2, unix.SIGCONT), 0} {
		ignoreExactly(want)
		if got := ignored(); got != want {
			t.Errorf("got %#x, want %#x", got, want)
		}
	}
	ignoreExactly(set(unix.SIGKILL))
	if got := ignored(); got != 0 {
		t.Errorf("SIGKILL: got %#x", got)
	}
}
