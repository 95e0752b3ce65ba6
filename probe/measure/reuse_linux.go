package measure

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/attempt"

	"github.com/sallyport/sallyport/probe"
)

// canReuse finds out on loopback whether a socket that was refused can be connected again: a call for a socket, and one to close it, are as dear as a
// connect. Linux does so, and takes another port (tcp_set_state, inet_put_port); connect(2) warns that systems may not, and a sandbox may
// differ from Linux here. Such a socket has to be refused twice, and then to connect where something listens.
func canReuse() bool {
	home := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	l, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(l)
	if unix.Bind(l, sockaddr(netip.AddrPortFrom(home, 0), false)) != nil {
		return false
	}
	to := localOf(l) // bound and not listening yet: it refuses
	d := newDialer(true)
	defer d.close()
	c := &call{Result: probe.Result{Attempt: probe.Attempt{Attempt: attempt.Attempt{Protocol: attempt.TCP, Destination: to}}}}
	first := -1
	for range 2 {
		if _, errno := d.dial(c); errno != unix.ECONNREFUSED || d.used[0] < 0 || first >= 0 && d.used[0] != first {
			return false
		}
		first = d.used[0]
	}
	if unix.Listen(l, 1) != nil {
		return false
	}
	fd, errno := d.dial(c)
	if fd < 0 {
		return false
	}
	defer unix.Close(fd)
	peer, err := unix.Getpeername(fd)
	return errno == 0 && fd == first && err == nil && addrPort(peer) == to
}
