package tree

import (
	"strings"
	"unicode/utf8"
)

// startsPlain reports whether a plain scalar can begin at pos, in a block.
func (p *plain) startsPlain() bool {
	switch c := p.s[p.pos]; c {
	case ',', '[', ']', '{', '}', '#', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`':
		return false
	case '-', '?', ':':
		return !p.blank(p.pos + 1)
	}
	return true
}

// scalar reads a plain scalar in a block, of one line or more, and goes to the next line. Lines that are indented more than
// the collection around it continue it.
func (p *plain) scalar(indent int) string {
	if !p.startsPlain() {
		p.stop()
	}
	text, comment := p.plainLine()
	line := p.line
	p.nextLine()
	if p.indent <= indent {
		return text
	}
	if comment {
		p.stop()
	}
	var b strings.Builder
	b.WriteString(text)
	for p.indent > indent {
		p.fold(&b, int(p.line-line))
		line = p.line
		text, comment = p.plainLine()
		b.WriteString(text)
		p.nextLine()
		if comment && p.indent > indent {
			p.stop()
		}
	}
	return b.String()
}

// plainLine reads the rest of a line as part of a plain scalar, and tells whether a comment follows it.
func (p *plain) plainLine() (text string, comment bool) {
	for i := p.pos; ; i++ {
		if i == len(p.s) || p.s[i] == '\n' {
			text = strings.TrimRight(p.s[p.pos:i], " ")
			p.pos = i
			return text, false
		}
		switch p.s[i] {
		case ':':
			if p.blank(i + 1) {
				p.stop()
			}
		case '#':
			if i > p.pos && p.s[i-1] == ' ' {
				text = strings.TrimRight(p.s[p.pos:i], " ")
				p.pos = i
				return text, true
			}
		case '\t':
			p.stop()
		}
	}
}

// fold writes what so many line breaks in a scalar stand for. It must be called at the beginning of a line's text: comments
// between the lines of a plain scalar end it, and so stop the reading.
func (p *plain) fold(b *strings.Builder, breaks int) {
	before := p.s[:p.pos]
	for range breaks {
		i := strings.LastIndexByte(before, '\n')
		if strings.Trim(before[i+1:], " ") != "" {
			p.stop()
		}
		before = before[:i]
	}
	if breaks == 1 {
		b.WriteByte(' ')
		return
	}
	for range breaks - 1 {
		b.WriteByte('\n')
	}
}

// quoted reads a quoted scalar. Most are of one line and without escapes: these are parts of the text.
func (p *plain) quoted() string {
	quote := p.s[p.pos]
	start := p.pos + 1
	for i := start; i < len(p.s); i++ {
		switch c := p.s[i]; {
		case c == quote && quote == '\'' && i+1 < len(p.s) && p.s[i+1] == '\'', c == '\\' && quote == '"', c == '\n':
			return p.quotedLong(start, i)
		case c == quote:
			p.pos = i + 1
			return p.s[start:i]
		}
	}
	p.stop()
	return ""
}

// quotedLong reads a quoted scalar that has an escape or a line break at i.
func (p *plain) quotedLong(start, i int) string {
	quote := p.s[start-1]
	b := append(p.buf[:0], p.s[start:i]...)
	defer func() { p.buf = b }()
	for i < len(p.s) {
		switch c := p.s[i]; {
		case c == quote && quote == '\'' && i+1 < len(p.s) && p.s[i+1] == '\'':
			b = append(b, '\'')
			i += 2
		case c == quote:
			p.pos = i + 1
			return string(b)
		case c == '\n':
			end := i
			for p.s[end-1] == ' ' {
				end--
			}
			if p.s[end-1] == '\t' || p.s[end-1] == '\\' && end < i { // white space that may be an escape's
				p.stop()
			}
			b = b[:len(b)-(i-end)]
			b, i = p.breaks(b, i, false)
		case c == '\\' && quote == '"' && i+1 < len(p.s) && p.s[i+1] == '\n':
			p.line++
			b, i = p.breaks(b, i+2, true)
		case c == '\\' && quote == '"':
			b, i = p.escape(b, i+1)
		default:
			b = append(b, c)
			i++
		}
	}
	p.stop()
	return ""
}

// breaks folds the line breaks from i on, and is where the text goes on. One break is a space; of several the first is
// nothing. One that was escaped is nothing either.
func (p *plain) breaks(b []byte, i int, escaped bool) ([]byte, int) {
	count := 0
	if escaped {
		count = 1
	}
	for ; i < len(p.s); i++ {
		switch p.s[i] {
		case '\n':
			count++
			p.line++
		case ' ':
		case '\t':
			p.stop()
		default:
			if count == 1 && !escaped {
				b = append(b, ' ')
			}
			for range count - 1 {
				b = append(b, '\n')
			}
			return b, i
		}
	}
	p.stop()
	return nil, 0
}

// escape reads what follows a backslash in double quotes.
func (p *plain) escape(b []byte, i int) ([]byte, int) {
	if i >= len(p.s) {
		p.stop()
	}
	switch c := p.s[i]; c {
	case '"', '\\', ' ':
		b = append(b, c)
	case 'n':
		b = append(b, '\n')
	case 't':
		b = append(b, '\t')
	case 'r':
		b = append(b, '\r')
	case 'u':
		r, ok := hex4(p.s[i+1:])
		if !ok || r >= 0xd800 && r < 0xe000 {
			p.stop()
		}
		return utf8.AppendRune(b, r), i + 5
	default:
		p.stop()
	}
	return b, i + 1
}

// hex4 reads four hexadecimal digits.
func hex4(s string) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	var r rune
	for i := range 4 {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return utf8.RuneError, false
		}
	}
	return r, true
}

// literal reads a literal block, and goes to the next line. parent is the indentation of the collection around it.
func (p *plain) literal(parent int) string {
	p.pos++
	chomp := byte(0)
	if p.pos < len(p.s) && (p.s[p.pos] == '-' || p.s[p.pos] == '+') {
		chomp = p.s[p.pos]
		p.pos++
	}
	for p.pos < len(p.s) && p.s[p.pos] == ' ' {
		p.pos++
	}
	if p.pos >= len(p.s) || p.s[p.pos] != '\n' {
		p.stop() // an indentation indicator, a comment, or the end
	}
	p.pos++
	p.line++

	indent := p.literalIndent(parent)
	var b strings.Builder
	blank := 0 // lines since the last that had text
	for p.pos < len(p.s) {
		n := 0
		for n < indent && p.pos+n < len(p.s) && p.s[p.pos+n] == ' ' {
			n++
		}
		rest := p.s[p.pos+n:]
		end := strings.IndexByte(rest, '\n')
		if end < 0 {
			p.stop() // the last line has no end: rare, and chomping is not what it seems
		}
		if end > 0 && n < indent {
			if rest[0] == '\t' {
				p.stop()
			}
			break // text that is indented less
		}
		if end == 0 {
			blank++
		} else {
			for ; blank > 0; blank-- {
				b.WriteByte('\n')
			}
			b.WriteString(rest[:end])
			blank = 1
		}
		p.pos += n + end + 1
		p.line++
	}
	switch {
	case chomp == '+':
		for ; blank > 0; blank-- {
			b.WriteByte('\n')
		}
	case chomp == 0 && b.Len() > 0:
		b.WriteByte('\n')
	}
	p.indentation()
	return b.String()
}

// literalIndent is the indentation of a literal block's text: that of its first line that is not empty.
func (p *plain) literalIndent(parent int) int {
	longest := 0
	for i := p.pos; ; {
		n := 0
		for i+n < len(p.s) && p.s[i+n] == ' ' {
			n++
		}
		if i+n >= len(p.s) || p.s[i+n] == '\t' {
			p.stop()
		}
		if p.s[i+n] != '\n' {
			if n < longest || n <= parent {
				p.stop() // empty, or blank lines that are indented more than the text
			}
			return n
		}
		longest = max(longest, n)
		i += n + 1
	}
}
