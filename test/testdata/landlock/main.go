// Landlock runs a program that may make no TCP bind: the kernel itself enforces what the profile
// connect-only-landlock recreates.
//
//	landlock CMD ARG...
//
// It exits with 125 where the kernel can't restrict TCP (before Linux 6.7, or without Landlock).
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

func main() {
	runtime.LockOSThread() // the restriction is the thread's, and exec takes this one's
	path, err := exec.LookPath(os.Args[1])
	if err == nil {
		err = denyBinds()
	}
	if err == nil {
		err = syscall.Exec(path, os.Args[1:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, "landlock:", err)
	os.Exit(125)
}

func denyBinds() error {
	// A right that is handled and that no rule grants is denied (landlock(7)).
	attr := struct{ fs, net uint64 }{net: unix.LANDLOCK_ACCESS_NET_BIND_TCP}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return fmt.Errorf("landlock_create_ruleset with network rules: %w", errno)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return fmt.Errorf("landlock_restrict_self: %w", errno)
	}
	return unix.Close(int(fd))
}
