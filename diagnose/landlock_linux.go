package diagnose

import (
	"net/netip"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/sys/unix"
)

// portDenied reports whether this process, whose confinement the program inherited, may not connect by TCP to a port, wherever it is:
// that is how Landlock's rules are, by port alone (landlock(7)). It asks with the broadcast address of the loopback network, to which
// TCP never connects: a connect that nobody denies ends in ENETUNREACH before anything is sent (tcp_v4_connect in net/ipv4/tcp_ipv4.c),
// and no route but the local table's, which is looked at first, is for it.
func portDenied(port uint16) Answer {
	errno, ok := connectErrno(unix.SOCK_STREAM, netip.AddrFrom4([4]byte{127, 255, 255, 255}), port)
	switch {
	case !ok:
		return Unknown
	case errno == unix.EACCES:
		return Yes
	}
	return No
}

// connectErrno is how a connect ends at once.
func connectErrno(typ int, to netip.Addr, port uint16) (unix.Errno, bool) {
	fd, err := unix.Socket(unix.AF_INET, typ|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return 0, false
	}
	defer unix.Close(fd)
	errno, _ := unix.Connect(fd, sockaddrFor(to, port)).(unix.Errno)
	return errno, true
}

// readLandlock looks for a Landlock domain around a connect that was denied.
func readLandlock(r attempt.Result) Answer {
	if r.Outcome.Errno != attempt.EACCES || r.Call != attempt.CallConnect || r.Protocol != attempt.TCP {
		return Unknown
	}
	if errno, ok := connectErrno(unix.SOCK_DGRAM, netip.AddrFrom4([4]byte{127, 0, 0, 1}), r.Destination.Port()); !ok || errno != 0 {
		return Unknown // something that looks at UDP as well, which Landlock does not
	}
	return portDenied(r.Destination.Port())
}
