package diagnose

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// landlockNet is the first version of Landlock that restricts TCP, landlock(7).
const landlockNet = 4

// landlockRestrictsTCP reports whether the kernel's Landlock can deny binds. Its version can be asked for by everybody.
func landlockRestrictsTCP() bool {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	return errno == 0 && version >= landlockNet
}

// labelOf tells whether SELinux or AppArmor is in force for a process.
func labelOf(pid int) securityLabel {
	theirs := trimLabel(read("/proc/" + strconv.Itoa(pid) + "/attr/current"))
	l := securityLabel{context: theirs, differs: theirs != trimLabel(read("/proc/self/attr/current"))}
	switch {
	case selinux() == "enforcing":
		l.module = BySELinux
	case read("/sys/module/apparmor/parameters/enabled") == "Y" && (theirs == "" || strings.HasSuffix(theirs, "(enforce)")):
		l.module = ByAppArmor
	}
	return l
}

func trimLabel(s string) string { return strings.TrimRight(s, "\x00\n") }
