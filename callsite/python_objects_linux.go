package callsite

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// What is read of one object. A longer table serves the code up to where it was cut.
const (
	maxName  = 4096 // characters; also PATH_MAX
	maxBytes = 256 << 10
)

// bytes is a bytes object, or a str of Python 2.
func (py *python) bytes(mem *memory, addr uint64) ([]byte, error) {
	size, err := mem.u64(addr + py.layout.bytesSize)
	if err != nil {
		return nil, err
	}
	if size > 1<<40 {
		return nil, fmt.Errorf("%w: bytes object of length %d", ErrUnknown, int64(size))
	}
	b := make([]byte, min(size, maxBytes))
	return b, mem.read(addr+py.layout.bytesData, b)
}

// textAt is the str that the pointer at addr leads to.
func (py *python) textAt(mem *memory, addr uint64) (string, error) {
	object, err := mem.u64(addr)
	if err != nil || object == 0 {
		return "", err
	}
	if py.version < 0x0300 {
		b, err := py.bytes(mem, object)
		return string(b[:min(len(b), maxName)]), err
	}
	length, err := mem.u64(object + py.layout.unicodeLength)
	if err != nil {
		return "", err
	}
	state, err := mem.u32(object + py.layout.unicodeState)
	if err != nil {
		return "", err
	}
	if length > 1<<40 {
		return "", fmt.Errorf("%w: str object of length %d", ErrUnknown, int64(length))
	}
	// The bits of state: interned:2, kind:3, compact:1, ascii:1.
	kind, compact, ascii := state>>2&7, state>>5&1 == 1, state>>6&1 == 1
	if !compact || kind != 1 && kind != 2 && kind != 4 {
		return "", nil // of an extension's making: names of the compiler's are compact
	}
	data := object + py.layout.unicodeCompact
	if ascii {
		data = object + py.layout.unicodeASCII
	}
	b := make([]byte, min(length, maxName)*uint64(kind))
	if err := mem.read(data, b); err != nil {
		return "", err
	}
	return decode(b, int(kind)), nil
}

// decode makes a string of characters that are kind bytes wide each: Latin-1, UCS-2 or UCS-4.
func decode(b []byte, kind int) string {
	out := make([]byte, 0, len(b))
	for ; len(b) >= kind; b = b[kind:] {
		var c uint32
		switch kind {
		case 1:
			c = uint32(b[0])
		case 2:
			c = uint32(binary.LittleEndian.Uint16(b))
		default:
			c = binary.LittleEndian.Uint32(b)
		}
		// PEP 383: a byte of a file name that is not UTF-8 stands in a str as a lone surrogate.
		if c >= 0xdc80 && c <= 0xdcff {
			out = append(out, byte(c))
		} else {
			out = utf8.AppendRune(out, rune(min(c, utf8.MaxRune+1)))
		}
	}
	return string(out)
}
