package diagnose

import (
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// descriptorsOf counts what the descriptors of a process are, and whom its TCP connections lead to.
func descriptorsOf(pid int) (kinds map[string]int, toward map[netip.AddrPort]int) {
	kinds = map[string]int{}
	dir := "/proc/" + strconv.Itoa(pid) + "/fd"
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		link, err := os.Readlink(dir + "/" + entry.Name())
		switch {
		case err != nil:
		case strings.HasPrefix(link, "socket:"):
			kinds["sockets"]++
		case strings.HasPrefix(link, "pipe:"):
			kinds["pipes"]++
		case strings.HasPrefix(link, "/"):
			kinds["files"]++
		default:
			kinds["others"]++
		}
	}
	if !inOurNetwork(pid) {
		return kinds, nil
	}
	own := socketInodes(pid)
	toward = map[netip.AddrPort]int{}
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		sockets, err := tcpSockets(family, ^uint32(0))
		if err != nil {
			return kinds, nil
		}
		for _, s := range sockets {
			if own[s.inode] && s.remote.Port() != 0 {
				toward[s.remote]++
			}
		}
	}
	return kinds, toward
}
