package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// networkVariable tells the program that it is in its own network namespace already.
const networkVariable = "SALLYPORT_BENCH_NETWORK"

// ownNetwork puts this process into a network namespace with nothing but loopback, by executing it anew, since the
// threads of a Go program can't move all at once. It reports false where that takes rights that the process lacks:
// then the machine's loopback has to do.
func ownNetwork() (bool, error) {
	if os.Getenv(networkVariable) != "" {
		os.Unsetenv(networkVariable)
		return true, loopbackUp()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := unix.Unshare(unix.CLONE_NEWNET)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("make a network namespace: %w", err)
	}
	err = syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), networkVariable+"=own"))
	return false, fmt.Errorf("execute the benchmark in its network namespace: %w", err)
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("make a socket: %w", err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("set loopback up: %w", err)
	}
	return nil
}
