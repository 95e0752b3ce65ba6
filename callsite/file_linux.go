package callsite

import (
	"fmt"
	"os"
	"path"
	"syscall"

	"golang.org/x/sys/unix"
)

// fileKey tells one content of one file from every other.
type fileKey struct {
	dev, inode  uint64
	size, mtime int64
}

func keyOf(info os.FileInfo) fileKey {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileKey{}
	}
	return fileKey{uint64(st.Dev), st.Ino, st.Size, st.Mtim.Nano()} //nolint:unconvert // other sizes elsewhere
}

// lookFile finds what the process knows by the name, in its own root and never outside of it, without opening it:
// to open a device or a pipe may do something. The descriptor is an O_PATH one.
func (p *process) lookFile(name string) (fd int, err error) {
	base, how := "cwd", unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC}
	if path.IsAbs(name) {
		// RESOLVE_IN_ROOT also keeps absolute symbolic links inside.
		base, how.Resolve = "root", unix.RESOLVE_IN_ROOT
	}
	dir, err := unix.Open(p.path(base), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(dir)
	return unix.Openat2(dir, name, &how)
}

// openFile opens the regular file that the process knows by the name.
func (p *process) openFile(name string) (*os.File, error) {
	fd, err := p.lookFile(name)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	return reopen(fd, name)
}

// reopen opens for reading what an O_PATH descriptor stands for, where that is a regular file.
func reopen(fd int, name string) (*os.File, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	return os.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
}
