package test

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// TestProcessStreams compares what becomes of the program's streams.
func TestProcessStreams(t *testing.T) {
	scripts(t, []struct{ name, script, want string }{
		{"stdin, stdout and stderr", `echo in | $RUN sh -c 'cat; echo err >&2'`, "in\n"},
		{"binary", `head -c 1000000 /bin/bash | $RUN cat | cmp - <(head -c 1000000 /bin/bash) && echo equal`, "equal"},
		{"partly read", `printf 'one\ntwo\n' | { $RUN sh -c 'read x; echo $x' >/dev/null; cat; }`, ""},
		{"partly read file", `{ $RUN head -c 3; cat; } <<<"abcdef"`, "abc"},
		{"SIGPIPE", `$RUN yes | head -1; echo ${PIPESTATUS[0]}`, "141"},
		{"SIGPIPE ignored", `trap '' PIPE; $RUN yes 2>/dev/null | head -1; echo ${PIPESTATUS[0]}`, "y\n1\n"},
		{"stderr closed", `$RUN sh -c 'exit 3' 2>&-; echo $?`, "3"},
		{"all closed", `$RUN sh -c 'exit 3' <&- >&- 2>&-; echo $?`, "3"},
		{"append", `f=$(mktemp); echo 1 >$f; $RUN echo 2 >>$f; echo 3 >>$f; cat $f; rm $f`, "1\n2\n3\n"},
		{"which files", `$RUN ls -l /proc/self/fd </dev/null 2>/dev/null | sed 's/.* \([0-9]* ->\)/\1/; s/[0-9]*]$//; s,/proc/.*,/proc,' | sort`, "0 -> /dev/null"},
		{"files of the shell", `exec 3</dev/null 9>/dev/zero; $RUN sh -c 'ls /proc/$$/fd; readlink /proc/$$/fd/3 /proc/$$/fd/9'`, "/dev/null\n/dev/zero\n"},
		{"file from fd 9", `exec 9<<<hello; $RUN cat /dev/fd/9`, "hello"},
		{"seek position", `f=$(mktemp); printf abcdef >$f; exec 5<$f; $RUN sh -c 'head -c 2 <&5 >/dev/null'; cat <&5; rm $f`, ""},
		{"non-blocking stays off", `$RUN sh -c 'cat /proc/$$/fdinfo/0 /proc/$$/fdinfo/1 | grep flags' </dev/zero | cat`, "flags"},
	})
}

// A program that closes a stream, or a file that it was given, closes it for whoever is at the other end: sallyport holds
// no copy. The program waits for that other end, so that a copy would be a deadlock.
func TestProcessClosesStreams(t *testing.T) {
	scripts(t, []struct{ name, script, want string }{
		{"stdout", `mkfifo /tmp/p$$; $RUN sh -c 'exec >&-; read x </tmp/p'$$'; echo $x >&2' | { cat; echo eof >/tmp/p$$; }; rm /tmp/p$$`, "eof"},
		{"stdin", `mkfifo /tmp/p$$; { yes; echo broken >/tmp/p$$; } 2>/dev/null | $RUN sh -c 'exec <&-; read x </tmp/p'$$'; echo $x'; rm /tmp/p$$`, "broken"},
		{"descriptor 7", `mkfifo /tmp/p$$; $RUN sh -c 'exec 7>&-; read x </tmp/p'$$'; echo $x >&2' 7>&1 >/dev/null | { cat; echo eof >/tmp/p$$; }; rm /tmp/p$$`, "eof"},
	})
}

// TestProcessSurroundings compares what a program inherits beside its files.
func TestProcessSurroundings(t *testing.T) {
	scripts(t, []struct{ name, script, want string }{
		{"environment", `env -i A=1 'B=two words' LANG=xx $RUN env | sort`, "A=1\nB=two words\nLANG=xx\n"},
		{"empty environment", `R=$(command -v ${RUN%% *} 2>/dev/null); cd /; env -i $RUN /usr/bin/env`, ""},
		{"working directory", `cd /usr/lib && $RUN pwd -P`, "/usr/lib"},
		{"removed working directory", `cd "$(mktemp -d)" && rmdir "$PWD" && $RUN sh -c 'readlink /proc/$$/cwd' | sed 's,.*/tmp/[^ ]*,x,'`, "(deleted)"},
		{"umask", `umask 027; $RUN sh -c umask`, "0027"},
		{"limits", `ulimit -S -n 200 -u 3000 -c 0 -s 4096 -t 1000 -f 100000; $RUN cat /proc/self/limits`, "200"},
		{"hard limit", `ulimit -n 300; $RUN sh -c 'ulimit -Hn; ulimit -Sn'`, "300\n300\n"},
		{"priority", `nice -n 7 $RUN nice`, "7"},
		{"processor", `taskset -c 0 $RUN grep Cpus_allowed_list /proc/self/status`, "0"},
		{"out of memory score", `echo 500 >/proc/self/oom_score_adj; $RUN cat /proc/self/oom_score_adj`, "500"},
		{"personality", `setarch -R $RUN cat /proc/self/personality`, "00040000"},
		{"rights", `$RUN grep -E '^(Uid|Gid|Groups|Cap...)' /proc/self/status`, "CapEff"},
		{"process group", `$RUN sh -c 'test "$(cut -d" " -f5 /proc/$$/stat)" = '$$'; echo $?'; echo end`, "0\nend\n"},
		{"session", `$RUN cut -d' ' -f6 /proc/self/stat | grep -x "$(cut -d' ' -f6 /proc/$$/stat)" >/dev/null && echo same`, "same"},
		{"parent's death signal", `setpriv --pdeathsig keep $RUN true && echo done`, "done"},
	})
}

func TestProcessOtherRights(t *testing.T) {
	testhost.NeedRoot(t)
	scripts(t, []struct{ name, script, want string }{
		{"other rights", `setpriv --reuid 12345 --regid 12345 --clear-groups --bounding-set -all $RUN grep -E '^(Uid|Gid|Groups|Cap...)' /proc/self/status`, "12345"},
		{"fewer rights", `setpriv --bounding-set -net_bind_service,-sys_admin --inh-caps -all $RUN grep -E '^(Uid|Gid|Groups|Cap...)' /proc/self/status`, "CapEff"},
	})
}

// The signal dispositions and the mask that a program starts with: those of whoever started sallyport.
func TestProcessStartsWithSignals(t *testing.T) {
	python := testhost.Need(t, "/usr/bin/python3", "python3")
	status := `grep -E '^(Sig(Blk|Ign|Cgt)|ShdPnd)' /proc/self/status`
	scripts(t, []struct{ name, script, want string }{
		{"plain", `$RUN ` + status, "SigIgn"},
		{"nohup", `nohup $RUN ` + status + ` 2>/dev/null`, "SigIgn:\t0000000000000001"},
		{"ignored", `trap '' TERM INT QUIT USR1 TSTP TTOU TTIN PIPE HUP CHLD URG 35 60; $RUN ` + status, "SigIgn:\t0800000400"},
		{"ignored in the background", `$RUN ` + status + ` & wait`, "SigIgn:\t0000000000000006"},
	})
	// Go's runtime unblocks SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGCHLD and SIGPROF for good, so these are left out.
	const block = ` -c 'import os, shlex, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [10, 13, 18, 20, 28, 40])
argv = shlex.split(os.environ["RUN"]) + ["grep", "-E", "^(Sig(Blk|Ign|Cgt)|ShdPnd)", "/proc/self/status"]
os.execvp(argv[0], argv)'`
	if got := same(t, python+block); !strings.Contains(got.stdout, "SigBlk:\t00000080") {
		t.Errorf("%q, want the mask", got.stdout)
	}
}

// A terminal stays one, on each stream by itself.
func TestProcessTerminals(t *testing.T) {
	for _, run := range []string{"", underRun(t)} {
		for _, tt := range []struct{ redirect, want string }{
			{"", "0\n1\n2\n"}, {"</dev/null", "1\n2\n"}, {">/dev/null", "0\n2\n"}, {"2>/dev/null", "0\n1\n"},
		} {
			out := t.TempDir() + "/out"
			script := run + ` sh -c 'for f in 0 1 2; do if test -t $f; then echo $f >>"$OUT"; fi; done' ` + tt.redirect
			p := startPTY(t, "OUT="+out, "bash", "-c", script)
			if ws := p.wait(); ws != syscall.WaitStatus(0) {
				t.Errorf("status %#x: %s", int(ws), p.output())
			}
			if got, err := os.ReadFile(out); err != nil || string(got) != tt.want {
				t.Errorf("RUN=%q %s: terminals %q, %v, want %q", run, tt.redirect, got, err, tt.want)
			}
		}
	}
}
