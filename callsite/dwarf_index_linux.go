package callsite

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"sync"
)

// debugInfo is what a file has of DWARF. To read all of a unit takes milliseconds, so what was read once is kept.
type debugInfo struct {
	mu      sync.Mutex
	data    *dwarf.Data
	units   map[dwarf.Offset]*unitIndex
	entries int // in all units
}

// maxIndexed bounds how many functions and sequences of lines are kept of one file: at 32 and 48 bytes each.
const maxIndexed = 1 << 18

// unitIndex says where in a unit something is told of an address.
type unitIndex struct {
	functions []functionRange
	sequences []lineSequence
	lines     *dwarf.LineReader // nil without
	cut       bool              // functions are not all of them
}

type functionRange struct {
	start, end uint64
	entry      dwarf.Offset
}

type lineSequence struct {
	start, end uint64
	at         dwarf.LineReaderPos
}

// unit is the index of a unit.
func (d *debugInfo) unit(entry *dwarf.Entry) *unitIndex {
	if index, ok := d.units[entry.Offset]; ok {
		return index
	}
	index := &unitIndex{}
	if lines, err := d.data.LineReader(entry); err == nil && lines != nil {
		index.lines = lines
		index.addLines()
	}
	r := d.data.Reader()
	r.Seek(entry.Offset)
	if unit, err := r.Next(); err == nil && unit != nil {
		w := &walker{data: d.data}
		index.addFunctions(w, r, unit)
		index.cut = w.cut
	}
	if d.entries += len(index.functions) + len(index.sequences); d.entries > maxIndexed {
		clear(d.units)
		d.entries = len(index.functions) + len(index.sequences)
	}
	d.units[entry.Offset] = index
	return index
}

func (u *unitIndex) addFunctions(w *walker, r *dwarf.Reader, parent *dwarf.Entry) {
	w.each(r, parent, func(e *dwarf.Entry) bool {
		switch e.Tag {
		case dwarf.TagSubprogram:
			ranges, err := w.data.Ranges(e)
			for _, pcs := range ranges {
				if err == nil && pcs[0] < pcs[1] {
					u.functions = append(u.functions, functionRange{pcs[0], pcs[1], e.Offset})
				}
			}
			r.SkipChildren()
		case dwarf.TagNamespace, dwarf.TagModule, dwarf.TagStructType, dwarf.TagClassType, dwarf.TagUnionType, dwarf.TagEnumerationType:
			u.addFunctions(w, r, e) // Rust has functions in these
		default:
			r.SkipChildren()
		}
		return false
	})
}

// maxLineRows bounds how many rows of a unit's table of lines are read.
const maxLineRows = 1 << 20

func (u *unitIndex) addLines() {
	var row dwarf.LineEntry
	sequence := lineSequence{at: u.lines.Tell()}
	first := true
	for range maxLineRows {
		if u.lines.Next(&row) != nil {
			return
		}
		if first {
			sequence.start, first = row.Address, false
		}
		if row.EndSequence {
			sequence.end = row.Address
			u.sequences = append(u.sequences, sequence)
			sequence, first = lineSequence{at: u.lines.Tell()}, true
		}
	}
}

// line is the row of the table that the address belongs to. (LineReader.SeekPC expects the sequences of a table in
// order of their addresses, which those of .text and .text.startup are not.)
func (u *unitIndex) line(addr uint64) (last dwarf.LineEntry, ok bool) {
	for _, s := range u.sequences {
		if addr < s.start || addr >= s.end {
			continue
		}
		u.lines.Seek(s.at)
		var next dwarf.LineEntry
		inside := false
		for range maxLineRows {
			if u.lines.Next(&next) != nil {
				break
			}
			if inside && last.Address <= addr && addr < next.Address {
				return last, last.File != nil
			}
			if last, inside = next, true; next.EndSequence {
				break
			}
		}
	}
	return last, false
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
	d := &debugInfo{units: make(map[dwarf.Offset]*unitIndex)}
	var size uint64
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
		if size += s.Size; s.Size > limit || size > maxDebugBytes {
			return nil, fmt.Errorf("%d bytes of debugging information or more, at most %d are read", size, limit)
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
