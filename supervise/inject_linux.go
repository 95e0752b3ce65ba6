package supervise

import (
	"errors"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/sallyport/sallyport/unotify"
	"golang.org/x/sys/unix"
)

// Socket injection is for places where pidfd_getfd(2) is forbidden, Docker's default seccomp profile above all. The
// supervisor makes the program's sockets, keeps a duplicate of each, and puts the other into the program. The
// duplicate is found again by the socket's inode, which /proc/PID/fd names, and let go as soon as there
// is nothing left to do for the socket: connected, listening, or closed by the program.
type heldTable struct {
	mu      sync.Mutex
	byInode map[uint64]*held
	swept   time.Time

	// Sockets that were connected and let go, where a profile is enforced. Inode numbers of sockets go up, and are
	// not used again soon (get_next_ino in fs/inode.c).
	connected map[uint64]struct{}
}

// held is one duplicate. Its fields are guarded by the table's lock.
type held struct {
	table *heldTable
	inode uint64
	fd    int
	pid   int // where the program has it, as far as is known
	num   int
	users int  // workers that use it now
	gone  bool // out of the table: the last user closes it
}

// sweepPeriod is how often the program is looked through for sockets it has closed.
const sweepPeriod = 100 * time.Millisecond

// socket serves socket(2).
func (w *worker) socket() {
	domain, typ, proto := int(int32(w.n.Args[0])), int(int32(w.n.Args[1])), int(int32(w.n.Args[2]))
	w.noteSocketRights(domain, typ, proto)
	if !w.s.inject {
		w.noteSocket(domain, proto)
		w.pass() // it was only looked at
		return
	}
	if !w.likeUs() {
		w.giveUp() // its socket would not be what it makes itself
		return
	}
	fd, err := unix.Socket(domain, typ|unix.SOCK_CLOEXEC, proto)
	if err != nil {
		var errno unix.Errno
		errors.As(err, &errno)
		w.answer(0, errno)
		return
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		_ = unix.Close(fd)
		w.giveUp()
		return
	}
	// It is in the table before the program has it: another thread may use it at once.
	pid, _ := unotify.ProcessOf(int(w.n.PID))
	h := w.s.held.add(st.Ino, fd, pid)
	num, err := w.s.listener.AddFD(w.n.ID, fd, typ&unix.SOCK_CLOEXEC != 0)
	if err != nil {
		h.drop()
		var errno unix.Errno
		if errors.As(err, &errno) {
			w.answer(0, errno)
		}
		return
	}
	w.s.held.mu.Lock()
	h.num = num
	w.s.held.mu.Unlock()
	w.s.minder.wake()
}

// likeUs reports whether a socket that we make is the one that the caller would make: the same network namespace and user.
func (w *worker) likeUs() bool {
	dir := "/proc/" + strconv.Itoa(int(w.n.PID))
	if !sameLink(dir+"/ns/net", "/proc/self/ns/net") {
		return false
	}
	var theirs unix.Stat_t // a process's directory belongs to its effective user
	return unix.Stat(dir, &theirs) == nil && int(theirs.Uid) == unix.Geteuid()
}

// inode is that of the socket behind one of the caller's descriptors, or the errno for what is no socket. ok is false
// where it cannot be known.
func (w *worker) inode(fd int32) (inode uint64, errno unix.Errno, ok bool) {
	link, err := os.Readlink("/proc/" + strconv.Itoa(int(w.n.PID)) + "/fd/" + strconv.Itoa(int(fd)))
	if errors.Is(err, os.ErrNotExist) {
		return 0, unix.EBADF, true
	}
	if err != nil {
		return 0, 0, false
	}
	if inode, ok = socketInode(link); !ok {
		return 0, unix.ENOTSOCK, true
	}
	return inode, 0, true
}

// wasConnected reports whether the socket of the call being served was connected under our eyes, and let go.
func (t *heldTable) wasConnected(w *worker) bool {
	inode, _, ok := w.inode(int32(w.n.Args[0]))
	t.mu.Lock()
	defer t.mu.Unlock()
	_, was := t.connected[inode]
	return ok && was
}

// maxConnected bounds the memory of connected sockets.
const maxConnected = 65536

// letGo drops the duplicate of a socket that is connected, and remembers that it is.
func (h *held) letGo() {
	t := h.table
	t.mu.Lock()
	if t.connected == nil || len(t.connected) >= maxConnected {
		t.connected = map[uint64]struct{}{}
	}
	t.connected[h.inode] = struct{}{}
	t.mu.Unlock()
	h.drop()
}

// borrow finds the duplicate of one of the caller's descriptors.
func (w *worker) borrow(fd int32) (unix.Errno, bool) {
	inode, errno, ok := w.inode(fd)
	if errno != 0 || !ok {
		return errno, ok
	}
	h := w.s.held.borrow(inode)
	if h == nil {
		return 0, false
	}
	w.sock.fd, w.sock.borrowed = h.fd, h
	return 0, true
}

func (t *heldTable) add(inode uint64, fd, pid int) *held {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byInode == nil {
		t.byInode = map[uint64]*held{}
	}
	h := &held{table: t, inode: inode, fd: fd, pid: pid, num: -1}
	t.byInode[inode] = h
	return h
}

func (t *heldTable) borrow(inode uint64) *held {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.byInode[inode]
	if h != nil {
		h.users++
	}
	return h
}

// release ends a borrowing.
func (h *held) release() {
	h.table.mu.Lock()
	h.users--
	closing := h.gone && h.users == 0
	h.table.mu.Unlock()
	if closing {
		_ = unix.Close(h.fd)
	}
}

// drop takes the duplicate out of the table; it is closed when nobody uses it.
func (h *held) drop() {
	h.table.mu.Lock()
	closing := !h.gone && h.users == 0
	h.gone = true
	delete(h.table.byInode, h.inode)
	h.table.mu.Unlock()
	if closing {
		_ = unix.Close(h.fd)
	}
}

func (t *heldTable) dropInode(inode uint64) {
	if h := t.borrow(inode); h != nil {
		h.letGo()
		h.release()
	}
}

// sweepEvery sweeps when it is time, and reports whether anything is held.
func (t *heldTable) sweepEvery(now time.Time) bool {
	t.mu.Lock()
	due, any := now.Sub(t.swept) >= sweepPeriod, len(t.byInode) > 0
	if due {
		t.swept = now
	}
	t.mu.Unlock()
	if due && any {
		t.sweep()
	}
	return any
}

// sweep lets go of the sockets that the program has closed, and reports whether there were any.
func (t *heldTable) sweep() bool {
	t.mu.Lock()
	candidates := map[*held]place{}
	for _, h := range t.byInode {
		if h.num >= 0 {
			candidates[h] = place{h.pid, h.num}
		}
	}
	t.mu.Unlock()
	var holders map[uint64]place
	any := false
	for h, last := range candidates {
		at := "/proc/" + strconv.Itoa(last.pid) + "/fd/" + strconv.Itoa(last.num)
		link, err := os.Readlink(at)
		if inode, ok := socketInode(link); err == nil && ok && inode == h.inode {
			continue
		}
		if holders == nil {
			holders = socketHolders()
		}
		if p, held := holders[h.inode]; held {
			t.mu.Lock()
			h.pid, h.num = p.pid, p.num
			t.mu.Unlock()
			continue
		}
		h.drop()
		any = true
	}
	return any
}

// canGetFD reports whether pidfd_getfd(2) is allowed here, by getting a descriptor of our own.
func canGetFD() bool {
	t, err := unotify.OpenThread(unix.Getpid())
	if err != nil {
		return false
	}
	defer t.Close()
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(p[0])
	defer unix.Close(p[1])
	fd, err := t.GetFD(p[0])
	if err != nil {
		return false
	}
	_ = unix.Close(fd)
	return true
}

func (t *heldTable) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, h := range t.byInode {
		_ = unix.Close(h.fd)
	}
	t.byInode = nil
}
