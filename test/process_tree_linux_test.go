package test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/testhost"
	"golang.org/x/sys/unix"
)

// listen is a server on loopback that accepts nothing by itself.
func listen(t testing.TB) *net.TCPListener {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func port(l *net.TCPListener) int { return l.Addr().(*net.TCPAddr).Port }

// accept accepts a connection, in time.
func accept(t testing.TB, l *net.TCPListener) *net.TCPConn {
	t.Helper()
	_ = l.SetDeadline(deadline())
	c, err := l.AcceptTCP()
	if err != nil {
		t.Fatalf("the program's connection did not come: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(deadline())
	return c
}

// ours are the processes that run the sallyport of these tests.
func ours(t testing.TB) []int {
	t.Helper()
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	var out []int
	for _, link := range links {
		if exe, err := os.Readlink(link); err == nil && exe == sallyport(t) {
			pid, _ := strconv.Atoi(strings.Split(link, "/")[2])
			out = append(out, pid)
		}
	}
	return out
}

// noneOfOurs waits until no process of sallyport is left.
func noneOfOurs(t testing.TB) {
	t.Helper()
	eventually(t, "sallyport leaves no process", func() bool { return len(ours(t)) == 0 })
}

// TestProcessTrees connects from every kind of process: the server's answer says that it worked, and the report that it was seen.
func TestProcessTrees(t *testing.T) {
	l := listen(t)
	go func() { // ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("served\n"))
			_ = c.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	python := testhost.Need(t, "/usr/bin/python3", "python3")
	tcp := fmt.Sprintf("/dev/tcp/127.0.0.1/%d", port(l))
	connect := fmt.Sprintf(`import socket; s = socket.create_connection(("127.0.0.1", %d)); print(s.makefile().readline(), end="", flush=True)`, port(l))
	run := func(name, script, want string) {
		t.Run(name, func(t *testing.T) {
			report := t.TempDir() + "/report"
			bare := shell(t, "", script)
			got := shell(t, underRun(t, "--output", "json", "--report", report), script)
			if got != bare || got.stdout != want {
				t.Errorf("%s\n%+v\nbare %+v\nwant %q", script, got, bare, want)
			}
			if r := readReport(t, report); len(r.Lives) == 0 {
				t.Error("no lives, want the socket")
			}
		})
	}
	run("child", `$RUN bash -c '(cat <`+tcp+`); exit 0'`, "served\n")
	run("chain of execs", `$RUN sh -c 'exec env bash -c "exec nice bash -c \"cat <`+tcp+`\""'`, "served\n")
	run("thread", `$RUN `+python+` -c 'import threading; t = threading.Thread(target=lambda: exec("""`+strings.ReplaceAll(connect, `"`, `\"`)+`""")); t.start(); t.join()'`, "served\n")
	run("many processes", `$RUN bash -c 'for i in {1..20}; do cat <`+tcp+` & done; wait'`, strings.Repeat("served\n", 20))
	run("vfork and exec", `$RUN `+python+` -c 'import subprocess; subprocess.run(["bash", "-c", "cat <`+tcp+`"])'`, "served\n")
	run("static", `$RUN `+build(t, "./testdata/dialer")+` 127.0.0.1:`+strconv.Itoa(port(l))+` </dev/null >/dev/null; echo $?`, "0\n")
	run("orphan", `$RUN bash -c '(setsid bash -c "cat <`+tcp+`" & ); wait; sleep 0.3'`, "served\n")
	if os.Geteuid() == 0 {
		run("another user", `$RUN setpriv --reuid 65534 --regid 65534 --clear-groups bash -c 'id -u; cat <`+tcp+`'`, "65534\nserved\n")
		run("su", `$RUN su -s /bin/bash nobody -c 'id -un; cat <`+tcp+`'`, "nobody\nserved\n")
		run("as another user", `setpriv --reuid 65534 --regid 65534 --clear-groups bash -c "${RUN%%--report*} ${RUN:+--report $(mktemp -u) --} bash -c 'id -u; cat <`+tcp+`'"; $RUN bash -c 'cat <`+tcp+`'`, "65534\nserved\nserved\n")
	}
	run("zombies", `$RUN bash -c 'for i in {1..50}; do true & done; cat <`+tcp+`'`, "served\n")
	run("user namespace", `$RUN unshare -Ur bash -c 'id -u; cat <`+tcp+`'`, "0\nserved\n")
}

// A setuid program loses its rights where sallyport has none to give, and sallyport says so before it starts.
func TestProcessSetuid(t *testing.T) {
	testhost.NeedRoot(t)
	dir := filepath.Dir(sallyport(t))
	id := filepath.Join(dir, "id")
	if out, err := exec.Command("install", "-m", "4755", testhost.Need(t, "id", "coreutils"), id).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	defer os.Remove(id)
	script := `setpriv --reuid 65534 --regid 65534 --clear-groups $RUN ` + id + ` -u`
	if bare := shell(t, "", script); bare.stdout != "0\n" {
		t.Skipf("setuid has no effect in %s: %+v", dir, bare)
	}
	got := shell(t, underRun(t), script)
	if got.stdout != "65534\n" || !strings.HasPrefix(got.stderr, "sallyport: "+id+" is setuid, and runs without those rights here: ") {
		t.Errorf("%+v, want no rights, and to be told", got)
	}
	// As root nothing is lost: no_new_privs is not needed.
	got = shell(t, underRun(t), `$RUN setpriv --reuid 65534 --regid 65534 --clear-groups `+id+` -u`)
	if got.stdout != "0\n" || got.stderr != "" {
		t.Errorf("%+v, want the setuid program's rights", got)
	}
}

// daemon makes two sockets, elides or performs their binds, and lives on in a child; a line from the fifo in its first argument
// lets it go on: it connects with the one, listens with the other, and says what came of it, in the file of its second.
const daemon = `import os, socket, sys
fifo, out, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
client, server = socket.socket(), socket.socket()
client.bind(("127.0.0.9", 0))
server.bind(("127.0.0.8", 0))
if os.fork(): os._exit(3)
os.setsid()
null = os.open("/dev/null", os.O_RDWR)
for fd in range(3): os.dup2(null, fd)
with open(fifo) as f: f.readline()
said = []
try:
    client.connect(("127.0.0.1", port))
    said.append("from " + client.getsockname()[0])
    server.listen()
    said.append("at " + server.getsockname()[0])
    socket.create_connection(server.getsockname()).close()
    said.append("served")
except OSError as e: said.append(str(e))
with open(out + ".new", "w") as f: f.write(" ".join(said))
os.rename(out + ".new", out)
with open(fifo) as f: f.readline()`

// TestProcessDaemon: sallyport returns with the program, at once; a keeper, which holds none of the streams, stays with what the
// program left behind, and ends with it.
func TestProcessDaemon(t *testing.T) {
	python := testhost.Need(t, "/usr/bin/python3", "python3")
	for _, tt := range []struct {
		name  string
		flags []string
		want  string
	}{
		{"plain", nil, "from 127.0.0.9 at 127.0.0.8 served"},
		{"injected", []string{"--inject"}, "from 127.0.0.9 at 127.0.0.8 served"},
		{"without-bind", []string{"--without-bind"}, "from 127.0.0.1 at 127.0.0.8 served"},
		{"without-bind, injected", []string{"--without-bind", "--inject"}, "from 127.0.0.1 at 127.0.0.8 served"},
		{"profile", []string{"--profile", "connect-only-landlock", "--without-bind"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, dir := listen(t), t.TempDir()
			fifo, out, events := dir+"/fifo", dir+"/out", dir+"/events"
			if err := unix.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			script := fmt.Sprintf(`exec $RUN %s -c '%s' %s %s %d`, python, daemon, fifo, out, port(l))
			begin := time.Now()
			// The shell's stdout and stderr are read to their end, for which nobody must hold them any more.
			got := shell(t, underRun(t, append(tt.flags, "--events", events)...), script)
			if got.status.ExitStatus() != 3 || got.stdout != "" || got.stderr != "" {
				t.Errorf("%+v, want status 3 and nothing said", got)
			}
			if took := time.Since(begin); took > processTimeout/2 {
				t.Errorf("returned after %v", took)
			}
			keeper := ours(t)
			if len(keeper) != 1 {
				t.Fatalf("processes of ours: %v, want the keeper", keeper)
			}
			for fd := range 3 {
				if to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", keeper[0], fd)); err != nil || to != "/dev/null" {
					t.Errorf("the keeper's descriptor %d is %s, %v, want /dev/null", fd, to, err)
				}
			}
			before := fileText(events)
			if err := os.WriteFile(fifo, []byte("on\n"), 0); err != nil {
				t.Fatal(err)
			}
			if tt.want != "" {
				accept(t, l)
			}
			eventually(t, "the daemon has done", func() bool { return fileText(out) != "" })
			if got := fileText(out); tt.want != "" && got != tt.want {
				t.Errorf("the daemon: %q, want %q", got, tt.want)
			}
			if after := fileText(events); !strings.HasPrefix(after, before) || !strings.Contains(after[len(before):], `"call":"connect"`) {
				t.Errorf("events %q, then %q, want the connect", before, after)
			}
			if err := os.WriteFile(fifo, []byte("end\n"), 0); err != nil {
				t.Fatal(err)
			}
			noneOfOurs(t)
		})
	}
}
