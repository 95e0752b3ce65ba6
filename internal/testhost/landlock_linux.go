package testhost

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// landlockNetwork is the first Landlock version that restricts TCP (landlock(7)).
const landlockNetwork = 4

// LandlockConnect returns the command line to run a program under, in a Landlock sandbox that allows TCP connects to one port alone.
func LandlockConnect(t testing.TB, port uint16) []string {
	t.Helper()
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 || abi < landlockNetwork {
		t.Skipf("needs Landlock version %d in the kernel, which restricts TCP: version %d, %v", landlockNetwork, abi, errno)
	}
	return []string{Need(t, "/usr/bin/python3", "python3"), "-c", landlockConnect, fmt.Sprint(port)}
}

// landlockConnect makes the three calls of landlock(7): struct landlock_ruleset_attr with LANDLOCK_ACCESS_NET_CONNECT_TCP handled, struct
// landlock_net_port_attr for the port, and the restriction. The numbers of the calls are the same on every architecture.
const landlockConnect = `
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(*args):
    n = libc.syscall(*args)
    if n < 0:
        sys.exit("landlock: " + os.strerror(ctypes.get_errno()))
    return n
CONNECT_TCP, NET_PORT, NO_NEW_PRIVS = 2, 2, 38
attr = struct.pack("=QQ", 0, CONNECT_TCP)
ruleset = call(444, attr, ctypes.c_size_t(len(attr)), 0)
call(445, ruleset, NET_PORT, struct.pack("=QQ", CONNECT_TCP, int(sys.argv[1])), 0)
libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0)
call(446, ruleset, 0)
os.execvp(sys.argv[2], sys.argv[2:])
`
