package tree

import (
	"fmt"
	"strings"
)

// SyntaxError is where a stream stops being YAML or JSON.
type SyntaxError struct {
	Line int
	What string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.What) }

// Parser reads pieces one after another. Its zero value is ready. What it returns stays valid.
type Parser struct {
	plain plain
	// Slow counts the pieces that yaml/v3 read, and SlowBytes their sizes.
	Slow, SlowBytes int
}

// Parse reads a piece: no document where it is empty or only comments, one, or several of JSON.
func (p *Parser) Parse(piece Piece) ([]Node, *SyntaxError) {
	if piece.undivided {
		return p.slow(piece, piece.line)
	}
	if first := firstByte(strings.TrimPrefix(piece.text, "---")); first == '{' || first == '[' {
		nodes, err := p.plain.json(piece)
		if err == nil {
			return nodes, nil
		}
		// It may be YAML that begins with a flow collection. If it isn't, what is wrong with it as JSON is what helps.
		if nodes, slow := p.slow(piece, err.Line); slow == nil {
			return nodes, nil
		}
		return nil, err
	}
	nodes, stopped := p.plain.document(piece)
	if stopped != 0 {
		return p.slow(piece, stopped)
	}
	return nodes, nil
}

func (p *Parser) slow(piece Piece, stopped int) ([]Node, *SyntaxError) {
	p.Slow++
	p.SlowBytes += len(piece.text)
	return byYAML(piece, stopped)
}

// firstByte is the first byte of a piece that is no white space.
func firstByte(text string) byte {
	for i := range len(text) {
		switch text[i] {
		case ' ', '\t', '\r', '\n':
		default:
			return text[i]
		}
	}
	return 0
}
