package callsite

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path"
	"strings"

	"github.com/ianlancetaylor/demangle"
)

// binaryFile is the file of an image, and the one that holds what was stripped from it.
type binaryFile struct {
	process *process
	path    string
	file    *os.File
	elf     *elf.File
	debug   *binaryFile // nil without one
	looked  bool        // whether it was looked for
}

// Bounds of what is read for one lookup.
const (
	maxSymbolBytes = 32 << 20
	maxDebugBytes  = 64 << 20
	maxPacked      = 8 << 20 // of compressed sections
)

func (r *Reader) openBinary(p *process, m module) (*binaryFile, error) {
	f, err := p.open(m)
	if err != nil {
		return nil, err
	}
	return newBinary(p, m.path, f)
}

func newBinary(p *process, name string, f *os.File) (*binaryFile, error) {
	e, err := elf.NewFile(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	return &binaryFile{process: p, path: name, file: f, elf: e}, nil
}

func (b *binaryFile) close() {
	b.file.Close()
	if b.debug != nil {
		b.debug.close()
	}
}

// section is a section of the module's file, for where it lies.
func (r *Reader) section(p *process, m module, name string) (elf.SectionHeader, error) {
	b, err := r.openBinary(p, m)
	if err != nil {
		return elf.SectionHeader{}, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	defer b.close()
	if s := b.elf.Section(name); s != nil {
		return s.SectionHeader, nil
	}
	return elf.SectionHeader{}, fmt.Errorf("%w: %s has no section %s", ErrUnknown, m.path, name)
}

// function is the name of the function at the address, "" where no symbol covers it.
func (b *binaryFile) function(addr uint64) string {
	name := symbolAt(b.elf, elf.SHT_SYMTAB, addr)
	if name == "" && b.elf.SectionByType(elf.SHT_SYMTAB) == nil && !isSystem(b.path) {
		if debug := b.separate(); debug != nil {
			name = symbolAt(debug.elf, elf.SHT_SYMTAB, addr)
		}
	}
	if name == "" {
		name = symbolAt(b.elf, elf.SHT_DYNSYM, addr)
	}
	return readable(name)
}

// readable is a name as the source has it, without parameters.
func readable(name string) string {
	const maxMangled = 4096
	if len(name) > maxMangled {
		return name[:maxMangled]
	}
	name, _, _ = strings.Cut(name, "@")
	return demangle.Filter(name, demangle.NoParams, demangle.NoClones)
}

// symbolAt is the symbol of the function at the address. Of several the one with the least underscores in front is
// what the source calls it.
func symbolAt(file *elf.File, kind elf.SectionType, addr uint64) (name string) {
	table := file.SectionByType(kind)
	if table == nil || table.Size > maxSymbolBytes || int(table.Link) >= len(file.Sections) || table.Type == elf.SHT_NOBITS {
		return ""
	}
	names := file.Sections[table.Link]
	data, err := table.Data()
	if err != nil || names.Type != elf.SHT_STRTAB || names.Flags&elf.SHF_COMPRESSED != 0 {
		return ""
	}
	const size, function, indirect = 24, 2, 10 // Elf64_Sym, STT_FUNC, STT_GNU_IFUNC
	le := binary.LittleEndian
	for ; len(data) >= size; data = data[size:] {
		start, length := le.Uint64(data[8:]), le.Uint64(data[16:])
		if kind := data[4] & 0xf; addr < start || addr-start >= length || le.Uint16(data[6:]) == 0 || kind != function && kind != indirect {
			continue
		}
		if s := stringAt(names, uint64(le.Uint32(data))); s != "" && (name == "" || underscores(s) < underscores(name)) {
			name = s
		}
	}
	return name
}

func underscores(s string) int { return len(s) - len(strings.TrimLeft(s, "_")) }

func stringAt(s *elf.Section, offset uint64) string {
	if offset >= s.Size {
		return ""
	}
	var b [1024]byte
	n, err := s.ReadAt(b[:], int64(offset))
	if err != nil && err != io.EOF {
		return ""
	}
	text, _, _ := bytes.Cut(b[:n], []byte{0})
	return string(text)
}

// separate is the file of debugging information that belongs to this one, in the program's own root, nil without.
func (b *binaryFile) separate() *binaryFile {
	if b.looked {
		return b.debug
	}
	b.looked = true
	id := b.buildID()
	if len(id) > 2 {
		name := fmt.Sprintf("/usr/lib/debug/.build-id/%s/%s.debug", id[:2], id[2:])
		if d := b.openSeparate(name); d != nil && d.buildID() == id {
			b.debug = d
			return d
		} else if d != nil {
			d.close()
		}
	}
	name, sum := b.debugLink()
	if name == "" || name != path.Base(name) {
		return nil
	}
	dir := path.Dir(b.path)
	for _, place := range []string{dir, path.Join(dir, ".debug"), path.Join("/usr/lib/debug", dir)} {
		d := b.openSeparate(path.Join(place, name))
		if d == nil {
			continue
		}
		if d.sum() == sum {
			b.debug = d
			return d
		}
		d.close()
	}
	return nil
}

func (b *binaryFile) openSeparate(name string) *binaryFile {
	f, err := b.process.openFile(name)
	if err != nil {
		return nil
	}
	d, err := newBinary(b.process, name, f)
	if err != nil {
		return nil
	}
	return d
}

// buildID is the note that the linker left, in hexadecimal digits.
func (b *binaryFile) buildID() string {
	const maxNote = 256
	s := b.elf.Section(".note.gnu.build-id")
	if s == nil || s.Type != elf.SHT_NOTE || s.Size > maxNote || s.Flags&elf.SHF_COMPRESSED != 0 {
		return ""
	}
	data, err := s.Data()
	if err != nil || len(data) < 16 || string(data[12:16]) != "GNU\x00" {
		return ""
	}
	return hex.EncodeToString(data[16:])
}

// debugLink is the name and the checksum of the file with what was stripped (.gnu_debuglink).
func (b *binaryFile) debugLink() (name string, sum uint32) {
	s := b.elf.Section(".gnu_debuglink")
	if s == nil || s.Size > pageSize || s.Flags&elf.SHF_COMPRESSED != 0 {
		return "", 0
	}
	data, err := s.Data()
	if err != nil || len(data) < 8 {
		return "", 0
	}
	text, _, _ := bytes.Cut(data, []byte{0})
	return string(text), binary.LittleEndian.Uint32(data[len(data)-4:])
}

// sum is the checksum that a .gnu_debuglink has; 0 of files that are too large to read now.
func (b *binaryFile) sum() uint32 {
	info, err := b.file.Stat()
	if err != nil || info.Size() > maxDebugBytes {
		return 0
	}
	h := crc32.NewIEEE()
	if _, err := io.Copy(h, io.NewSectionReader(b.file, 0, maxDebugBytes)); err != nil {
		return 0
	}
	return h.Sum32()
}
