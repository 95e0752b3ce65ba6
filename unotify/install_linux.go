package unotify

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Installed is what Install did.
type Installed struct {
	Listener   int  // the listener's descriptor, close-on-exec
	NoNewPrivs bool // no_new_privs had to be set, because CAP_SYS_ADMIN was missing
}

// InstallFlag is a SECCOMP_FILTER_FLAG_* value of seccomp(2).
type InstallFlag uint32

// WaitKillable makes a caller whose notification has been received wait for its answer through any signal but a fatal one
// (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, Linux 5.19). Answers then get lost only when the caller dies, and no
// call is seen twice. The price is that a caller in a call that takes long can't be interrupted: no
// alarm, no Ctrl-C with a handler, ends its connect. A supervisor that answers at once wants it, one that waits on the
// caller's behalf does not.
const WaitKillable InstallFlag = unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV

// Install installs a filter on the calling thread alone, without TSYNC, and returns its listener. The caller has
// locked the goroutine to its thread, and must know that every call of that thread that the filter notifies now
// waits for somebody to answer: hand the listener on from another thread.
//
// no_new_privs (prctl(2)) is set only where the kernel demands it, since it takes the rights of setuid programs
// away. Errors: EBUSY where the thread already has a filter with a listener (an outer supervisor); EINVAL where the
// kernel knows no user notification (before 5.0) or not a flag; EPERM or EACCES where an outer filter forbids seccomp(2).
func Install(program []Instruction, flags ...InstallFlag) (Installed, error) {
	if len(program) == 0 || len(program) > maxInstructions {
		return Installed{}, fmt.Errorf("filter has %d instructions, want 1 to %d", len(program), maxInstructions)
	}
	// struct sock_fprog
	fprog := struct {
		len    uint16
		filter *Instruction
	}{uint16(len(program)), &program[0]}
	flag := InstallFlag(unix.SECCOMP_FILTER_FLAG_NEW_LISTENER)
	for _, f := range flags {
		flag |= f
	}
	install := func() (uintptr, unix.Errno) {
		r, _, e := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
			uintptr(flag), uintptr(unsafe.Pointer(&fprog)))
		return r, e
	}
	fd, errno := install()
	noNewPrivs := false
	if errno == unix.EACCES {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return Installed{}, fmt.Errorf("set no_new_privs: %w", err)
		}
		noNewPrivs = true
		fd, errno = install()
	}
	if errno != 0 {
		return Installed{}, fmt.Errorf("install seccomp filter: %w", errno)
	}
	return Installed{Listener: int(fd), NoNewPrivs: noNewPrivs}, nil
}
