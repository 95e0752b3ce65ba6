package supervise

import (
	"net"
	"slices"
	"testing"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/sys/unix"
)

// TestEndings ends connections of this process in each way that there is, and hears of them what they came to.
func TestEndings(t *testing.T) {
	type tcp = *net.TCPConn
	send := func(c tcp) {
		if _, err := c.Write([]byte("abc")); err != nil {
			t.Error(err)
		}
	}
	read := func(c tcp) { _, _ = c.Read(make([]byte, 10)) }
	reset := func(c tcp) { _ = c.SetLinger(0); _ = c.Close() }
	shut := func(c tcp) { _ = c.Close() }
	do := func(all ...func(tcp)) []func(tcp) { return all }
	for _, tt := range []struct {
		name                  string
		server, client        []func(tcp) // each end in turns, the server first
		silent, closed, reset bool
	}{
		{name: "the server closes", server: do(shut), client: do(read, shut), silent: true, closed: true},
		{name: "the server resets", server: do(reset), client: do(read, shut), silent: true, reset: true},
		{name: "the server resets after a question", server: do(nil, read, reset), client: do(send, nil, read, shut), silent: true, reset: true},
		{name: "the server closes after a question", server: do(nil, read, shut), client: do(send, nil, read, shut), silent: true, closed: true},
		{name: "the client closes", server: do(nil, read, shut), client: do(shut), silent: true},
		{name: "the client gives up", server: do(nil, read, read, shut), client: do(send, shut), silent: true},
		{name: "the client resets", server: do(nil, read, shut), client: do(reset)},
		{name: "the server answers", server: do(send, shut), client: do(read, read, shut)},
		{name: "the server answers and resets", server: do(send, nil, reset), client: do(read, nil, read, shut)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			fd, err := destroyedTCP()
			if err != nil {
				t.Fatal(err)
			}
			s := New(Options{Endings: true})
			s.endings = endings{s: s, heard: make(chan struct{}, 1)}
			defer unix.Close(fd)
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			far, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			e := s.lives.add(&socket{domain: unix.AF_INET, protocol: attempt.TCP, cookie: cookieOf(t, c.(tcp))}, 3, nil)
			for i := range max(len(tt.server), len(tt.client)) {
				for _, side := range []struct {
					c   tcp
					all []func(tcp)
				}{{far.(tcp), tt.server}, {c.(tcp), tt.client}} {
					if i < len(side.all) && side.all[i] != nil {
						side.all[i](side.c)
					}
				}
			}
			at := &endingsAt{fd: fd}
			for deadline := time.Now().Add(5 * time.Second); e.life.Ending == nil && time.Now().Before(deadline); {
				_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 100)
				s.endings.drain(at, make([]byte, 1<<13))
			}
			got := e.life.Ending
			if got == nil {
				t.Fatal("the end was not heard of")
			}
			if got.Silent() != tt.silent || got.PeerClosed() != tt.closed || got.PeerReset() != tt.reset {
				t.Errorf("silent %v, closed by the peer %v, reset by it %v; want %v, %v, %v: %+v",
					got.Silent(), got.PeerClosed(), got.PeerReset(), tt.silent, tt.closed, tt.reset, *got)
			}
		})
	}
}

func cookieOf(t *testing.T, c *net.TCPConn) (cookie uint64) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) { cookie, err = unix.GetsockoptUint64(int(fd), unix.SOL_SOCKET, unix.SO_COOKIE) })
	if err != nil {
		t.Fatal(err)
	}
	return cookie
}

// TestEndingsOverrun has more sockets destroyed than there is room for: what comes after is heard of all the same.
func TestEndingsOverrun(t *testing.T) {
	fd, err := destroyedTCP()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := New(Options{Endings: true})
	s.endings = endings{s: s, heard: make(chan struct{}, 1)}
	var seen []uint64
	once := func() uint64 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		far, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		cookie := cookieOf(t, c.(*net.TCPConn))
		s.lives.add(&socket{domain: unix.AF_INET, protocol: attempt.TCP, cookie: cookie}, 3, nil)
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
		_ = far.Close()
		return cookie
	}
	for range 200 {
		seen = append(seen, once())
	}
	heard := func(cookie uint64) bool { return s.lives.find(cookie).life.Ending != nil }
	at, b := &endingsAt{fd: fd}, make([]byte, 1<<13)
	s.endings.drain(at, b)
	if !slices.ContainsFunc(seen, func(c uint64) bool { return !heard(c) }) {
		t.Fatal("nothing was lost: the test shows nothing")
	}
	last := once()
	for deadline := time.Now().Add(5 * time.Second); !heard(last) && time.Now().Before(deadline); {
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 100)
		s.endings.drain(at, b)
	}
	if !heard(last) {
		t.Error("the last end was not heard of")
	}
}

// TestEndingsGiveUp closes connections faster than their messages are worth: the listener goes, and is not opened again.
func TestEndingsGiveUp(t *testing.T) {
	fd, err := destroyedTCP()
	if err != nil {
		t.Fatal(err)
	}
	s := New(Options{Endings: true})
	at := &endingsAt{cookie: 1, fd: fd}
	n := &endings{s: s, heard: make(chan struct{}, 1), at: map[uint64]*endingsAt{1: at}}
	if n.stopfd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(n.stopfd)
	done := make(chan struct{})
	n.running.Add(1)
	go func() {
		defer close(done)
		n.read(at)
	}()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for deadline := time.Now().Add(20 * time.Second); ; {
		select {
		case <-done:
			if l, known := n.at[1]; l != nil || !known {
				t.Errorf("the namespace is %v, %v: want nil, true, so that it is not listened to again", l, known)
			}
			return
		default:
		}
		if time.Now().After(deadline) {
			_, _ = unix.Write(n.stopfd, []byte{1, 0, 0, 0, 0, 0, 0, 0})
			<-done
			t.Fatal("it listens on, whatever it costs")
		}
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		far, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
		_ = far.Close()
	}
}
