package callsite

import (
	"debug/elf"
	"fmt"
	"os"
	"slices"
)

// symbols is what is looked for in an ELF file. Addresses are the file's own.
type symbols struct {
	machine elf.Machine
	bias0   uint64            // address of the file's first byte, once loaded without bias
	addr    map[string]uint64 // of the names in wanted
}

// wanted are the symbols that lead to Python's state, and Java's. CPython exports all but interp_head, which is static.
var wanted = append([]string{"_PyRuntime", "Py_Version", "PyCode_Type", "PyInterpreterState_Head", "interp_head"}, jvmSymbols...)

// symbolsOf are the symbols of the module's file, read once for each file.
func (r *Reader) symbolsOf(p *process, m module) (*symbols, error) {
	f, err := p.open(m)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	key := keyOf(info)
	if s, ok := get(r, &r.symbols, key); ok {
		return s, nil
	}
	s, err := readSymbols(f)
	if err != nil {
		return nil, fmt.Errorf("read symbols of %s: %w", m.path, err)
	}
	put(r, &r.symbols, maxSymbols, key, s)
	return s, nil
}

func readSymbols(f *os.File) (*symbols, error) {
	file, err := elf.NewFile(f)
	if err != nil {
		return nil, err
	}
	if file.Class != elf.ELFCLASS64 {
		return nil, fmt.Errorf("a %v file, expected 64 bit", file.Class)
	}
	s := &symbols{machine: file.Machine, addr: make(map[string]uint64)}
	if s.bias0, err = loadAddress(file); err != nil {
		return nil, err
	}
	add := func(list []elf.Symbol) {
		for _, sym := range list {
			if sym.Section != elf.SHN_UNDEF && slices.Contains(wanted, sym.Name) {
				s.addr[sym.Name] = sym.Value
			}
		}
	}
	// Errors say that there is no such section: nothing to be found in it.
	dynamic, _ := file.DynamicSymbols()
	add(dynamic)
	// Large programs have so many others that reading them takes long; those that are no Python are told by the
	// exported ones, where there are any.
	if s.addr["_PyRuntime"] == 0 && (len(dynamic) == 0 || s.addr["PyInterpreterState_Head"] != 0) {
		static, _ := file.Symbols()
		add(static)
	}
	// Since 3.7 the state has a section of its own, which stripping leaves.
	if section := file.Section(".PyRuntime"); section != nil && s.addr["_PyRuntime"] == 0 {
		s.addr["_PyRuntime"] = section.Addr
	}
	return s, nil
}

// loadAddress is the address that the file itself has for its first byte.
func loadAddress(file *elf.File) (uint64, error) {
	for _, prog := range file.Progs {
		if prog.Type == elf.PT_LOAD && prog.Off < pageSize {
			return (prog.Vaddr - prog.Off) &^ (pageSize - 1), nil
		}
	}
	return 0, fmt.Errorf("no segment at the start of the file, expected one to load")
}
