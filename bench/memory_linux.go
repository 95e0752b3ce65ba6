package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// memoryBudget is what the supervisor of 10,000 live sockets may take, in megabytes (10^6 bytes).
const memoryBudget = 25

// memoryRounds is enough: memory varies less than time.
const memoryRounds = 5

// memory measures the supervisor of a program with many live sockets.
func (b *bench) memory() (Table, error) {
	t := Table{
		What: fmt.Sprintf("resident memory of the supervisor of a program with %d live sockets, at its peak", b.sockets),
		Unit: "MB", Beside: []string{"at rest"}, Base: "no sockets",
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return t, err
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	go acceptAll(l) // ends when l is closed
	held := func(kind string, n int) func() (sample, error) {
		return func() (sample, error) {
			if err := allowFiles(n); err != nil {
				return sample{}, unavailable(err.Error())
			}
			return b.held(kind, n, port)
		}
	}
	udp, tcp := fmt.Sprintf("%d connected UDP sockets", b.sockets), fmt.Sprintf("%d TCP connections", b.sockets)
	t.Series, err = b.interleave(min(b.rounds, memoryRounds), []contender{
		{"no sockets", "", held(holdUDP, 0)},
		{udp, "no sockets", held(holdUDP, b.sockets)},
		{tcp, "no sockets", held(holdTCP, b.sockets)},
	})
	for _, name := range []string{udp, tcp} {
		t.judge(name, "MB", memoryBudget, median(t.find(name).Rounds))
	}
	return t, err
}

// acceptAll keeps connections open until their peers close them.
func acceptAll(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() { // ends when the peer does
			_, _ = io.Copy(io.Discard, c)
			c.Close()
		}()
	}
}

// held is the peak and the present resident memory of sallyport while its program holds n sockets.
func (b *bench) held(kind string, n, port int) (sample, error) {
	argv := b.helper(b.run(), "hold", kind, n, port)
	cmd := exec.Command(argv[0], argv[1:]...)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	in, err := cmd.StdinPipe()
	if err != nil {
		return sample{}, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return sample{}, err
	}
	if err := cmd.Start(); err != nil {
		return sample{}, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	s := sample{}
	if err == nil && line == ready {
		s, err = resident(cmd.Process.Pid)
	}
	in.Close() // the helper ends
	if e := cmd.Wait(); e != nil {
		err = errors.Join(err, fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), e, bytes.TrimSpace(problems.Bytes())))
	}
	return s, err
}

// resident reads VmHWM and VmRSS of proc_pid_status(5), which are in units of 1024 bytes.
func resident(pid int) (sample, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return sample{}, err
	}
	s := sample{beside: make([]float64, 1)}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) != 3 || f[0] != "VmHWM:" && f[0] != "VmRSS:" {
			continue
		}
		kib, err := strconv.Atoi(f[1])
		if err != nil {
			return s, fmt.Errorf("read %q: %w", line, err)
		}
		if mb := float64(kib) * 1024 / 1e6; f[0] == "VmHWM:" {
			s.value = mb
		} else {
			s.beside[0] = mb
		}
	}
	return s, nil
}

// The kinds of socket that helpHold holds.
const (
	holdUDP = "udp"
	holdTCP = "tcp"
)

// ready is what helpHold writes when it has its sockets.
const ready = "ready\n"

// helpHold opens connected sockets and holds them until its stdin ends: KIND COUNT PORT.
func helpHold(args []string) error {
	count, err := argument(args, 1)
	if err != nil {
		return err
	}
	port, err := argument(args, 2)
	if err != nil {
		return err
	}
	typ := unix.SOCK_DGRAM
	if args[0] == holdTCP {
		typ = unix.SOCK_STREAM
	}
	if err := allowFiles(count); err != nil {
		return err
	}
	to := loopback(port)
	for i := range count {
		fd, err := rawSocket(typ)
		if err != nil {
			return err
		}
		if e := rawConnect(fd, to); e != 0 {
			return fmt.Errorf("connect socket %d: %w", i+1, e)
		}
	}
	if _, err := io.WriteString(os.Stdout, ready); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
