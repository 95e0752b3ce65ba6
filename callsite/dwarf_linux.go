package callsite

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"

	"github.com/sallyport/sallyport/attempt"
)

// debugInfo is what a file has of DWARF.
type debugInfo struct {
	data *dwarf.Data
	size uint64
}

// sourceFrames are the lines of source at the address, innermost first: more than one where functions were inlined.
func (r *Reader) sourceFrames(b *binaryFile, addr uint64) (frames []attempt.Frame) {
	info := r.debugInfo(b)
	if info == nil {
		return nil
	}
	entries := info.data.Reader()
	unit, err := entries.SeekPC(addr)
	if err != nil {
		return nil
	}
	lines, err := info.data.LineReader(unit)
	if err != nil || lines == nil {
		return nil
	}
	line, ok := lineAtAddress(lines, addr)
	if !ok {
		return nil
	}
	w := &walker{data: info.data, addr: addr}
	w.children(entries, unit)
	// The innermost function has the line of the address; each other the line where the next inner one was inlined.
	frame := attempt.Frame{File: line.File.Name, Line: line.Line}
	files := lines.Files()
	for i := len(w.chain) - 1; i >= 0; i-- {
		call := w.chain[i]
		frame.Function = w.name(call)
		frames = append(frames, frame)
		n, _ := call.Val(dwarf.AttrCallFile).(int64)
		at, _ := call.Val(dwarf.AttrCallLine).(int64)
		frame = attempt.Frame{Line: int(at)}
		if n >= 0 && n < int64(len(files)) && files[n] != nil {
			frame.File = files[n].Name
		}
	}
	if len(frames) == 0 {
		frames = append(frames, frame)
	}
	return frames
}

// lineAtAddress is the row of the table that the address belongs to. (LineReader.SeekPC expects the sequences of a table in
// order of their addresses, which those of .text and .text.startup are not.)
func lineAtAddress(lines *dwarf.LineReader, addr uint64) (dwarf.LineEntry, bool) {
	const maxLineRows = 1 << 20
	var last, next dwarf.LineEntry
	inside := false // last is a row of the same sequence
	for range maxLineRows {
		if lines.Next(&next) != nil {
			break
		}
		if inside && last.Address <= addr && addr < next.Address {
			return last, last.File != nil
		}
		last, inside = next, !next.EndSequence
	}
	return last, false
}

// walker finds the functions that an address is in.
type walker struct {
	data  *dwarf.Data
	addr  uint64
	chain []*dwarf.Entry // the outermost first: the function, and what was inlined into each
	steps int
	depth int
}

// Bounds of how many entries of a unit are looked at, and how deep they may lie in each other.
const (
	maxDIEs  = 1 << 18
	maxDepth = 256
)

// children looks at what lies in the entry that the reader has just read. It reports whether the address was found.
func (w *walker) children(r *dwarf.Reader, parent *dwarf.Entry) bool {
	if !parent.Children {
		return false
	}
	if w.depth++; w.depth > maxDepth {
		return false
	}
	defer func() { w.depth-- }()
	for {
		e, err := r.Next()
		if w.steps++; err != nil || e == nil || e.Tag == 0 || w.steps > maxDIEs {
			return false
		}
		switch e.Tag {
		case dwarf.TagSubprogram, dwarf.TagInlinedSubroutine:
			if w.holds(e) {
				w.chain = append(w.chain, e)
				w.children(r, e)
				return true
			}
			r.SkipChildren()
		case dwarf.TagNamespace, dwarf.TagModule, dwarf.TagStructType, dwarf.TagClassType, dwarf.TagUnionType, dwarf.TagEnumerationType,
			dwarf.TagLexDwarfBlock, dwarf.TagTryDwarfBlock:
			if w.children(r, e) {
				return true
			}
		default:
			r.SkipChildren()
		}
	}
}

func (w *walker) holds(e *dwarf.Entry) bool {
	ranges, err := w.data.Ranges(e)
	if err != nil {
		return false
	}
	for _, r := range ranges {
		if w.addr >= r[0] && w.addr < r[1] {
			return true
		}
	}
	return false
}

// name is the name of the function, which may be with its declaration, or with what was inlined.
func (w *walker) name(e *dwarf.Entry) string {
	const maxHops = 8
	plain := ""
	for range maxHops {
		if linkage, ok := e.Val(dwarf.AttrLinkageName).(string); ok {
			return readable(linkage)
		}
		if name, ok := e.Val(dwarf.AttrName).(string); ok && plain == "" {
			plain = name
		}
		to, ok := e.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset)
		if !ok {
			if to, ok = e.Val(dwarf.AttrSpecification).(dwarf.Offset); !ok {
				break
			}
		}
		r := w.data.Reader()
		r.Seek(to)
		next, err := r.Next()
		if err != nil || next == nil {
			break
		}
		e = next
	}
	return plain
}

// debugInfo is the DWARF of the file, or of the separate one. That of the last file is kept: it may be large.
func (r *Reader) debugInfo(b *binaryFile) *debugInfo {
	if b.elf.Section(".debug_info") == nil && b.elf.Section(".zdebug_info") == nil {
		if b = b.separate(); b == nil {
			return nil
		}
	}
	stat, err := b.file.Stat()
	if err != nil {
		return nil
	}
	key := keyOf(stat)
	if d, ok := get(r, &r.debug, key); ok {
		return d
	}
	d, err := readDebugInfo(b.elf)
	if err != nil {
		d = nil // and that it has none that can be read is kept, too
	}
	put(r, &r.debug, maxDebugFiles, key, d)
	return d
}

func readDebugInfo(file *elf.File) (*debugInfo, error) {
	d := &debugInfo{}
	read := make(map[string][]byte)
	for _, name := range []string{"abbrev", "info", "line", "ranges", "str", "addr", "line_str", "str_offsets", "rnglists"} {
		s := file.Section(".debug_" + name)
		if s == nil || s.Type == elf.SHT_NOBITS {
			continue
		}
		limit := uint64(maxDebugBytes)
		if s.Flags&elf.SHF_COMPRESSED != 0 {
			limit = maxPacked
		}
		if d.size += s.Size; s.Size > limit || d.size > maxDebugBytes {
			return nil, fmt.Errorf("%d bytes of debugging information or more, at most %d are read", d.size, limit)
		}
		data, err := s.Data()
		if err != nil {
			return nil, err
		}
		read[name] = data
	}
	var err error
	d.data, err = dwarf.New(read["abbrev"], nil, nil, read["info"], read["line"], nil, read["ranges"], read["str"])
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"addr", "line_str", "str_offsets", "rnglists"} {
		if read[name] != nil {
			if err := d.data.AddSection(".debug_"+name, read[name]); err != nil {
				return nil, err
			}
		}
	}
	return d, nil
}
