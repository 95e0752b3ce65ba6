package callsite

// pythonVersion is a version of CPython: 0x030b for 3.11.
type pythonVersion uint16

// pythonLayout says where a version of CPython keeps what leads from a thread to its lines of source: offsets in
// bytes from the start of each structure, on 64-bit systems. An offset that a version lacks is 0 here and not used.
type pythonLayout struct {
	runtimeInterpreters                  uint64 // _PyRuntimeState: interpreters.head
	interpNext, interpThreads            uint64 // PyInterpreterState: next; tstate_head, threads.head
	threadNext, threadInterp             uint64 // PyThreadState
	threadID, threadNativeID             uint64 // thread_id is the pthread_t, native_thread_id the tid
	threadFrame                          uint64 // frame, current_frame
	threadCFrame, cframeFrame            uint64 // 3.11 and 3.12: a _PyCFrame between thread and frame
	frameBack, frameCode                 uint64 // PyFrameObject, _PyInterpreterFrame
	frameLasti                           uint64 // before 3.11: int f_lasti
	frameInstr, frameOwner               uint64 // since 3.11: prev_instr, instr_ptr; char owner
	codeFilename, codeName, codeQualname uint64 // PyCodeObject
	codeFirstLine, codeLines, codeBytes  uint64 // co_firstlineno; co_lnotab, co_linetable; co_code_adaptive
	objectType                           uint64 // PyObject
	bytesSize, bytesData                 uint64 // PyBytesObject, PyStringObject
	unicodeLength, unicodeState          uint64 // PyASCIIObject
	unicodeASCII, unicodeCompact         uint64 // sizes of PyASCIIObject and PyCompactUnicodeObject
}

// pythonLayouts holds offsetof of the structures in CPython's own headers (Include/ and Include/internal/ of each
// version), as a C compiler computes them; the test does so again where the headers are. They are the same in every
// release of a minor version. Since 3.13 Python tells them itself, so 3.13 stands here for the test, and for the
// layout of plain objects.
var pythonLayouts = map[pythonVersion]pythonLayout{
	0x0207: {
		interpNext: 0, interpThreads: 8, threadNext: 0, threadInterp: 8, threadID: 144, threadFrame: 16,
		frameBack: 24, frameCode: 32, frameLasti: 120, codeLines: 104, codeFilename: 80, codeName: 88,
		codeFirstLine: 96, objectType: 8, bytesSize: 16, bytesData: 36,
	},
	0x0306: {
		interpNext: 0, interpThreads: 8, threadNext: 8, threadInterp: 16, threadID: 152, threadFrame: 24,
		frameBack: 24, frameCode: 32, frameLasti: 120, codeLines: 112, codeFilename: 96, codeName: 104,
		codeFirstLine: 36, objectType: 8, bytesSize: 16, bytesData: 32, unicodeLength: 16, unicodeState: 32,
		unicodeASCII: 48, unicodeCompact: 72,
	},
	0x0307: {
		runtimeInterpreters: 24, interpNext: 0, interpThreads: 8, threadNext: 8, threadInterp: 16, threadID: 176,
		threadFrame: 24, frameBack: 24, frameCode: 32, frameLasti: 104, codeLines: 112, codeFilename: 96,
		codeName: 104, codeFirstLine: 36, objectType: 8, bytesSize: 16, bytesData: 32, unicodeLength: 16,
		unicodeState: 32, unicodeASCII: 48, unicodeCompact: 72,
	},
	0x0308: {
		runtimeInterpreters: 32, interpNext: 0, interpThreads: 8, threadNext: 8, threadInterp: 16, threadID: 176,
		threadFrame: 24, frameBack: 24, frameCode: 32, frameLasti: 104, codeLines: 120, codeFilename: 104,
		codeName: 112, codeFirstLine: 40, objectType: 8, bytesSize: 16, bytesData: 32, unicodeLength: 16,
		unicodeState: 32, unicodeASCII: 48, unicodeCompact: 72,
	},
	0x0309: {
		runtimeInterpreters: 32, interpNext: 0, interpThreads: 8, threadNext: 8, threadInterp: 16, threadID: 176,
		threadFrame: 24, frameBack: 24, frameCode: 32, frameLasti: 104, codeLines: 120, codeFilename: 104,
		codeName: 112, codeFirstLine: 40, objectType: 8, bytesSize: 16, bytesData: 32, unicodeLength: 16,
		unicodeState: 32, unicodeASCII: 48, unicodeCompact: 72,
	},
	0x030a: {
		runtimeInterpreters: 32, interpNext: 0, interpThreads: 8, threadNext: 8, threadInterp: 16, threadID: 176,
		threadFrame: 24, frameBack: 24, frameCode: 32, frameLasti: 96, codeLines: 120, codeFilename: 104,
		codeName: 112, codeFirstLine: 40, objectType: 8, bytesSize: 16, bytesData: 32, unicodeLength: 16,
		unicodeState: 32, unicodeASCII: 48, unicodeCompact: 72,
	},
	0x030b: {
		runtimeInterpreters: 40, interpNext: 0, interpThreads: 16, threadNext: 8, threadInterp: 16, threadID: 152,
		threadNativeID: 160, threadCFrame: 56, cframeFrame: 8, frameCode: 32, frameInstr: 56, frameBack: 48,
		frameOwner: 69, codeLines: 136, codeQualname: 128, codeBytes: 184, codeFilename: 112, codeName: 120,
		codeFirstLine: 72, objectType: 8, bytesSize: 16, bytesData: 32, unicodeLength: 16, unicodeState: 32,
		unicodeASCII: 48, unicodeCompact: 72,
	},
	0x030c: {
		runtimeInterpreters: 40, interpNext: 0, interpThreads: 72, threadNext: 8, threadInterp: 16, threadID: 136,
		threadNativeID: 144, threadCFrame: 56, cframeFrame: 0, frameCode: 0, frameInstr: 56, frameBack: 8,
		frameOwner: 70, codeLines: 136, codeQualname: 128, codeBytes: 192, codeFilename: 112, codeName: 120,
		codeFirstLine: 68, objectType: 8, bytesSize: 16, bytesData: 32, unicodeLength: 16, unicodeState: 32,
		unicodeASCII: 40, unicodeCompact: 56,
	},
	0x030d: {
		runtimeInterpreters: 632, interpNext: 7264, interpThreads: 7344, threadNext: 8, threadInterp: 16,
		threadID: 152, threadNativeID: 160, threadFrame: 72, frameCode: 0, frameInstr: 56, frameBack: 8,
		frameOwner: 70, codeLines: 136, codeQualname: 128, codeBytes: 200, codeFilename: 112, codeName: 120,
		codeFirstLine: 68, objectType: 8, bytesSize: 16, bytesData: 32, unicodeLength: 16, unicodeState: 32,
		unicodeASCII: 40, unicodeCompact: 56,
	},
}
