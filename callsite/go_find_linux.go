package callsite

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
)

// goFile is what the sections of a Go program say. Addresses are the file's own.
type goFile struct {
	bias0   uint64
	pclntab uint64    // gopclntab, which stripping leaves
	data    []goRange // where runtime.firstmoduledata may be
}

type goRange struct{ addr, size uint64 }

// goMagic starts the gopclntab of Go 1.20 and later (internal/abi.Go120PCLnTabMagic).
const goMagic = 0xfffffff1

// findGo finds the tables of a program written in Go.
func (r *Reader) findGo(p *process, modules []module) (*goProgram, error) {
	if len(modules) == 0 || !modules[0].main {
		return nil, fmt.Errorf("%w: the executable of process %d is not mapped", ErrUnknown, p.tgid)
	}
	exe := modules[0]
	file, err := r.goFileOf(p, exe)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	mem := newMemory(p.tgid) // of its own: to search the data takes many pages
	defer mem.release()
	bias := exe.start - file.bias0
	// To read the symbols of a large program, where it has any, would take longer than to search.
	for _, section := range file.data {
		const limit = 4 << 20
		for at := uint64(0); at+8 <= min(section.size, limit); at += 8 {
			addr := section.addr + bias + at
			if first, err := mem.u64(addr); err != nil {
				break
			} else if first != file.pclntab+bias {
				continue
			}
			if program, err := readGoProgram(mem, addr, file.pclntab+bias); err == nil {
				return program, nil
			}
		}
	}
	return nil, fmt.Errorf("%w: no runtime.firstmoduledata in %s", ErrUnknown, exe.path)
}

func (r *Reader) goFileOf(p *process, exe module) (*goFile, error) {
	f, err := p.open(exe)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	key := keyOf(info)
	if g, ok := get(r, &r.goFiles, key); ok {
		return g, nil
	}
	file, err := elf.NewFile(f)
	if err != nil {
		return nil, err
	}
	if file.Machine != elf.EM_X86_64 {
		return nil, fmt.Errorf("%v Go programs are not understood, only amd64 ones", file.Machine)
	}
	g := &goFile{}
	if g.bias0, err = loadAddress(file); err != nil {
		return nil, err
	}
	for _, section := range file.Sections {
		switch section.Name {
		case ".gopclntab", ".data.rel.ro.gopclntab":
			g.pclntab = section.Addr
		case ".go.module", ".noptrdata", ".data", ".data.rel.ro": // Go 1.26; before
			g.data = append(g.data, goRange{section.Addr, section.Size})
		}
	}
	if g.pclntab == 0 {
		return nil, fmt.Errorf("%s has no gopclntab, expected a Go program", exe.path)
	}
	put(r, &r.goFiles, maxGoFiles, key, g)
	return g, nil
}

// readGoProgram reads runtime.moduledata, and checks that it is the one of the table.
func readGoProgram(mem *memory, module, pclntab uint64) (*goProgram, error) {
	// Offsets in runtime.moduledata, the same from Go 1.20 to 1.26 (runtime/symtab.go).
	const atMinPC, atMaxPC, atText, atGofunc, size = 160, 168, 176, 320, 328
	var m [size]byte
	var h [72]byte // runtime.pcHeader
	if err := mem.read(module, m[:]); err != nil {
		return nil, err
	}
	if err := mem.read(pclntab, h[:]); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	g := &goProgram{
		nameTab:  pclntab + le.Uint64(h[32:]),
		cuTab:    pclntab + le.Uint64(h[40:]),
		fileTab:  pclntab + le.Uint64(h[48:]),
		pcTab:    pclntab + le.Uint64(h[56:]),
		funcTab:  pclntab + le.Uint64(h[64:]),
		funcs:    int(min(le.Uint64(h[8:]), 1<<24)),
		quantum:  uint64(h[6]),
		text:     le.Uint64(m[atText:]),
		minPC:    le.Uint64(m[atMinPC:]),
		maxPC:    le.Uint64(m[atMaxPC:]),
		funcData: le.Uint64(m[atGofunc:]),
	}
	if le.Uint32(h[:]) != goMagic || h[7] != 8 {
		return nil, fmt.Errorf("%w: gopclntab starts with %#x, expected %#x of Go 1.20 or later", ErrUnknown, le.Uint32(h[:]), uint32(goMagic))
	}
	if le.Uint64(m[:]) != pclntab || le.Uint64(m[8:]) != g.nameTab || g.text > g.minPC || g.minPC >= g.maxPC || g.quantum == 0 {
		return nil, fmt.Errorf("%w: runtime.moduledata is not as Go 1.20 to 1.26 have it", ErrUnknown)
	}
	return g, nil
}
