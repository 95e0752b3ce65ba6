package callsite

import "fmt"

// cursor reads one thing after another from the memory of a process, up to end. The first failure stays, and what is
// read after it is 0.
type cursor struct {
	mem     *memory
	at, end uint64
	err     error
}

// bytes reads n bytes, at most 8, as a number.
func (c *cursor) bytes(n uint64) (v uint64) {
	if c.err != nil {
		return 0
	}
	if c.at > c.end || c.end-c.at < n {
		c.fail("unwind table ends at %#x, expected %d bytes more", c.at, n)
		return 0
	}
	var b [8]byte
	if c.err = c.mem.read(c.at, b[:n]); c.err != nil {
		return 0
	}
	c.at += n
	for i := range n {
		v |= uint64(b[i]) << (8 * i)
	}
	return v
}

func (c *cursor) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: %w", ErrUnknown, fmt.Errorf(format, args...))
	}
}

func (c *cursor) u8() uint8 { return uint8(c.bytes(1)) }

// signed reads n bytes as a signed number.
func (c *cursor) signed(n uint64) int64 {
	shift := 64 - 8*n
	return int64(c.bytes(n)<<shift) >> shift
}

func (c *cursor) leb() (v uint64, shift uint, last uint8) {
	for shift < 70 {
		last = c.u8()
		v |= uint64(last&0x7f) << shift
		shift += 7
		if last&0x80 == 0 {
			return v, shift, last
		}
	}
	c.fail("a number in an unwind table does not end")
	return 0, shift, 0
}

func (c *cursor) uleb() uint64 {
	v, _, _ := c.leb()
	return v
}

func (c *cursor) sleb() int64 {
	v, shift, last := c.leb()
	if shift < 64 && last&0x40 != 0 {
		v |= ^uint64(0) << shift
	}
	return int64(v)
}

// skip passes n bytes.
func (c *cursor) skip(n uint64) {
	if c.at > c.end || c.end-c.at < n {
		c.fail("unwind table ends at %#x, expected %d bytes more", c.at, n)
		return
	}
	c.at += n
}

// Encodings of pointers (DW_EH_PE_*, Linux Standard Base, "DWARF Extensions").
const (
	encodedOmit    = 0xff
	encodedPCRel   = 0x10
	encodedDataRel = 0x30
)

// encoded reads a pointer; data is what DW_EH_PE_datarel counts from.
func (c *cursor) encoded(encoding uint8, data uint64) (v uint64) {
	var base uint64
	switch encoding & 0x70 {
	case 0:
	case encodedPCRel:
		base = c.at
	case encodedDataRel:
		base = data
	default:
		c.fail("pointer encoding %#x, expected absolute, or relative to pc or data", encoding)
		return 0
	}
	switch encoding & 0x0f {
	case 0, 4:
		v = c.bytes(8)
	case 1:
		v = c.uleb()
	case 2:
		v = c.bytes(2)
	case 3:
		v = c.bytes(4)
	case 9:
		v = uint64(c.sleb())
	case 10:
		v = uint64(c.signed(2))
	case 11:
		v = uint64(c.signed(4))
	case 12:
		v = uint64(c.signed(8))
	default:
		c.fail("pointer encoding %#x is not known", encoding)
	}
	return base + v
}
