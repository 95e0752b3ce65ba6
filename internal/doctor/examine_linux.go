package doctor

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/sys/unix"
)

// Examine finds out what this machine lets sallyport do. It takes some tens of milliseconds, and leaves nothing behind.
func Examine(self Self) *Report {
	status := readStatus()
	calls := tryCalls(self)
	e := examination{status: status, calls: calls}
	if calls["seccomp"].killed {
		e.supervised = notSupervised(errors.New("a seccomp filter around this process kills the caller of seccomp(2)"))
	} else {
		e.supervised = trySupervising(self, calls)
	}
	e.userNS, e.netNS = tryNamespaces(self)
	r := &Report{}
	e.kernel(r)
	e.notification(r)
	e.access(r)
	e.comforts(r)
	e.namespaces(r)
	e.facts(r, Place{Root: os.DirFS("/"), Getenv: os.Getenv, UID: os.Getuid()})
	r.decide()
	return r
}

// examination is all that was found, before it is put in words.
type examination struct {
	status        map[string]string // /proc/self/status
	calls         map[string]called
	supervised    supervised
	userNS, netNS error
}

func readStatus() map[string]string {
	status := map[string]string{}
	b, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(b)) {
		key, value, _ := strings.Cut(line, ":")
		status[key] = strings.TrimSpace(value)
	}
	return status
}

// filtered reports whether a seccomp filter is in force around us.
func (e *examination) filtered() bool { return e.status["Seccomp"] == "2" }

// capable reports whether this process has a capability in its effective set.
func (e *examination) capable(capability int) bool {
	set, err := strconv.ParseUint(e.status["CapEff"], 16, 64)
	return err == nil && set>>capability&1 != 0
}

// refused reports whether a filter around us refuses a call: none of the trials ends so by itself,
// but for want of the call in the kernel.
func (e *examination) refused(call string) bool {
	c := e.calls[call]
	if c.killed {
		return true
	}
	return c.tried && e.filtered() && (c.errno == unix.EPERM || c.errno == unix.EACCES || c.errno == unix.ENOSYS)
}

// words are an error's: an errno as "operation not permitted (EPERM)".
func words(err error) string {
	var e unix.Errno
	if errors.As(err, &e) && err.Error() == e.Error() {
		return attempt.Errno(e).Error()
	}
	return err.Error()
}

// answer is Yes without an error, Unknown where nothing was tried, No otherwise, with a reason for each.
func answer(name string, err error, yes, change string) Check {
	switch {
	case err == nil:
		return Check{Name: name, OK: Yes, Reason: yes}
	case errors.Is(err, errNotTried):
		return Check{Name: name, Reason: "not tried: " + err.Error()}
	}
	return Check{Name: name, OK: No, Reason: words(err), Change: change}
}

// The oldest kernel that can do it: pidfd_getfd and SECCOMP_USER_NOTIF_FLAG_CONTINUE.
const oldestMajor, oldestMinor = 5, 6

func (e *examination) kernel(r *Report) {
	var u unix.Utsname
	c := Check{Name: Kernel}
	var major, minor int
	switch err := unix.Uname(&u); {
	case err != nil:
		c.Reason = "uname: " + words(err)
	default:
		release := unix.ByteSliceToString(u.Release[:])
		c.Reason = "Linux " + release
		if n, _ := fmt.Sscanf(release, "%d.%d", &major, &minor); n < 2 {
			break
		}
		c.OK = Yes
		if major < oldestMajor || major == oldestMajor && minor < oldestMinor {
			c.OK = No
			c.Change = fmt.Sprintf("Linux %d.%d or later", oldestMajor, oldestMinor)
		}
	}
	r.Checks = append(r.Checks, c)
}
