package supervise

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/unotify"
	"golang.org/x/sys/unix"
)

// threadCache keeps handles to the threads that call, by id, for one worker. A handle stays with its thread: when that
// has ended it fails with ESRCH, so an id that another thread has by now is found out.
type threadCache struct {
	byTID map[int]*caller
}

type caller struct {
	thread  unotify.Thread
	process *attempt.Process
	read    time.Time // when process was read
}

// maxThreads bounds the descriptors that a worker's cache holds.
const maxThreads = 64

// getFD is a duplicate of a descriptor of a thread that waits for an answer now.
func (c *threadCache) getFD(tid, fd int) (int, error) {
	if t, ok := c.byTID[tid]; ok {
		dup, err := t.thread.GetFD(fd)
		if err != unix.ESRCH {
			return dup, err
		}
		_ = t.thread.Close()
		delete(c.byTID, tid)
	}
	t, err := unotify.OpenThread(tid)
	if err != nil {
		return -1, err
	}
	if !t.Exact() {
		defer t.Close()
		return t.GetFD(fd)
	}
	if len(c.byTID) >= maxThreads {
		c.close()
	}
	if c.byTID == nil {
		c.byTID = map[int]*caller{}
	}
	c.byTID[tid] = &caller{thread: t}
	return t.GetFD(fd)
}

func (c *threadCache) close() {
	for _, t := range c.byTID {
		_ = t.thread.Close()
	}
	c.byTID = nil
}

// processFresh is how long what was read about a process is taken for true: it may execute another file.
const processFresh = 100 * time.Millisecond

// process is the process that makes the call being served.
func (w *worker) process() *attempt.Process {
	tid := int(w.n.PID)
	c := w.threads.byTID[tid]
	if c == nil { // no exact handles here, nothing to cache by
		return readProcess(tid, nil)
	}
	now := time.Now()
	if c.process == nil || now.Sub(c.read) > processFresh {
		c.process, c.read = readProcess(tid, c.process), now
	}
	return c.process
}

// readProcess reads about the process of a thread. Where nothing changed it returns old.
func readProcess(tid int, old *attempt.Process) *attempt.Process {
	p := &attempt.Process{PID: tid}
	if old != nil {
		p.PID = old.PID
	} else if pid, err := unotify.ProcessOf(tid); err == nil {
		p.PID = pid
	}
	dir := "/proc/" + strconv.Itoa(tid)
	if b, err := os.ReadFile(dir + "/cmdline"); err == nil && len(b) > 0 {
		p.Command = strings.Split(string(bytes.TrimSuffix(b, []byte{0})), "\x00")
	}
	p.Exe, _ = os.Readlink(dir + "/exe")
	if old != nil && old.Exe == p.Exe && slices.Equal(old.Command, p.Command) {
		return old
	}
	return p
}
