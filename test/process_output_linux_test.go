package test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/sallyport/sallyport/internal/testhost"
)

// refused is a program whose one attempt is refused, and that then says so itself.
const refused = `bash -c 'exec 2>/dev/null; (exec 3<>/dev/tcp/127.0.0.1/1) || echo mine >/dev/stderr; exit 4'`

// The report comes on stderr after all that the program wrote, and nothing before; the exit status is the program's.
func TestReportComesLast(t *testing.T) {
	const program = `bash -c '(exec 3<>/dev/tcp/127.0.0.1/1) 2>/dev/null; echo out; echo err >&2; exit 4'`
	got := shell(t, underRun(t), "$RUN "+program)
	if got.status.ExitStatus() != 4 || got.stdout != "out\n" || !strings.HasPrefix(got.stderr, "err\nsallyport: refused: ") {
		t.Errorf("%+v, want status 4, the program's own words, and then the report", got)
	}
	if strings.Contains(got.stderr, "\x1b") {
		t.Errorf("%q, want no colours in a pipe", got.stderr)
	}
	// Into one pipe: the order shows.
	got = shell(t, underRun(t), "$RUN "+program+" 2>&1")
	if !strings.HasPrefix(got.stdout, "out\nerr\nsallyport: refused: ") {
		t.Errorf("%q, want the report last", got.stdout)
	}
}

// A program whose attempts all succeed gets no report, unless it is asked for.
func TestNoReport(t *testing.T) {
	l := listen(t)
	program := fmt.Sprintf(`bash -c 'exec 3<>/dev/tcp/127.0.0.1/%d; echo fine'`, port(l))
	if got := shell(t, underRun(t), "$RUN "+program); got.stdout != "fine\n" || got.stderr != "" {
		t.Errorf("%+v, want nothing from sallyport", got)
	}
	got := shell(t, underRun(t, "--verbose"), "$RUN "+program)
	if got.stdout != "fine\n" || !strings.HasSuffix(got.stderr, "sallyport: no attempt failed that mattered\n") || !strings.Contains(got.stderr, fmt.Sprintf("connect(127.0.0.1:%d) = 0", port(l))) {
		t.Errorf("%+v, want the socket's life", got)
	}
}

// On a terminal the report is in colour and as wide as the terminal, but for what is to be pasted; with NO_COLOR it has no colour.
func TestReportOnTerminal(t *testing.T) {
	for _, noColor := range []string{"", "1"} {
		p := startPTY(t, "NO_COLOR="+noColor, "bash", "-c", "stty cols 60; "+underRun(t)+` bash -c '(exec 3<>/dev/tcp/127.0.0.1/1) 2>/dev/null; exit 4'; echo status $?`)
		p.expect("status 4\r\n")
		if ws := p.wait(); ws != syscall.WaitStatus(0) {
			t.Errorf("status %#x", int(ws))
		}
		text := p.output()
		if got := strings.Contains(text, "\x1b["); got != (noColor == "") {
			t.Errorf("NO_COLOR=%q: colours %v: %q", noColor, got, text)
		}
		if noColor == "" {
			continue
		}
		for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r", ""), "\n") {
			if utf8.RuneCountInString(line) > 60 && strings.Count(strings.TrimSpace(line), " ") > 1 && !strings.Contains(line, "`") {
				t.Errorf("%d columns: %q", utf8.RuneCountInString(line), line)
			}
		}
		if strings.Count(text, "\n") < 8 {
			t.Errorf("%q, want it wrapped", text)
		}
	}
}

// Where nobody reads the report, or it can't be written, the exit status is the program's all the same.
func TestReportUnread(t *testing.T) {
	for _, script := range []string{
		`{ $RUN ` + refused + ` 2>&1; echo ${PIPESTATUS[0]} >&3; } 3>&1 >/dev/null | cat`,
		`$RUN ` + refused + ` 2> >(exec true) ; echo $?`,
		`$RUN ` + refused + ` 2>/dev/full; echo $?`,
		`$RUN ` + refused + ` 2>&-; echo $?`,
	} {
		if got := shell(t, underRun(t), script); got.stdout != "4\n" {
			t.Errorf("%s: %+v, want status 4", script, got)
		}
	}
	got := shell(t, underRun(t, "--report", "/dev/full"), `$RUN `+refused)
	if got.status.ExitStatus() != 4 || !strings.Contains(got.stderr, "sallyport: write report: write /dev/full: no space left on device\n") {
		t.Errorf("%+v, want status 4, and why there is no report", got)
	}
	got = shell(t, underRun(t, "--events", "/dev/full"), `$RUN `+refused)
	if got.status.ExitStatus() != 4 || strings.Count(got.stderr, "sallyport: events file: write /dev/full: no space left on device\n") != 1 {
		t.Errorf("%+v, want status 4, and one word on the events", got)
	}
}

// A report into the program's own output comes after that, also where both go to a file.
func TestReportIntoOutput(t *testing.T) {
	out := t.TempDir() + "/out"
	shell(t, underRun(t, "--report", "/dev/stdout"), `$RUN bash -c 'echo first; (exec 3<>/dev/tcp/127.0.0.1/1) 2>/dev/null; echo last' >`+out)
	if got := fileText(out); !strings.HasPrefix(got, "first\nlast\nsallyport: refused: ") {
		t.Errorf("%q, want the program's output and then the report", got)
	}
}

// Each step is in the events file before the program sees its result, and so is lost by no death of anyone.
func TestEventsAtOnce(t *testing.T) {
	python := testhost.Need(t, "/usr/bin/python3", "python3")
	l := listen(t)
	events := t.TempDir() + "/events"
	program := fmt.Sprintf(`%s -c 'import os, socket
for i in range(50):
    s = socket.create_connection(("127.0.0.1", %d))
    n = open("%s").read().count("\"call\":\"connect\"")
    if n != i + 1: print("after", i + 1, "connects", n, "are in the file", flush=True)
    s.close()
os.kill(os.getpid() if SELF else os.getppid(), 9)
try: socket.create_connection(("127.0.0.1", 1))
except OSError as e: print("errno", e.errno, flush=True)'`, python, port(l), events)
	for _, tt := range []struct{ self, want string }{{"True", ""}, {"False", "errno 38\n"}} {
		script := strings.Replace(program, "SELF", tt.self, 1)
		got := shell(t, underRun(t, "--events", events), "$RUN "+script+" | cat; exit ${PIPESTATUS[0]}")
		if got.status.ExitStatus() != 137 || got.stdout != tt.want {
			t.Errorf("%+v, want death by SIGKILL, and %q", got, tt.want)
		}
		if n := strings.Count(fileText(events), "\n"); n < 50 {
			t.Errorf("%d events, want those of 50 sockets", n)
		}
		noneOfOurs(t)
		if err := os.Truncate(events, 0); err != nil {
			t.Fatal(err)
		}
	}
}
