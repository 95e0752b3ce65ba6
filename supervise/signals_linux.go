package supervise

import (
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Signals reach the program as they would without sallyport. What the terminal sends goes to the whole foreground process
// group, the program in it; what somebody sends to sallyport alone is sent on. A stop of the program stops
// sallyport as well, so that the shell sees a stopped job.

// forwarded are the signals that are always sent on. SIGURG is the Go runtime's own, SIGCHLD and SIGPIPE are our own,
// SIGWINCH comes from the terminal, which sends it to the group.
var forwarded = []os.Signal{
	unix.SIGHUP, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM, unix.SIGVTALRM, unix.SIGIO, unix.SIGPWR, unix.SIGCONT,
}

// fromTerminal are the signals that a key sends to the foreground group.
var fromTerminal = []os.Signal{unix.SIGINT, unix.SIGQUIT, unix.SIGTSTP}

// kept are caught so that they do not end or stop the supervisor.
var kept = []os.Signal{unix.SIGPIPE, unix.SIGTTIN, unix.SIGTTOU, unix.SIGWINCH}

// Real-time signals that programs may be sent; the runtime has the lowest two, unotify.Interrupt the 62nd.
const (
	firstRealTime = 34
	lastRealTime  = 64
	interrupting  = 62
)

// catchSignals catches them all. A signal that sallyport was started with ignored stays ignored, for the
// program to inherit.
func catchSignals() chan os.Signal {
	ch := make(chan os.Signal, 64)
	all := append(append(append([]os.Signal(nil), forwarded...), fromTerminal...), kept...)
	for n := firstRealTime; n <= lastRealTime; n++ {
		if n != interrupting {
			all = append(all, syscall.Signal(n))
		}
	}
	for _, sig := range all {
		if !signal.Ignored(sig) {
			signal.Notify(ch, sig)
		}
	}
	return ch
}

func releaseSignals(ch chan os.Signal) { signal.Stop(ch) }

// forward sends a signal on to the program, where it did not get it itself.
func (s *Supervisor) forward(sig os.Signal) {
	for _, k := range kept {
		if sig == k {
			return
		}
	}
	for _, t := range fromTerminal {
		if sig == t && inForeground() {
			return
		}
	}
	if sig == unix.SIGCONT && !stopped(s.proc.PID) {
		return
	}
	if n, ok := sig.(syscall.Signal); ok {
		_ = unix.Kill(s.proc.PID, n)
	}
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

// stopped reports whether a process is stopped: state T of proc(5).
func stopped(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	i := strings.LastIndex(string(b), ") ")
	return i >= 0 && len(b) > i+2 && b[i+2] == 'T'
}

// Wait waits for the program to end. It forwards signals, and stops and continues with the program, meanwhile.
func (s *Supervisor) Wait() (Exit, error) {
	type change struct {
		status unix.WaitStatus
		err    error
	}
	changes := make(chan change)
	go func() { // ends with the program
		for {
			var st unix.WaitStatus
			_, err := unix.Wait4(s.proc.PID, &st, unix.WUNTRACED, nil)
			if err == unix.EINTR {
				continue
			}
			changes <- change{st, err}
			if err != nil || !st.Stopped() {
				return
			}
		}
	}()
	for {
		select {
		case sig := <-s.signals:
			s.forward(sig)
		case c := <-changes:
			switch {
			case c.err != nil:
				return Exit{}, c.err
			case c.status.Stopped():
				s.stopAlong()
			case c.status.Signaled():
				return Exit{Signal: int(c.status.Signal())}, nil
			default:
				return Exit{Status: c.status.ExitStatus()}, nil
			}
		}
	}
}

// stopAlong stops this process as the program was stopped, and continues the program when this one is continued.
func (s *Supervisor) stopAlong() {
	if !hasTerminal() || !stopped(s.proc.PID) {
		return // nobody who would continue us
	}
	_ = unix.Kill(unix.Getpid(), unix.SIGSTOP)
	if stopped(s.proc.PID) {
		_ = unix.Kill(s.proc.PID, unix.SIGCONT)
	}
}

// Raise ends this process by the signal that ended the program, without a core dump of its own.
func Raise(sig int) {
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	var act struct {
		handler, flags, restorer, mask uint64 // SIG_DFL
	}
	_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&act)), 0, 8, 0, 0)
	mask := uint64(1) << (sig - 1)
	_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_UNBLOCK, uintptr(unsafe.Pointer(&mask)), 0, 8, 0, 0)
	_ = unix.Kill(unix.Getpid(), syscall.Signal(sig))
}
