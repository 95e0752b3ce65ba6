package supervise

import (
	"os"
	"os/signal"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Signals reach the program as they would without sallyport. What the terminal sends goes to the whole foreground process
// group, the program in it; what somebody sends to sallyport alone is sent on. A stop of the program stops
// sallyport as well, so that the shell sees a stopped job.

// forwarded are the signals that are sent on whoever sent them: from the kernel they are timers' that were set before
// sallyport was executed. SIGURG is the Go runtime's own, SIGCHLD our own.
var forwarded = []os.Signal{
	unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM, unix.SIGVTALRM, unix.SIGIO, unix.SIGPWR,
}

// fromTerminal are the signals that the kernel sends to a whole process group, for a key or a hangup: then the program
// has got them itself.
var fromTerminal = []os.Signal{
	unix.SIGINT, unix.SIGQUIT, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU, unix.SIGWINCH, unix.SIGHUP, unix.SIGCONT, unix.SIGPIPE,
}

// Real-time signals that programs may be sent; the runtime has the lowest two, unotify.Interrupt the 62nd.
const (
	firstRealTime = 34
	lastRealTime  = 64
	interrupting  = 62
)

// catchSignals catches what a terminal, a shell or an init sends. A signal that sallyport was started with ignored stays
// ignored, for the program to inherit. The runtime takes some 50 us a signal, so the rest is only noted here, and left to
// catchRest.
func catchSignals() chan os.Signal {
	stopActions()
	ch := make(chan os.Signal, 128)
	catch(ch, fromTerminal...)
	catch(ch, unix.SIGTERM)
	for _, sig := range rest() {
		noteSenders(sig)
	}
	return ch
}

// rest are the signals that are sent more rarely.
func rest() []syscall.Signal {
	var out []syscall.Signal
	for _, sig := range forwarded {
		if n, ok := sig.(syscall.Signal); ok && n != unix.SIGTERM {
			out = append(out, n)
		}
	}
	for n := firstRealTime; n <= lastRealTime; n++ {
		if n != interrupting {
			out = append(out, syscall.Signal(n))
		}
	}
	return out
}

// catchRest catches the rest, and makes up for those that came before.
func catchRest(ch chan os.Signal) {
	for _, sig := range rest() {
		catch(ch, sig)
		if noted(sig) {
			select {
			case ch <- sig: // where it was caught after all, the second has no note any more
			default:
			}
		}
	}
}

func catch(ch chan os.Signal, signals ...os.Signal) {
	for _, sig := range signals {
		if signal.Ignored(sig) {
			continue
		}
		signal.Notify(ch, sig)
		if n, ok := sig.(syscall.Signal); ok {
			noteSenders(n)
		}
	}
}

// releaseSignals lets signals do what they do to any process. SIGPIPE alone is ignored from now on: that nobody reads
// the report must not become the program's exit status. The runtime keeps its handler for the signals that stop
// a process, and would try for ever to write to a terminal that wants to stop it (tostop, termios(3)).
func releaseSignals(ch chan os.Signal) {
	if !signal.Ignored(unix.SIGPIPE) {
		signal.Ignore(unix.SIGPIPE)
	}
	signal.Stop(ch)
	for sig, action := range stopActions() {
		_ = swapAction(int(sig), &action, nil)
	}
}

// stopActions is what this process was started with for the signals that stop a process from the terminal: the default, or
// ignored, for which signal.Ignored does not know these.
var stopActions = sync.OnceValue(func() map[syscall.Signal]sigaction {
	actions := map[syscall.Signal]sigaction{}
	for _, sig := range []syscall.Signal{unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU} {
		var sa sigaction
		if swapAction(int(sig), nil, &sa) == nil && sa.handler < 2 {
			actions[sig] = sa
		}
	}
	return actions
})

// forward sends a signal on to the program, where it did not get it itself.
func (s *Supervisor) forward(sig os.Signal) {
	n, ok := sig.(syscall.Signal)
	if !ok {
		return
	}
	pid, sent, known := senderOf(n)
	switch {
	case !known:
		return // sent on already
	case sent && (pid == os.Getpid() || s.within(pid)):
		return // our own SIGPIPE; or the program signalled its process group, itself included
	case !sent && slices.Contains(fromTerminal, sig) && !s.only(n):
		return
	case n == unix.SIGCONT && !s.halted && (hasTerminal() || !stopped(s.proc.PID)):
		return // it goes on already, as we do
	}
	_ = unix.Kill(s.proc.PID, n)
}

// only reports whether a signal that no process sent was for us alone.
func (s *Supervisor) only(sig syscall.Signal) bool {
	switch {
	case sig == unix.SIGHUP:
		return isSessionLeader() || !sendersKnown() // the terminal hangs up on the leader of the session
	case sig == unix.SIGCONT:
		return true // perhaps; whether the program is stopped decides
	case sendersKnown() || sig == unix.SIGPIPE || sig == unix.SIGWINCH || sig == unix.SIGTTIN || sig == unix.SIGTTOU:
		return false
	}
	return !inForeground()
}

func isSessionLeader() bool {
	sid, err := unix.Getsid(0)
	return err == nil && sid == os.Getpid()
}

// inForeground reports whether our process group is the one that the controlling terminal sends signals to.
func inForeground() bool {
	tty, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	defer unix.Close(tty)
	pgrp, err := unix.IoctlGetInt(tty, unix.TIOCGPGRP)
	return err == nil && pgrp == unix.Getpgrp()
}

// hasTerminal reports whether there is a controlling terminal, and so perhaps a shell that looks after stopped jobs.
func hasTerminal() bool {
	tty, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	_ = unix.Close(tty)
	return true
}

// change is a change of the program's state, wait4(2).
type change struct {
	status unix.WaitStatus
	err    error
}

// Wait waits for the program to end. It forwards signals, and stops and continues with the program, meanwhile; from then on
// signals do what they do to any process.
func (s *Supervisor) Wait() (Exit, error) {
	changes := make(chan change)
	go func() { // ends with the program
		for {
			var st unix.WaitStatus
			_, err := unix.Wait4(s.proc.PID, &st, unix.WUNTRACED|unix.WCONTINUED, nil)
			if err == unix.EINTR {
				continue
			}
			changes <- change{st, err}
			if err != nil || st.Exited() || st.Signaled() {
				return
			}
		}
	}()
	for {
		select {
		case sig := <-s.signals:
			s.forward(sig)
		case c := <-changes:
			for c.err == nil && c.status.Stopped() {
				c = s.stopAlong(c, changes)
			}
			switch {
			case c.err != nil, c.status.Exited(), c.status.Signaled():
				releaseSignals(s.signals)
				s.signals = nil
				return exitOf(c)
			}
		}
	}
}

func exitOf(c change) (Exit, error) {
	switch {
	case c.err != nil:
		return Exit{}, c.err
	case c.status.Signaled():
		return Exit{Signal: int(c.status.Signal())}, nil
	}
	return Exit{Status: c.status.ExitStatus()}, nil
}

// stopAlong stops this process by the signal that stopped the program, and continues the program when this one is continued.
// It returns the next change: a program that goes on may be stopped again at once, and must not be continued then.
func (s *Supervisor) stopAlong(c change, changes <-chan change) change {
	sig := c.status.StopSignal()
	if !hasTerminal() { // nobody who would continue us
		s.halted = true
		defer func() { s.halted = false }()
		for {
			select {
			case sig := <-s.signals:
				s.forward(sig)
			case c = <-changes:
				return c
			}
		}
	}
	if !stopped(s.proc.PID) {
		return <-changes // it was continued meanwhile
	}
	// The terminal's own signal to us may be on its way still: it must meet its handler, or it stops us a second time.
	for end := time.Now().Add(continuedWithin); pending(sig) && time.Now().Before(end); {
		time.Sleep(100 * time.Microsecond)
	}
	byDefault(sig, func() {
		_ = unix.Tgkill(os.Getpid(), unix.Gettid(), sig)
	})
	// A shell continues the whole group, and the program's turn may come a moment later than ours.
	select {
	case c = <-changes:
		return c
	case <-time.After(continuedWithin):
		_ = unix.Kill(s.proc.PID, unix.SIGCONT)
		return <-changes
	}
}

// pending reports whether a signal has been sent to this process, and no thread has taken it yet.
func pending(sig syscall.Signal) bool {
	b, err := os.ReadFile("/proc/self/status")
	return err == nil && statusMask(string(b), "ShdPnd")&(1<<(sig-1)) != 0
}

// continuedWithin is how long the program may stay stopped after us, before we continue it.
const continuedWithin = 20 * time.Millisecond

// byDefault calls f, on a thread that does not block a signal, with that signal's default action in force.
func byDefault(sig syscall.Signal, f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var old sigaction
	if swapAction(int(sig), &sigaction{}, &old) == nil { // SIGSTOP and SIGKILL have no other
		defer func() { _ = swapAction(int(sig), &old, nil) }()
	}
	mask := uint64(1) << (sig - 1)
	_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_UNBLOCK, uintptr(unsafe.Pointer(&mask)), 0, 8, 0, 0)
	f()
}

// Raise ends this process by the signal that ended the program, without a core dump of its own: a limit of 0 does not keep
// the kernel from handing one to a program (core(5)).
func Raise(sig int) {
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	// To this thread: the process must not get past this line.
	byDefault(syscall.Signal(sig), func() {
		_ = unix.Tgkill(os.Getpid(), unix.Gettid(), syscall.Signal(sig))
	})
}
