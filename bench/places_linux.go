package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// A place is a port on loopback, and the sockets that make it what it is.
type place struct {
	port int
	fds  []int
}

func (p *place) close() {
	for _, fd := range p.fds {
		_ = unix.Close(fd)
	}
}

// bound is a place where a socket is bound, and no more: a UDP one throws away what comes when its buffer is full, a TCP
// one refuses.
func bound(typ int) (*place, error) {
	fd, err := unix.Socket(unix.AF_INET, typ|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make a socket: %w", err)
	}
	p := &place{fds: []int{fd}}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		p.close()
		return nil, fmt.Errorf("bind a socket to loopback: %w", err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		p.close()
		return nil, fmt.Errorf("getsockname: %w", err)
	}
	p.port = name.(*unix.SockaddrInet4).Port
	return p, nil
}

// listen is a TCP listener on loopback and its port.
func listen(backlog int) (fd, port int, err error) {
	p, err := bound(unix.SOCK_STREAM)
	if err != nil {
		return 0, 0, err
	}
	if err := unix.Listen(p.fds[0], backlog); err != nil {
		p.close()
		return 0, 0, fmt.Errorf("listen: %w", err)
	}
	return p.fds[0], p.port, nil
}

// fillers is how many connects fill the accept queue of a listener without a backlog; the kernel takes one more than that.
const fillers = 4

// silent is a place that does not answer: a listener whose accept queue is full. The kernel drops SYNs
// to it (tcp_conn_request in net/ipv4/tcp_input.c).
func silent() (*place, error) {
	listener, port, err := listen(0)
	if err != nil {
		return nil, err
	}
	p := &place{port: port, fds: []int{listener}}
	for range fillers {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			p.close()
			return nil, fmt.Errorf("make a socket: %w", err)
		}
		p.fds = append(p.fds, fd)
		err = unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
		if err != nil && err != unix.EINPROGRESS {
			p.close()
			return nil, fmt.Errorf("fill the accept queue: %w", err)
		}
	}
	return p, nil
}

// spareFiles is how many descriptors a process has open beside those that it counts.
const spareFiles = 100

// allowFiles raises the limit of open files, which takes CAP_SYS_RESOURCE where it is above the hard limit.
func allowFiles(n int) error {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	want := uint64(n + spareFiles)
	if l.Cur >= want {
		return nil
	}
	l.Cur, l.Max = want, max(l.Max, want)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("raise the limit of open files to %d: %w", want, err)
	}
	return nil
}
