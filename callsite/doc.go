// Package callsite tells which line of source made a call: the call stack of a thread of another process, read from
// outside while the thread is held in a system call.
//
// Nothing is asked of the program, but for [Node], which is for who asks for it. It is not traced, stopped, preloaded or signalled: its memory is read with
// process_vm_readv(2) (or /proc/PID/mem), and what its runtime keeps there is followed. Reading needs the rights that
// ptrace(2) would need (PTRACE_MODE_ATTACH), which a parent has over a child of its own that dropped no rights.
//
// Understood are CPython 2.7 and 3.6 to 3.14, without free threading; programs that Go 1.20 or later built for amd64;
// Java on HotSpot, the machine of OpenJDK, on amd64: tried with JDK 17 and 25; others from 11 on are where they keep
// compiled code as either does, or run none; and else what compilers make of C, C++, Rust and the like for amd64. Of
// Python, frames of C functions and of the import system are left out; of Go, what lies between the system call and the
// first function that is not the runtime's or package net's; of Java, the same of the JDK's packages, and what it makes
// for lambdas; of the others, the C library and Rust's standard library, at both ends. Java's files are named by package,
// as they lie below their root. Linux only.
//
// Native code is unwound by its tables for exceptions (.eh_frame). Of the registers only the stack pointer and the pc can be read
// without tracing the thread; the others become known where a function on the stack has saved them. Where rbp is needed
// before, it is found from how the function begins, and checked against the call that leads to the function. What is not
// certain is not told: the stack ends there, as it does in code that was made at run time. Names and lines come from symbols and
// DWARF, in the file or in one that belongs to it (/usr/lib/debug/.build-id, .gnu_debuglink) in the program's own root. Without them a
// frame's File is a place such as "libcurl.so.4+0x1234", as addr2line takes it, and its Line 0.
//
// Other threads of the process may run on meanwhile, so what is read is never trusted: every loop, count and string
// has a bound, and a runtime that does not look as expected gives [ErrUnknown] rather than a guess. The text of a line
// is read from the file as the program has it, which takes as long as its file system does.
//
// What a stack means for a failed attempt, and how it is shown, is left to others.
package callsite

import (
	"errors"

	"github.com/sallyport/sallyport/attempt"
)

// ErrUnknown says that the process has no runtime that is understood, or that its stack can't be read. Every error
// of this package wraps it.
var ErrUnknown = errors.New("call site not known")

// maxFrames is the depth to which a stack is told. The outermost frames of a deeper one are left out.
const maxFrames = 64

var shared Reader

// Stack is the call stack of the thread tid of another process, innermost first. The thread must be held in a system
// call, by a seccomp notification for one; the rest of its process may run on. It keeps what it learns about
// executables in a Reader of its own.
func Stack(tid int) ([]attempt.Frame, error) { return shared.Stack(tid) }
