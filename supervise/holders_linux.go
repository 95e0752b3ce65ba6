package supervise

import (
	"os"
	"strconv"
	"strings"
)

// place is where a process has a socket.
type place struct{ pid, num int }

// socketHolders is where each socket is, by inode, as far as the processes may be looked into: /proc/PID/fd, proc(5). Our own are left
// out. It looks at every process there is: one that was left by its parent belongs to the program as well, and nothing says so.
func socketHolders() map[uint64]place {
	out := map[uint64]place{}
	pids, err := readNames("/proc")
	if err != nil {
		return out
	}
	self := os.Getpid()
	for _, name := range pids {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == self {
			continue
		}
		dir := "/proc/" + name + "/fd"
		nums, err := readNames(dir)
		if err != nil {
			continue
		}
		for _, n := range nums {
			link, err := os.Readlink(dir + "/" + n)
			if err != nil {
				continue
			}
			num, err := strconv.Atoi(n)
			if inode, ok := socketInode(link); ok && err == nil {
				out[inode] = place{pid, num}
			}
		}
	}
	return out
}

// socketInode is the inode that a link of /proc/PID/fd to a socket names: "socket:[123]".
func socketInode(link string) (uint64, bool) {
	digits, ok := strings.CutPrefix(strings.TrimSuffix(link, "]"), "socket:[")
	inode, err := strconv.ParseUint(digits, 10, 64)
	return inode, ok && err == nil
}

func readNames(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}
