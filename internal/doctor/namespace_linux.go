package doctor

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// raiseLoopback is the child in a network namespace of its own: it brings the loopback interface up, which shows that the
// namespace is of use. AppArmor can let namespaces be made and leave their owner without rights in them.
func raiseLoopback() int {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return int(errnoOf(err))
	}
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return int(errnoOf(err))
	}
	req.SetUint16(unix.IFF_UP)
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCSIFFLAGS, uintptr(unsafe.Pointer(req))); e != 0 {
		return int(e)
	}
	return 0
}

// tryNamespaces starts children in namespaces of their own: a user namespace, then a network namespace in one.
func tryNamespaces(self Self) (user, net error) {
	start := func(flags uintptr, trial string) error {
		ctx, cancel := context.WithTimeout(context.Background(), trialTimeout)
		defer cancel()
		cmd := self.command(ctx, trial)
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  flags,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
		}
		err := cmd.Run()
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() > 0 {
			return unix.Errno(exit.ExitCode())
		}
		var errno unix.Errno
		if errors.As(err, &errno) { // of clone(2); without the words of fork/exec
			return errno
		}
		return err
	}
	// No trial at all: its start is what is tried.
	if user = start(unix.CLONE_NEWUSER, trialCalls+":999"); user != nil {
		return user, user
	}
	return nil, start(unix.CLONE_NEWUSER|unix.CLONE_NEWNET, trialLoopback)
}

// namespaceChange says what forbids user namespaces, and what to do.
func namespaceChange(err error, seccomp bool) string {
	sysctl := func(path string) string {
		b, _ := os.ReadFile("/proc/sys/" + path)
		return strings.TrimSpace(string(b))
	}
	switch {
	case sysctl("user/max_user_namespaces") == "0":
		return "sysctl user.max_user_namespaces=10000"
	case sysctl("user/max_net_namespaces") == "0":
		return "sysctl user.max_net_namespaces=10000"
	case sysctl("kernel/unprivileged_userns_clone") == "0":
		return "sysctl kernel.unprivileged_userns_clone=1"
	case sysctl("kernel/apparmor_restrict_unprivileged_userns") == "1":
		return "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile for sallyport that allows userns"
	case seccomp && errors.Is(err, unix.EPERM):
		return "docker run --security-opt seccomp=unconfined, or a seccomp profile that allows clone and unshare"
	case errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS):
		return "a kernel built with CONFIG_USER_NS and CONFIG_NET_NS"
	}
	return ""
}

// errnoOf is the errno in an error, EINVAL where there is none.
func errnoOf(err error) unix.Errno {
	var e unix.Errno
	if errors.As(err, &e) {
		return e
	}
	return unix.EINVAL
}
