package callsite

import "fmt"

// How much of the lists of interpreters and threads is followed.
const (
	maxInterpreters = 256
	maxThreads      = 16384
)

// pythonThread is a PyThreadState.
type pythonThread struct {
	frame    uint64 // the innermost frame
	threadID uint64 // the pthread_t of its thread
}

// thread is the state of the thread that the process is asked about.
func (py *python) thread(p *process, mem *memory) (pythonThread, error) {
	var threads []pythonThread
	count := 0
	interp, err := mem.u64(py.headAddr)
	for n := 0; err == nil && interp != 0 && n < maxInterpreters; n++ {
		var addr uint64
		addr, err = mem.u64(interp + py.layout.interpThreads)
		for ; err == nil && addr != 0 && count < maxThreads; count++ {
			var owner uint64
			if owner, err = mem.u64(addr + py.layout.threadInterp); err != nil {
				break
			}
			if owner != interp {
				return pythonThread{}, fmt.Errorf("%w: a thread state of CPython %d.%d is not of its interpreter",
					ErrUnknown, py.version>>8, py.version&0xff)
			}
			var t pythonThread
			var isIt bool
			if t, isIt, err = py.readThread(p, mem, addr); err != nil {
				break
			}
			if isIt {
				return t, nil
			}
			if t.frame != 0 {
				threads = append(threads, t)
			}
			addr, err = mem.u64(addr + py.layout.threadNext)
		}
		if err == nil {
			interp, err = mem.u64(interp + py.layout.interpNext)
		}
	}
	if err != nil {
		return pythonThread{}, err
	}
	return matchThread(p, mem, threads)
}

// readThread reads a PyThreadState, and says whether it is that of the thread that is asked about: since 3.11 it
// holds the thread's tid.
func (py *python) readThread(p *process, mem *memory, addr uint64) (t pythonThread, isIt bool, err error) {
	l := &py.layout
	if l.threadCFrame != 0 {
		var cframe uint64
		if cframe, err = mem.u64(addr + l.threadCFrame); err == nil && cframe != 0 {
			t.frame, err = mem.u64(cframe + l.cframeFrame)
		}
	} else {
		t.frame, err = mem.u64(addr + l.threadFrame)
	}
	if err != nil {
		return t, false, err
	}
	if t.threadID, err = mem.u64(addr + l.threadID); err != nil || l.threadNativeID == 0 || t.frame == 0 {
		return t, false, err
	}
	native, err := mem.u64(addr + l.threadNativeID)
	return t, native == uint64(p.innerTid), err
}

// tidOffsets are where the C library keeps a thread's tid, from the start of the structure that a pthread_t points
// to: glibc on amd64 and arm64 (nptl/descr.h, since 2.10), musl on both (src/internal/pthread_impl.h, since 1.2).
var tidOffsets = []uint64{0x2d0, 0xd0, 0x30, 0x20}

// matchThread finds the thread by its pthread_t, where there is no tid or an outdated one.
func matchThread(p *process, mem *memory, threads []pythonThread) (pythonThread, error) {
	for _, offset := range tidOffsets {
		for _, t := range threads {
			if t.threadID == 0 {
				continue
			}
			if tid, err := mem.u32(t.threadID + offset); err == nil && tid == uint32(p.innerTid) {
				return t, nil
			}
		}
	}
	// Another C library: all of them put the structure at the end of the stack of each thread but the main one.
	if t, ok := threadOnStack(p, threads); ok {
		return t, nil
	}
	return pythonThread{}, fmt.Errorf("%w: thread %d is none of the %d threads that run Python", ErrUnknown, p.tid, len(threads))
}

// threadOnStack is the thread whose pthread_t lies in the stack of the thread that is asked about, nearest above its
// stack pointer.
func threadOnStack(p *process, threads []pythonThread) (found pythonThread, ok bool) {
	sp, _, err := p.stackPointer()
	if err != nil {
		return found, false
	}
	maps, err := p.mappings()
	if err != nil {
		return found, false
	}
	for _, m := range maps {
		if sp < m.start || sp >= m.end {
			continue
		}
		for _, t := range threads {
			if t.threadID >= sp && t.threadID < m.end && (!ok || t.threadID < found.threadID) {
				found, ok = t, true
			}
		}
	}
	return found, ok
}
