package main

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The kinds of cycle.
const (
	udpConnect   = "udp-connect"   // socket, connect, close
	udpSend      = "udp-send"      // sendto with a name
	tcpRefused   = "tcp-refused"   // socket, blocking connect that is refused, close
	tcpConnected = "tcp-connected" // socket, connect, accept, close of both
	tcpBound     = "tcp-bound"     // socket, bind to any address, connect, accept, close of both
)

// helpCycle makes cycles: KIND COUNT PORT, where the port is a place on loopback of the kind's needs.
func helpCycle(args []string) error {
	count, err := argument(args, 1)
	if err != nil {
		return err
	}
	port, err := argument(args, 2)
	if err != nil {
		return err
	}
	var cycle func() error
	switch to := loopback(port); args[0] {
	case udpConnect:
		cycle = func() error { return connectOnce(unix.SOCK_DGRAM, to, 0) }
	case tcpRefused:
		cycle = func() error { return connectOnce(unix.SOCK_STREAM, to, unix.ECONNREFUSED) }
	case udpSend:
		cycle, err = sender(to)
	case tcpConnected, tcpBound:
		cycle, err = connecter(args[0] == tcpBound)
	default:
		err = fmt.Errorf("unknown kind of cycle %q", args[0])
	}
	if err != nil {
		return err
	}
	return timed(count, cycle)
}

func loopback(port int) *unix.RawSockaddrInet4 {
	return &unix.RawSockaddrInet4{Family: unix.AF_INET, Port: networkOrder(port), Addr: [4]byte{127, 0, 0, 1}}
}

func networkOrder(port int) (n uint16) {
	b := (*[2]byte)(unsafe.Pointer(&n))
	b[0], b[1] = byte(port>>8), byte(port)
	return n
}

// rawSocket and those below are raw calls: the Go scheduler does not know of them, and adds nothing to what is measured.
func rawSocket(typ int) (uintptr, error) {
	fd, _, e := unix.RawSyscall(unix.SYS_SOCKET, unix.AF_INET, uintptr(typ|unix.SOCK_CLOEXEC), 0)
	if e != 0 {
		return 0, fmt.Errorf("socket: %w", e)
	}
	return fd, nil
}

func rawConnect(fd uintptr, to *unix.RawSockaddrInet4) unix.Errno {
	_, _, e := unix.RawSyscall(unix.SYS_CONNECT, fd, uintptr(unsafe.Pointer(to)), unix.SizeofSockaddrInet4)
	return e
}

func rawBind(fd uintptr, to *unix.RawSockaddrInet4) unix.Errno {
	_, _, e := unix.RawSyscall(unix.SYS_BIND, fd, uintptr(unsafe.Pointer(to)), unix.SizeofSockaddrInet4)
	return e
}

func rawClose(fd uintptr) { _, _, _ = unix.RawSyscall(unix.SYS_CLOSE, fd, 0, 0) }

func connectOnce(typ int, to *unix.RawSockaddrInet4, want unix.Errno) error {
	fd, err := rawSocket(typ)
	if err != nil {
		return err
	}
	e := rawConnect(fd, to)
	rawClose(fd)
	if e != want {
		return fmt.Errorf("connect: got errno %d (%w), want errno %d", int(e), e, int(want))
	}
	return nil
}

func sender(to *unix.RawSockaddrInet4) (func() error, error) {
	fd, err := rawSocket(unix.SOCK_DGRAM)
	if err != nil {
		return nil, err
	}
	datagram := []byte("x")
	return func() error {
		_, _, e := unix.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&datagram[0])), 1, 0,
			uintptr(unsafe.Pointer(to)), unix.SizeofSockaddrInet4)
		if e != 0 {
			return fmt.Errorf("sendto: %w", e)
		}
		return nil
	}, nil
}

// connecter connects to a listener in the same thread, so that no other process takes part in what is measured.
func connecter(bound bool) (func() error, error) {
	listener, port, err := listen(1)
	if err != nil {
		return nil, err
	}
	to, anywhere := loopback(port), &unix.RawSockaddrInet4{Family: unix.AF_INET}
	reset := unix.Linger{Onoff: 1} // closed by a reset, so that no port is left in TIME_WAIT
	return func() error {
		fd, err := rawSocket(unix.SOCK_STREAM)
		if err != nil {
			return err
		}
		defer rawClose(fd)
		_, _, _ = unix.RawSyscall6(unix.SYS_SETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_LINGER,
			uintptr(unsafe.Pointer(&reset)), unsafe.Sizeof(reset), 0)
		if bound {
			if e := rawBind(fd, anywhere); e != 0 {
				return fmt.Errorf("bind: %w", e)
			}
		}
		if e := rawConnect(fd, to); e != 0 {
			return fmt.Errorf("connect: %w", e)
		}
		peer, _, e := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(listener), 0, 0, unix.SOCK_CLOEXEC, 0, 0)
		if e != 0 {
			return fmt.Errorf("accept: %w", e)
		}
		rawClose(peer)
		return nil
	}, nil
}
