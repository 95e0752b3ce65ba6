package callsite

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"
)

// fakeMemory is a memory that holds b from the address 0x1000 on and nothing else.
func fakeMemory(b []byte) *memory {
	m := &memory{pid: -1, pages: make(map[uint64]*page)}
	for at := uint64(pageSize); len(b) > 0; at += pageSize {
		p := new(page)
		b = b[copy(p[:], b):]
		m.pages[at] = p
	}
	return m
}

// TestPythonCycles: lists that a program has made into circles end.
func TestPythonCycles(t *testing.T) {
	b := make([]byte, pageSize) // every pointer leads to the start of the page
	for i := 0; i < len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], pageSize)
	}
	for version, layout := range pythonLayouts {
		py := &python{version: version, layout: layout, headAddr: pageSize}
		if layout.interpThreads >= pageSize {
			continue
		}
		p := &process{tid: os.Getpid(), tgid: os.Getpid(), innerTid: pageSize}
		if _, err := py.stack(p, fakeMemory(b)); err != nil && !errors.Is(err, ErrUnknown) {
			t.Errorf("%#x: %v", version, err)
		}
		p.innerTid = -1
		if _, err := py.thread(p, fakeMemory(b)); !errors.Is(err, ErrUnknown) {
			t.Errorf("%#x\ngot  %v\nwant ErrUnknown", version, err)
		}
	}
}

func FuzzPythonFrame(f *testing.F) {
	f.Add(uint8(0x0b), []byte{0x00, 0x10, 0, 0, 0, 0, 0, 0, 0x08, 0x10, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, minor uint8, b []byte) {
		version := 0x0306 + pythonVersion(minor%8)
		py := &python{version: version, layout: pythonLayouts[version]}
		memory := append(b[:min(len(b), 2*pageSize)], make([]byte, pageSize)...)
		if _, _, err := py.frame(fakeMemory(memory), pageSize); err != nil && !errors.Is(err, ErrUnknown) {
			t.Error(err)
		}
	})
}

func FuzzGo(f *testing.F) {
	f.Add([]byte{1, 2, 3}, uint64(0x1010))
	f.Fuzz(func(t *testing.T, b []byte, pc uint64) {
		mem := fakeMemory(append(b[:min(len(b), 2*pageSize)], make([]byte, pageSize)...))
		g := &goProgram{
			nameTab: pageSize, cuTab: pageSize + 64, fileTab: pageSize + 128, pcTab: pageSize, funcTab: pageSize + 32,
			funcs: 4, quantum: 1, text: pageSize, minPC: pageSize, maxPC: 1 << 40, funcData: pageSize,
		}
		fn, ok, err := g.find(mem, pc)
		if err == nil && ok {
			_, err = g.expand(mem, nil, &fn, pc)
		}
		if err != nil && !errors.Is(err, ErrUnknown) {
			t.Error(err)
		}
	})
}
