package cli

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// letGoOfStreams closes what this process has inherited for the program alone, once that runs: when the program closes
// a pipe or a listening socket, nobody else must hold it open. stderr is kept, for the report.
func letGoOfStreams() {
	if null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0); err == nil {
		_ = unix.Dup3(int(null.Fd()), unix.Stdin, 0)
		_ = unix.Dup3(int(null.Fd()), unix.Stdout, 0)
		_ = null.Close()
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return
	}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd <= unix.Stderr {
			continue
		}
		// What we opened ourselves is close-on-exec; what was inherited can't be.
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			_ = unix.Close(fd)
		}
	}
}
