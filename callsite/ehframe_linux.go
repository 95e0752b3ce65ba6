package callsite

import (
	"fmt"
	"strings"
)

// frameTable is where a module has its unwind table (.eh_frame), in the memory of the process.
type frameTable struct {
	index      uint64 // .eh_frame_hdr, 0 without one
	start, end uint64 // .eh_frame; end is only a bound where an index leads to it
}

// cie is a Common Information Entry: what several functions have in common.
type cie struct {
	codeAlign     uint64
	dataAlign     int64
	encoding      uint8 // of the FDEs' pointers
	augmented     bool
	signal        bool // the kernel calls it: the frame of a signal
	returnReg     uint64
	program, done uint64
}

// fde is a Frame Description Entry: how to unwind one function.
type fde struct {
	cie
	start, end     uint64 // of the function
	instrs, finish uint64
}

// maxEntries bounds a search without an index.
const maxEntries = 1 << 15

// find is the entry for the pc.
func (t *frameTable) find(mem *memory, pc uint64) (*fde, error) {
	if t.index != 0 {
		if f, err := t.search(mem, pc); err == nil || t.start == 0 {
			return f, err
		}
	}
	return t.scan(mem, pc)
}

// search looks into the index, a table of pairs in order of the function's address.
func (t *frameTable) search(mem *memory, pc uint64) (*fde, error) {
	const sorted = encodedDataRel | 0x0b // pairs of 4 bytes each
	c := &cursor{mem: mem, at: t.index, end: t.index + 64}
	version, frameEncoding, countEncoding, tableEncoding := c.u8(), c.u8(), c.u8(), c.u8()
	if frameEncoding != encodedOmit {
		c.encoded(frameEncoding, t.index)
	}
	count := c.encoded(countEncoding, t.index)
	if c.err != nil {
		return nil, c.err
	}
	if version != 1 || tableEncoding != sorted || count == 0 || count > 1<<26 {
		return nil, fmt.Errorf("%w: .eh_frame_hdr of version %d, encoding %#x, with %d entries", ErrUnknown, version, tableEncoding, count)
	}
	entry := func(n, half uint64) (uint64, error) {
		v, err := mem.u32(c.at + 8*n + 4*half)
		return t.index + uint64(int64(int32(v))), err
	}
	low, high := uint64(0), count
	for low+1 < high {
		middle := (low + high) / 2
		start, err := entry(middle, 0)
		if err != nil {
			return nil, err
		}
		if start <= pc {
			low = middle
		} else {
			high = middle
		}
	}
	addr, err := entry(low, 1)
	if err != nil {
		return nil, err
	}
	f, _, err := readEntry(mem, addr, addr+maxEntry)
	if err == nil && (f == nil || pc < f.start || pc >= f.end) {
		err = noEntry(pc)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// scan looks through the table.
func (t *frameTable) scan(mem *memory, pc uint64) (*fde, error) {
	addr := t.start
	for n := 0; n < maxEntries && addr != 0 && addr < t.end; n++ {
		f, next, err := readEntry(mem, addr, t.end)
		if err != nil {
			return nil, err
		}
		if f != nil && pc >= f.start && pc < f.end {
			return f, nil
		}
		addr = next
	}
	return nil, noEntry(pc)
}

func noEntry(pc uint64) error { return fmt.Errorf("%w: no unwind entry for pc %#x", ErrUnknown, pc) }

// maxEntry bounds the length of one entry.
const maxEntry = 1 << 20

// open starts to read the entry at addr: what follows its length, and where its id is.
func openEntry(mem *memory, addr, limit uint64) *cursor {
	c := &cursor{mem: mem, at: addr, end: limit}
	length := c.bytes(4)
	if length == 0xffffffff {
		length = c.bytes(8)
	}
	if length > maxEntry || c.err == nil && limit-c.at < length {
		c.fail("unwind entry at %#x is %d bytes long", addr, length)
	}
	c.end = c.at + length
	return c
}

// readEntry reads the entry at addr: f is nil where it is a CIE, next is 0 at the end of the table.
func readEntry(mem *memory, addr, limit uint64) (f *fde, next uint64, err error) {
	c := openEntry(mem, addr, limit)
	if c.err != nil || c.at == c.end { // a length of zero ends the table
		return nil, 0, c.err
	}
	at := c.at
	back := c.bytes(4) // in .eh_frame 4 bytes in every case
	if c.err != nil || back == 0 {
		return nil, c.end, c.err
	}
	common, err := readCIE(mem, at-back)
	if err != nil {
		return nil, 0, err
	}
	f = &fde{cie: common, finish: c.end}
	f.start = c.encoded(f.encoding, 0)
	f.end = f.start + c.encoded(f.encoding&0x0f, 0)
	if f.augmented {
		c.skip(c.uleb())
	}
	f.instrs = c.at
	return f, c.end, c.err
}

func readCIE(mem *memory, addr uint64) (common cie, err error) {
	c := openEntry(mem, addr, addr+maxEntry)
	id, version := c.bytes(4), c.u8()
	if c.err == nil && (id != 0 || version != 1 && version != 3) {
		c.fail("CIE at %#x has id %#x and version %d", addr, id, version)
	}
	var letters strings.Builder
	for b := c.u8(); b != 0 && letters.Len() < 16; b = c.u8() {
		letters.WriteByte(b)
	}
	common.codeAlign, common.dataAlign = c.uleb(), c.sleb()
	if version == 1 {
		common.returnReg = uint64(c.u8())
	} else {
		common.returnReg = c.uleb()
	}
	common.done = c.end
	augmentation := letters.String()
	if augmentation == "" {
		common.program = c.at
		return common, c.err
	}
	if augmentation[0] != 'z' {
		c.fail("CIE at %#x has augmentation %q, expected it to start with z", addr, augmentation)
		return common, c.err
	}
	common.augmented = true
	length := c.uleb()
	common.program = c.at + length
	for _, letter := range augmentation[1:] {
		switch letter {
		case 'R':
			common.encoding = c.u8()
		case 'P':
			c.encoded(c.u8()&0x7f, 0)
		case 'L':
			c.u8()
		case 'S':
			common.signal = true
		case 'B': // pointer authentication, of arm64
		default:
			c.fail("CIE at %#x has augmentation %q", addr, augmentation)
		}
	}
	if common.program > c.end || length > maxEntry {
		c.fail("CIE at %#x ends within its augmentation", addr)
	}
	return common, c.err
}
