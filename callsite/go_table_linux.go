package callsite

import (
	"encoding/binary"
	"fmt"
)

// goProgram is where a process has the tables that the Go runtime unwinds with. They are read in place, as far as a
// stack needs them: they are many megabytes long.
type goProgram struct {
	nameTab, cuTab, fileTab, pcTab, funcTab uint64 // the parts of gopclntab (runtime.pcHeader)
	funcs                                   int
	quantum                                 uint64 // of instructions: all lengths are multiples of it
	text, minPC, maxPC                      uint64
	funcData                                uint64 // go:func.*
}

// goFunc is what is needed of a runtime._func.
type goFunc struct {
	addr, entry          uint64
	name                 uint32
	sp, file, line       uint32 // tables of values by pc
	pcDataCount          uint32
	unit                 uint32
	id, flag             uint8
	funcDataCount        uint8
	inlineIndex, inlines uint32 // table by pc, and offset of the tree; noTable without
}

const (
	noTable      = ^uint32(0)
	flagTopFrame = 1 // internal/abi.FuncFlagTopFrame: nothing called it
)

// find is the function that the pc is in; ok is false where it is in none of Go's.
func (g *goProgram) find(mem *memory, pc uint64) (f goFunc, ok bool, err error) {
	if pc < g.minPC || pc >= g.maxPC {
		return f, false, nil
	}
	// ftab: pairs of offsets of the entry from text and of the _func from here, in order of the former.
	low, high := 0, g.funcs
	for low+1 < high {
		middle := (low + high) / 2
		entry, err := mem.u32(g.funcTab + 8*uint64(middle))
		if err != nil {
			return f, false, err
		}
		if g.text+uint64(entry) <= pc {
			low = middle
		} else {
			high = middle
		}
	}
	offset, err := mem.u32(g.funcTab + 8*uint64(low) + 4)
	if err != nil {
		return f, false, err
	}
	var b [44]byte
	f.addr = g.funcTab + uint64(offset)
	if err := mem.read(f.addr, b[:]); err != nil {
		return f, false, err
	}
	word := func(at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
	f.entry = g.text + uint64(word(0))
	f.name, f.sp, f.file, f.line = word(4), word(16), word(20), word(24)
	f.pcDataCount, f.unit = word(28), word(32)
	f.id, f.flag, f.funcDataCount = b[40], b[41], b[43]
	return f, true, g.findInlines(mem, &f)
}

// findInlines finds the function's tree of inlined calls.
func (g *goProgram) findInlines(mem *memory, f *goFunc) (err error) {
	const pcDataInlTreeIndex, funcDataInlTree, maxPCData = 2, 3, 16 // internal/abi
	f.inlineIndex, f.inlines = 0, noTable
	if f.pcDataCount <= pcDataInlTreeIndex || f.pcDataCount > maxPCData || f.funcDataCount <= funcDataInlTree {
		return nil
	}
	if f.inlineIndex, err = mem.u32(f.addr + 44 + 4*pcDataInlTreeIndex); err != nil {
		return err
	}
	f.inlines, err = mem.u32(f.addr + 44 + 4*uint64(f.pcDataCount) + 4*funcDataInlTree)
	return err
}

// value is what the table says for the pc: pairs of a step of the value, signed, and a step of the pc.
func (g *goProgram) value(mem *memory, f *goFunc, table uint32, target uint64) (int, error) {
	const maxPairs = 1 << 16
	if table == 0 {
		return -1, nil
	}
	addr, pc, value := g.pcTab+uint64(table), f.entry, -1
	for n := range maxPairs {
		step, err := readVarint(mem, &addr)
		if err != nil {
			return 0, err
		}
		if step == 0 && n > 0 {
			break
		}
		value += int(int32(step>>1) ^ -int32(step&1))
		length, err := readVarint(mem, &addr)
		if err != nil {
			return 0, err
		}
		if pc += uint64(length) * g.quantum; target < pc {
			return value, nil
		}
	}
	return 0, fmt.Errorf("%w: a table of the Go program ends before pc %#x", ErrUnknown, target)
}

func readVarint(mem *memory, addr *uint64) (n uint32, err error) {
	for shift := 0; shift < 35; shift += 7 {
		b, err := mem.u8(*addr)
		if err != nil {
			return 0, err
		}
		*addr++
		n |= uint32(b&0x7f) << shift
		if b&0x80 == 0 {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%w: a number in a table of the Go program does not end", ErrUnknown)
}

// string is the string at addr that ends in a zero byte.
func (g *goProgram) string(mem *memory, addr uint64) (string, error) {
	var s []byte
	for len(s) < maxName {
		b, err := mem.u8(addr + uint64(len(s)))
		if err != nil {
			return "", err
		}
		if b == 0 {
			break
		}
		s = append(s, b)
	}
	return string(s), nil
}
