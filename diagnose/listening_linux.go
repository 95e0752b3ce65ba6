package diagnose

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/sys/unix"
)

// maxNamespaces bounds the other network namespaces that are looked into.
const maxNamespaces = 32

// listening reads who listens on the port that refused an attempt within this machine. To be called while the process waits for its
// answer: the server may be it, or end with it. Where connecting once more is wanted, it is done.
func (s *standpoint) listening(pid int, r attempt.Result, again bool) (l listening) {
	if s == nil || r.Outcome.Kind != attempt.Refused || !r.Protocol.Stream() || r.Decided {
		return l
	}
	to := r.Destination.Addr().Unmap().WithZone("")
	_ = s.inside(func() {
		if to.IsLoopback() || slices.ContainsFunc(interfaceAddresses(), func(own Address) bool { return own.Addr == to }) {
			l = readListening(pid, effective(r), again)
		}
	})
	return l
}

// readListening is listening inside the program's network namespace.
func readListening(pid int, a attempt.Attempt, again bool) (l listening) {
	all, err := listenersOn(a.Destination.Port())
	if err != nil {
		return l
	}
	l.read = true
	for _, s := range all {
		if s.takes(a.Destination) {
			l.there = append(l.there, s)
		} else {
			l.others = append(l.others, s)
		}
	}
	if len(l.there) > 0 && again {
		l.again = refusedAtOnce(a)
	}
	if len(all) > 0 {
		name([]string{"/proc/" + strconv.Itoa(pid)}, l.there, l.others) // the other processes can wait, and are many
	}
	return l
}

// listenersOn are the TCP sockets of this thread's network namespace that listen on a port.
func listenersOn(port uint16) ([]listener, error) {
	var out []listener
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		some, err := tcpSockets(family, 1<<tcpListen)
		if err != nil && family == unix.AF_INET {
			return nil, err
		}
		for _, s := range some {
			if s.local.Port() == port {
				out = append(out, listener{at: s.local, v6only: s.v6only, device: s.device, inode: s.inode})
			}
		}
	}
	return out, nil
}

// refusedAtOnce reports whether a connect within this machine is refused.
func refusedAtOnce(a attempt.Attempt) bool {
	domain := unix.AF_INET
	if a.Destination.Addr().Unmap().Is6() {
		domain = unix.AF_INET6
	}
	fd, err := unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	if a.Source.Kind == attempt.SourceGiven && unix.Bind(fd, sockaddrFor(a.Source.Addr.Addr(), 0)) != nil {
		return false
	}
	err = unix.Connect(fd, sockaddrFor(a.Destination.Addr(), a.Destination.Port()))
	if err == unix.EINPROGRESS { // over loopback the answer has come by now, but for a busy machine
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		_, _ = unix.Poll(p, 100)
		errno, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
		err = unix.Errno(errno)
	}
	return err == unix.ECONNREFUSED
}

// lookElsewhere finds whose listeners they are, and where there is none looks at the port in the other network namespaces of this machine, as far as it may: entering one takes rights.
func (l *listening) lookElsewhere(s *standpoint, port uint16) {
	if s == nil || !l.read {
		return
	}
	if len(l.there) > 0 || len(l.others) > 0 {
		name(processes(), l.there, l.others)
		return
	}
	var own unix.Stat_t
	if unix.Fstat(int(s.netns.Fd()), &own) != nil {
		return
	}
	seen := []uint64{own.Ino}
	links, _ := filepath.Glob("/proc/[0-9]*/ns/net")
	for _, link := range links {
		var st unix.Stat_t
		if unix.Stat(link, &st) != nil || slices.Contains(seen, st.Ino) {
			continue
		}
		if seen = append(seen, st.Ino); len(seen) > maxNamespaces {
			break
		}
		netns, err := os.Open(link)
		if err != nil {
			continue
		}
		there := standpoint{netns: netns}
		_ = there.inside(func() {
			some, _ := listenersOn(port)
			l.elsewhere = append(l.elsewhere, some...)
		})
		there.close()
	}
	if len(l.elsewhere) > 0 {
		name(processes(), l.elsewhere)
	}
}

// processes are the directories of all processes.
func processes() []string {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	return dirs
}

// name finds which of the processes have the listeners: as far as their descriptors may be read.
func name(dirs []string, lists ...[]listener) {
	wanted := map[uint64][]*listener{}
	for _, ls := range lists {
		for i := range ls {
			wanted[ls[i].inode] = append(wanted[ls[i].inode], &ls[i])
		}
	}
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		for inode := range socketInodes(pid) {
			for _, l := range wanted[inode] {
				if l.pid == 0 { // the first is the oldest, so a server rather than its workers
					l.pid, l.command = pid, read(filepath.Join(dir, "comm"))
				}
			}
		}
	}
	for _, ls := range lists {
		slices.SortFunc(ls, func(a, b listener) int { return strings.Compare(a.at.String(), b.at.String()) })
	}
}
