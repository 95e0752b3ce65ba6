package test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// interactive starts an interactive shell on a terminal, with r for a command that runs a program bare or under sallyport.
func interactive(t *testing.T, run string) *pty {
	p := startPTY(t, "RUN="+run, testhost.Need(t, "bash", "bash"), "--norc", "--noprofile", "-i")
	p.expect("ready> ")
	p.types("stty -echo; bind 'set enable-bracketed-paste off' 2>/dev/null\n")
	p.expect("ready> ")
	return p
}

// settle waits until sallyport is as it was before it was stopped and continued: a second Ctrl-Z in the same instant, which
// no hand types, would stop it before the program.
func (p *pty) settle() {
	p.t.Helper()
	shell := strconv.Itoa(p.cmd.Process.Pid)
	for _, pid := range strings.Fields(fileText("/proc/" + shell + "/task/" + shell + "/children")) {
		exe, _ := os.Readlink("/proc/" + pid + "/exe")
		if filepath.Base(exe) != "sallyport" {
			continue
		}
		eventually(p.t, "SIGTSTP is caught", func() bool {
			_, mask, _ := strings.Cut(fileText("/proc/"+pid+"/status"), "SigCgt:\t")
			caught, err := strconv.ParseUint(mask[:16], 16, 64)
			return err == nil && caught&(1<<(20-1)) != 0
		})
	}
}

// bothWays runs a test bare and under sallyport: what holds for the one has to for the other.
func bothWays(t *testing.T, f func(t *testing.T, p *pty)) {
	for _, m := range []struct{ name, run string }{{"bare", ""}, {"run", underRun(t)}} {
		t.Run(m.name, func(t *testing.T) { f(t, interactive(t, m.run)) })
	}
}

func TestJobCtrlC(t *testing.T) {
	bothWays(t, func(_ *testing.T, p *pty) {
		p.types("$RUN sh -c 'echo on; exec sleep 100'\n")
		p.expect("on\r\n")
		p.types("\x03")
		p.expect("ready> ")
		p.types("echo status $?\n")
		p.expect("status 130\r\n")
	})
}

// Ctrl-C reaches a program that handles SIGINT once, and it goes on.
func TestJobCtrlCHandled(t *testing.T) {
	python := testhost.Need(t, "/usr/bin/python3", "python3")
	bothWays(t, func(t *testing.T, p *pty) {
		p.types("$RUN " + python + " -c '" + counting + "'; echo status $?\n")
		p.expect("ready\r\n")
		p.types("\x03")
		p.expect("SIGINT\r\n")
		p.types("\x1c") // Ctrl-\
		between := p.expect(`(?s)(.*)SIGQUIT\r\n`)
		if strings.Contains(between[1], "SIGINT") {
			t.Errorf("%q, want SIGINT once", p.output())
		}
		p.types("\x03")
		p.expect("SIGINT\r\n")
		p.types("\x1a") // caught as well
		p.expect("SIGTSTP\r\n")
		p.types("\x03")
		p.expect("SIGINT\r\n")
		p.resize(100)
		p.expect("SIGWINCH\r\n")
		p.types("\x03")
		between = p.expect(`(?s)(.*)SIGINT\r\n`)
		if strings.Contains(between[1], "SIG") {
			t.Errorf("%q, want SIGWINCH once", p.output())
		}
	})
}

func TestJobCtrlCIgnored(t *testing.T) {
	bothWays(t, func(_ *testing.T, p *pty) {
		p.types("$RUN sh -c 'trap \"\" INT; echo on; read x; exit 4'; echo status $?\n")
		p.expect("on\r\n")
		p.types("\x03")
		p.types("\n")
		p.expect("status 4\r\n")
	})
}

// Ctrl-Z stops the job, and fg continues it; again and again.
func TestJobCtrlZ(t *testing.T) {
	bothWays(t, func(_ *testing.T, p *pty) {
		p.types("$RUN sh -c 'echo on; while read x; do echo got $x; done; exit 6'\n")
		p.expect("on\r\n")
		for range 5 {
			p.types("\x1a")
			p.expect(`\[1\]\+  Stopped .*\r\n.*ready> `)
			p.types("echo status $?; jobs\n")
			p.expect(`status 148\r\n\[1\]\+  Stopped .*\r\n.*ready> `)
			p.types("fg\n")
			p.expect("RUN sh -c .*\r\n")
			p.types("line\n")
			p.expect("got line\r\n")
			p.settle()
		}
		p.types("\x04")
		p.expect("ready> ")
		p.types("echo status $?\n")
		p.expect("status 6\r\n")
	})
}

// A program that catches SIGTSTP tidies up and stops its process group itself, as editors do, or itself alone.
func TestJobCatchesCtrlZ(t *testing.T) {
	python := testhost.Need(t, "/usr/bin/python3", "python3")
	for name, target := range map[string]string{"group": "0", "itself": "os.getpid()"} {
		t.Run(name, func(t *testing.T) {
			bothWays(t, func(_ *testing.T, p *pty) {
				p.types("$RUN " + python + ` -c '
import os, select, signal, sys
r, w = os.pipe()
os.set_blocking(w, False)
signal.set_wakeup_fd(w)
signal.signal(20, lambda n, f: None)
print("on", flush=True)
while True:
    if r in select.select([0, r], [], [])[0] and os.read(r, 1)[0] == 20:
        print("tidying", flush=True)
        signal.signal(20, signal.SIG_DFL)
        os.kill(` + target + `, 20)
        signal.signal(20, lambda n, f: None)
        print("back", flush=True)
        continue
    if os.read(0, 100) == b"end\n": sys.exit(8)
    print("line", flush=True)'
`)
				p.expect("on\r\n")
				for range 3 {
					p.types("\x1a")
					p.expect(`(?s)tidying\r\n.*Stopped .*ready> `)
					p.types("fg\n")
					p.expect("back\r\n")
					p.types("x\n")
					p.expect("line\r\n")
					p.settle()
				}
				p.types("end\n")
				p.expect("ready> ")
				p.types("echo status $?; jobs; echo none left\n")
				p.expect("status 8\r\nnone left\r\n")
			})
		})
	}
}

// A job in the background that reads the terminal is stopped, and says so; fg gives it the terminal.
func TestJobReadsInBackground(t *testing.T) {
	bothWays(t, func(_ *testing.T, p *pty) {
		p.types("$RUN sh -c 'read x; echo got $x; exit 3' &\n")
		p.expect(`ready> `)
		p.types("until jobs | grep -q Stopped; do :; done; jobs -l\n")
		p.expect(`(?s)Stopped \(tty input\) .*ready> `)
		p.types("fg\n")
		p.expect("RUN sh -c .*\r\n")
		p.types("hello\n")
		p.expect("got hello\r\n")
		p.expect("ready> ")
		p.types("echo status $?\n")
		p.expect("status 3\r\n")
	})
}

// The same for one that writes where that is forbidden.
func TestJobWritesInBackground(t *testing.T) {
	bothWays(t, func(_ *testing.T, p *pty) {
		p.types("stty tostop; $RUN sh -c 'echo from the background; exit 3' &\n")
		p.expect(`ready> `)
		p.types("until jobs | grep -q Stopped; do :; done; jobs -l\n")
		p.expect(`(?s)Stopped \(tty output\) .*ready> `)
		p.types("fg\n")
		p.expect("from the background\r\n")
		p.expect("ready> ")
		p.types("echo status $?\n")
		p.expect("status 3\r\n")
	})
}

// The report of a job in the background waits for the terminal as well, rather than trying for ever.
func TestJobReportsInBackground(t *testing.T) {
	p := interactive(t, underRun(t, "--verbose"))
	p.types("stty tostop; $RUN sh -c 'exit 3' &\n")
	p.expect(`ready> `)
	p.types("until jobs | grep -q Stopped; do :; done; jobs -l\n")
	p.expect(`(?s)Stopped \(tty output\) .*ready> `)
	p.types("fg\n")
	p.expect("no attempt failed that mattered\r\n")
	p.expect("ready> ")
	p.types("echo status $?\n")
	p.expect("status 3\r\n")
}

// bg continues a stopped job in the background, and kill ends it.
func TestJobBackgroundAndKill(t *testing.T) {
	bothWays(t, func(_ *testing.T, p *pty) {
		p.types("$RUN bash -c 'echo on; sleep 100; exit 2'\n")
		p.expect("on\r\n")
		p.types("\x1a")
		p.expect(`Stopped .*\r\n.*ready> `)
		p.types("bg\n")
		p.expect(`ready> `)
		p.types("jobs -r | grep -c Running; kill %1; wait %1; echo status $?\n")
		p.expect("1\r\n")
		p.expect("status 143\r\n")
	})
}

// The program is in the foreground group of its terminal, and a shell in it does its own job control.
func TestJobForeground(t *testing.T) {
	python := testhost.Need(t, "/usr/bin/python3", "python3")
	bothWays(t, func(_ *testing.T, p *pty) {
		p.types("$RUN " + python + " -c 'import os; print(os.tcgetpgrp(0) == os.getpgrp(), os.getsid(0) == os.getsid(os.getppid()), flush=True)'\n")
		p.expect("True True\r\n")
		p.types("PS1='inner> ' $RUN bash --norc --noprofile -i\n")
		p.expect("inner> ")
		p.types("cat\n")
		p.types("line\n")
		p.expect("line\r\n")
		p.types("\x1a")
		p.expect(`Stopped .*\r\n.*inner> `)
		p.types("fg\n")
		p.expect("cat\r\n")
		p.types("more\n")
		p.expect("more\r\n")
		p.types("\x03")
		p.expect("inner> ")
		p.types("exit 9\n")
		p.expect("ready> ")
		p.types("echo status $?\n")
		p.expect("status 9\r\n")
	})
}

// When the terminal goes away, the program is hung up on.
func TestJobHangup(t *testing.T) {
	bothWays(t, func(t *testing.T, p *pty) {
		out := t.TempDir() + "/out"
		p.types("$RUN sh -c 'trap \"echo hup >>" + out + "\" HUP; echo on; while :; do sleep 100 & wait $!; kill $!; test -s " + out + " && exit; done'\n")
		p.expect("on\r\n")
		p.master.Close()
		eventually(t, "the program is told", func() bool { return strings.HasPrefix(fileText(out), "hup\n") })
	})
}
