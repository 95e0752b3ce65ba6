package tree

import (
	"strings"
	"unicode/utf8"
)

// json reads a piece that holds JSON values (RFC 8259), one or more of them with white space between.
func (p *plain) json(piece Piece) (nodes []Node, err *SyntaxError) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *SyntaxError:
			nodes, err = nil, r
		default:
			panic(r)
		}
	}()
	p.begin(piece)
	if strings.HasPrefix(p.s, "---") {
		p.pos = len("---")
	}
	for p.jsonSpace(); p.pos < len(p.s); p.jsonSpace() {
		nodes = append(nodes, p.jsonValue())
	}
	return nodes, nil
}

func (p *plain) jsonFail(what string) {
	panic(&SyntaxError{int(p.line), "is not JSON: " + what})
}

func (p *plain) jsonSpace() {
	for ; p.pos < len(p.s); p.pos++ {
		switch p.s[p.pos] {
		case '\n':
			p.line++
		case '\r': // by itself a line break too, to YAML
			if !strings.HasPrefix(p.s[p.pos:], "\r\n") {
				p.line++
			}
		case ' ', '\t':
		default:
			return
		}
	}
}

// jsonDepth is how deep JSON may be. encoding/json has 10,000.
const jsonDepth = 10_000

func (p *plain) jsonValue() Node {
	if p.pos >= len(p.s) {
		p.jsonFail("it ends before a value")
	}
	switch c := p.s[p.pos]; {
	case c == '{':
		return p.jsonCollection(Mapping, '}')
	case c == '[':
		return p.jsonCollection(Sequence, ']')
	case c == '"':
		return Node{Line: p.line, Text: true, Value: p.jsonString()}
	case c == '-' || c >= '0' && c <= '9':
		return p.jsonNumber()
	}
	for _, word := range []string{"null", "true", "false"} {
		if strings.HasPrefix(p.s[p.pos:], word) {
			p.pos += len(word)
			return Node{Line: p.line, Value: word}
		}
	}
	p.jsonFail("want a value here")
	return Node{}
}

func (p *plain) jsonCollection(kind Kind, end byte) Node {
	if p.depth++; p.depth > jsonDepth {
		p.jsonFail("it is nested too deep")
	}
	defer func() { p.depth-- }()
	line, start := p.line, len(p.stack)
	p.pos++
	p.jsonSpace()
	if p.at(end) {
		p.pos++
		return p.collection(kind, line, start)
	}
	for {
		if kind == Mapping {
			if !p.at('"') {
				p.jsonFail("want a key in double quotes here")
			}
			p.push(Node{Line: p.line, Text: true, Value: p.jsonString()})
			p.jsonSpace()
			if !p.at(':') {
				p.jsonFail("want a colon after the key")
			}
			p.pos++
			p.jsonSpace()
		}
		n := p.jsonValue()
		p.push(n)
		p.jsonSpace()
		switch {
		case p.at(end):
			p.pos++
			return p.collection(kind, line, start)
		case p.at(','):
			p.pos++
			p.jsonSpace()
		case p.pos >= len(p.s):
			p.jsonFail("it ends before the " + string(rune(end)) + " of what begins here or above")
		default:
			p.jsonFail("want a comma or " + string(rune(end)) + " here")
		}
	}
}

func (p *plain) jsonNumber() Node {
	start := p.pos
	if p.at('-') {
		p.pos++
	}
	n := digits(p.s[p.pos:])
	if n == 0 || n > 1 && p.s[p.pos] == '0' {
		p.jsonFail("a number is not written so")
	}
	p.pos += n
	if p.at('.') {
		n = digits(p.s[p.pos+1:])
		if n == 0 {
			p.jsonFail("a number is not written so")
		}
		p.pos += 1 + n
	}
	if p.at('e') || p.at('E') {
		p.pos++
		if p.at('+') || p.at('-') {
			p.pos++
		}
		n = digits(p.s[p.pos:])
		if n == 0 {
			p.jsonFail("a number is not written so")
		}
		p.pos += n
	}
	return Node{Line: p.line, Value: p.s[start:p.pos]}
}

func (p *plain) jsonString() string {
	start := p.pos + 1
	for i := start; i < len(p.s); i++ {
		switch c := p.s[i]; {
		case c == '"':
			p.pos = i + 1
			return p.jsonText(p.s[start:i])
		case c == '\\':
			return p.jsonText(p.jsonEscaped(start, i))
		case c < ' ':
			p.jsonFail("a text holds a control character")
		}
	}
	p.jsonFail("a text has no end")
	return ""
}

func (p *plain) jsonText(s string) string {
	if !utf8.ValidString(s) {
		p.jsonFail("a text is not UTF-8")
	}
	return s
}

func (p *plain) jsonEscaped(start, i int) string {
	var b strings.Builder
	b.WriteString(p.s[start:i])
	for i < len(p.s) {
		switch c := p.s[i]; {
		case c == '"':
			p.pos = i + 1
			return b.String()
		case c == '\\':
			i = p.jsonEscape(&b, i+1)
		case c < ' ':
			p.jsonFail("a text holds a control character")
		default:
			b.WriteByte(c)
			i++
		}
	}
	p.jsonFail("a text has no end")
	return ""
}

func (p *plain) jsonEscape(b *strings.Builder, i int) int {
	if i >= len(p.s) {
		p.jsonFail("a text has no end")
	}
	const from, to = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	if k := strings.IndexByte(from, p.s[i]); k >= 0 {
		b.WriteByte(to[k])
		return i + 1
	}
	if p.s[i] != 'u' {
		p.jsonFail("a text has an unknown escape")
	}
	r, ok := hex4(p.s[i+1:])
	if !ok {
		p.jsonFail("a text has an unknown escape")
	}
	i += 5
	// A pair of surrogates is one character; one by itself is the replacement character, as encoding/json has it.
	if r >= 0xd800 && r < 0xdc00 && strings.HasPrefix(p.s[i:], `\u`) {
		if low, ok := hex4(p.s[i+2:]); ok && low >= 0xdc00 && low < 0xe000 {
			b.WriteRune(0x10000 + (r-0xd800)<<10 + (low - 0xdc00))
			return i + 6
		}
	}
	b.WriteRune(r) // WriteRune writes the replacement character for a surrogate
	return i
}
