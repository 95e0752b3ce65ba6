package supervise

import (
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/unotify"
	"golang.org/x/sys/unix"
)

// landlocked are the processes that have asked for a Landlock domain, and those seen to come from one. cgroups are their
// /proc/PID/cgroup, as it was when they were about to bind: by the time the bind is known to have failed they may have ended.
type landlocked struct {
	mu      sync.Mutex
	pids    map[int]struct{}
	cgroups map[int]string
}

// maxLandlocked bounds the memory of them.
const maxLandlocked = 4096

func (l *landlocked) add(pid int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pids == nil {
		l.pids = map[int]struct{}{}
	}
	if len(l.pids) < maxLandlocked {
		l.pids[pid] = struct{}{}
	}
}

func (l *landlocked) has(pid int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.pids[pid]
	return ok
}

// restrictSelf serves landlock_restrict_self(2).
func (w *worker) restrictSelf() {
	w.s.confined.Store(true)
	if pid, err := unotify.ProcessOf(int(w.n.PID)); err == nil {
		w.s.landlocked.add(pid)
	}
	w.pass()
}

// noteDomain remembers where the caller stands, whose bind is let go: once it has ended nobody can tell.
func (w *worker) noteDomain() {
	pid, err := unotify.ProcessOf(int(w.n.PID))
	if err != nil {
		return
	}
	w.s.Landlocked(pid)
	l := &w.s.landlocked
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cgroups == nil || len(l.cgroups) >= maxLandlocked {
		l.cgroups = map[int]string{}
	}
	l.cgroups[pid] = readProc("/proc/" + strconv.Itoa(pid) + "/cgroup")
}

// Cgroups is the /proc/PID/cgroup of a process, as it was when it made a bind that is not performed for it, else as it is; "" where it
// can't be read.
func (s *Supervisor) Cgroups(pid int) string {
	s.landlocked.mu.Lock()
	file, ok := s.landlocked.cgroups[pid]
	s.landlocked.mu.Unlock()
	if ok {
		return file
	}
	return readProc("/proc/" + strconv.Itoa(pid) + "/cgroup")
}

// Landlocked reports whether the process, or one that it comes from, has asked for a Landlock domain since the program started.
func (s *Supervisor) Landlocked(pid int) bool {
	if !s.confined.Load() {
		return false
	}
	for at, depth := pid, 0; at > 1 && depth < 64; depth++ {
		if s.landlocked.has(at) {
			s.landlocked.add(pid)
			return true
		}
		at = parent(at)
	}
	return false
}

// parent is the parent of a process, 0 where there is none any more.
func parent(pid int) int {
	for line := range strings.Lines(readProc("/proc/" + strconv.Itoa(pid) + "/status")) {
		if rest, ok := strings.CutPrefix(line, "PPid:"); ok {
			n, _ := strconv.Atoi(strings.TrimSpace(rest))
			return n
		}
	}
	return 0
}

// TryBind binds a socket of our own in the network namespace of a process of the program, and closes it: 0, or why it could not be
// bound. The error says that it could not be tried.
func (s *Supervisor) TryBind(pid int, p attempt.Protocol, at netip.AddrPort) (attempt.Errno, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	if _, err := os.Readlink(dir + "/ns/net"); err != nil || sameLink(dir+"/ns/net", "/proc/self/ns/net") {
		return bindAnew(p, at)
	}
	type answer struct {
		errno attempt.Errno
		err   error
	}
	ch := make(chan answer)
	go func() { // ends with its thread, which is in the program's namespace: never unlocked
		runtime.LockOSThread()
		errno, err := attempt.Errno(0), enterNamespace(dir+"/ns/net")
		if err == nil {
			errno, err = bindAnew(p, at)
		}
		ch <- answer{errno, err}
	}()
	r := <-ch
	return r.errno, r.err
}

// bindAnew binds a new socket in this thread's network namespace.
func bindAnew(p attempt.Protocol, at netip.AddrPort) (attempt.Errno, error) {
	domain, typ := unix.AF_INET, unix.SOCK_DGRAM
	if !at.Addr().Is4() {
		domain = unix.AF_INET6
	}
	if p.Stream() {
		typ = unix.SOCK_STREAM
	}
	fd, err := unix.Socket(domain, typ|unix.SOCK_CLOEXEC, int(p))
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	return ended(unix.Bind(fd, unixSockaddr(at))).Errno, nil
}
