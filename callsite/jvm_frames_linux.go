package callsite

import (
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

const (
	maxJavaThreads = 1 << 14
	maxJavaFrames  = 16 * maxFrames // those that were inlined, and the machine's own, with them
	inNative       = 4              // _thread_in_native of JavaThreadState: runs C code that Java called
)

// The words of an interpreter's frame, and the one of a frame by which C++ called Java, counted from the frame pointer
// (frame_x86.hpp, the same in JDK 9 to 25 on Linux).
const (
	atReturn    = 8
	atSenderSP  = -8
	atMethod    = -3 * 8
	atBytecode  = -8 * 8
	atCallEntry = 6 * 8 // below it
)

// javaFrame is where the walk along a stack has come to.
type javaFrame struct{ sp, fp, pc uint64 }

// stack walks the Java frames of the thread, which waits in C code that Java called. A virtual thread's frames lie on
// the stack of the thread that carries it, the outermost perhaps not: then they are left out.
func (j *jvm) stack(p *process, mem *memory) ([]attempt.Frame, error) {
	anchor, err := j.anchorOf(p, mem)
	if err != nil {
		return nil, err
	}
	f, ok, err := j.lastFrame(mem, anchor)
	if err != nil {
		return nil, err
	}
	var frames []attempt.Frame
	for n := 0; ok && n < maxJavaFrames && len(frames) < maxJavaFrames; n++ {
		before := f.sp
		if frames, f, ok, err = j.step(mem, frames, f); err != nil {
			return nil, err
		}
		if ok && f.sp <= before {
			return nil, fmt.Errorf("%w: a Java stack that does not go up", ErrUnknown)
		}
	}
	frames = javaUserFrames(frames)
	if len(frames) == 0 {
		return nil, fmt.Errorf("%w: thread %d runs no Java", ErrUnknown, p.tid)
	}
	return frames[:min(len(frames), maxFrames)], nil
}

// errNotJava says that a thread is none of Java's, and so that no Java frames can be missing from what other tables tell of its stack.
var errNotJava = fmt.Errorf("%w: not a thread of Java's", ErrUnknown)

// maxListTries bounds how often the list of threads is read again: threads that start and end replace it.
const maxListTries = 64

// anchorOf is where the thread keeps the end of its Java stack while it is in C code. HotSpot replaces the list of threads by another and
// frees the old one whenever a thread starts or ends (runtime/threadSMR.cpp), so a list that was replaced while it was read
// tells of no thread that it does not have; and a new one can lie where the old one was, so that is only believed twice.
func (j *jvm) anchorOf(p *process, mem *memory) (uint64, error) {
	for tries, missing := 0, 0; tries < maxListTries; tries++ {
		list, err := mem.u64(j.field["ThreadsSMRSupport::_java_thread_list"])
		if err != nil {
			return 0, err
		}
		thread, listErr := j.listed(p, mem, list)
		if thread != 0 {
			if state, err := j.u32(mem, thread, "JavaThread::_thread_state"); err != nil || state != inNative {
				return 0, fmt.Errorf("%w: thread %d is not in a call of Java's, but of the machine's own", ErrUnknown, p.tid)
			}
			return thread + j.field["JavaThread::_anchor"], nil
		}
		mem.forget()
		now, err := mem.u64(j.field["ThreadsSMRSupport::_java_thread_list"])
		switch {
		case err != nil:
			return 0, err
		case now != list:
			missing = 0
		case listErr != nil:
			return 0, listErr
		default:
			if missing++; missing == 2 {
				return 0, fmt.Errorf("%w: thread %d", errNotJava, p.tid)
			}
		}
	}
	return 0, fmt.Errorf("%w: thread %d: the list of Java's threads kept changing", ErrUnknown, p.tid)
}

// listed finds the thread in a list of Java's threads; 0 where the list does not have it.
func (j *jvm) listed(p *process, mem *memory, list uint64) (thread uint64, err error) {
	count, err := j.u32(mem, list, "ThreadsList::_length")
	if err != nil {
		return 0, err
	}
	threads, err := j.ptr(mem, list, "ThreadsList::_threads")
	if err != nil {
		return 0, err
	}
	for i := range uint64(min(count, maxJavaThreads)) {
		thread, err := mem.u64(threads + 8*i)
		if err != nil {
			return 0, err
		}
		osThread, err := j.ptr(mem, thread, "JavaThread::_osthread")
		if err != nil || osThread == 0 {
			continue // begins, or ends
		}
		if id, err := j.u32(mem, osThread, "OSThread::_thread_id"); err == nil && int(id) == p.innerTid {
			return thread, nil
		}
	}
	return 0, nil
}

// lastFrame is the frame that an anchor names; ok is false where it names none.
func (j *jvm) lastFrame(mem *memory, anchor uint64) (f javaFrame, ok bool, err error) {
	if f.sp, err = j.ptr(mem, anchor, "JavaFrameAnchor::_last_Java_sp"); err != nil || f.sp == 0 {
		return f, false, err
	}
	if f.fp, err = j.ptr(mem, anchor, "JavaFrameAnchor::_last_Java_fp"); err != nil {
		return f, false, err
	}
	if f.pc, err = j.ptr(mem, anchor, "JavaFrameAnchor::_last_Java_pc"); err == nil && f.pc == 0 {
		f.pc, err = mem.u64(f.sp - 8) // where it is not told it lies under the stack
	}
	return f, err == nil, err
}

// step appends what the frame runs, and goes to its caller; ok is false at the end.
func (j *jvm) step(mem *memory, frames []attempt.Frame, f javaFrame) ([]attempt.Frame, javaFrame, bool, error) {
	interpreted, err := j.interprets(mem, f.pc)
	if err != nil {
		return frames, f, false, err
	}
	if interpreted {
		return j.stepInterpreted(mem, frames, f)
	}
	if entry, err := mem.u64(j.field["StubRoutines::_call_stub_return_address"]); err != nil {
		return frames, f, false, err
	} else if f.pc == entry {
		// C++ called Java here; its own frames are skipped, to those of the Java that called it.
		wrapper, err := mem.u64(f.fp - atCallEntry)
		if err != nil {
			return frames, f, false, err
		}
		next, ok, err := j.lastFrame(mem, wrapper+j.field["JavaCallWrapper::_anchor"])
		return frames, next, ok, err
	}
	return j.stepCompiled(mem, frames, f)
}

// interprets reports whether pc lies in the interpreter.
func (j *jvm) interprets(mem *memory, pc uint64) (bool, error) {
	queue, err := mem.u64(j.field["AbstractInterpreter::_code"])
	if err != nil {
		return false, err
	}
	start, err := j.ptr(mem, queue, "StubQueue::_stub_buffer")
	if err != nil {
		return false, err
	}
	size, err := j.u32(mem, queue, "StubQueue::_buffer_limit")
	return pc >= start && pc < start+uint64(size), err
}

func (j *jvm) stepInterpreted(mem *memory, frames []attempt.Frame, f javaFrame) ([]attempt.Frame, javaFrame, bool, error) {
	var words [5]uint64
	for i, offset := range [...]int64{atMethod, atBytecode, atSenderSP, 0, atReturn} {
		var err error
		if words[i], err = mem.u64(f.fp + uint64(offset)); err != nil {
			return frames, f, false, err
		}
	}
	frame, err := j.frame(mem, words[0], func(code uint64) int { return int(words[1] - code) })
	if err != nil {
		return frames, f, false, err
	}
	return append(frames, frame), javaFrame{sp: words[2], fp: words[3], pc: words[4]}, true, nil
}

// javaUserFrames leaves out the machine's inventions, and what lies between the system call and the first method of
// somebody else's than the JDK's. A stack of nothing else stays as it is.
func javaUserFrames(frames []attempt.Frame) []attempt.Frame {
	kept := frames[:0]
	for _, f := range frames {
		if !strings.Contains(f.Function, "$$Lambda") && !strings.HasPrefix(f.Function, "java.lang.invoke.") {
			kept = append(kept, f)
		}
	}
	first, last := 0, len(kept)
	for first < last && ofJDK(kept[first].Function) {
		first++
	}
	if first == last {
		return kept
	}
	for ofJDK(kept[last-1].Function) {
		last--
	}
	return kept[first:last]
}
