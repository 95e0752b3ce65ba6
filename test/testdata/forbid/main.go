// Forbid runs a program under a seccomp filter that fails one system call with EPERM.
//
//	forbid bind|connect|socket CMD ARG...
package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

var numbers = map[string]uint32{"bind": unix.SYS_BIND, "connect": unix.SYS_CONNECT, "socket": unix.SYS_SOCKET}

func main() {
	runtime.LockOSThread() // the filter is the thread's, and exec takes this one's
	path, err := exec.LookPath(os.Args[2])
	if err == nil {
		err = forbid(numbers[os.Args[1]])
	}
	if err == nil {
		err = syscall.Exec(path, os.Args[2:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, "forbid:", err)
	os.Exit(125)
}

// forbid fails the call with that number: load it (the first word of struct seccomp_data), compare, return.
func forbid(nr uint32) error {
	const eperm = uint32(unix.EPERM)
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: nr, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | eperm},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0); err != nil {
		return fmt.Errorf("install the filter: %w", err)
	}
	return nil
}
