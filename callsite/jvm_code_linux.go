package callsite

import (
	"fmt"

	"github.com/sallyport/sallyport/attempt"
)

// jvmCodes is how this HotSpot keeps compiled code.
type jvmCodes struct {
	known  bool // that of a method; else a stack that has any is not understood
	moved  bool // JDK 25: tables beside the code, offsets where there were addresses
	excess int  // see jvmStream
}

// newJVMCodes tells the layouts apart by the fields there are, after giving those of one meaning one name.
func newJVMCodes(s *vmStructs, major uint32) jvmCodes {
	c := jvmCodes{known: true}
	if major >= 20 {
		c.excess = 1
	}
	_, c.moved = s.field["CodeBlob::_mutable_data"]
	needs := [][]string{
		{"CodeCache::_heaps"},
		{"GrowableArrayBase::_len", "GenericGrowableArray::_len"},
		{"GrowableArray<int>::_data"},
		{"CodeHeap::_memory"},
		{"CodeHeap::_segmap"},
		{"CodeHeap::_log2_segment_size"},
		{"VirtualSpace::_low"},
		{"VirtualSpace::_high"},
		{"HeapBlock::_header"},
		{"HeapBlock::Header::_used"},
		{"CodeBlob::_name"},
		{"CodeBlob::_frame_size"},
		{"CodeBlob::_size"},
		{"CompiledMethod::_method", "nmethod::_method"},
		{"nmethod::_scopes_pcs_offset"},
		{"nmethod::_orig_pc_offset"},
	}
	if c.moved {
		needs = append(needs, []string{"CodeBlob::_code_offset"}, []string{"CodeBlob::_relocation_size"}, []string{"nmethod::_immutable_data"},
			[]string{"nmethod::_scopes_data_offset"}, []string{"nmethod::_deopt_handler_offset"}, []string{"nmethod::_deopt_mh_handler_offset"})
	} else {
		needs = append(needs, []string{"CodeBlob::_code_begin"}, []string{"CompiledMethod::_scopes_data_begin"}, []string{"nmethod::_metadata_offset"},
			[]string{"nmethod::_dependencies_offset"}, []string{"CompiledMethod::_deopt_handler_begin"}, []string{"CompiledMethod::_deopt_mh_handler_begin"})
	}
	for _, names := range needs {
		c.known = c.known && s.settle(names) == nil
	}
	c.known = c.known && s.size["PcDesc"] == 16 && s.size["HeapBlock"] != 0
	return c
}

// stepCompiled is step for the frame of compiled code: a method's, with those that were inlined into it, or a piece of
// the machine's own.
func (j *jvm) stepCompiled(mem *memory, frames []attempt.Frame, f javaFrame) ([]attempt.Frame, javaFrame, bool, error) {
	if !j.codes.known {
		return frames, f, false, fmt.Errorf("%w: this HotSpot's compiled code is not understood", ErrUnknown)
	}
	blob, err := j.blob(mem, f.pc)
	if err != nil {
		return frames, f, false, err
	}
	name, err := j.ptr(mem, blob, "CodeBlob::_name")
	if err != nil {
		return frames, f, false, err
	}
	kind, err := mem.cString(name)
	if err != nil {
		return frames, f, false, err
	}
	switch kind {
	case "nmethod", "native nmethod":
		if frames, err = j.methods(mem, frames, blob, f, kind != "nmethod"); err != nil {
			return frames, f, false, err
		}
	case "StubRoutines (continuation stubs)", "StubRoutines (continuationstubs)", "Stub Generator continuation_stubs":
		return frames, f, false, nil // the rest of a virtual thread's stack is kept elsewhere
	}
	size, err := j.u32(mem, blob, "CodeBlob::_frame_size")
	if err != nil {
		return frames, f, false, err
	}
	if size == 0 || size > 1<<20 {
		return frames, f, false, nil
	}
	next := javaFrame{sp: f.sp + 8*uint64(size)}
	if next.pc, err = mem.u64(next.sp - 8); err != nil {
		return frames, f, false, err
	}
	next.fp, err = mem.u64(next.sp - 16)
	return frames, next, err == nil, err
}

// blob finds the piece of code that pc lies in, by the heap's map of segments: 0 begins a block, other numbers say
// how far back to look, 0xff is free (memory/heap.cpp).
func (j *jvm) blob(mem *memory, pc uint64) (uint64, error) {
	const free, maxHeaps = 0xff, 8
	unknown := fmt.Errorf("%w: no code at %#x", ErrUnknown, pc)
	heaps, err := mem.u64(j.field["CodeCache::_heaps"])
	if err != nil {
		return 0, err
	}
	count, err := j.u32(mem, heaps, "GrowableArrayBase::_len")
	if err != nil {
		return 0, err
	}
	list, err := j.ptr(mem, heaps, "GrowableArray<int>::_data")
	if err != nil {
		return 0, err
	}
	for i := range uint64(min(count, maxHeaps)) {
		heap, err := mem.u64(list + 8*i)
		if err != nil {
			return 0, err
		}
		memory := heap + j.field["CodeHeap::_memory"]
		low, err := j.ptr(mem, memory, "VirtualSpace::_low")
		if err != nil {
			return 0, err
		}
		high, err := j.ptr(mem, memory, "VirtualSpace::_high")
		if err != nil {
			return 0, err
		}
		if pc < low || pc >= high {
			continue
		}
		shift, err := j.u32(mem, heap, "CodeHeap::_log2_segment_size")
		if err != nil || shift > 16 {
			return 0, unknown
		}
		segments, err := j.ptr(mem, heap+j.field["CodeHeap::_segmap"], "VirtualSpace::_low")
		if err != nil {
			return 0, err
		}
		for at := (pc - low) >> shift; ; {
			back, err := mem.u8(segments + at)
			if err != nil || back == free || uint64(back) > at {
				return 0, unknown
			}
			if back == 0 {
				return low + at<<shift + j.size["HeapBlock"], nil
			}
			at -= uint64(back)
		}
	}
	return 0, unknown
}

// method is a compiled method: where its code and its tables are.
type jvmMethod struct {
	method, code                 uint64
	deopt                        [2]uint64 // where it returns to once it is to be thrown away; after method handles another
	pcs, pcsEnd, scopes, objects uint64
}

func (m *jvmMethod) thrownAway(pc uint64) bool { return pc == m.deopt[0] || pc == m.deopt[1] }

func (j *jvm) method(mem *memory, blob uint64) (jvmMethod, error) {
	r := structReader{s: j.vmStructs, mem: mem, addr: blob}
	m := jvmMethod{method: r.ptr("CompiledMethod::_method")}
	if j.codes.moved {
		tables := r.ptr("nmethod::_immutable_data")
		m.code = blob + r.u32("CodeBlob::_code_offset")
		m.deopt = [2]uint64{blob + r.u32("nmethod::_deopt_handler_offset"), blob + r.u32("nmethod::_deopt_mh_handler_offset")}
		m.pcs = tables + r.u32("nmethod::_scopes_pcs_offset")
		m.pcsEnd = tables + r.u32("nmethod::_scopes_data_offset")
		m.scopes = m.pcsEnd
		m.objects = r.ptr("CodeBlob::_mutable_data") + r.u32("CodeBlob::_relocation_size")
	} else {
		m.code = r.ptr("CodeBlob::_code_begin")
		m.deopt = [2]uint64{r.ptr("CompiledMethod::_deopt_handler_begin"), r.ptr("CompiledMethod::_deopt_mh_handler_begin")}
		m.pcs = blob + r.u32("nmethod::_scopes_pcs_offset")
		m.pcsEnd = blob + r.u32("nmethod::_dependencies_offset")
		m.scopes = r.ptr("CompiledMethod::_scopes_data_begin")
		m.objects = blob + r.u32("nmethod::_metadata_offset")
	}
	return m, r.err
}

// methods appends the method of a compiled frame, after those that were inlined where it runs.
func (j *jvm) methods(mem *memory, frames []attempt.Frame, blob uint64, f javaFrame, native bool) ([]attempt.Frame, error) {
	m, err := j.method(mem, blob)
	if err != nil {
		return frames, err
	}
	if native {
		frame, err := j.frame(mem, m.method, func(uint64) int { return -1 })
		return append(frames, frame), err
	}
	pc := f.pc
	if m.thrownAway(pc) { // where it was is kept in the frame
		at, err := j.u32(mem, blob, "nmethod::_orig_pc_offset")
		if err != nil {
			return frames, err
		}
		if pc, err = mem.u64(f.sp + uint64(at)); err != nil {
			return frames, err
		}
	}
	scope, err := m.scopeAt(mem, pc)
	if err != nil {
		return frames, err
	}
	for scope != 0 && len(frames) < maxJavaFrames {
		// debugInfo.hpp: the scope that it was inlined into, 0 for none; the method's number; the bytecode's plus one.
		s := jvmStream{mem: mem, at: m.scopes + uint64(scope), excess: j.codes.excess}
		outer, err1 := s.int()
		number, err2 := s.int()
		bci, err3 := s.int()
		if err1 != nil || err2 != nil || err3 != nil || number <= 0 || outer < 0 {
			return frames, fmt.Errorf("%w: a scope of compiled code", ErrUnknown)
		}
		method, err := mem.u64(m.objects + 8*uint64(number-1))
		if err != nil {
			return frames, err
		}
		frame, err := j.frame(mem, method, func(uint64) int { return bci - 1 })
		if err != nil {
			return frames, err
		}
		frames = append(frames, frame)
		scope = outer
	}
	return frames, nil
}

// scopeAt is where the scope of a return address is told, by the table of PcDesc.
func (m *jvmMethod) scopeAt(mem *memory, pc uint64) (int, error) {
	const maxPCs = 1 << 16
	for at, n := m.pcs, 0; at+16 <= m.pcsEnd && n < maxPCs; at, n = at+16, n+1 {
		offset, err := mem.u32(at)
		if err != nil {
			return 0, err
		}
		if m.code+uint64(offset) == pc {
			scope, err := mem.u32(at + 4)
			return int(scope), err
		}
	}
	return 0, fmt.Errorf("%w: compiled code does not tell of %#x", ErrUnknown, pc)
}

// structReader reads fields of one structure, and keeps the first error.
type structReader struct {
	s    *vmStructs
	mem  *memory
	addr uint64
	err  error
}

func (r *structReader) ptr(field string) uint64 {
	v, err := r.s.ptr(r.mem, r.addr, field)
	r.fail(err)
	return v
}

func (r *structReader) u32(field string) uint64 {
	v, err := r.s.u32(r.mem, r.addr, field)
	r.fail(err)
	return uint64(v)
}

func (r *structReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}
