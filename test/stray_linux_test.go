package test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/internal/testhost"
)

// TestStraySignals sends sallyport's own threads signals while one of them waits in a connect for the program, with SO_SNDTIMEO, where no
// signal lets a connect go on by itself. The program must not see any of it: its connect ends when the time has passed.
func TestStraySignals(t *testing.T) {
	testhost.Need(t, "/usr/bin/python3", "python3")
	const program = `
import errno, socket, struct, time
full = socket.socket(); full.bind(("127.0.0.1", 0)); full.listen(0)
first = socket.create_connection(full.getsockname())
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 1, 0))
began = time.monotonic()
print("ready", flush=True)
e = s.connect_ex(full.getsockname())
print(errno.errorcode[e], time.monotonic() - began >= 0.9)
`
	ctx, cancel := context.WithTimeout(t.Context(), clientTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, sallyport(t), "run", "--report", "/dev/null", "--", "/usr/bin/python3", "-c", program)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { // ends with stop
		defer close(done)
		pid := cmd.Process.Pid
		for {
			select {
			case <-stop:
				return
			default:
			}
			tasks, _ := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "task"))
			for _, task := range tasks {
				if tid, err := strconv.Atoi(task.Name()); err == nil {
					_ = unix.Tgkill(pid, tid, unix.SIGURG) // which the Go runtime sends to itself, too
				}
			}
		}
	}()
	var text strings.Builder
	for b := make([]byte, 256); ; {
		n, err := out.Read(b)
		text.Write(b[:n])
		if err != nil {
			break
		}
	}
	close(stop)
	<-done
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if got, want := text.String(), "ready\nEINPROGRESS True\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
