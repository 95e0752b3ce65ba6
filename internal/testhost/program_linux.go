package testhost

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// killAfter is how long a program may take to end once it was told to.
const killAfter = 5 * time.Second

// Result is what a program left.
type Result struct {
	Stdout, Stderr string
	Status         int // exit status; 128 and the signal's number if a signal ended it, as in sh(1)
}

// Run runs a program in the host to its end, and fails the test if it doesn't come within timeout. stdin is what
// the program reads, and "" is an end of file.
func (h *Host) Run(timeout time.Duration, stdin string, argv ...string) Result {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin = bytes.NewBufferString(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = killAfter
	if err := h.Start(cmd); err != nil {
		h.t.Fatalf("start %v: %v", argv, err)
	}
	err := cmd.Wait()
	if ctx.Err() != nil {
		h.t.Fatalf("%v: not done after %v\nstdout: %s\nstderr: %s", argv, timeout, out.String(), errs.String())
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		h.t.Fatalf("%v: %v", argv, err)
	}
	return Result{Stdout: out.String(), Stderr: errs.String(), Status: status(cmd)}
}

// status is the exit status as a shell has it.
func status(cmd *exec.Cmd) int {
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return cmd.ProcessState.ExitCode()
}

// Server is a program that runs until the test ends.
type Server struct {
	cmd  *exec.Cmd
	out  output
	done chan struct{} // closed when the program has ended
	err  error         // how it ended; after done
	stop sync.Once
}

// Output is what the server wrote so far, stdout and stderr together.
func (s *Server) Output() string { return s.out.String() }

// serve starts a program that serves, run by under; it and its process group end with the test.
func (h *Host) serve(under []string, argv ...string) *Server {
	h.t.Helper()
	argv = append(append([]string{}, under...), argv...)
	s := &Server{cmd: exec.Command(argv[0], argv[1:]...), done: make(chan struct{})}
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	s.cmd.WaitDelay = killAfter
	if err := h.Start(s.cmd); err != nil {
		h.t.Fatalf("start %v: %v", argv, err)
	}
	h.t.Cleanup(s.Stop)
	go func() { // ends with the program, which Stop sees to
		s.err = s.cmd.Wait()
		close(s.done)
	}()
	return s
}

// Stop ends the server, by SIGTERM and where that doesn't help by SIGKILL, with all of its process group.
func (s *Server) Stop() {
	s.stop.Do(func() {
		pid := s.cmd.Process.Pid
		syscall.Kill(pid, syscall.SIGTERM)
		select {
		case <-s.done:
		case <-time.After(killAfter):
		}
		syscall.Kill(-pid, syscall.SIGKILL) // what it left behind; ESRCH where that is nothing
		<-s.done
	})
}

// output is a buffer that is read while it is written.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
