package supervise

import (
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// When a process has no descriptor left, its next socket(2) fails, and that call is not trapped. But the last socket that it got can
// be told by its number: descriptors are given out lowest first, so the highest that RLIMIT_NOFILE allows is taken when all are.

// fewDescriptors is below any limit that a program can live with: for such numbers nobody asks for the limit.
const fewDescriptors = 15

// fullEvery is how often it is looked whether a process has all its descriptors in use.
const fullEvery = time.Second

// noteFull tells of a process that has just been seen to use the last descriptor that it may have, once all are in use.
func (w *worker) noteFull(fd int32) {
	if fd < fewDescriptors || w.s.opts.OnFull == nil {
		return
	}
	var limit unix.Rlimit
	tid := int(w.n.PID)
	if unix.Prlimit(tid, unix.RLIMIT_NOFILE, nil, &limit) != nil || uint64(fd)+1 < limit.Cur {
		return
	}
	last, now := w.s.fullAt.Load(), time.Now().UnixNano()
	if now-last < int64(fullEvery) || !w.s.fullAt.CompareAndSwap(last, now) {
		return
	}
	names, err := readNames("/proc/" + strconv.Itoa(tid) + "/fd")
	used := uint64(0)
	for _, name := range names { // descriptors above the limit are from before it was lowered, and don't count
		if n, err := strconv.ParseUint(name, 10, 64); err == nil && n < limit.Cur {
			used++
		}
	}
	if err != nil || used < limit.Cur {
		return
	}
	w.s.opts.OnFull(w.sock.entry.life.Process, w.sock.cookie, int(limit.Cur))
}
