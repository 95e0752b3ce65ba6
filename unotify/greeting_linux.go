package unotify

import (
	"encoding/binary"
	"fmt"
	"io"
	"unsafe"

	"golang.org/x/sys/unix"
)

// greeting is what the parent tells the child of a Start.
type greeting struct {
	Program []Instruction
	Flags   InstallFlag
	Ignored signalSet
}

// greetingHead is the length of the fixed part on the wire, little-endian: the number of
// instructions, the flags, the ignored signals. The instructions follow as they are in memory.
const greetingHead = 4 + 4 + 8

const instructionSize = int(unsafe.Sizeof(Instruction{}))

func (g *greeting) encode() []byte {
	b := make([]byte, 0, greetingHead+len(g.Program)*instructionSize)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(g.Program)))
	b = binary.LittleEndian.AppendUint32(b, uint32(g.Flags))
	b = binary.LittleEndian.AppendUint64(b, uint64(g.Ignored))
	return append(b, unsafe.Slice((*byte)(unsafe.Pointer(&g.Program[0])), len(g.Program)*instructionSize)...)
}

func receiveGreeting(conn int) (greeting, error) {
	f := fdReader(conn)
	var head [greetingHead]byte
	if _, err := io.ReadFull(f, head[:]); err != nil {
		return greeting{}, err
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n == 0 || n > maxInstructions {
		return greeting{}, fmt.Errorf("filter of %d instructions, want 1 to %d", n, maxInstructions)
	}
	g := greeting{
		Program: make([]Instruction, n),
		Flags:   InstallFlag(binary.LittleEndian.Uint32(head[4:])),
		Ignored: signalSet(binary.LittleEndian.Uint64(head[8:])),
	}
	_, err := io.ReadFull(f, unsafe.Slice((*byte)(unsafe.Pointer(&g.Program[0])), int(n)*instructionSize))
	return g, err
}

// fdReader reads a descriptor without the runtime's poller, which would leave traces on it.
type fdReader int

func (f fdReader) Read(b []byte) (int, error) {
	for {
		n, err := unix.Read(int(f), b)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}
