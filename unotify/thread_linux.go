package unotify

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pidfdThread is PIDFD_THREAD, linux/pidfd.h (Linux 6.9): a pidfd for one thread.
const pidfdThread = unix.O_EXCL

// Thread is a handle to a thread of another process. It stays with the thread it was opened for: when
// that has ended its methods fail with ESRCH, whoever has the number by then.
type Thread struct {
	tid   int
	pidfd int
	exact bool // the pidfd is the thread's own, not its process's
}

// OpenThread opens a handle to a thread by its id. On kernels before 6.9 the handle is to the thread's
// process, and Exact reports false: then don't keep it.
func OpenThread(tid int) (Thread, error) {
	fd, err := unix.PidfdOpen(tid, pidfdThread)
	if err == nil {
		return Thread{tid, fd, true}, nil
	}
	if err == unix.ESRCH {
		return Thread{}, err
	}
	// EINVAL: no PIDFD_THREAD. pidfd_open(2) takes a thread group leader only.
	fd, err = unix.PidfdOpen(tid, 0)
	if err == nil {
		return Thread{tid, fd, false}, nil
	}
	tgid, perr := ProcessOf(tid)
	if perr != nil {
		return Thread{}, perr
	}
	if fd, err = unix.PidfdOpen(tgid, 0); err != nil {
		return Thread{}, fmt.Errorf("pidfd_open: %w", err)
	}
	return Thread{tid, fd, false}, nil
}

// TID is the thread's id.
func (t Thread) TID() int { return t.tid }

// Exact reports whether the handle is to the thread itself.
func (t Thread) Exact() bool { return t.exact }

// Close closes the handle.
func (t Thread) Close() error { return unix.Close(t.pidfd) }

// GetFD returns a duplicate of one of the thread's descriptors, close-on-exec: pidfd_getfd(2). EBADF: it has
// no such descriptor. EPERM: ptrace access is denied, or an outer seccomp filter forbids the call, as
// Docker's default does. ESRCH: the thread has ended.
func (t Thread) GetFD(fd int) (int, error) {
	r, _, e := unix.RawSyscall(unix.SYS_PIDFD_GETFD, uintptr(t.pidfd), uintptr(fd), 0)
	if e != 0 {
		return -1, e
	}
	return int(r), nil
}

// ReadMemory reads len(b) bytes at addr of the thread's memory, or as many as can be read: a short count says that a
// page behind is not mapped. EFAULT: nothing could be read. EPERM: ptrace access is denied.
//
// The memory is named by thread id: check [Listener.Valid] afterwards.
func ReadMemory(tid int, addr uint64, b []byte) (int, error) {
	return transfer(unix.SYS_PROCESS_VM_READV, tid, addr, b)
}

// WriteMemory writes b at addr of the thread's memory. Errors are those of ReadMemory.
func WriteMemory(tid int, addr uint64, b []byte) (int, error) {
	return transfer(unix.SYS_PROCESS_VM_WRITEV, tid, addr, b)
}

func transfer(call uintptr, tid int, addr uint64, b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	local := unix.Iovec{Base: &b[0], Len: uint64(len(b))}
	remote := unix.RemoteIovec{Base: uintptr(addr), Len: len(b)}
	n, _, e := unix.RawSyscall6(call, uintptr(tid), uintptr(unsafe.Pointer(&local)), 1,
		uintptr(unsafe.Pointer(&remote)), 1, 0)
	switch e {
	case 0:
		return int(n), nil
	case unix.EPERM, unix.ENOSYS:
		// An outer filter may forbid the call and leave /proc/PID/mem alone.
		return transferFile(call == unix.SYS_PROCESS_VM_WRITEV, tid, addr, b, e)
	}
	return 0, e
}

// transferFile is transfer by way of /proc/TID/mem, proc_pid_mem(5).
func transferFile(write bool, tid int, addr uint64, b []byte, cause error) (int, error) {
	mode := os.O_RDONLY
	if write {
		mode = os.O_WRONLY
	}
	fd, err := unix.Open("/proc/"+strconv.Itoa(tid)+"/mem", mode|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, cause
	}
	defer unix.Close(fd)
	var n int
	if write {
		n, err = unix.Pwrite(fd, b, int64(addr))
	} else {
		n, err = unix.Pread(fd, b, int64(addr))
	}
	if err != nil {
		return 0, unix.EFAULT // EIO: nothing is mapped there
	}
	return n, nil
}

// ProcessOf is the process (thread group) that a thread belongs to.
func ProcessOf(tid int) (int, error) {
	f, err := os.Open("/proc/" + strconv.Itoa(tid) + "/status")
	if errors.Is(err, os.ErrNotExist) {
		return 0, unix.ESRCH
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if v, ok := strings.CutPrefix(s.Text(), "Tgid:"); ok {
			return strconv.Atoi(strings.TrimSpace(v))
		}
	}
	return 0, unix.ESRCH
}
