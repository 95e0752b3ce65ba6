package callsite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"
	"unsafe"

	"github.com/sallyport/sallyport/attempt"
)

// Reader reads stacks and keeps what is expensive to learn: where an executable has its symbols, where a process has
// its runtime, lines of source. What it keeps is bounded. The zero value is ready; it is safe for concurrent use.
type Reader struct {
	Node *Node // the hook that Node programs have, or nil; set before the first Stack

	mu       sync.Mutex
	runtimes cache[processKey, unwinder]
	natives  cache[processKey, *native] // beside runtimes
	symbols  cache[fileKey, *symbols]
	goFiles  cache[fileKey, *goFile]
	lines    cache[lineKey, string]
	places   cache[placeKey, []attempt.Frame]
	debug    cache[fileKey, *debugInfo]
	patience time.Duration // instead of maxCold, for tests on machines that are busy
}

// unwinder is the runtime that a process runs its program with, found once for each process.
type unwinder interface {
	// stack is the stack of the thread, innermost first, at most maxFrames.
	stack(p *process, mem *memory) ([]attempt.Frame, error)
}

// How many of each the Reader keeps. Past it a cache starts anew, which costs one slow stack each.
const (
	maxRuntimes = 256
	maxSymbols  = 64
	maxGoFiles  = 64
	maxLines    = 2048
	maxPlaces   = 4096

	maxDebugFiles = 1 // at most maxDebugBytes each
)

// Stack is the call stack of the thread tid; see the function [Stack].
func (r *Reader) Stack(tid int) ([]attempt.Frame, error) {
	if unsafe.Sizeof(uintptr(0)) != 8 || binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		return nil, fmt.Errorf("%w: not supported on this architecture, only on 64-bit little-endian ones", ErrUnknown)
	}
	p, err := openProcess(tid)
	if err != nil {
		return nil, err
	}
	if r.Node != nil {
		if frames, err := r.Node.stack(p); err == nil {
			r.addText(p, frames)
			return frames, nil
		}
	}
	mem := newMemory(p.tgid)
	defer mem.release()
	rt, err := r.runtime(p, mem)
	if err != nil {
		return nil, err
	}
	frames, err := rt.stack(p, mem)
	if err != nil {
		// Not all threads of a process run what its runtime runs.
		if frames, err = r.otherStack(p, mem, rt, err); err != nil {
			return nil, err
		}
	}
	r.addText(p, frames)
	markStandard(frames)
	return frames, nil
}

// otherStack is the stack of a thread of which its runtime can't tell: that of the code that compilers made. A thread of Java's has such
// code only where it left Java's, which says nothing of who called.
func (r *Reader) otherStack(p *process, mem *memory, rt unwinder, err error) ([]attempt.Frame, error) {
	switch rt.(type) {
	case *native:
		return nil, err
	case *jvm:
		if !errors.Is(err, errNotJava) {
			return nil, err
		}
	}
	code, ok := get(r, &r.natives, p.key)
	if !ok {
		code = &native{reader: r}
		put(r, &r.natives, maxRuntimes, p.key, code)
	}
	frames, otherErr := code.stack(p, mem)
	if otherErr != nil {
		return nil, err
	}
	return frames, nil
}

// runtime is the runtime of the process: native code where it is no other.
func (r *Reader) runtime(p *process, mem *memory) (unwinder, error) {
	if rt, ok := get(r, &r.runtimes, p.key); ok {
		return rt, nil
	}
	modules, err := p.modules()
	if err != nil {
		return nil, err
	}
	var rt unwinder
	if python, pythonErr := r.findPython(p, mem, modules); pythonErr == nil {
		rt = python
	} else if program, goErr := r.findGo(p, modules); goErr == nil {
		rt = program
	} else if java, javaErr := r.findJVM(p, modules); javaErr == nil {
		rt = java
	} else {
		rt = &native{reader: r}
	}
	put(r, &r.runtimes, maxRuntimes, p.key, rt)
	return rt, nil
}

// cache is a map that starts anew when it is full.
type cache[K comparable, V any] map[K]V

func get[K comparable, V any](r *Reader, c *cache[K, V], key K) (V, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := (*c)[key]
	return v, ok
}

func put[K comparable, V any](r *Reader, c *cache[K, V], limit int, key K, v V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if *c == nil || len(*c) >= limit {
		*c = make(cache[K, V])
	}
	(*c)[key] = v
}

// forget drops the runtime of the process.
func (r *Reader) forget(key processKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.runtimes, key)
}
