package callsite

import (
	"strings"
	"testing"
)

func FuzzLineAt(f *testing.F) {
	f.Add(uint16(0x0207), []byte{6, 1, 10, 255}, 12)
	f.Add(uint16(0x0309), []byte{6, 1, 10, 255}, 12)
	f.Add(uint16(0x030a), []byte{6, 1, 10, 128, 4, 2}, 18)
	f.Add(uint16(0x030b), []byte{0x80, 0, 0, 0xd8, 2, 0xf0, 0x41, 1, 2, 3}, 4)
	f.Fuzz(func(t *testing.T, version uint16, table []byte, last int) {
		lineAt(pythonVersion(version), table, 1, last)
	})
}

func FuzzDebugOffsets(f *testing.F) {
	start := append([]byte(debugCookie), make([]byte, debugOffsetsSize-len(debugCookie))...)
	start[10], start[11] = 0x0d, 3
	f.Add(start)
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, layout, err := parseDebugOffsets(b); err == nil && layout.codeBytes >= maxOffset {
			t.Errorf("offset %#x passed", layout.codeBytes)
		}
	})
}

func FuzzParseMapping(f *testing.F) {
	f.Add("55d0-55e0 r-xp 00002000 fd:00 131                        /usr/bin/python 3.11\n")
	f.Add("7ffe-7fff rw-p 00000000 00:00 0 \n")
	f.Fuzz(func(t *testing.T, line string) {
		if m, ok := parseMapping(line); ok && strings.HasSuffix(m.path, "\n") {
			t.Errorf("path %q", m.path)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0x80, 0xdc, 'a', 0}, uint8(2))
	f.Fuzz(func(t *testing.T, b []byte, kind uint8) {
		decode(b, 1<<(kind%3))
	})
}
