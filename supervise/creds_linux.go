package supervise

import (
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/sys/unix"
)

// A call that we perform runs with our rights. For the calls that we perform the kernel asks for rights in three
// places only: a port below ip_unprivileged_port_start needs CAP_NET_BIND_SERVICE; a security module (SELinux, AppArmor) looks at
// the caller's label; Landlock at the caller's domain. The first is compared and, where the program has less, dropped for the length of
// the call. The others cannot be taken on: there the program makes its call itself, and its result is read off the socket.

// defaultPrivilegedBelow is PROT_SOCK. net.ipv4.ip_unprivileged_port_start moves it, ip(7).
const defaultPrivilegedBelow = 1024

// readPrivilegedBelow is the first port that everybody may bind, in our network namespace, and no less than the default: a
// program in another namespace may have its own.
func readPrivilegedBelow() int {
	b, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err != nil {
		return defaultPrivilegedBelow
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return defaultPrivilegedBelow
	}
	return max(n, defaultPrivilegedBelow)
}

// mayBindPrivileged reports whether the caller has CAP_NET_BIND_SERVICE over its own network namespace.
func (w *worker) mayBindPrivileged() bool {
	dir := "/proc/" + strconv.Itoa(int(w.n.PID))
	if statusMask(readProc(dir+"/status"), "CapEff")&(1<<unix.CAP_NET_BIND_SERVICE) == 0 {
		return false
	}
	// A capability in a user namespace of its own counts only over network namespaces made there.
	if sameLink(dir+"/ns/user", "/proc/self/ns/user") {
		return true
	}
	return !sameLink(dir+"/ns/net", "/proc/self/ns/net")
}

// sameLink reports whether two magic links of /proc lead to the same thing, and can be read.
func sameLink(a, b string) bool {
	x, err := os.Readlink(a)
	if err != nil {
		return false
	}
	y, err := os.Readlink(b)
	return err == nil && x == y
}

// withoutCapability makes a call with one capability taken from this thread's effective set. The thread is locked to
// its goroutine.
func withoutCapability(c int, call func() unix.Errno) unix.Errno {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var old, data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &old[0]); err != nil {
		return unix.EACCES
	}
	data = old
	data[c/32].Effective &^= 1 << (c % 32)
	if data == old {
		return call()
	}
	if err := unix.Capset(&hdr, &data[0]); err != nil {
		return unix.EACCES
	}
	defer func() { _ = unix.Capset(&hdr, &old[0]) }()
	return call()
}

// labelled reports whether a security module that labels processes is active.
func labelled() bool {
	b, err := os.ReadFile("/sys/kernel/security/lsm")
	if err != nil {
		b, err = os.ReadFile("/proc/self/attr/current")
		return err == nil && len(b) > 0
	}
	for _, m := range strings.Split(strings.TrimSpace(string(b)), ",") {
		switch m {
		case "selinux", "apparmor", "smack", "tomoyo":
			return true
		}
	}
	return false
}

// mustLetGo reports whether the caller is confined by something that we cannot take on, and not by a profile that we enforce.
func (s *Supervisor) mustLetGo(w *worker) bool {
	if s.enforcing() {
		return false
	}
	if s.confined.Load() {
		return true
	}
	if !s.labelled {
		return false
	}
	theirs, err := os.ReadFile("/proc/" + strconv.Itoa(int(w.n.PID)) + "/attr/current")
	return err == nil && string(theirs) != s.label
}

// letGo lets the program make its call, and sees to it that its result is read off the socket.
func (w *worker) letGo(call attempt.Call, to netip.AddrPort) {
	e := w.sock.entry
	e.mu.Lock()
	st := attempt.Step{Call: call, How: attempt.Unseen, TID: int32(w.n.PID), Address: to, At: time.Now()}
	if call == attempt.CallBind {
		e.source = to
	}
	w.s.record(e, st)
	e.mu.Unlock()
	switch {
	case call == attempt.CallConnect && w.sock.protocol.Stream():
		w.s.watch.addUnseen(w, st.At)
	case call == attempt.CallBind && to.IsValid():
		w.noteDomain()
		w.s.watch.addBind(w, to, st.At)
	}
	w.pass()
}
