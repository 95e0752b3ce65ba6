package test

import (
	"testing"

	"golang.org/x/sys/unix"
)

// landlockNetwork is the first Landlock version that restricts TCP (landlock(7)).
const landlockNetwork = 4

// needLandlock skips the test where the kernel can't restrict binds.
func needLandlock(t testing.TB) {
	t.Helper()
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		t.Skipf("needs Landlock in the kernel: landlock_create_ruleset: %v", errno)
	}
	if abi < landlockNetwork {
		t.Skipf("needs Landlock version %d, which restricts TCP; the kernel has version %d", landlockNetwork, abi)
	}
}
