package callsite

import "encoding/binary"

// What is told here of amd64 instructions is how long the common ones are, and what they do to the stack pointer (Intel SDM volume 2,
// appendix A).

// instruction is one instruction, decoded as far as that.
type instruction struct {
	length   int
	op       int // the opcode; 0x0f00 and more for those of two bytes
	rex      byte
	modrm    byte
	hasModRM bool
	imm      int64
}

func (i *instruction) mod() byte { return i.modrm >> 6 }
func (i *instruction) reg() byte { return i.modrm>>3&7 | i.rex<<1&8 }
func (i *instruction) rm() byte  { return i.modrm&7 | i.rex<<3&8 }

// decodeInstruction decodes the instruction that b starts with; ok is false for those that are not known here.
func decodeInstruction(b []byte) (in instruction, ok bool) {
	at, wide := 0, false // wide: an operand-size prefix makes immediates 2 bytes long
	take := func() byte {
		if at >= len(b) {
			at = len(b) + 1
			return 0
		}
		at++
		return b[at-1]
	}
	c := take()
	for ; c == 0x66 || c == 0xf2 || c == 0xf3 || c == 0x2e || c == 0x3e || c == 0x64 || c == 0x65; c = take() {
		wide = wide || c == 0x66
		if at > 8 {
			return in, false
		}
	}
	if c&0xf0 == 0x40 {
		in.rex = c
		c = take()
	}
	in.op = int(c)
	if c == 0x0f {
		in.op = 0x0f00 | int(take())
	}
	size, known := operandBytes(in.op, in.rex&8 != 0, wide)
	if !known {
		return in, false
	}
	if in.hasModRM = hasModRM(in.op); in.hasModRM {
		in.modrm = take()
		skip := 0
		base := in.modrm & 7
		if in.mod() != 3 && base == 4 {
			base = take() & 7
		}
		switch {
		case in.mod() == 1:
			skip = 1
		case in.mod() == 2, in.mod() == 0 && base == 5:
			skip = 4
		}
		at += skip
		if (in.op == 0xf6 || in.op == 0xf7) && in.modrm>>3&7 < 2 {
			if size = 4; in.op == 0xf6 {
				size = 1
			} else if wide {
				size = 2
			}
		}
	}
	if at+size > len(b) {
		return in, false
	}
	switch tail := b[at:]; size {
	case 1:
		in.imm = int64(int8(tail[0]))
	case 4:
		in.imm = int64(int32(binary.LittleEndian.Uint32(tail)))
	}
	in.length = at + size
	return in, true
}

// hasModRM reports whether a byte that says which operands follows the opcode.
func hasModRM(op int) bool {
	if op >= 0x0f00 {
		low := op & 0xff
		return !(low == 0x05 || low == 0x0b || low == 0x31 || low == 0xa2 || low&0xf0 == 0x80 || low >= 0xc8 && low <= 0xcf)
	}
	switch {
	case op < 0x40:
		return op&7 < 4
	case op == 0x63, op == 0x69, op == 0x6b, op >= 0x80 && op <= 0x8f, op == 0xc0, op == 0xc1, op == 0xc6, op == 0xc7,
		op >= 0xd0 && op <= 0xd3, op >= 0xd8 && op <= 0xdf, op == 0xf6, op == 0xf7, op == 0xfe, op == 0xff:
		return true
	}
	return false
}

// operandBytes is how long the immediate operand is; known is false for opcodes that are rare, or not of 64-bit code.
func operandBytes(op int, rexW, short bool) (size int, known bool) {
	full := 4
	if short {
		full = 2
	}
	if op >= 0x0f00 {
		switch low := op & 0xff; {
		case low == 0x38, low == 0x3a, low >= 0x32 && low <= 0x37, low >= 0xa0 && low <= 0xa1, low >= 0xa8 && low <= 0xaa, low == 0x0f:
			return 0, false
		case low >= 0x70 && low <= 0x73, low == 0xa4, low == 0xac, low == 0xba, low == 0xc2, low >= 0xc4 && low <= 0xc6:
			return 1, true
		case low&0xf0 == 0x80:
			return 4, true
		}
		return 0, true
	}
	switch {
	case op < 0x40:
		switch op & 7 {
		case 4:
			return 1, true
		case 5:
			return full, true
		}
		return 0, op&7 < 4
	case op == 0x6a, op == 0x6b, op >= 0x70 && op <= 0x7f, op == 0x80, op == 0x83, op == 0xa8, op >= 0xb0 && op <= 0xb7,
		op == 0xc0, op == 0xc1, op == 0xc6, op == 0xeb:
		return 1, true
	case op == 0xe8, op == 0xe9:
		return 4, true
	case op == 0x68, op == 0x69, op == 0x81, op == 0xa9, op == 0xc7:
		return full, true
	case op >= 0xb8 && op <= 0xbf:
		if rexW {
			return 8, true
		}
		return full, true
	case op >= 0x50 && op <= 0x5f, op == 0x63, op >= 0x84 && op <= 0x99, op == 0xc3, op == 0xc9, op >= 0xd0 && op <= 0xd3,
		op >= 0xa4 && op <= 0xa7, op >= 0xaa && op <= 0xaf, op == 0xf6, op == 0xf7, op == 0xfe, op == 0xff:
		return 0, true
	}
	return 0, false
}
