package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestProcessExit compares how a program ends, as a shell sees it.
func TestProcessExit(t *testing.T) {
	scripts(t, []struct{ name, script, want string }{
		{"statuses", `for s in 0 1 2 3 42 124 125 126 127 128 129 130 137 143 254 255; do $RUN sh -c "exit $s"; echo $?; done`, "254\n255\n"},
		{"status of exec", `exec $RUN sh -c 'exit 42'`, ""},
		{"killed", `$RUN sh -c 'kill -KILL $$'; echo $?`, "137"},
		{"core", `ulimit -c 0; $RUN sh -c 'kill -SEGV $$'; echo $?`, "Segmentation fault"},
		{"last of a pipe", `$RUN sh -c 'kill -TERM $$' | cat; echo ${PIPESTATUS[0]}`, "143"},
		{"arguments", `$RUN printf '[%s]' a 'b c' '' -x -- --profile '*' $'\n'`, "[a][b c][][-x][--][--profile][*][\n]"},
		{"argv0", `$RUN bash -c 'tr "\0" " " </proc/self/cmdline; echo $0' zero`, "zero"},
		{"in PATH", `cd /tmp; PATH=/nonexistent:/usr/bin:/bin; $RUN true && echo found`, "found"},
		{"script without #!", `cd $(mktemp -d) && printf 'echo $0 "$@"; exit 9' >s && chmod +x s && $RUN ./s a b; echo $?; rm s; rmdir $PWD`, "./s a b\n9"},
		{"script with #!", `cd $(mktemp -d) && printf '#!/bin/sh\necho $0 "$@"; exit 9' >s && chmod +x s && PATH=$PWD:$PATH; $RUN s a b | sed s,.*/,,; rm s; rmdir $PWD`, "s a b"},
	})
}

// TestProcessDeath ends programs by every signal that ends one: the parent sees that signal, and no second core dump.
func TestProcessDeath(t *testing.T) {
	run := underRun(t)
	for sig := 1; sig <= 64; sig++ {
		switch s := syscall.Signal(sig); s {
		case syscall.SIGCHLD, syscall.SIGCONT, syscall.SIGURG, syscall.SIGWINCH, syscall.SIGSTOP, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU:
			continue
		}
		if sig == 32 || sig == 33 {
			continue // the C library's own, which no shell sends
		}
		script := fmt.Sprintf(`cd /tmp; ulimit -c 0; exec $RUN sh -c 'kill -%d $$'`, sig)
		bare, got := shell(t, "", script), shell(t, run, script)
		if got != bare || !got.status.Signaled() || int(got.status.Signal()) != sig {
			t.Errorf("signal %d: status %#x, stderr %q; bare %#x, %q", sig, int(got.status), got.stderr, int(bare.status), bare.stderr)
		}
	}
}

// A program that dumps core does so once: sallyport, ended by the same signal, leaves no second one. Where the kernel writes
// cores to a file of the working directory this counts them; everywhere it looks at what the kernel says of sallyport.
func TestProcessCore(t *testing.T) {
	got := shell(t, underRun(t), `cd "$(mktemp -d)"; ulimit -c unlimited; trap 'rm -rf "$PWD"' EXIT; $RUN bash -c 'kill -SEGV $$'; ls | wc -l`)
	if strings.Contains(got.stderr, "core dumped") {
		t.Errorf("stderr %q, want no core dump of sallyport's own", got.stderr)
	}
	pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	if err != nil || strings.ContainsAny(string(pattern), "/|") {
		t.Skipf("cores go elsewhere: %s", pattern)
	}
	if n := strings.TrimSpace(got.stdout); n != "0" && n != "1" {
		t.Errorf("%s core files, want the program's alone", n)
	}
}

// TestProcessNotExecuted compares the exit status with env(1)'s, which execs by execvp(3).
func TestProcessNotExecuted(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("plain", "echo never\n", 0o644)
	write("lost", "#!/nonexistent/interpreter\n", 0o755)
	for _, tt := range []struct {
		name, command, says string
		status              int
	}{
		{"missing", "/nonexistent/program", "/nonexistent/program: no such file", 127},
		{"not in PATH", "no-such-program-anywhere", "no-such-program-anywhere: command not found", 127},
		{"under a file", dir + "/plain/x", "/plain/x: not a directory", 126},
		{"empty", "''", "the command is empty", 127},
		{"not executable", dir + "/plain", "not executable", 126},
		{"directory", dir, "is a directory", 126},
		{"not executable in PATH", "plain", "not executable", 126},
		{"interpreter missing", dir + "/lost", "", 127},
		{"name too long", strings.Repeat("x", 300), "", 0},
		{"symlinks in a circle", dir + "/circle", "", 126},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_ = os.Symlink("circle", dir+"/circle")
			script := "PATH=" + dir + ":/usr/bin:/bin; $RUN " + tt.command
			bare, got := shell(t, "env", script), shell(t, underRun(t), script)
			if got.status != bare.status || tt.status != 0 && got.status.ExitStatus() != tt.status {
				t.Errorf("status %d, env's %d, want %d", got.status.ExitStatus(), bare.status.ExitStatus(), tt.status)
			}
			if lines := strings.Split(strings.TrimSpace(got.stderr), "\n"); !strings.HasPrefix(lines[0], "sallyport: ") || len(lines) != 1 ||
				!strings.Contains(got.stderr, tt.says) || got.stdout != "" {
				t.Errorf("stdout %q, stderr %q, want one line that says %q", got.stdout, got.stderr, tt.says)
			}
		})
	}
}
