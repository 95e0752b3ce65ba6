package supervise

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// undelivered keeps results that a caller was interrupted too early to get, until the same thread makes the same call
// again: after a signal handler with SA_RESTART, or because the program repeats a call that ended in EINTR. A bind
// that was performed is so not performed twice, nor is a datagram sent twice.
type undelivered struct {
	count atomic.Int32
	mu    sync.Mutex
	byTID map[int32]result
}

type result struct {
	nr    int32
	args  [6]uint64
	val   int64
	errno unix.Errno
	at    time.Time
}

// undeliveredFor is how long a result is kept. A restart follows at once; a program's own loop, soon.
const undeliveredFor = time.Second

func (u *undelivered) keep(w *worker, val int64, errno unix.Errno) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.byTID == nil {
		u.byTID = map[int32]result{}
	}
	now := time.Now()
	for tid, r := range u.byTID {
		if now.Sub(r.at) > undeliveredFor {
			delete(u.byTID, tid)
		}
	}
	u.byTID[int32(w.n.PID)] = result{w.n.Nr, w.n.Args, val, errno, now}
	u.count.Store(int32(len(u.byTID)))
}

// replay answers the call with its kept result, if there is one.
func (u *undelivered) replay(w *worker) bool {
	if u.count.Load() == 0 {
		return false
	}
	u.mu.Lock()
	r, ok := u.byTID[int32(w.n.PID)]
	ok = ok && r.nr == w.n.Nr && r.args == w.n.Args && time.Since(r.at) <= undeliveredFor
	if ok {
		delete(u.byTID, int32(w.n.PID))
		u.count.Store(int32(len(u.byTID)))
	}
	u.mu.Unlock()
	if ok {
		w.acted = true // should it be interrupted once more
		w.answer(r.val, r.errno)
	}
	return ok
}

// keepErrno keeps an errno as the answer to the same call, should it come again.
func (u *undelivered) keepErrno(w *worker, errno unix.Errno) {
	if !w.s.listener.Valid(w.n.ID) {
		u.keep(w, 0, errno)
	}
}
