package demo

import (
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// greeting is the first line that the case's server sends.
const greeting = ":" + Name + " NOTICE * :*** Looking up your hostname...\r\n"

// patience is how long a client may stay: no longer than a demo.
const patience = 5 * time.Second

// backlog is how many clients may wait: a demo has four.
const backlog = 16

// server is the case's server. Package net would make every start of sallyport slower, so it is made of system calls.
type server struct {
	at   netip.AddrPort
	file *os.File // the listening socket
}

// greet starts the server. It serves whoever comes from one address, which is this machine's own, and resets
// everybody else. Closing it ends it.
func greet(at netip.AddrPort, from netip.Addr) (*server, error) {
	s, err := listen(at)
	if err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	go s.accept(from) // ends when s is closed
	return s, nil
}

func listen(at netip.AddrPort) (*server, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	file := os.NewFile(uintptr(fd), at.String()) // non-blocking: the runtime's poller waits for it
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	err = unix.Bind(fd, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()})
	if err == nil {
		err = unix.Listen(fd, backlog)
	}
	var name unix.Sockaddr
	if err == nil {
		name, err = unix.Getsockname(fd)
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("listen on %v: %w", at, err)
	}
	if in4, ok := name.(*unix.SockaddrInet4); ok {
		at = netip.AddrPortFrom(at.Addr(), uint16(in4.Port))
	}
	return &server{at: at, file: file}, nil
}

// Close ends the server.
func (s *server) Close() error { return s.file.Close() }

func (s *server) accept(from netip.Addr) {
	raw, err := s.file.SyscallConn()
	if err != nil {
		return
	}
	for {
		var fd int
		var peer unix.Sockaddr
		var failed error
		if err := raw.Read(func(l uintptr) bool {
			fd, peer, failed = unix.Accept4(int(l), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
			return failed != unix.EAGAIN
		}); err != nil {
			return // closed
		}
		if failed != nil {
			continue // that client is gone
		}
		in4, ok := peer.(*unix.SockaddrInet4)
		go serve(fd, ok && netip.AddrFrom4(in4.Addr) == from) // ends with the client, or its patience
	}
}

// serve greets a client that is welcome.
func serve(fd int, welcome bool) {
	if !welcome {
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}) // socket(7): the close resets
	}
	c := os.NewFile(uintptr(fd), "client")
	defer c.Close()
	if !welcome {
		return
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = c.WriteString(greeting)
	for b := make([]byte, 512); ; {
		if _, err := c.Read(b); err != nil {
			return
		}
	}
}
