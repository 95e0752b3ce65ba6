package callsite

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// startBlocked starts the program and waits until a thread of it, or of its child, reads from its standard input or
// connects. That is the thread whose tid it returns. The program ends with the test.
func startBlocked(t testing.TB, cmd *exec.Cmd) (tid int) {
	t.Helper()
	if cmd.Stdin == nil {
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { stdin.Close() })
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { // ends with the program, which ends at the latest when it is killed below
		cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		for _, child := range children(cmd.Process.Pid) {
			unix.Kill(child, unix.SIGKILL)
		}
		cmd.Process.Kill()
		<-ended
	})
	// Nothing tells that a thread has entered a system call, so look until it has.
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(20 * time.Second)
	for {
		for _, pid := range append(children(cmd.Process.Pid), cmd.Process.Pid) {
			if tid := blockedThread(pid); tid != 0 {
				return tid
			}
		}
		select {
		case <-ended:
			t.Fatalf("the program ended, expected it to wait in a system call: %s", stderr.String())
		case <-timeout:
			t.Fatal("no thread waits in read or connect after 20s")
		case <-tick.C:
		}
	}
}

func children(pid int) (pids []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, field := range strings.Fields(string(text)) {
			child, _ := strconv.Atoi(field)
			pids = append(pids, child)
		}
	}
	return pids
}

// blockedThread is the thread of the process that is in read(0, ...) or in connect; 0 without one.
func blockedThread(pid int) int {
	calls, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
	for _, call := range calls {
		text, _ := os.ReadFile(call)
		fields := strings.Fields(string(text))
		if len(fields) < 9 {
			continue
		}
		number, _ := strconv.Atoi(fields[0])
		if number == unix.SYS_CONNECT || number == unix.SYS_READ && fields[1] == "0x0" {
			tid, _ := strconv.Atoi(filepath.Base(filepath.Dir(call)))
			return tid
		}
	}
	return 0
}
