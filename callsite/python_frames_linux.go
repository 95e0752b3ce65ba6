package callsite

import (
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// maxPythonFrames bounds how many frames are followed: those told and those that are not shown.
const maxPythonFrames = 4 * maxFrames

// ownedByInterpreter is the least value of a frame's owner that says that the frame is none of the program's: 3.12
// and 3.13 FRAME_OWNED_BY_CSTACK, 3.14 FRAME_OWNED_BY_INTERPRETER.
const ownedByInterpreter = 3

// stack is the Python stack of the thread. Frames of C functions are not in it, nor those of the import system.
func (py *python) stack(p *process, mem *memory) ([]attempt.Frame, error) {
	t, err := py.thread(p, mem)
	if err != nil {
		return nil, err
	}
	var frames []attempt.Frame
	addr := t.frame
	for n := 0; addr != 0 && n < maxPythonFrames && len(frames) < maxFrames; n++ {
		f, ok, err := py.frame(mem, addr)
		if err != nil {
			return nil, err
		}
		if ok && !strings.HasPrefix(f.File, "<frozen importlib") {
			frames = append(frames, f)
		}
		if addr, err = mem.u64(addr + py.layout.frameBack); err != nil {
			return nil, err
		}
	}
	if len(frames) == 0 {
		return nil, fmt.Errorf("%w: thread %d runs no Python function", ErrUnknown, p.tid)
	}
	return frames, nil
}

// frame reads the frame at addr; ok is false where it is the interpreter's own.
func (py *python) frame(mem *memory, addr uint64) (f attempt.Frame, ok bool, err error) {
	l := &py.layout
	if l.frameOwner != 0 && py.version >= 0x030c {
		owner, err := mem.u8(addr + l.frameOwner)
		if err != nil || owner >= ownedByInterpreter {
			return f, false, err
		}
	}
	code, err := mem.u64(addr + l.frameCode)
	if err != nil {
		return f, false, err
	}
	code &^= 3 // 3.14 keeps tags in a _PyStackRef; objects are aligned to more
	kind, err := mem.u64(code + l.objectType)
	if err != nil {
		return f, false, err
	}
	if py.codeType != 0 && kind != py.codeType {
		return f, false, fmt.Errorf("%w: a frame of CPython %d.%d has no code object", ErrUnknown, py.version>>8, py.version&0xff)
	}
	last, err := py.lastInstruction(mem, addr, code)
	if err != nil {
		return f, false, err
	}
	if f.File, err = py.textAt(mem, code+l.codeFilename); err != nil {
		return f, false, err
	}
	name := l.codeName
	if l.codeQualname != 0 {
		name = l.codeQualname
	}
	if f.Function, err = py.textAt(mem, code+name); err != nil {
		return f, false, err
	}
	f.Line, err = py.line(mem, code, last)
	return f, true, err
}

// lastInstruction is the offset in bytes of the instruction that the frame executes; negative before its first.
func (py *python) lastInstruction(mem *memory, frame, code uint64) (int, error) {
	l := &py.layout
	if l.frameInstr == 0 {
		lasti, err := mem.u32(frame + l.frameLasti)
		last := int(int32(lasti))
		if py.version == 0x030a && last > 0 {
			last *= 2 // in 3.10 it counts instructions
		}
		return last, err
	}
	instr, err := mem.u64(frame + l.frameInstr)
	return int(int64(instr - code - l.codeBytes)), err
}

// line is the line of source that the instruction was made from, 0 where it has none.
func (py *python) line(mem *memory, code uint64, last int) (int, error) {
	l := &py.layout
	first32, err := mem.u32(code + l.codeFirstLine)
	if err != nil {
		return 0, err
	}
	first := int(int32(first32))
	if last < 0 {
		return first, nil
	}
	object, err := mem.u64(code + l.codeLines)
	if err != nil {
		return 0, err
	}
	table, err := py.bytes(mem, object)
	if err != nil {
		return 0, err
	}
	return max(0, lineAt(py.version, table, first, last)), nil
}
