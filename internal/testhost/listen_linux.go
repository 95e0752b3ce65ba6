package testhost

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	// listenTimeout is how long a server may take until it listens: a second bare, on two cores that race tests keep
	// busy; under a supervisor more.
	listenTimeout = 30 * time.Second
	// listenPoll is how often the kernel's table is read meanwhile; nothing announces a listening socket.
	listenPoll = 5 * time.Millisecond
)

// stateListen is TCP_LISTEN as /proc/net/tcp writes it (proc(5); include/net/tcp_states.h).
const stateListen = "0A"

// AwaitListen returns when a TCP socket of the host listens on each of the ports, and fails the test if the server ends
// before, or takes longer than listenTimeout.
func (h *Host) AwaitListen(s *Server, ports ...uint16) {
	h.t.Helper()
	h.awaitListen(s, listenTimeout, ports...)
}

func (h *Host) awaitListen(s *Server, listenTimeout time.Duration, ports ...uint16) {
	h.t.Helper()
	tick := time.NewTicker(listenPoll)
	defer tick.Stop()
	deadline := time.After(listenTimeout)
	for {
		open, err := h.Listening()
		if err != nil {
			h.t.Fatal(err)
		}
		if containsAll(open, ports) {
			return
		}
		select {
		case <-tick.C:
		case <-s.done:
			h.t.Fatalf("%v ended before it listened on %v: %v\n%s", s.cmd.Args, ports, s.err, s.Output())
		case <-deadline:
			h.t.Fatalf("%v: not listening on %v after %v\n%s", s.cmd.Args, ports, listenTimeout, s.Output())
		}
	}
}

// Listening is the set of ports that TCP sockets of the host listen on.
func (h *Host) Listening() (map[uint16]bool, error) {
	open := map[uint16]bool{}
	var err error
	in := h.do(func() {
		for _, table := range []string{"tcp", "tcp6"} {
			if err == nil {
				err = readListening("/proc/thread-self/net/"+table, open)
			}
		}
	})
	if in != nil {
		return nil, in
	}
	return open, err
}

func readListening(path string, open map[uint16]bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Scan() // the header
	for lines.Scan() {
		// "0: 0100007F:1F90 00000000:0000 0A ...": slot, local address, remote address, state
		field := strings.Fields(lines.Text())
		if len(field) < 4 || field[3] != stateListen {
			continue
		}
		_, hex, _ := strings.Cut(field[1], ":")
		port, err := strconv.ParseUint(hex, 16, 16)
		if err != nil {
			return fmt.Errorf("%s: local port of %q: %w", path, lines.Text(), err)
		}
		open[uint16(port)] = true
	}
	return lines.Err()
}

func containsAll(open map[uint16]bool, ports []uint16) bool {
	for _, p := range ports {
		if !open[p] {
			return false
		}
	}
	return true
}
