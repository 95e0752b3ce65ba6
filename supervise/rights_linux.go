package supervise

import (
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/unotify"
	"golang.org/x/sys/unix"
)

// Some calls fail of nothing but the caller's rights: socket options that divert traffic, raw sockets, ping sockets. The program
// makes them itself, so that it never has more rights or fewer. How they end is told by what the kernel will look at: the thread's capabilities, its
// groups, the device's name. A step is recorded only where the call is sure to fail.

// rightsRules trap those calls, by their registers.
func rightsRules(sockets bool) []unotify.Rule {
	var rules []unotify.Rule
	for _, o := range []struct{ level, name uint32 }{
		{unix.SOL_SOCKET, unix.SO_MARK},
		{unix.SOL_SOCKET, unix.SO_BINDTODEVICE},
		{unix.SOL_IP, unix.IP_TRANSPARENT},
		{unix.SOL_IPV6, unix.IPV6_TRANSPARENT},
	} {
		rules = append(rules, unotify.Rule{
			Syscall: unix.SYS_SETSOCKOPT,
			When:    []unotify.Condition{unotify.Int(1, o.level), unotify.Int(2, o.name)}, Action: unotify.Notify,
		})
	}
	if !sockets {
		return rules
	}
	typ := func(t uint64) unotify.Condition { return unotify.Condition{Arg: 1, Mask: sockTypeMask, Value: t} }
	for _, when := range [][]unotify.Condition{
		{unotify.Int(0, unix.AF_INET), typ(unix.SOCK_DGRAM), unotify.Int(2, unix.IPPROTO_ICMP)},
		{unotify.Int(0, unix.AF_INET6), typ(unix.SOCK_DGRAM), unotify.Int(2, unix.IPPROTO_ICMPV6)},
		{unotify.Int(0, unix.AF_INET), typ(unix.SOCK_RAW)},
		{unotify.Int(0, unix.AF_INET6), typ(unix.SOCK_RAW)},
	} {
		rules = append(rules, unotify.Rule{Syscall: unix.SYS_SOCKET, When: when, Action: unotify.Notify})
	}
	return rules
}

// setsockopt serves setsockopt(2) of an option that takes rights.
func (w *worker) setsockopt() {
	defer w.pass()
	fd, level, name, ptr, length := int32(w.n.Args[0]), int(int32(w.n.Args[1])), int(int32(w.n.Args[2])), w.n.Args[3], int(int32(w.n.Args[4]))
	if errno, ok := w.open(fd); !ok || errno != 0 || !w.sock.inet() {
		return
	}
	value := make([]byte, max(0, min(length, unix.IFNAMSIZ-1)))
	if n, err := unotify.ReadMemory(int(w.n.PID), ptr, value); err != nil || n < len(value) {
		return
	}
	var errno unix.Errno
	var detail string
	if level == unix.SOL_SOCKET && name == unix.SO_BINDTODEVICE {
		device, _, _ := strings.Cut(string(value), "\x00")
		errno, detail = w.deviceErrno(device), "SO_BINDTODEVICE, "+strconv.Quote(device)
	} else {
		errno, detail = w.markErrno(level, name, value)
	}
	if errno != 0 {
		w.willFail(w.sock.entry, attempt.CallSetsockopt, errno, detail)
	}
}

// deviceErrno is how binding w's socket to a device ends, 0 where that is not certain to fail: sock_setbindtodevice in
// net/core/sock.c. Only a socket that is bound to a device already takes rights (Linux 5.7).
func (w *worker) deviceErrno(device string) unix.Errno {
	if device != "" && sameLink("/proc/"+strconv.Itoa(int(w.n.PID))+"/ns/net", "/proc/self/ns/net") {
		fd, err := unix.Socket(w.sock.domain, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.BindToDevice(fd, device)
			_ = unix.Close(fd)
			if err == unix.ENODEV {
				return unix.ENODEV
			}
		}
	}
	if w.sock.option(unix.SO_BINDTOIFINDEX) != 0 && w.lacks(unix.CAP_NET_RAW) {
		return unix.EPERM
	}
	return 0
}

// markErrno is how setting SO_MARK, IP_TRANSPARENT or IPV6_TRANSPARENT ends: sk_setsockopt, do_ip_setsockopt, do_ipv6_setsockopt.
func (w *worker) markErrno(level, name int, value []byte) (unix.Errno, string) {
	n := 0
	switch {
	case len(value) >= 4:
		n = int(int32(binary.NativeEndian.Uint32(value)))
	case level == unix.SOL_IP && len(value) >= 1:
		n = int(value[0])
	default:
		return 0, ""
	}
	detail := fmt.Sprintf("SO_MARK, %#x", uint32(n))
	if level != unix.SOL_SOCKET {
		detail = map[int]string{unix.SOL_IP: "IP_TRANSPARENT", unix.SOL_IPV6: "IPV6_TRANSPARENT"}[level] + ", " + strconv.Itoa(n)
		if n == 0 {
			return 0, detail // turning it off takes no rights
		}
	}
	if w.lacks(unix.CAP_NET_ADMIN) && w.lacks(unix.CAP_NET_RAW) {
		return unix.EPERM, detail
	}
	return 0, detail
}

// lacks reports whether the caller surely does not have a capability over its network namespace.
func (w *worker) lacks(c int) bool {
	status := readProc("/proc/" + strconv.Itoa(int(w.n.PID)) + "/status")
	return statusField(status, "CapEff") != "" && statusMask(status, "CapEff")&(1<<c) == 0
}

// noteSocketRights records that making a socket fails of the caller's rights: raw sockets take CAP_NET_RAW (inet_create in
// net/ipv4/af_inet.c), ping sockets a group within ping_group_range (ping_init_sock in net/ipv4/ping.c).
func (w *worker) noteSocketRights(domain, typ, proto int) {
	life := attempt.Life{FD: -1, Protocol: attempt.Protocol(proto), Family: familyOf(domain)}
	var errno unix.Errno
	var detail string
	family := map[int]string{unix.AF_INET: "AF_INET", unix.AF_INET6: "AF_INET6"}[domain]
	switch {
	case typ&sockTypeMask == unix.SOCK_RAW && w.lacks(unix.CAP_NET_RAW):
		errno, detail = unix.EPERM, fmt.Sprintf("%s, SOCK_RAW, %v", family, life.Protocol)
	case typ&sockTypeMask == unix.SOCK_DGRAM && (proto == unix.IPPROTO_ICMP || proto == unix.IPPROTO_ICMPV6) && w.mayNotPing():
		errno, detail = unix.EACCES, fmt.Sprintf("%s, SOCK_DGRAM, %v", family, life.Protocol)
	default:
		return
	}
	life.Process = w.process()
	e := &entry{domain: uint16(domain), life: life}
	w.s.lives.addNameless(e)
	w.willFail(e, attempt.CallSocket, errno, detail)
}

// mayNotPing reports whether no group of the caller is within its network namespace's ping_group_range. A namespace that is not ours
// has a range that can't be read.
func (w *worker) mayNotPing() bool {
	dir := "/proc/" + strconv.Itoa(int(w.n.PID))
	if !sameLink(dir+"/ns/net", "/proc/self/ns/net") || !sameLink(dir+"/ns/user", "/proc/self/ns/user") {
		return false
	}
	b, err := os.ReadFile("/proc/sys/net/ipv4/ping_group_range")
	limits := strings.Fields(string(b))
	if err != nil || len(limits) != 2 {
		return false
	}
	low, _ := strconv.ParseUint(limits[0], 10, 32)
	high, _ := strconv.ParseUint(limits[1], 10, 32)
	status := readProc(dir + "/status")
	gids := strings.Fields(statusField(status, "Gid")) // real, effective, saved, file system: proc_pid_status(5)
	if len(gids) != 4 || !strings.Contains(status, "\nGroups:") {
		return false
	}
	for _, g := range append(strings.Fields(statusField(status, "Groups")), gids[1]) {
		if n, err := strconv.ParseUint(g, 10, 32); err != nil || n >= low && n <= high {
			return false
		}
	}
	return true
}

// willFail records a call that the program is about to make itself, and that fails.
func (w *worker) willFail(e *entry, call attempt.Call, errno unix.Errno, detail string) {
	st := attempt.Step{Call: call, How: attempt.Inferred, TID: int32(w.n.PID), Errno: attempt.Errno(errno), Detail: detail, At: time.Now()}
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := &w.s.located; w.s.opts.Where != nil && c.once(&c.failures, e.life.Process, failuresPerProcess) {
		st.Where = c.share(w.s.opts.Where(int(st.TID)))
	}
	w.s.record(e, st)
}
