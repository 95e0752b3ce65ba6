package callsite

import (
	"debug/dwarf"
	"path"

	"github.com/sallyport/sallyport/attempt"
)

// sourceFrames are the lines of source at the address, innermost first: more than one where functions were inlined.
func (r *Reader) sourceFrames(b *binaryFile, addr uint64) (frames []attempt.Frame) {
	info := r.debugInfo(b)
	if info == nil {
		return nil
	}
	info.mu.Lock()
	defer info.mu.Unlock()
	unit, err := info.data.Reader().SeekPC(addr)
	if err != nil {
		return nil
	}
	index := info.unit(unit)
	line, ok := index.line(addr)
	if !ok {
		return nil
	}
	// The innermost function has the line of the address; each other the line where the next inner one was inlined.
	frame := attempt.Frame{File: line.File.Name, Line: line.Line}
	chain, ok := info.functionsAt(index, addr)
	if !ok {
		return nil // the line may be of a function that was inlined, which is not known
	}
	files := index.lines.Files()
	for i := len(chain) - 1; i >= 0; i-- {
		call := chain[i]
		frame.Function = info.name(call)
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
	if dir, ok := unit.Val(dwarf.AttrCompDir).(string); ok {
		for i := range frames {
			if file := &frames[i].File; *file != "" && !path.IsAbs(*file) {
				*file = path.Join(dir, *file)
			}
		}
	}
	return frames
}

// functionsAt are the functions that the address is in, outermost first: one, and what was inlined into each. There is
// none in what an assembler made; ok is false where too much would have to be read.
func (d *debugInfo) functionsAt(index *unitIndex, addr uint64) (chain []*dwarf.Entry, ok bool) {
	for _, f := range index.functions {
		if addr < f.start || addr >= f.end {
			continue
		}
		r := d.data.Reader()
		r.Seek(f.entry)
		e, err := r.Next()
		if err != nil || e == nil {
			return nil, false
		}
		w := &walker{data: d.data, addr: addr, chain: []*dwarf.Entry{e}}
		w.children(r, e)
		return w.chain, !w.cut
	}
	return nil, !index.cut
}

// walker walks through the entries of a unit.
type walker struct {
	data  *dwarf.Data
	addr  uint64
	chain []*dwarf.Entry
	steps int
	depth int
	cut   bool // not all were looked at
}

// Bounds of how many entries of a unit are looked at, and how deep they may lie in each other.
const (
	maxDIEs  = 1 << 17
	maxDepth = 256
)

// each calls f for what lies in the entry that the reader has just read, until f says that it is done; f has to pass
// what lies in each.
func (w *walker) each(r *dwarf.Reader, parent *dwarf.Entry, f func(*dwarf.Entry) (done bool)) {
	if !parent.Children {
		return
	}
	if w.depth >= maxDepth {
		w.cut = true
		return
	}
	w.depth++
	defer func() { w.depth-- }()
	for {
		e, err := r.Next()
		if w.steps++; err != nil || w.steps > maxDIEs {
			w.cut = true
		}
		if w.cut || e == nil || e.Tag == 0 || f(e) {
			return
		}
	}
}

// children adds to the chain what was inlined into the last of it.
func (w *walker) children(r *dwarf.Reader, parent *dwarf.Entry) {
	w.each(r, parent, func(e *dwarf.Entry) bool {
		inlined := e.Tag == dwarf.TagInlinedSubroutine
		if (inlined || e.Tag == dwarf.TagLexDwarfBlock) && w.holds(e) {
			if inlined {
				w.chain = append(w.chain, e)
			}
			w.children(r, e)
			return true
		}
		r.SkipChildren()
		return false
	})
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
func (d *debugInfo) name(e *dwarf.Entry) string {
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
		r := d.data.Reader()
		r.Seek(to)
		next, err := r.Next()
		if err != nil || next == nil {
			break
		}
		e = next
	}
	return plain
}
