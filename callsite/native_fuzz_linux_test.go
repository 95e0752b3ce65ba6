package callsite

import (
	"debug/elf"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"
)

// FuzzUnwind: whatever the tables and the stack hold, unwinding ends, with frames or with ErrUnknown.
func FuzzUnwind(f *testing.F) {
	// A CIE ("zR", pc relative, signed 4 bytes; CFA = rsp + 8, return address at CFA - 8), an FDE, the end.
	f.Add([]byte{
		0x14, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0,
		0x14, 0, 0, 0, 0x1c, 0, 0, 0, 0xe0, 0xff, 0xff, 0xff, 0x40, 0, 0, 0, 0, 0x41, 0x0e, 16, 0x86, 2, 0x41, 0x0a, 0x0b, 0x0f, 3, 0x77, 8, 6,
		0, 0, 0, 0,
	}, uint64(pageSize+2))
	f.Fuzz(func(t *testing.T, b []byte, pc uint64) {
		mem := fakeMemory(append(b[:min(len(b), 2*pageSize)], make([]byte, pageSize)...))
		for _, table := range []frameTable{{start: pageSize, end: 4 * pageSize}, {index: pageSize}} {
			found, err := table.find(mem, pc)
			if err == nil {
				var r *row
				if r, err = found.rowAt(mem, pc); err == nil {
					var regs registers
					regs.set(regRSP, pageSize)
					regs.set(regPC, pc)
					n := &native{reader: new(Reader)}
					_, _, err = n.caller(&process{}, mem, r, &regs)
				}
			}
			if err != nil && !errors.Is(err, ErrUnknown) {
				t.Error(err)
			}
		}
	})
}

// FuzzExpression: expressions end, whatever they are.
func FuzzExpression(f *testing.F) {
	f.Add([]byte{0x77, 8, 0x06})
	f.Add([]byte{0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22}) // of an entry of a PLT
	f.Add([]byte{0x2f, 0xfd, 0xff})                                           // a loop
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:min(len(b), pageSize)]
		r := rule{kind: ruleExpression, expr: pageSize, end: pageSize + uint64(len(b))}
		var regs registers
		regs.set(regRSP, pageSize)
		if _, err := r.evaluate(fakeMemory(append(b, make([]byte, 8)...)), &regs, 1); err != nil && !errors.Is(err, ErrUnknown) {
			t.Error(err)
		}
	})
}

func FuzzInstruction(f *testing.F) {
	for _, b := range [][]byte{{0x48, 0x89, 0xe5}, {0x48, 0x81, 0xec, 0, 1, 0, 0}, {0xff, 0x14, 0x25, 0, 0, 0, 0}, {0x66, 0x0f, 0x1f, 0x44, 0, 0}} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if in, ok := decodeInstruction(b); ok && (in.length <= 0 || in.length > len(b)) {
			t.Errorf("% x: %d bytes long", b, in.length)
		}
	})
}

// TestExpression has the expression of an entry of a PLT: CFA = rsp + 8 + (((rip & 15) >= 11) << 3).
func TestExpression(t *testing.T) {
	plt := []byte{0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22}
	for pc, want := range map[uint64]uint64{0x1006: 0x2008, 0x100b: 0x2010} {
		var regs registers
		regs.set(regRSP, 0x2000)
		regs.set(regPC, pc)
		r := rule{expr: pageSize, end: pageSize + uint64(len(plt))}
		if got, err := r.evaluate(fakeMemory(plt), &regs); got != want || err != nil {
			t.Errorf("pc %#x\ngot  %#x, %v\nwant %#x", pc, got, err, want)
		}
	}
}

// TestNativeCorrupt: whatever became of a program's file, its stack is told or not, soon, and nothing breaks.
func TestNativeCorrupt(t *testing.T) {
	program := compile(t, "gcc", "-O2", "-g", source(t, "client.c"))
	whole, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	file, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, name := range []string{".eh_frame", ".eh_frame_hdr", ".debug_info", ".debug_abbrev", ".debug_line", ".debug_str", ".symtab", ".strtab", "headers"} {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, uint64(len(name))))
			start, size := uint64(len(whole)-64*len(file.Sections)), uint64(64*len(file.Sections)) // the section headers
			if s := file.Section(name); s != nil {
				start, size = s.Offset, s.Size
			}
			for range 6 {
				damaged := append([]byte(nil), whole...)
				for range 1 + size/16 {
					damaged[start+random.Uint64N(size)] = byte(random.Uint32())
				}
				path := t.TempDir() + "/damaged"
				if err := os.WriteFile(path, damaged, 0o755); err != nil {
					t.Fatal(err)
				}
				tid := startBlocked(t, exec.Command(path))
				before := time.Now()
				frames, err := new(Reader).Stack(tid)
				if err != nil && !errors.Is(err, ErrUnknown) || err == nil && len(frames) == 0 {
					t.Errorf("got %v, %v", frames, err)
				}
				if took := time.Since(before); took > 5*time.Second {
					t.Errorf("took %v", took)
				}
			}
		})
	}
	t.Run("truncated", func(t *testing.T) {
		// The memory of what runs is that of the file, so the file may not be cut: another takes its place.
		tid := startBlocked(t, exec.Command(program))
		if err := os.Remove(program); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(program, whole[:len(whole)/2], 0o755); err != nil {
			t.Fatal(err)
		}
		// The executable is read as it runs, whatever its name leads to.
		got, err := (&Reader{patience: time.Minute}).Stack(tid)
		if err != nil || len(got) != 3 || got[2].Function != "main" {
			t.Errorf("\ngot  %+v, %v\nwant three frames", got, err)
		}
	})
}
