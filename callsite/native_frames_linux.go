package callsite

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// placeKey is a place in a file.
type placeKey struct {
	file fileKey
	addr uint64
}

// maxCold bounds how long the caller waits for what was never looked up before. It is looked at between two
// lookups; each of them is bounded by the size of what it reads.
const maxCold = 40 * time.Millisecond

// nativeFrames names the places, innermost first. Of the system's libraries those are left out that lie between the system call and
// the program, and those at the other end, where there is anything else.
func (r *Reader) nativeFrames(p *process, codes []code) (frames []attempt.Frame) {
	first, last := 0, len(codes)
	for first < last && isSystem(codes[first].image.path) {
		first++
	}
	// The system's library is started by the program's own _start, which has no name where it was stripped.
	if last-first > 1 && codes[last-1].image.main && isSystem(codes[last-2].image.path) {
		last--
	}
	for last > first && isSystem(codes[last-1].image.path) {
		last--
	}
	if first == last {
		first, last = 0, len(codes)
	}
	deadline := time.Now().Add(max(maxCold, r.patience))
	for _, c := range codes[first:last] {
		frames = append(frames, r.place(p, c, deadline)...)
	}
	return nativeUserFrames(frames)
}

// place is the frames of one place: the function's own, and before it those that were inlined into it.
func (r *Reader) place(p *process, c code, deadline time.Time) []attempt.Frame {
	bare := []attempt.Frame{{File: fmt.Sprintf("%s+%#x", path.Base(c.image.path), c.addr())}}
	if c.signal {
		bare[0].Function = "<signal handler called>"
		return bare
	}
	if c.image.key == (fileKey{}) {
		f, err := p.open(c.image.module)
		if err != nil {
			return bare
		}
		info, err := f.Stat()
		f.Close()
		if err != nil {
			return bare
		}
		c.image.key = keyOf(info)
	}
	key := placeKey{c.image.key, c.addr()}
	if frames, ok := get(r, &r.places, key); ok {
		return frames
	}
	if time.Now().After(deadline) {
		return bare // it is not kept, so that it may be looked up the next time
	}
	frames, done := r.lookUp(p, c, bare, deadline)
	if done {
		put(r, &r.places, maxPlaces, key, frames)
	}
	return frames
}

// lookUp reads the file for a place; done is false where there was no time for it.
func (r *Reader) lookUp(p *process, c code, bare []attempt.Frame, deadline time.Time) (frames []attempt.Frame, done bool) {
	// debug/elf and debug/dwarf may panic on a file that was made to (as their documentation has it).
	defer func() {
		if recover() != nil {
			frames, done = bare, true
		}
	}()
	binary, err := r.openBinary(p, c.image.module)
	if err != nil {
		return bare, true
	}
	defer binary.close()
	function := binary.function(c.addr())
	frames = []attempt.Frame{{File: bare[0].File, Function: function}}
	if isSystem(c.image.path) || callsOfRust(function) {
		return frames, true
	}
	if time.Now().After(deadline) {
		return frames, false
	}
	lines := r.sourceFrames(binary, c.addr())
	if len(lines) == 0 {
		return frames, true
	}
	if outer := &lines[len(lines)-1]; outer.Function == "" {
		outer.Function = function
	}
	return lines, true
}

// systemLibraries start the names of libraries that make system calls for others, up to the dot or dash.
var systemLibraries = []string{
	"libc", "ld", "ld64", "libpthread", "libresolv", "libanl", "libgcc_s", "libstdc++", "libc++", "libc++abi", "ld-linux-x86-64", "ld-musl-x86_64",
}

func isSystem(name string) bool {
	base := path.Base(name)
	if strings.HasPrefix(base, "libnss_") {
		return true
	}
	for _, library := range systemLibraries {
		if rest, ok := strings.CutPrefix(base, library); ok && (strings.HasPrefix(rest, ".so") || strings.HasPrefix(rest, "-2.")) {
			return true
		}
	}
	return false
}

// nativeUserFrames leaves out what a statically linked program has of the C library, and what of Rust's, at both ends.
func nativeUserFrames(frames []attempt.Frame) []attempt.Frame {
	first, last := 0, len(frames)
	for first < last && ofLibrary(&frames[first], callers) {
		first++
	}
	for last > first && ofLibrary(&frames[last-1], starters) {
		last--
	}
	// Rust's own main starts the program's.
	if last-first > 1 && frames[last-1].Function == "main" && frames[last-1].Line == 0 && ofRust(&frames[last-2]) {
		for last--; last > first && ofRust(&frames[last-1]); last-- {
		}
	}
	if first == last {
		return frames
	}
	return frames[first:last]
}

// Functions of the C library that make the calls, and those that start programs and threads.
var (
	callers = map[string]bool{
		"connect": true, "bind": true, "listen": true, "sendto": true, "send": true, "sendmsg": true, "sendmmsg": true, "getsockopt": true,
		"syscall": true, "read": true, "getaddrinfo": true, "__syscall_cancel": true, "__syscall_cancel_arch": true,
	}
	starters = map[string]bool{
		"_start": true, "__libc_start_main": true, "__libc_start_call_main": true, "__libc_start_main_impl": true, "start_thread": true,
		"clone": true, "clone3": true, "__clone3": true, "__clone": true, "libc_start_main_stage2": true, "_start_c": true,
	}
)

func ofLibrary(f *attempt.Frame, names map[string]bool) bool {
	if f.Line > 0 {
		return ofRust(f) // whoever has the lines of another works on it
	}
	name := strings.TrimPrefix(f.Function, "__libc_")
	return names[f.Function] || names[name] || names[strings.TrimLeft(f.Function, "_")] || ofRust(f)
}

// ofRust reports whether the frame is of Rust's standard library, which comes with its lines.
func ofRust(f *attempt.Frame) bool {
	if strings.HasPrefix(f.File, "/rustc/") {
		return true
	}
	name := strings.TrimPrefix(f.Function, "<")
	return f.Line == 0 && (strings.HasPrefix(name, "std::") || strings.HasPrefix(name, "core::ops::function::"))
}

// callsOfRust reports whether Rust's standard library makes system calls with the function. They are not looked up: it takes
// long, and nothing of a program is inlined into them.
func callsOfRust(function string) bool {
	if strings.HasPrefix(function, "std::sys::backtrace") {
		return false
	}
	for _, start := range []string{"std::net::", "std::sys::", "std::io::"} {
		if strings.HasPrefix(strings.TrimPrefix(function, "<"), start) {
			return true
		}
	}
	return false
}
