package tree

import "strings"

// flow reads a flow collection that ends on its line.
func (p *plain) flow() Node {
	if p.depth++; p.depth > maxDepth {
		p.stop()
	}
	defer func() { p.depth-- }()
	open, start := p.s[p.pos], len(p.stack)
	kind, end := Sequence, byte(']')
	if open == '{' {
		kind, end = Mapping, '}'
	}
	p.pos++
	p.spaces()
	if p.at(end) {
		p.pos++
		return p.collection(kind, p.line, start)
	}
	for {
		if kind == Mapping {
			p.flowKey()
		}
		n := p.flowValue()
		p.push(n)
		p.spaces()
		switch {
		case p.at(end):
			p.pos++
			return p.collection(kind, p.line, start)
		case p.at(','):
			p.pos++
			p.spaces()
		default:
			p.stop()
		}
	}
}

func (p *plain) at(c byte) bool { return p.pos < len(p.s) && p.s[p.pos] == c }

func (p *plain) spaces() {
	for p.at(' ') {
		p.pos++
	}
}

func (p *plain) flowKey() {
	n := p.flowScalar()
	if !p.at(':') || !n.Text && !(p.pos+1 < len(p.s) && p.s[p.pos+1] == ' ') || n.Value == "<<" {
		p.stop()
	}
	p.push(n)
	p.pos++
	p.spaces()
}

func (p *plain) flowValue() Node {
	if p.at('[') || p.at('{') {
		return p.flow()
	}
	return p.flowScalar()
}

// flowScalar reads a scalar in a flow collection: quoted, or plain of characters that have no meaning of their own there.
func (p *plain) flowScalar() Node {
	n := Node{Line: p.line}
	if p.at('"') || p.at('\'') {
		n.Text, n.Value = true, p.quoted()
		if p.line != n.Line {
			p.stop()
		}
		return n
	}
	start := p.pos
	for p.pos < len(p.s) && harmless(p.s[p.pos]) {
		p.pos++
	}
	// A colon inside is part of it where one of these follows, as in an IPv6 address.
	for p.at(':') && p.pos > start && p.pos+1 < len(p.s) && (harmless(p.s[p.pos+1]) || p.s[p.pos+1] == ':') {
		p.pos++
		for p.pos < len(p.s) && harmless(p.s[p.pos]) {
			p.pos++
		}
	}
	n.Value = p.s[start:p.pos]
	if n.Value == "" || strings.HasPrefix(n.Value, "-") && (len(n.Value) == 1 || n.Value[1] == '-') {
		p.stop()
	}
	return n
}

func harmless(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '/' || c == '-' || c == '_' || c == '='
}
