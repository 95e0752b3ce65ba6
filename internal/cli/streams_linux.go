package cli

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// fewestColumns is the narrowest terminal that text is wrapped for.
const fewestColumns = 40

// columns is the width of the terminal that w is; 0 where it is none, or does not tell.
func columns(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col < fewestColumns {
		return 0
	}
	return int(size.Col)
}

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
