package doctor

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// capabilities are those that change what sallyport can do, or what a client socket may do.
var capabilities = []struct {
	name   string
	number int
}{
	{"CAP_SYS_ADMIN", unix.CAP_SYS_ADMIN},
	{"CAP_SYS_PTRACE", unix.CAP_SYS_PTRACE},
	{"CAP_NET_ADMIN", unix.CAP_NET_ADMIN},
	{"CAP_NET_BIND_SERVICE", unix.CAP_NET_BIND_SERVICE},
}

func (e *examination) facts(r *Report, place Place) {
	fact := func(name, value string) { r.Facts = append(r.Facts, Fact{name, value}) }
	if kinds := place.Container(); len(kinds) > 0 {
		fact("container", strings.Join(kinds, ", "))
	} else {
		fact("container", "no sign of one")
	}
	fact("seccomp", e.seccompFact())
	var have, lack []string
	for _, c := range capabilities {
		if e.capable(c.number) {
			have = append(have, c.name)
		} else {
			lack = append(lack, c.name)
		}
	}
	value := "has " + list(have)
	if len(lack) > 0 {
		value += "; lacks " + list(lack)
	}
	fact("capabilities", value)
	fact("landlock", e.landlockFact())
	fact("io_uring", e.uringFact())
}

func list(names []string) string {
	if len(names) == 0 {
		return "none of those that matter"
	}
	return strings.Join(names, ", ")
}

// seccompFact is the state in /proc/self/status, and what a filter around us refuses.
func (e *examination) seccompFact() string {
	switch e.status["Seccomp"] {
	case "0":
		return "no filter around this process"
	case "2":
	default:
		return "mode " + e.status["Seccomp"]
	}
	var refused []string
	for _, t := range trials {
		if e.refused(t.name) {
			refused = append(refused, t.name)
		}
	}
	s := "a filter around this process"
	if len(refused) > 0 {
		s += " refuses " + strings.Join(refused, ", ")
	}
	// pidfd_getfd is left out of the comparison: CAP_SYS_PTRACE allows it.
	if e.refused("keyctl") && e.refused("unshare") && e.calls["clone3"].errno == unix.ENOSYS && !e.refused("seccomp") {
		s += ": like the default profile of Docker and containerd"
	}
	return s
}

func (e *examination) landlockFact() string {
	c := e.calls["landlock_create_ruleset"]
	switch {
	case !c.tried:
		return "could not be tried"
	case c.killed:
		return "refused: the caller is killed"
	case c.errno == unix.EOPNOTSUPP:
		return "not enabled at boot"
	case c.errno == unix.ENOSYS:
		return "not in this kernel, or refused"
	case c.errno != 0:
		return words(c.errno)
	}
	return "ABI " + strconv.Itoa(c.result)
}

// uringFact is told because io_uring makes calls that no filter sees: a program under run is told ENOSYS.
func (e *examination) uringFact() string {
	if b, err := os.ReadFile("/proc/sys/kernel/io_uring_disabled"); err == nil && strings.TrimSpace(string(b)) == "2" {
		return "disabled by kernel.io_uring_disabled"
	}
	c := e.calls["io_uring_setup"]
	switch {
	case !c.tried:
		return "could not be tried"
	case c.killed:
		return "refused: the caller is killed"
	case c.errno == unix.EFAULT || c.errno == unix.EINVAL:
		return "available; under run it answers ENOSYS"
	}
	return "not available: " + words(c.errno)
}
