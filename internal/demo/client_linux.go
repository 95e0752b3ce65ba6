package demo

import (
	"bufio"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/sys/unix"
)

// clientNames are the scripts' first arguments.
var clientNames = []string{"script1", "script2", "script3"}

// gearVariable holds the gear's own address, a loopback address. The profile sets it.
const gearVariable = "OPENSHIFT_PYTHON_IP"

// client is one of the three scripts, by the plain calls of a program that knows nothing of timeouts and retries. It
// says the same as the scripts in Python do.
func client(script int, server string) error {
	to, err := netip.ParseAddrPort(server)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return failed("socket", err)
	}
	var from unix.SockaddrInet4
	switch script {
	case 1:
		own, err := netip.ParseAddr(os.Getenv(gearVariable))
		if err != nil {
			return fmt.Errorf("%s: %w", gearVariable, err)
		}
		from.Addr = own.As4()
		fallthrough
	case 2:
		if err := unix.Bind(fd, &from); err != nil {
			return failed("bind", err)
		}
	}
	for {
		err = unix.Connect(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())})
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return failed("connect", err)
	}
	local, err := unix.Getsockname(fd)
	if err != nil {
		return failed("getsockname", err)
	}
	if a, ok := local.(*unix.SockaddrInet4); ok {
		fmt.Printf("connected from %v\n", netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)))
	}
	line, err := bufio.NewReader(os.NewFile(uintptr(fd), "server")).ReadString('\n')
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	fmt.Print(line)
	return nil
}

// failed is what a script says of a call that failed. spoken reads the number.
func failed(call string, err error) error {
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return fmt.Errorf("%s: %w", call, err)
	}
	return fmt.Errorf("%s: [Errno %d] %s", call, int(errno), attempt.Errno(errno).Message())
}
