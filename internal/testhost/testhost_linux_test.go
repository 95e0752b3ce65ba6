package testhost

import (
	"bufio"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const timeout = 20 * time.Second

func TestHostsSeeEachOtherAndNothingElse(t *testing.T) {
	p := NewPair(t)
	ping := Need(t, "ping", "iputils-ping")
	for _, addr := range append(append([]netip.Addr{}, p.Server.V4...), p.Server.V6...) {
		if got := p.Client.Run(timeout, "", ping, "-c", "1", "-W", "5", addr.String()); got.Status != 0 {
			t.Errorf("ping %v: %+v", addr, got)
		}
	}
	// The machine's own loopback is another network's.
	outside, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer outside.Close()
	p.Client.Do(func() {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		addr := unix.SockaddrInet4{Port: outside.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
		if err := unix.Connect(fd, &addr); !errors.Is(err, unix.ECONNREFUSED) {
			t.Errorf("connect from a host to the machine's loopback: %v, want %v", err, unix.ECONNREFUSED)
		}
		devices, err := net.Interfaces()
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, d := range devices {
			if d.Flags&net.FlagUp != 0 {
				names = append(names, d.Name)
			}
		}
		if got, want := strings.Join(names, " "), "lo eth0"; got != want {
			t.Errorf("devices that are up: %q, want %q", got, want)
		}
	})
}

func TestServerEndsWithItsTest(t *testing.T) {
	var pid int
	t.Run("inner", func(t *testing.T) {
		p := NewPair(t)
		pid = Nginx(p.Server).cmd.Process.Pid
		open, err := p.Server.Listening()
		if err != nil || len(open) != 1 || !open[PortHTTP] {
			t.Errorf("listening on %v, %v; want %d alone", open, err, PortHTTP)
		}
		open, err = p.Client.Listening()
		if err != nil || len(open) != 0 {
			t.Errorf("the other host is listening on %v, %v; want nothing", open, err)
		}
	})
	if pid == 0 {
		t.Skip("the inner test was skipped")
	}
	if err := syscall.Kill(-pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("signal to nginx's process group after its test: %v, want %v", err, syscall.ESRCH)
	}
}

// A host that is made later, on whatever thread, ends no program that runs.
func TestNewHostKeepsPrograms(t *testing.T) {
	p := NewPair(t)
	s := Nginx(p.Server)
	for range 10 {
		newHost(t)
	}
	select {
	case <-s.done:
		t.Errorf("nginx ended: %v\n%s", s.err, s.Output())
	default:
	}
}

// When a test is killed (by its timeout, say), no cleanup runs.
func TestKilledTestLeavesNothing(t *testing.T) {
	NeedRoot(t)
	if os.Getenv("TESTHOST_HANG") != "" {
		p := NewPair(t)
		s := p.Server.serve(nil, "sleep", "600")
		os.Stdout.WriteString("\nsleep " + strconv.Itoa(s.cmd.Process.Pid) + "\n")
		<-s.done
		return
	}
	Need(t, "ip", "iproute2")
	inner := exec.Command(os.Args[0], "-test.run=^TestKilledTestLeavesNothing$", "-test.v")
	inner.Env = append(os.Environ(), "TESTHOST_HANG=1")
	out, err := inner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := inner.Start(); err != nil {
		t.Fatal(err)
	}
	fd := -1
	for lines := bufio.NewScanner(out); fd < 0 && lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "sleep "); ok {
			pid, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			if fd, err = unix.PidfdOpen(pid, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	inner.Process.Kill()
	inner.Wait()
	if fd < 0 {
		t.Fatal("the inner test started no program")
	}
	defer unix.Close(fd)
	// A pidfd is readable once its process has ended (pidfd_open(2)).
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(poll, int(timeout.Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n != 1 || err != nil {
			t.Errorf("the program runs on after its test was killed: poll %d, %v", n, err)
		}
		return
	}
}
