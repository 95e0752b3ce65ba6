package callsite

import (
	"encoding/binary"
	"fmt"
)

// Since 3.13 _PyRuntime starts with _Py_DebugOffsets, by which Python describes its own layout to readers like this
// one: Include/internal/pycore_runtime.h in 3.13, pycore_debug_offsets.h later. A minor version may change it.
const (
	debugCookie      = "xdebugpy"
	debugOffsetsSize = 8 * 64  // as far as it is read here
	maxOffset        = 1 << 24 // more than any structure is long
)

// debugFields are the places, counted in uint64s, where the parts of _Py_DebugOffsets start.
type debugFields struct{ interpreter, thread, frame, code int }

var debugVersions = map[pythonVersion]debugFields{
	0x030d: {interpreter: 6, thread: 19, frame: 28, code: 34},
	0x030e: {interpreter: 6, thread: 22, frame: 31, code: 39}, // tried with Debian's 3.14.10
}

// parseDebugOffsets reads _Py_DebugOffsets, debugOffsetsSize bytes of it.
func parseDebugOffsets(b []byte) (pythonVersion, pythonLayout, error) {
	if len(b) < debugOffsetsSize || string(b[:8]) != debugCookie {
		return 0, pythonLayout{}, fmt.Errorf("%w: no %q at _PyRuntime", ErrUnknown, debugCookie)
	}
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }
	version := pythonVersion(word(1) >> 16)
	at, ok := debugVersions[version]
	if !ok {
		return 0, pythonLayout{}, fmt.Errorf("%w: CPython %d.%d, expected 3.14 or older", ErrUnknown, version>>8, version&0xff)
	}
	if word(2) != 0 {
		return 0, pythonLayout{}, fmt.Errorf("%w: a free-threaded CPython, expected one with a GIL", ErrUnknown)
	}
	l := pythonLayout{
		runtimeInterpreters: word(5),
		interpNext:          word(at.interpreter + 2),
		interpThreads:       word(at.interpreter + 3),
		threadNext:          word(at.thread + 2),
		threadInterp:        word(at.thread + 3),
		threadFrame:         word(at.thread + 4),
		threadID:            word(at.thread + 5),
		threadNativeID:      word(at.thread + 6),
		frameBack:           word(at.frame + 1),
		frameCode:           word(at.frame + 2),
		frameInstr:          word(at.frame + 3),
		frameOwner:          word(at.frame + 5),
		codeFilename:        word(at.code + 1),
		codeName:            word(at.code + 2),
		codeQualname:        word(at.code + 3),
		codeLines:           word(at.code + 4),
		codeFirstLine:       word(at.code + 5),
		codeBytes:           word(at.code + 9),
	}
	for i := 5; i < at.code+10; i++ {
		if word(i) >= maxOffset {
			return 0, pythonLayout{}, fmt.Errorf("%w: _Py_DebugOffsets has an offset of %#x", ErrUnknown, word(i))
		}
	}
	// Plain objects of a build with a GIL are as they were in 3.13.
	plain := pythonLayouts[0x030d]
	l.objectType, l.bytesSize, l.bytesData = plain.objectType, plain.bytesSize, plain.bytesData
	l.unicodeLength, l.unicodeState = plain.unicodeLength, plain.unicodeState
	l.unicodeASCII, l.unicodeCompact = plain.unicodeASCII, plain.unicodeCompact
	return version, l, nil
}
