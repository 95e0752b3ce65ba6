package unotify

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

var acct = strconv.Itoa(unix.SYS_ACCT)

func TestReceive(t *testing.T) {
	pr := startProgram(t, Command{}, "call", acct, "1", "0x123456789abcdef0", "3", "4", "5", "0xffffffffffffffff")
	n := pr.receive()
	if n.Nr != unix.SYS_ACCT || n.Arch != nativeArch || int(n.PID) != pr.PID || n.IP == 0 {
		t.Errorf("got %+v, want call %d of %#x by %d", n, unix.SYS_ACCT, nativeArch, pr.PID)
	}
	if want := [6]uint64{1, 0x123456789abcdef0, 3, 4, 5, ^uint64(0)}; n.Args != want {
		t.Errorf("arguments: got %x, want %x", n.Args, want)
	}
	if !pr.Listener.Valid(n.ID) {
		t.Error("a notification that waits is not valid")
	}
	if pr.Listener.Valid(n.ID + 1) {
		t.Error("a notification that never was is valid")
	}
	if err := pr.Listener.Continue(n.ID); err != nil {
		t.Fatal(err)
	}
	pr.end()
}

func TestAnswers(t *testing.T) {
	pgrp := strconv.Itoa(unix.Getpgrp())
	tests := []struct {
		name   string
		answer func(l *Listener, id uint64) error
		want   string
	}{
		{"value", func(l *Listener, id uint64) error { return l.Return(id, 42, 0) }, "42 "},
		{"large value", func(l *Listener, id uint64) error { return l.Return(id, 1<<40, 0) }, "1099511627776 "},
		{"errno", func(l *Listener, id uint64) error { return l.Return(id, 0, unix.EXDEV) }, "-1 EXDEV"},
		{"continue", func(l *Listener, id uint64) error { return l.Continue(id) }, pgrp + " "},
		{"nobody", func(l *Listener, _ uint64) error { return l.Close() }, "-1 ENOSYS"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out := t.TempDir() + "/out"
			p, err := Start(&Command{
				Path: "/proc/self/exe", Args: []string{"program", helperFlag, "call", out, strconv.Itoa(unix.SYS_GETPGID), "0"},
				Filter: notify(unix.SYS_GETPGID),
			})
			if err != nil {
				t.Fatal(err)
			}
			if test.name != "nobody" {
				defer p.Listener.Close()
			}
			pr := &program{Process: p, t: t, out: out}
			if err := test.answer(p.Listener, pr.receive().ID); err != nil {
				t.Fatal(err)
			}
			if err := p.Executed(); err != nil {
				t.Fatal(err)
			}
			if got := pr.end(); got != test.want {
				t.Errorf("the call ended in %q, want %q", got, test.want)
			}
		})
	}
}

func TestErrNoMore(t *testing.T) {
	p, err := Start(&Command{
		// A grandchild that outlives the program keeps the listener going.
		Path: "/bin/sh", Args: []string{"sh", "-c", "sleep 0.05 & exit 0"}, Filter: notify(unix.SYS_ACCT),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Listener.Close()
	if err := p.Executed(); err != nil {
		t.Fatal(err)
	}
	if _, err := wait4(p.PID, nil); err != nil {
		t.Fatal(err)
	}
	poll := []unix.PollFd{{Fd: int32(p.Listener.FD())}}
	until(t, "the listener hangs up", func() bool {
		n, err := unix.Poll(poll, 1000)
		return err == nil && n == 1 && poll[0].Revents&unix.POLLHUP != 0
	})
	var n Notification
	if err := p.Listener.Receive(&n); err != ErrNoMore {
		t.Errorf("got %v, want %v", err, ErrNoMore)
	}
}

// An answer to a caller that was killed is not delivered.
func TestErrGoneKilled(t *testing.T) {
	pr := startProgram(t, Command{}, "call", acct)
	n := pr.receive()
	if err := syscall.Kill(pr.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, "the notification is gone", func() bool { return !pr.Listener.Valid(n.ID) })
	if err := pr.Listener.Return(n.ID, 0, 0); err != ErrGone {
		t.Errorf("Return: got %v, want %v", err, ErrGone)
	}
	if err := pr.Listener.Continue(n.ID); err != ErrGone {
		t.Errorf("Continue: got %v, want %v", err, ErrGone)
	}
	if _, err := pr.Listener.AddFD(n.ID, 0, true); err != ErrGone {
		t.Errorf("AddFD: got %v, want %v", err, ErrGone)
	}
	if err := pr.Listener.ReplaceFD(n.ID, 0, 0, true); err != ErrGone {
		t.Errorf("ReplaceFD: got %v, want %v", err, ErrGone)
	}
}

// A handler that restarts calls makes the same call come again, under another id; the first answer is not delivered.
func TestRestart(t *testing.T) {
	pr := startProgram(t, Command{}, "call", acct, "7")
	first := pr.receive()
	if err := syscall.Kill(pr.PID, syscall.SIGURG); err != nil { // the Go runtime handles it with SA_RESTART
		t.Fatal(err)
	}
	second := pr.receive()
	if second.ID == first.ID || second.Args != first.Args {
		t.Errorf("got %+v after %+v", second, first)
	}
	if err := pr.Listener.Return(first.ID, 1, 0); err != ErrGone {
		t.Errorf("first answer: got %v, want %v", err, ErrGone)
	}
	if err := pr.Listener.Return(second.ID, 2, 0); err != nil {
		t.Errorf("second answer: %v", err)
	}
	if got := pr.end(); got != "2 " {
		t.Errorf("the call ended in %q, want 2", got)
	}
}

// A handler that does not restart calls ends the call.
func TestInterrupted(t *testing.T) {
	pr := startProgram(t, Command{}, "call", acct)
	n := pr.receive()
	if err := unix.Tgkill(pr.PID, pr.PID, interruptSignal); err != nil {
		t.Fatal(err)
	}
	if got := pr.end(); got != "-1 EINTR" {
		t.Errorf("the call ended in %q, want EINTR", got)
	}
	if err := pr.Listener.Return(n.ID, 0, 0); err != ErrGone {
		t.Errorf("got %v, want %v", err, ErrGone)
	}
}

// With WaitKillable the same signal waits until the answer is there, and a fatal one does not.
func TestWaitKillable(t *testing.T) {
	t.Run("signal", func(t *testing.T) {
		pr := startWaitKillable(t)
		n := pr.receive()
		if err := unix.Tgkill(pr.PID, pr.PID, interruptSignal); err != nil {
			t.Fatal(err)
		}
		until(t, "the signal is pending", func() bool { return status(t, pr.PID, "SigPnd") != "0000000000000000" })
		if !pr.Listener.Valid(n.ID) {
			t.Error("the notification is gone")
		}
		if err := pr.Listener.Return(n.ID, 9, 0); err != nil {
			t.Error(err)
		}
		if got := pr.end(); got != "9 " {
			t.Errorf("the call ended in %q, want 9", got)
		}
	})
	t.Run("fatal signal", func(t *testing.T) {
		pr := startWaitKillable(t)
		n := pr.receive()
		if err := syscall.Kill(pr.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		until(t, "the notification is gone", func() bool { return !pr.Listener.Valid(n.ID) })
	})
}

func startWaitKillable(t *testing.T) *program {
	t.Helper()
	p, err := Start(&Command{Path: "/bin/true", Args: []string{"true"}, Filter: notify(unix.SYS_ACCT), WaitKillable: true})
	if err != nil {
		t.Skipf("needs SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (Linux 5.19): %v", err)
	}
	p.Listener.Close()
	_ = p.Executed()
	_, _ = wait4(p.PID, nil)
	return startProgram(t, Command{WaitKillable: true}, "call", acct)
}

func TestAddFD(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	pr := startProgram(t, Command{}, "take")
	for _, cloexec := range []bool{false, true} {
		fd, err := pr.Listener.AddFD(pr.receive().ID, int(w.Fd()), cloexec)
		if err != nil || fd < 3 {
			t.Fatalf("got %d, %v", fd, err)
		}
	}
	w.Close()
	if err := pr.Listener.Return(pr.receive().ID, 0, 0); err != nil {
		t.Fatal(err)
	}
	if got := pr.end(); got != "2 taken, then 0 " {
		t.Errorf("the program got %s", got)
	}
	if b, err := io.ReadAll(r); err != nil || string(b) != "01" {
		t.Errorf("close-on-exec flags in the program: got %q, %v, want 0, then 1", b, err)
	}
}

// Where the caller's table is full, the call still waits for its answer.
func TestAddFDFull(t *testing.T) {
	pr := startProgram(t, Command{}, "full")
	n := pr.receive()
	if fd, err := pr.Listener.AddFD(n.ID, 0, false); err != unix.EMFILE {
		t.Fatalf("got %d, %v, want EMFILE", fd, err)
	}
	if err := pr.Listener.Return(n.ID, 0, unix.ENFILE); err != nil {
		t.Fatal(err)
	}
	if got := pr.end(); got != "-1 ENFILE" {
		t.Errorf("the call ended in %q, want ENFILE", got)
	}
}

// Signals to the supervisor while it puts descriptors in must not leave a call answered without one: the caller would
// see 0, its standard input.
func TestAddFDSignals(t *testing.T) {
	const count = 1500
	null, err := os.OpenFile("/dev/null", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tid, stop := unix.Gettid(), make(chan struct{})
	var bombers sync.WaitGroup
	bombers.Go(func() { // ends with stop
		for {
			select {
			case <-stop:
				return
			default:
				_ = unix.Tgkill(unix.Getpid(), tid, unix.SIGURG)
			}
		}
	})
	defer bombers.Wait()
	defer close(stop)
	pr := startProgram(t, Command{}, "take")
	for i := range count {
		if _, err := pr.Listener.AddFD(pr.receive().ID, int(null.Fd()), true); err != nil {
			t.Fatalf("descriptor %d: %v", i, err)
		}
	}
	if err := pr.Listener.Return(pr.receive().ID, 0, 0); err != nil {
		t.Fatal(err)
	}
	if got, want := pr.end(), fmt.Sprintf("%d taken, then 0 ", count); got != want {
		t.Errorf("the program got %s, want %s", got, want)
	}
}

func TestReplaceFD(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	const number = 50
	pr := startProgram(t, Command{}, "take")
	n := pr.receive()
	if err := pr.Listener.ReplaceFD(n.ID, int(w.Fd()), number, false); err != nil {
		t.Fatal(err)
	}
	if !pr.Listener.Valid(n.ID) {
		t.Error("the call was answered")
	}
	if err := pr.Listener.Return(n.ID, number, 0); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if err := pr.Listener.Return(pr.receive().ID, 0, 0); err != nil {
		t.Fatal(err)
	}
	pr.end()
	if b, err := io.ReadAll(r); err != nil || string(b) != "0" {
		t.Errorf("written to %d: got %q, %v, want 0", number, b, err)
	}
}

func TestSyncWakeUp(t *testing.T) {
	pr := startProgram(t, Command{}, "take")
	if !pr.Listener.SyncWakeUp() {
		t.Skip("needs SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (Linux 6.6)")
	}
	if err := pr.Listener.Return(pr.receive().ID, 0, 0); err != nil {
		t.Fatal(err)
	}
	pr.end()
}
