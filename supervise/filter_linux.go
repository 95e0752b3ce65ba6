package supervise

import (
	"github.com/sallyport/sallyport/unotify"
	"golang.org/x/sys/unix"
)

// filter is what the program's calls are trapped by. As little as can be: close, dup, fork, fcntl, execve, read and
// write never are, but for reads of the sizes that resolvers read (lookupRules), and a call that cannot name an address is told by its registers.
func (s *Supervisor) filter() unotify.Filter {
	named := []unotify.Condition{{Arg: 4, Value: 0, Not: true}} // sendto with an address
	f := unotify.Filter{Rules: []unotify.Rule{
		{Syscall: unix.SYS_CONNECT, Action: unotify.Notify},
		{Syscall: unix.SYS_BIND, Action: unotify.Notify},
		{Syscall: unix.SYS_LISTEN, Action: unotify.Notify},
		{Syscall: unix.SYS_SENDTO, When: named, Action: unotify.Notify},
		{Syscall: unix.SYS_SENDMSG, Action: unotify.Notify},
		{Syscall: unix.SYS_SENDMMSG, Action: unotify.Notify},
		{
			Syscall: unix.SYS_GETSOCKOPT,
			When:    []unotify.Condition{unotify.Int(1, unix.SOL_SOCKET), unotify.Int(2, unix.SO_ERROR)},
			Action:  unotify.Notify,
		},
		// io_uring makes socket calls that seccomp does not see. Runtimes fall back where it is missing.
		{Syscall: unix.SYS_IO_URING_SETUP, Action: unotify.Fail(uint16(unix.ENOSYS))},
		// A program that confines itself further: its calls must be its own from then on.
		{Syscall: unix.SYS_LANDLOCK_RESTRICT_SELF, Action: unotify.Notify},
	}}
	f.Rules = append(f.Rules, lookupRules(s.ownResolver)...)
	f.Rules = append(f.Rules, rightsRules(!s.enforcing() && !s.inject)...)
	f.Rules = append(f.Rules, s.plainSockets()...)
	if s.fakesNames() {
		f.Rules = append(f.Rules,
			unotify.Rule{Syscall: unix.SYS_GETSOCKNAME, Action: unotify.Notify},
			unotify.Rule{Syscall: unix.SYS_GETPEERNAME, Action: unotify.Notify})
	}
	if s.enforcing() {
		f.Rules = append(f.Rules, enforcedSockets(s.inject)...)
		f.Foreign = unotify.Allow
		f.ForeignRules = foreignSockets()
	} else if s.inject {
		f.Rules = append(f.Rules, injectedSockets()...)
	}
	return f
}

// sockTypeMask leaves the type of socket(2)'s second argument, without SOCK_NONBLOCK and SOCK_CLOEXEC.
const sockTypeMask = 0xf

// enforcedSockets refuses the sockets whose destinations could not be decided: raw and packet sockets answer as they do
// without CAP_NET_RAW, unknown families as where the kernel does not have them.
func enforcedSockets(inject bool) []unotify.Rule {
	inet := unotify.Allow
	if inject {
		inet = unotify.Notify
	}
	socket := func(a unotify.Action, when ...unotify.Condition) unotify.Rule {
		return unotify.Rule{Syscall: unix.SYS_SOCKET, When: when, Action: a}
	}
	eperm, noProtocol := unotify.Fail(uint16(unix.EPERM)), unotify.Fail(uint16(unix.EPROTONOSUPPORT))
	raw := unotify.Condition{Arg: 1, Mask: sockTypeMask, Value: unix.SOCK_RAW}
	rules := []unotify.Rule{
		socket(unotify.Allow, unotify.Int(0, unix.AF_UNIX)),
		socket(unotify.Allow, unotify.Int(0, unix.AF_NETLINK)),
		socket(eperm, unotify.Int(0, unix.AF_PACKET)),
	}
	for _, family := range []uint32{unix.AF_INET, unix.AF_INET6} {
		rules = append(rules, socket(eperm, unotify.Int(0, family), raw))
		for _, typ := range []uint64{unix.SOCK_STREAM, unix.SOCK_DGRAM} {
			for _, proto := range []uint32{0, unix.IPPROTO_TCP, unix.IPPROTO_UDP, unix.IPPROTO_MPTCP, unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6} {
				rules = append(rules, socket(inet, unotify.Int(0, family),
					unotify.Condition{Arg: 1, Mask: sockTypeMask, Value: typ}, unotify.Int(2, proto)))
			}
		}
		rules = append(rules, socket(noProtocol, unotify.Int(0, family)))
	}
	return append(rules, socket(unotify.Fail(uint16(unix.EAFNOSUPPORT))))
}

// injectedSockets traps the creation of sockets, so that the supervisor can make them.
func injectedSockets() []unotify.Rule {
	return []unotify.Rule{
		{Syscall: unix.SYS_SOCKET, When: []unotify.Condition{unotify.Int(0, unix.AF_INET)}, Action: unotify.Notify},
		{Syscall: unix.SYS_SOCKET, When: []unotify.Condition{unotify.Int(0, unix.AF_INET6)}, Action: unotify.Notify},
	}
}

// foreignSockets refuses socket calls in the machine's 32-bit ABI, whose addresses are not read. The numbers are
// those of arch/x86/entry/syscalls/syscall_32.tbl; arm's differ, and are in foreignCalls.
func foreignSockets() []unotify.Rule {
	var rules []unotify.Rule
	for _, nr := range foreignCalls {
		rules = append(rules, unotify.Rule{Syscall: nr, Action: unotify.Fail(uint16(unix.EPERM))})
	}
	return append(rules, unotify.Rule{Syscall: 425, Action: unotify.Fail(uint16(unix.ENOSYS))}) // io_uring_setup
}
