package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/callsite"
)

// callsiteBudget is what the stack of a failed call may take, in microseconds, once the executable is known.
const callsiteBudget = 500

// stackC and stackPython have a stack of five functions of their own. With a port and a count they make connects that are refused, and write
// the microseconds that each took; without, they wait.
const stackC = `
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
static __attribute__((noinline)) int dial(int port)
{
	char c;
	if (port == 0)
		return read(0, &c, 1) + 1;
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int r = connect(fd, (struct sockaddr *)&to, sizeof to);
	close(fd);
	return r + 2;
}
static __attribute__((noinline)) int open_one(int port) { return dial(port) + 1; }
static __attribute__((noinline)) int request(int port) { return open_one(port) + 1; }
static __attribute__((noinline)) int fetch(int port) { return request(port) + 1; }
int main(int argc, char **argv)
{
	int port = argc > 2 ? atoi(argv[1]) : 0, count = argc > 2 ? atoi(argv[2]) : 1, sum = 0;
	struct timespec from, to;
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (int i = 0; i < count; i++)
		sum += fetch(port);
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%.3f\n", ((to.tv_sec - from.tv_sec) * 1e9 + (to.tv_nsec - from.tv_nsec)) / 1e3 / count);
	return sum == 0;
}
`

const stackPython = `
import os
def dial(): return os.read(0, 1)
def open_one(): return dial()
def request(): return open_one()
def fetch(): return request()
fetch()
`

// callsite measures what the stack of a failed call costs its caller, beside what strace and py-spy need for one.
func (b *bench) callsite() (Table, error) {
	t := Table{What: "the stack of one failed call, five functions deep", Unit: "us"}
	dir, err := os.MkdirTemp("", "sallyport-bench-")
	if err != nil {
		return t, err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "program")
	if err := compileC(program, stackC); err != nil {
		var why unavailable
		if !errors.As(err, &why) {
			return t, err
		}
		t.Notes = append(t.Notes, "of C nothing is measured: "+err.Error())
	}
	refusing, err := bound(unix.SOCK_STREAM)
	if err != nil {
		return t, err
	}
	defer refusing.close()
	const straceC, pySpy, warmC, warmPython = "C: strace -k over strace", "Python: py-spy dump", "C: warm", "Python: warm"
	python := []string{"/usr/bin/python3", "-c", stackPython}
	t.Series, err = b.interleave(b.rounds, []contender{
		{warmC, straceC, func() (sample, error) { return b.stacks([]string{program}, false) }},
		{"C: cold", straceC, func() (sample, error) { return b.stacks([]string{program}, true) }},
		{straceC, "", func() (sample, error) { return b.straceStacks(program, refusing.port) }},
		{warmPython, pySpy, func() (sample, error) { return b.stacks(python, false) }},
		{"Python: cold", pySpy, func() (sample, error) { return b.stacks(python, true) }},
		{pySpy, "", func() (sample, error) { return b.pySpy(python) }},
	})
	t.Base = "its peer"
	t.judge(warmC, "us", callsiteBudget, median(t.find(warmC).Rounds))
	t.judge(warmPython, "us", callsiteBudget, median(t.find(warmPython).Rounds))
	return t, err
}

func compileC(program, source string) error {
	if _, err := exec.LookPath("gcc"); err != nil {
		return unavailable("gcc is not installed")
	}
	cmd := exec.Command("gcc", "-x", "c", "-O2", "-g", "-o", program, "-")
	cmd.Stdin = strings.NewReader(source)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("compile a program: %w\n%s", err, out)
	}
	return nil
}

// stacks is how long a stack takes: of many with one Reader, or of the first with a new one.
func (b *bench) stacks(argv []string, cold bool) (sample, error) {
	pid, end, err := startWaiting(argv)
	if err != nil {
		return sample{}, err
	}
	defer end()
	count := max(1, b.cycles/20)
	if cold {
		count = max(1, count/20)
	}
	var r callsite.Reader
	if _, err := r.Stack(pid); err != nil {
		return sample{}, err
	}
	begin := time.Now()
	for range count {
		again := &r
		if cold {
			again = new(callsite.Reader)
		}
		if frames, err := again.Stack(pid); err != nil || len(frames) < 5 {
			return sample{}, fmt.Errorf("a stack of %d frames, expected five or more: %w", len(frames), err)
		}
	}
	return sample{value: float64(time.Since(begin).Nanoseconds()) / 1e3 / float64(count)}, nil
}

// startWaiting starts a program and waits until it reads from its standard input.
func startWaiting(argv []string) (pid int, end func(), err error) {
	if _, err := os.Stat(argv[0]); err != nil {
		return 0, nil, unavailable(filepath.Base(argv[0]) + " is not there")
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return 0, nil, err
	}
	if err := cmd.Start(); err != nil {
		return 0, nil, err
	}
	end = func() {
		stdin.Close()
		cmd.Wait()
	}
	// Nothing tells that it has come to wait, so look until it has.
	for begin := time.Now(); time.Since(begin) < 10*time.Second; time.Sleep(time.Millisecond) {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", cmd.Process.Pid))
		if strings.HasPrefix(string(text), strconv.Itoa(unix.SYS_READ)+" 0x0 ") {
			return cmd.Process.Pid, end, nil
		}
	}
	end()
	return 0, nil, fmt.Errorf("%s does not wait for input", argv[0])
}

// straceStacks is what strace takes for a stack: the time of a call with -k, over that of one without.
func (b *bench) straceStacks(program string, port int) (sample, error) {
	if _, err := exec.LookPath("strace"); err != nil {
		return sample{}, unavailable("strace is not installed")
	}
	if _, err := os.Stat(program); err != nil {
		return sample{}, unavailable("there is no program")
	}
	count := strconv.Itoa(max(1, b.cycles/100))
	perCall := func(flags ...string) (float64, error) {
		argv := append([]string{"-e", "trace=connect", "-o", os.DevNull}, flags...)
		out, err := exec.Command("strace", append(argv, program, strconv.Itoa(port), count)...).Output()
		if err != nil {
			return 0, fmt.Errorf("strace %s: %w", flags, err)
		}
		return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	}
	without, err := perCall("--seccomp-bpf", "-f")
	if err != nil {
		return sample{}, err
	}
	with, err := perCall("--seccomp-bpf", "-f", "-k")
	return sample{value: with - without}, err
}

// pySpy is what one py-spy dump takes, its own start with it: it has no other way to tell one stack.
func (b *bench) pySpy(python []string) (sample, error) {
	if _, err := exec.LookPath("py-spy"); err != nil {
		return sample{}, unavailable("py-spy is not installed")
	}
	pid, end, err := startWaiting(python)
	if err != nil {
		return sample{}, err
	}
	defer end()
	begin := time.Now()
	for range b.starts {
		if out, err := exec.Command("py-spy", "dump", "--nonblocking", "--pid", strconv.Itoa(pid)).CombinedOutput(); err != nil {
			return sample{}, fmt.Errorf("py-spy: %w\n%s", err, out)
		}
	}
	return sample{value: float64(time.Since(begin).Nanoseconds()) / 1e3 / float64(b.starts)}, nil
}
