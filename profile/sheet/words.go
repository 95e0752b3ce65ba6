package sheet

import (
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/profile/flowset"
)

// meets is what a program meets at a denied attempt.
func meets(v profile.Verdict) string {
	switch v.Kind {
	case profile.DenyErrno:
		return "the call fails at once with " + errno(v.Errno)
	case profile.Refuse:
		return "connect fails at once with " + errno(attempt.ECONNREFUSED) + ", as if nothing listened there"
	case profile.Unreachable:
		return "connect fails at once with " + errno(attempt.EHOSTUNREACH)
	case profile.Drop:
		after := "after about two minutes (the kernel's SYN retries), so set a shorter limit"
		if v.Timeout > 0 {
			after = "after " + attempt.DurationText(v.Timeout)
		}
		return "silence: connect waits, and fails with " + errno(attempt.ETIMEDOUT) + " " + after + "; a datagram is sent and lost"
	}
	return ""
}

func errno(e attempt.Errno) string { return e.Name() + " (" + e.Message() + ")" }

// denied is one word for a verdict.
func denied(v profile.Verdict) string {
	switch v.Kind {
	case profile.DenyErrno:
		return "denied with " + v.Errno.Name()
	case profile.Refuse:
		return "refused"
	case profile.Unreachable:
		return "unreachable"
	case profile.Drop:
		return "dropped"
	}
	return "allowed"
}

// most is how many characters an enumeration may have on the page.
const most = 110

// enumerate is a list that fits: "10.0.0.25, 10.0.1.0/24 and 12 more".
func enumerate(list []string) string {
	n := 0
	for i, s := range list {
		if n += len(s) + 2; n > most && i > 0 {
			return strings.Join(list[:i], ", ") + fmt.Sprintf(" and %d more", len(list)-i)
		}
	}
	if len(list) > 1 {
		return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
	}
	return strings.Join(list, "")
}

// to is a set of addresses within what counts as everywhere: "anywhere", "10.0.0.25", "anywhere but 10.0.0.0/8".
func to(a, everywhere flowset.Addrs) string {
	a = a.Intersect(everywhere)
	rest := everywhere.Subtract(a)
	v4, v6 := everywhere.Intersect(flowset.AllIPv4()), everywhere.Intersect(flowset.AllIPv6())
	switch {
	case rest.IsEmpty():
		return "anywhere"
	case a.Equal(v4):
		return "anywhere by IPv4"
	case a.Equal(v6):
		return "anywhere by IPv6"
	}
	in, out := shortest(a, everywhere), shortest(rest, everywhere)
	if len(strings.Join(out, "")) < len(strings.Join(in, "")) {
		return "anywhere but " + enumerate(out)
	}
	return enumerate(in)
}

// shortest is a set as blocks. What is left out of everywhere may be in them, where that makes them shorter.
func shortest(a, everywhere flowset.Addrs) []string {
	list := blocks(a)
	for _, free := range everywhere.Complement().Prefixes() {
		wider := a.Union(flowset.AddrsOf(free))
		if wide := blocks(wider); len(strings.Join(wide, "")) < len(strings.Join(list, "")) {
			a, list = wider, wide
		}
	}
	return list
}

func blocks(a flowset.Addrs) []string {
	var out []string
	for _, b := range a.Blocks() {
		out = append(out, b.String())
	}
	return out
}
