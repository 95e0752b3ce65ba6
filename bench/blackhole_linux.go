package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// blackholeBudget is how many times as long a cycle may take beside connects to a place that does not answer. A call
// that waited for one of them would take seconds.
const blackholeBudget = 1.25

// crowdBudget is the same beside 100 of them. The kernel walks the list of the notifications that wait for an answer, up to
// three times a call (seccomp_notify_ioctl), so that each of them adds some 20 ns to each call.
const crowdBudget = 2

// blackhole measures what blocking connects that nobody answers do to the calls of another thread.
func (b *bench) blackhole() (Table, error) {
	t := Table{What: "the UDP cycle, while other threads wait in connects that nobody answers", Unit: "us", Beside: perCycle, Base: "none waits"}
	hole, err := silent()
	if err != nil {
		return t, err
	}
	defer hole.close()
	beside := func(under []string, blocked int) func() (sample, error) {
		return func() (sample, error) { return b.latency(under, "blackhole", blocked, b.cycles, hole.port) }
	}
	none := "run, none waits"
	t.Series, err = b.interleave(b.rounds, []contender{
		{"bare, none waits", "", beside(nil, 0)},
		{"bare, 100 wait", "bare, none waits", beside(nil, 100)},
		{none, "", beside(b.run(), 0)},
		{"run, 1 waits", none, beside(b.run(), 1)},
		{"run, 10 wait", none, beside(b.run(), 10)},
		{"run, 100 wait", none, beside(b.run(), 100)},
	})
	for _, limit := range []struct {
		name string
		most float64
	}{{"run, 1 waits", blackholeBudget}, {"run, 10 wait", blackholeBudget}, {"run, 100 wait", crowdBudget}} {
		t.judge(limit.name+", against none", "x", limit.most, t.find(limit.name).times(t.find(none)))
	}
	return t, err
}

// helpBlackhole makes UDP cycles while other threads wait in connects: HOW-MANY COUNT PORT.
func helpBlackhole(args []string) error {
	var n [3]int
	for i := range n {
		var err error
		if n[i], err = argument(args, i); err != nil {
			return err
		}
	}
	blocked, count, port := n[0], n[1], n[2]
	before, err := synSent(port) // those that fill the accept queue
	if err != nil {
		return err
	}
	failed := make(chan error, blocked)
	for range blocked {
		go func() { // ends with the process: the connect does not end before
			runtime.LockOSThread()
			failed <- waitInConnect(port)
		}()
	}
	if err := awaitSynSent(before+blocked, port, failed); err != nil {
		return err
	}
	to := loopback(discard)
	return timed(count, func() error { return connectOnce(unix.SOCK_DGRAM, to, 0) })
}

func waitInConnect(port int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("make a socket: %w", err)
	}
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
	return fmt.Errorf("the connect that nobody answers ended: %v", err)
}

// synSentWithin is how long connects may take to be under way.
const synSentWithin = 10 * time.Second

// awaitSynSent waits until n connects to the port are under way. Nothing but looking tells: they are other threads', in the
// kernel.
func awaitSynSent(n, port int, failed <-chan error) error {
	for end := time.Now().Add(synSentWithin); ; time.Sleep(time.Millisecond) {
		waiting, err := synSent(port)
		switch {
		case err != nil:
			return err
		case waiting >= n:
			return nil
		case time.Now().After(end):
			return fmt.Errorf("%d connects to a place that does not answer are under way, want %d", waiting, n)
		case len(failed) > 0:
			return <-failed
		}
	}
}

// synSent is how many sockets wait for an answer from a port on loopback.
func synSent(port int) (int, error) {
	b, err := os.ReadFile("/proc/self/net/tcp")
	if err != nil {
		return 0, err
	}
	peer := fmt.Sprintf("0100007F:%04X", port) // 127.0.0.1 as proc_net(5) has it on little-endian machines
	n := 0
	for line := range bytes.Lines(b) {
		if f := strings.Fields(string(line)); len(f) > 3 && f[2] == peer && f[3] == "02" { // TCP_SYN_SENT
			n++
		}
	}
	return n, nil
}
