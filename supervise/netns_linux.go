package supervise

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// netnsOf is the cookie of the network namespace that a socket is in; 0 where the kernel would not tell (before Linux 5.14). It says
// where a socket was when its process is gone.
func netnsOf(fd int) uint64 {
	var b [8]byte
	if getsockopt(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE, b[:]) != 0 {
		return 0
	}
	return binary.NativeEndian.Uint64(b[:])
}
