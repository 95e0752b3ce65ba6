package callsite

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"

	"github.com/sallyport/sallyport/attempt"
)

// TestJavaLine reads tables of lines with the short pairs and the long, of before and after JDK 20.
func TestJavaLine(t *testing.T) {
	for _, c := range []struct {
		name   string
		excess int
		table  []byte
		lines  map[int]int
	}{
		// (0, 5) as 0<<3|5; (+4, +2); escaped (+300, -1): 600 is 192+24, 6 (600 = 216 + 6<<6); -1 is 1.
		{"JDK 17", 0, []byte{5, 4<<3 | 2, 0xff, 216, 6, 1, 0}, map[int]int{0: 5, 3: 5, 4: 7, 303: 7, 304: 6, 900: 6}},
		{"JDK 25", 1, []byte{5, 4<<3 | 2, 0xff, 217, 7, 2, 0}, map[int]int{0: 5, 3: 5, 4: 7, 303: 7, 304: 6, 900: 6}},
		{"empty", 0, []byte{0}, map[int]int{0: 0}},
	} {
		for bci, want := range c.lines {
			s := jvmStream{mem: fakeMemory(c.table), at: pageSize, excess: c.excess}
			if got, err := s.line(bci); got != want || err != nil {
				t.Errorf("%s, bytecode %d: line %d, %v, want %d", c.name, bci, got, err, want)
			}
		}
	}
}

// fakeJVM has every structure at fields that are small numbers, and every static field at the start of memory.
func fakeJVM(offset uint8) *jvm {
	s := &vmStructs{field: map[string]uint64{}, size: map[string]uint64{"ConstMethod": 48, "ConstantPool": 72, "PcDesc": 16, "HeapBlock": 16}}
	for i, names := range jvmNeeds {
		s.field[names[0]] = uint64(i*int(offset)%64) &^ 3
	}
	for _, static := range []string{"ThreadsSMRSupport::_java_thread_list", "StubRoutines::_call_stub_return_address", "AbstractInterpreter::_code", "CodeCache::_heaps"} {
		s.field[static] = pageSize + uint64(offset)
	}
	return &jvm{s, jvmCodes{known: true, moved: offset%2 == 0, excess: int(offset % 2)}}
}

// TestJavaCycles: a stack and lists that a program has made into circles end.
func TestJavaCycles(t *testing.T) {
	b := make([]byte, pageSize)
	for i := 0; i < len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], pageSize)
	}
	p := &process{tid: os.Getpid(), tgid: os.Getpid(), innerTid: pageSize}
	for offset := range 64 {
		if _, err := fakeJVM(uint8(offset)).stack(p, fakeMemory(b)); !errors.Is(err, ErrUnknown) {
			t.Errorf("%d: %v, want ErrUnknown", offset, err)
		}
	}
}

func FuzzJava(f *testing.F) {
	f.Add(uint8(8), []byte{0x00, 0x10, 0, 0, 0, 0, 0, 0, 0x08, 0x10, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, offset uint8, b []byte) {
		mem := fakeMemory(append(b[:min(len(b), 2*pageSize)], make([]byte, pageSize)...))
		j := fakeJVM(offset)
		frame := javaFrame{sp: pageSize + 64, fp: pageSize + 128, pc: pageSize + uint64(offset)}
		for _, step := range []func(*memory, []attempt.Frame, javaFrame) ([]attempt.Frame, javaFrame, bool, error){j.step, j.stepInterpreted, j.stepCompiled} {
			if _, _, _, err := step(mem, nil, frame); err != nil && !errors.Is(err, ErrUnknown) {
				t.Error(err)
			}
		}
		if _, err := j.methods(mem, nil, pageSize, frame, offset%3 == 0); err != nil && !errors.Is(err, ErrUnknown) {
			t.Error(err)
		}
	})
}
