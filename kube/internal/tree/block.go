package tree

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// plain reads what is plain in YAML: block mappings with scalar keys, block sequences, plain and quoted scalars, literal
// blocks, flow collections of one line, comments. Whatever else it meets, and everything that is wrong, ends in stop: then
// yaml/v3 reads the document, so this has to refuse more than it has to know.
type plain struct {
	s    string
	pos  int // in s
	line int32
	// indent is the column of pos where pos is at the first thing on a line, or behind "- " that begins a collection on the same
	// line; -1 at the end.
	indent int
	depth  int
	stack  []Node // the nodes of collections that have not ended
	arena  []Node // room for the nodes of those that have
	buf    []byte // of the scalar that is put together
}

// stop ends the reading of a document; it is what plain panics with.
type stop struct{ line int }

// maxDepth is how deep plain follows: beyond, the stack is yaml/v3's.
const maxDepth = 100

func (p *plain) stop() { panic(stop{int(p.line)}) }

// document reads a piece that is one document of YAML. stopped is 0, or the line from which on yaml/v3 is needed.
func (p *plain) document(piece Piece) (nodes []Node, stopped int) {
	defer p.recover(&stopped)
	if line := unusual(piece); line != 0 {
		return nil, line
	}
	p.begin(piece)
	if strings.HasPrefix(p.s, "---") {
		p.pos = 3
		p.endLine()
	} else {
		p.indentation()
	}
	if p.indent < 0 {
		return nil, 0
	}
	root := p.block()
	if p.indent >= 0 {
		p.stop()
	}
	return []Node{root}, 0
}

func (p *plain) begin(piece Piece) {
	p.s, p.pos, p.line, p.depth, p.stack = piece.text, 0, int32(piece.line), 0, p.stack[:0]
}

func (p *plain) recover(stopped *int) {
	switch r := recover().(type) {
	case nil:
	case stop:
		*stopped = r.line
	default:
		panic(r)
	}
}

// unusual is the first line with a character that is a line break or forbidden in YAML (1.2.2, section 5.1; libyaml's
// reader), but for what plain knows; 0 for none.
func unusual(piece Piece) int {
	s := piece.text
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < 0x7f || c == '\n' || c == '\t' {
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n <= 1, r < 0xa0, r == '\u2028', r == '\u2029', r == '\uFEFF', r == 0xfffe, r == 0xffff:
			return piece.line + strings.Count(s[:i], "\n")
		}
		i += n
	}
	return 0
}

// nextLine goes from anywhere on a line to the next one that has something on it.
func (p *plain) nextLine() {
	i := strings.IndexByte(p.s[p.pos:], '\n')
	if i < 0 {
		p.pos, p.indent = len(p.s), -1
		return
	}
	p.pos += i + 1
	p.line++
	p.indentation()
}

// indentation goes from the beginning of a line to the first thing on it or on a later line.
func (p *plain) indentation() {
	for {
		start := p.pos
		for p.pos < len(p.s) && p.s[p.pos] == ' ' {
			p.pos++
		}
		if p.pos == len(p.s) {
			p.indent = -1
			return
		}
		switch p.s[p.pos] {
		case '\t':
			p.stop()
		case '\n':
			p.pos++
			p.line++
		case '#':
			i := strings.IndexByte(p.s[p.pos:], '\n')
			if i < 0 {
				p.pos, p.indent = len(p.s), -1
				return
			}
			p.pos += i + 1
			p.line++
		default:
			p.indent = p.pos - start
			return
		}
	}
}

// endLine goes to the next line from behind a value, that a comment may follow.
func (p *plain) endLine() {
	i := p.pos
	for i < len(p.s) && p.s[i] == ' ' {
		i++
	}
	if i < len(p.s) && p.s[i] != '\n' && (p.s[i] != '#' || i == p.pos) {
		p.stop()
	}
	p.pos = i
	p.nextLine()
}

// blank reports whether white space, or the end, is at i.
func (p *plain) blank(i int) bool {
	return i >= len(p.s) || p.s[i] == ' ' || p.s[i] == '\n' || p.s[i] == '\t'
}

func (p *plain) atDash() bool { return p.s[p.pos] == '-' && p.blank(p.pos+1) }

// block reads a block collection that begins at pos.
func (p *plain) block() Node {
	if p.depth++; p.depth > maxDepth {
		p.stop()
	}
	defer func() { p.depth-- }()
	if p.atDash() {
		return p.sequence()
	}
	return p.mapping()
}

func (p *plain) mapping() Node {
	indent, line, start := p.indent, p.line, len(p.stack)
	for p.indent == indent {
		p.stack = append(p.stack, p.key())
		p.value(indent, false)
	}
	if p.indent > indent {
		p.stop()
	}
	return p.collection(Mapping, line, start)
}

func (p *plain) sequence() Node {
	indent, line, start := p.indent, p.line, len(p.stack)
	for p.indent == indent && p.atDash() {
		p.pos++
		p.value(indent, true)
	}
	if p.indent > indent {
		p.stop()
	}
	return p.collection(Sequence, line, start)
}

// collection takes the nodes from start on off the stack.
func (p *plain) collection(kind Kind, line int32, start int) Node {
	const chunk = 512
	n := len(p.stack) - start
	if cap(p.arena)-len(p.arena) < n {
		p.arena = make([]Node, 0, max(chunk, n))
	}
	from := len(p.arena)
	p.arena = append(p.arena, p.stack[start:]...)
	p.stack = p.stack[:start]
	return Node{Kind: kind, Line: line, Content: slices.Clip(p.arena[from:])}
}

// key reads the key of a block mapping and the colon behind it.
func (p *plain) key() Node {
	// A simple key has at most 1024 characters, libyaml's limit.
	const maxKey = 1000
	n := Node{Line: p.line}
	switch p.s[p.pos] {
	case '"', '\'':
		line := p.line
		n.Text, n.Value = true, p.quoted()
		if p.line != line || p.pos >= len(p.s) || p.s[p.pos] != ':' || !p.blank(p.pos+1) {
			p.stop()
		}
	default:
		end := p.colon()
		if end < 0 {
			p.stop()
		}
		n.Value = p.s[p.pos:end]
		if n.Value == "<<" || strings.HasSuffix(n.Value, " ") || !p.startsPlain() {
			p.stop()
		}
		p.pos = end
	}
	if len(n.Value) > maxKey {
		p.stop()
	}
	p.pos++
	return n
}

// colon is where the colon is that ends a plain key which begins at pos, -1 where the line has none.
func (p *plain) colon() int {
	for i := p.pos; i < len(p.s); i++ {
		switch p.s[i] {
		case ':':
			if p.blank(i + 1) {
				return i
			}
		case '#':
			if i > p.pos && p.s[i-1] == ' ' {
				return -1
			}
		case '\n', '\t':
			return -1
		}
	}
	return -1
}

// value reads what follows a colon or a dash, and puts it on the stack. indent is that of the collection it is in.
func (p *plain) value(indent int, item bool) {
	start := p.pos
	for p.pos < len(p.s) && p.s[p.pos] == ' ' {
		p.pos++
	}
	line := p.line
	if p.pos == len(p.s) || p.s[p.pos] == '\n' || p.s[p.pos] == '#' {
		if p.pos == start && p.pos < len(p.s) && p.s[p.pos] == '#' {
			p.stop()
		}
		p.nextLine()
		if p.indent > indent || p.indent == indent && !item && p.atDash() {
			p.push(p.block())
		} else {
			p.push(Node{Line: line})
		}
		return
	}
	if item && p.nested(start) {
		return
	}
	n := p.inline(indent)
	n.Line = line
	p.push(n)
	if p.indent > indent {
		p.stop()
	}
}

func (p *plain) push(n Node) { p.stack = append(p.stack, n) }

// nested reads a collection that begins on the line of the dash before it, if one does. start is behind that dash.
func (p *plain) nested(start int) bool {
	if !p.atDash() {
		switch p.s[p.pos] {
		case '"', '\'':
			pos, line := p.pos, p.line
			p.quoted()
			key := p.line == line && p.pos < len(p.s) && p.s[p.pos] == ':'
			p.pos, p.line = pos, line
			if !key {
				return false
			}
		case '|', '>', '[', '{':
			return false
		default:
			if p.colon() < 0 {
				return false
			}
		}
	}
	p.indent += 1 + p.pos - start
	p.push(p.block())
	return true
}

// inline reads a value that begins on the line of its key or dash, and goes to the next line.
func (p *plain) inline(indent int) Node {
	switch p.s[p.pos] {
	case '"', '\'':
		n := Node{Text: true, Value: p.quoted()}
		p.endLine()
		return n
	case '|':
		return Node{Text: true, Value: p.literal(indent)}
	case '[', '{':
		n := p.flow()
		p.endLine()
		return n
	}
	return Node{Value: p.scalar(indent)}
}
