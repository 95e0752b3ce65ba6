package callsite

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"github.com/sallyport/sallyport/attempt"
)

// native is a program that is none of a runtime that is understood: what compilers made of C, C++ or Rust. Its stack
// is unwound by the tables that they make for exceptions (.eh_frame), which stripping leaves.
type native struct {
	reader *Reader

	mu     sync.Mutex
	images []*image // in order of their addresses
	rows   cache[uint64, *row]
}

// image is an ELF file as it lies in the memory of a process.
type image struct {
	module
	key    fileKey
	bias   uint64 // what is added to the file's addresses
	code   []codeRange
	table  frameTable
	header [imageHeader]byte // what is at its start, to know that it is still the one
}

// codeRange is a segment that can be executed.
type codeRange struct{ start, end uint64 }

const (
	imageHeader      = 1024 // bytes: the ELF header and the program headers
	maxRows          = 2048
	maxNativeFrames  = 4 * maxFrames
	maxImages        = 4096
	maxImageSegments = 16
)

// code is one place on a stack.
type code struct {
	image  *image
	pc     uint64 // of the call, or of the instruction that the signal came in
	signal bool   // what the handler of a signal returns to
}

// addr is the place as the file itself counts.
func (c code) addr() uint64 { return c.pc - c.image.bias }

// stack unwinds the thread as far as is certain.
func (n *native) stack(p *process, mem *memory) ([]attempt.Frame, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	codes, err := n.unwind(p, mem)
	if err != nil {
		// What the process has mapped may have changed since.
		if err = n.load(p, mem); err != nil {
			return nil, err
		}
		if codes, err = n.unwind(p, mem); err != nil && len(codes) == 0 {
			return nil, err
		}
	}
	frames := n.reader.nativeFrames(p, codes)
	if len(frames) == 0 {
		return nil, fmt.Errorf("%w: thread %d runs no code of a file", ErrUnknown, p.tid)
	}
	return frames[:min(len(frames), maxFrames)], nil
}

// load reads what is mapped.
func (n *native) load(p *process, mem *memory) error {
	modules, err := p.modules()
	if err != nil {
		return err
	}
	// A runtime that was loaded since is looked for by the next stack.
	if n.images != nil {
		n.reader.forget(p.key)
	}
	n.images, n.rows = nil, nil
	for _, m := range modules[:min(len(modules), maxImages)] {
		// What is no ELF file of this machine is some other file that is mapped.
		if i, err := readImage(mem, m); err == nil {
			n.images = append(n.images, i)
		}
	}
	slices.SortFunc(n.images, func(a, b *image) int {
		if a.start < b.start {
			return -1
		}
		return 1
	})
	return nil
}

// readImage reads the program headers, from memory: the file may be gone.
func readImage(mem *memory, m module) (*image, error) {
	const elf64Little, machineOffset, amd64 = 2 | 1<<8, 18, 62
	i := &image{module: m}
	if err := mem.read(m.start, i.header[:]); err != nil {
		return nil, err
	}
	le, h := binary.LittleEndian, i.header[:]
	if !bytes.HasPrefix(h, []byte("\x7fELF")) || le.Uint16(h[4:]) != elf64Little || le.Uint16(h[machineOffset:]) != amd64 {
		return nil, fmt.Errorf("%w: %s is not an ELF file for amd64", ErrUnknown, m.path)
	}
	at, size, count := le.Uint64(h[32:]), uint64(le.Uint16(h[54:])), uint64(le.Uint16(h[56:]))
	if size != 56 || count > maxImageSegments || at > imageHeader || at+size*count > imageHeader {
		return nil, fmt.Errorf("%w: %s has %d program headers of %d bytes at %d", ErrUnknown, m.path, count, size, at)
	}
	var index uint64
	biased := false
	for n := range count {
		const load, ehFrame, executable = 1, 0x6474e550, 1 // PT_LOAD, PT_GNU_EH_FRAME, PF_X
		s := h[at+size*n:]
		kind, flags, offset, vaddr, length := le.Uint32(s), le.Uint32(s[4:]), le.Uint64(s[8:]), le.Uint64(s[16:]), le.Uint64(s[40:])
		switch {
		case kind == load && offset < pageSize && !biased:
			i.bias, biased = m.start-(vaddr-offset)&^(pageSize-1), true
		case kind == ehFrame:
			index = vaddr
		}
		if kind == load && flags&executable != 0 {
			i.code = append(i.code, codeRange{vaddr, vaddr + length})
		}
	}
	if !biased {
		return nil, fmt.Errorf("%w: %s has no segment at its start", ErrUnknown, m.path)
	}
	for n := range i.code {
		i.code[n].start += i.bias
		i.code[n].end += i.bias
	}
	if index != 0 {
		i.table.index = index + i.bias
	}
	return i, nil
}

// imageOf is the image that the pc is in, nil without one.
func (n *native) imageOf(pc uint64) *image {
	at, found := slices.BinarySearchFunc(n.images, pc, func(i *image, pc uint64) int {
		switch {
		case i.start < pc:
			return -1
		case i.start > pc:
			return 1
		}
		return 0
	})
	if !found {
		at--
	}
	if at < 0 {
		return nil
	}
	for _, r := range n.images[at].code {
		if pc >= r.start && pc < r.end {
			return n.images[at]
		}
	}
	return nil
}

// unchanged reports whether the image is still what lies there.
func (i *image) unchanged(mem *memory) bool {
	var header [imageHeader]byte
	return mem.read(i.start, header[:]) == nil && header == i.header
}

// rowAt is how to unwind at the pc. The tables of a process don't change while they are mapped.
func (n *native) rowAt(p *process, mem *memory, i *image, pc uint64) (*row, error) {
	if r, ok := n.rows[pc]; ok {
		return r, nil
	}
	if i.table.index == 0 && i.table.start == 0 {
		// Linked without an index: the file's sections tell where the table is.
		section, err := n.reader.section(p, i.module, ".eh_frame")
		if err != nil {
			return nil, err
		}
		i.table.start = section.Addr + i.bias
		i.table.end = i.table.start + section.Size
	}
	f, err := i.table.find(mem, pc)
	if err != nil {
		return nil, err
	}
	r, err := f.rowAt(mem, pc)
	if err != nil {
		return nil, err
	}
	if n.rows == nil || len(n.rows) >= maxRows {
		n.rows = make(cache[uint64, *row])
	}
	n.rows[pc] = r
	return r, nil
}
