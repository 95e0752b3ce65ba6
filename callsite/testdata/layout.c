/* Prints the pythonLayout of one CPython by its headers; TestPythonLayouts builds it. */
#define Py_BUILD_CORE 1
#include <Python.h>
#include <stddef.h>
#include <stdio.h>
#include <frameobject.h>
#if PY_VERSION_HEX >= 0x03080000
#include "pycore_pystate.h"
#if PY_VERSION_HEX >= 0x03090000
#include "pycore_runtime.h"
#include "pycore_interp.h"
#endif
#elif PY_VERSION_HEX >= 0x03070000
#include "internal/pystate.h"
#endif
#if PY_VERSION_HEX >= 0x030B0000
#include "pycore_frame.h"
#endif
#define P(n, x) printf(#n " %d\n", (int)(x))
int main(void) {
	printf("version %d\n", PY_MAJOR_VERSION << 8 | PY_MINOR_VERSION);
#if PY_VERSION_HEX >= 0x03070000
	P(runtimeInterpreters, offsetof(_PyRuntimeState, interpreters.head));
#endif
	P(interpNext, offsetof(PyInterpreterState, next));
#if PY_VERSION_HEX >= 0x030B0000
	P(interpThreads, offsetof(PyInterpreterState, threads.head));
#else
	P(interpThreads, offsetof(PyInterpreterState, tstate_head));
#endif
	P(threadNext, offsetof(PyThreadState, next));
	P(threadInterp, offsetof(PyThreadState, interp));
	P(threadID, offsetof(PyThreadState, thread_id));
#if PY_VERSION_HEX >= 0x030B0000
	P(threadNativeID, offsetof(PyThreadState, native_thread_id));
#if PY_VERSION_HEX >= 0x030D0000
	P(threadFrame, offsetof(PyThreadState, current_frame));
	P(frameCode, offsetof(_PyInterpreterFrame, f_executable));
	P(frameInstr, offsetof(_PyInterpreterFrame, instr_ptr));
#else
	P(threadCFrame, offsetof(PyThreadState, cframe));
	P(cframeFrame, offsetof(_PyCFrame, current_frame));
	P(frameCode, offsetof(_PyInterpreterFrame, f_code));
	P(frameInstr, offsetof(_PyInterpreterFrame, prev_instr));
#endif
	P(frameBack, offsetof(_PyInterpreterFrame, previous));
	P(frameOwner, offsetof(_PyInterpreterFrame, owner));
	P(codeLines, offsetof(PyCodeObject, co_linetable));
	P(codeQualname, offsetof(PyCodeObject, co_qualname));
	P(codeBytes, offsetof(PyCodeObject, co_code_adaptive));
#else
	P(threadFrame, offsetof(PyThreadState, frame));
	P(frameBack, offsetof(PyFrameObject, f_back));
	P(frameCode, offsetof(PyFrameObject, f_code));
	P(frameLasti, offsetof(PyFrameObject, f_lasti));
#if PY_VERSION_HEX >= 0x030A0000
	P(codeLines, offsetof(PyCodeObject, co_linetable));
#else
	P(codeLines, offsetof(PyCodeObject, co_lnotab));
#endif
#endif
	P(codeFilename, offsetof(PyCodeObject, co_filename));
	P(codeName, offsetof(PyCodeObject, co_name));
	P(codeFirstLine, offsetof(PyCodeObject, co_firstlineno));
	P(objectType, offsetof(PyObject, ob_type));
	P(bytesSize, offsetof(PyVarObject, ob_size));
#if PY_VERSION_HEX >= 0x03000000
	P(bytesData, offsetof(PyBytesObject, ob_sval));
	P(unicodeLength, offsetof(PyASCIIObject, length));
	P(unicodeState, offsetof(PyASCIIObject, hash)+sizeof(Py_hash_t));
	P(unicodeASCII, sizeof(PyASCIIObject));
	P(unicodeCompact, sizeof(PyCompactUnicodeObject));
#else
	P(bytesData, offsetof(PyStringObject, ob_sval));
#endif
	return 0;
}
