package test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pty is a pseudo-terminal with a program on it, as in a terminal window.
type pty struct {
	t      testing.TB
	master *os.File
	cmd    *exec.Cmd
	ended  chan struct{} // closed when the program has ended, and all that it wrote was read

	mu   sync.Mutex
	text []byte
	from int           // where expect goes on
	more chan struct{} // closed, and made anew, when there is more text
}

// startPTY starts a program in a session of its own on a new terminal of 80 columns; first is one more variable for its
// environment. Whatever is left of its session is killed when the test ends.
func startPTY(t testing.TB, first string, argv ...string) *pty {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skipf("needs a pseudo-terminal: %v", err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80})
	}
	if err != nil {
		t.Fatal(err)
	}
	p := &pty{t: t, master: os.NewFile(uintptr(fd), "ptmx"), ended: make(chan struct{}), more: make(chan struct{})}
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.Env = append(os.Environ(), "TERM=xterm", "LC_ALL=C", "PS1=ready> ", "HISTFILE=", first)
	p.cmd.Dir = "/"
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = slave, slave, slave
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	go p.read()
	t.Cleanup(func() {
		killSession(p.cmd.Process.Pid)
		p.master.Close()
		<-p.ended
		_ = p.cmd.Wait()
	})
	return p
}

// killSession kills the processes of a session that has not been waited for, so that its number is still its own.
func killSession(sid int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		pid, _ := strconv.Atoi(strings.Split(stat, "/")[2])
		if of, err := unix.Getsid(pid); err == nil && of == sid {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// read reads what comes from the terminal, to its end: EIO when nobody has it open.
func (p *pty) read() {
	defer close(p.ended)
	b := make([]byte, 4096)
	for {
		n, err := p.master.Read(b)
		p.mu.Lock()
		p.text = append(p.text, b[:n]...)
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// output is all that came so far.
func (p *pty) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.text)
}

// types types keys.
func (p *pty) types(keys string) {
	p.t.Helper()
	if _, err := p.master.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

// resize makes the terminal so many columns wide.
func (p *pty) resize(columns uint16) {
	p.t.Helper()
	conn, err := p.master.SyscallConn()
	if err == nil {
		err = conn.Control(func(fd uintptr) {
			if err := unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
				p.t.Error(err)
			}
		})
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// expect waits until what came since the last expect matches, and returns the match with its groups.
func (p *pty) expect(pattern string) []string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	timeout := time.After(processTimeout)
	for {
		p.mu.Lock()
		rest, more := p.text[p.from:], p.more
		if m := re.FindSubmatchIndex(rest); m != nil {
			p.from += m[1]
			var groups []string
			for i := 0; i < len(m); i += 2 {
				groups = append(groups, string(rest[m[i]:m[i+1]]))
			}
			p.mu.Unlock()
			return groups
		}
		p.mu.Unlock()
		select {
		case <-more:
		case <-p.ended:
			p.t.Fatalf("the terminal closed, and %q did not come: %q", pattern, p.output())
		case <-timeout:
			p.t.Fatalf("%q did not come: %q", pattern, p.output())
		}
	}
}

// wait waits for the program to end.
func (p *pty) wait() syscall.WaitStatus {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(processTimeout):
		p.t.Fatalf("the program goes on: %q", p.output())
	}
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	ws, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok {
		p.t.Fatal("no wait status")
	}
	return ws
}
