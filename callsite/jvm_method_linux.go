package callsite

import (
	"fmt"
	"path"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// frame is a line of a method. bci tells the offset of the bytecode that runs, from where the bytecode is; one that
// is not the method's, as a native method's, leaves the line unknown.
func (j *jvm) frame(mem *memory, method uint64, bci func(code uint64) int) (attempt.Frame, error) {
	var f attempt.Frame
	constMethod, err := j.ptr(mem, method, "Method::_constMethod")
	if err != nil {
		return f, err
	}
	pool, err := j.ptr(mem, constMethod, "ConstMethod::_constants")
	if err != nil {
		return f, err
	}
	index, err := j.u16(mem, constMethod, "ConstMethod::_name_index")
	if err != nil {
		return f, err
	}
	name, err := j.poolText(mem, pool, index)
	if err != nil {
		return f, err
	}
	class, source, err := j.class(mem, pool)
	if err != nil {
		return f, err
	}
	f.Function = strings.ReplaceAll(class, "/", ".") + "." + name
	if source == "" {
		return f, nil // compiled without
	}
	// As the compiler that was given the file at its root of sources had it.
	f.File = path.Join(path.Dir(class), source)
	f.Line, err = j.line(mem, constMethod, bci)
	return f, err
}

// class is the name of the class that has the pool, with slashes, and of its source file, "" where it does not tell.
func (j *jvm) class(mem *memory, pool uint64) (name, source string, err error) {
	class, err := j.ptr(mem, pool, "ConstantPool::_pool_holder")
	if err != nil {
		return "", "", err
	}
	symbol, err := j.ptr(mem, class, "Klass::_name")
	if err != nil {
		return "", "", err
	}
	if name, err = j.symbol(mem, symbol); err != nil {
		return "", "", err
	}
	holder := pool
	if _, moved := j.field["InstanceKlass::_source_file_name_index"]; moved { // before JDK 17
		holder = class
	}
	index, err := j.u16(mem, holder, "ConstantPool::_source_file_name_index")
	if err != nil || index == 0 {
		return name, "", err
	}
	source, err = j.poolText(mem, pool, index)
	return name, source, err
}

// poolText is the text at an index of a constant pool; its entries follow the structure.
func (j *jvm) poolText(mem *memory, pool uint64, index uint16) (string, error) {
	length, err := j.u32(mem, pool, "ConstantPool::_length")
	if err != nil {
		return "", err
	}
	if uint32(index) >= length {
		return "", fmt.Errorf("%w: index %d of a constant pool of %d", ErrUnknown, index, length)
	}
	symbol, err := mem.u64(pool + j.size["ConstantPool"] + 8*uint64(index))
	if err != nil {
		return "", err
	}
	return j.symbol(mem, symbol)
}

func (j *jvm) symbol(mem *memory, symbol uint64) (string, error) {
	const limit = 1024
	length, err := j.u16(mem, symbol, "Symbol::_length")
	if err != nil {
		return "", err
	}
	if length == 0 || length > limit {
		return "", fmt.Errorf("%w: a name of %d bytes", ErrUnknown, length)
	}
	text := make([]byte, length)
	err = mem.read(symbol+j.field["Symbol::_body"], text)
	return strings.ToValidUTF8(string(text), "?"), err
}

// line is the line of source of a bytecode, 0 where the method does not tell.
func (j *jvm) line(mem *memory, constMethod uint64, bci func(code uint64) int) (int, error) {
	const hasLines = 1 // _has_linenumber_table of ConstMethod's flags
	flags, err := j.u16(mem, constMethod, "ConstMethod::_flags")
	if err != nil {
		return 0, err
	}
	size, err := j.u16(mem, constMethod, "ConstMethod::_code_size")
	if err != nil {
		return 0, err
	}
	code := constMethod + j.size["ConstMethod"]
	at := bci(code)
	if flags&hasLines == 0 || at < 0 || at >= int(size) {
		return 0, nil
	}
	table := jvmStream{mem: mem, at: code + uint64(size), excess: j.codes.excess}
	return table.line(at)
}

// jvmStream reads HotSpot's compressed numbers (utilities/unsigned5.hpp).
type jvmStream struct {
	mem    *memory
	at     uint64
	excess int // that each byte has, to leave out zero: 1 from JDK 20 on
}

func (s *jvmStream) byte() (int, error) {
	b, err := s.mem.u8(s.at)
	s.at++
	return int(b), err
}

// int is a number of up to five bytes, of six bits each but for the last.
func (s *jvmStream) int() (int, error) {
	sum := 0
	for i := range 5 {
		b, err := s.byte()
		if err != nil {
			return 0, err
		}
		sum += (b - s.excess) << (6 * i)
		if b < 192 {
			break
		}
	}
	return sum, nil
}

func (s *jvmStream) signed() (int, error) {
	v, err := s.int()
	return v>>1 ^ -(v & 1), err
}

// line looks a bytecode up in a table of lines (code/compressedStream.hpp): the last that begins at or before it.
func (s *jvmStream) line(bci int) (int, error) {
	const maxLines = 1 << 16
	atBCI, atLine, best, found := 0, 0, -1, 0
	for range maxLines {
		b, err := s.byte()
		if err != nil {
			return 0, err
		}
		switch b {
		case 0:
			return found, nil
		case 0xff:
			skip, err1 := s.signed()
			lines, err2 := s.signed()
			if err1 != nil || err2 != nil {
				return 0, fmt.Errorf("%w: a table of lines", ErrUnknown)
			}
			atBCI, atLine = atBCI+skip, atLine+lines
		default:
			atBCI, atLine = atBCI+b>>3, atLine+b&7
		}
		if atBCI <= bci && atBCI >= best {
			best, found = atBCI, atLine
		}
	}
	return 0, fmt.Errorf("%w: a table of lines without an end", ErrUnknown)
}
