package tree

import "strings"

// Piece is a part of a stream that is read by itself: a YAML document, or the JSON values between two document markers.
type Piece struct {
	text string
	line int // of its first
	// undivided is a whole stream that yaml/v3 has to divide.
	undivided bool
}

// Len is the size of the piece in bytes.
func (p Piece) Len() int { return len(p.text) }

// Split divides a stream at its document markers, which no scalar may hold at the beginning of a line (YAML 1.2.2, rule
// c-forbidden). Directives belong to the document after them: a stream that has any stays in one piece.
func Split(text string) []Piece {
	text = strings.TrimPrefix(text, "\uFEFF")
	if n := strings.Count(text, "\r\n"); n > 0 && n == strings.Count(text, "\r") {
		text = strings.ReplaceAll(text, "\r\n", "\n") // the same line break to YAML and to JSON
	}
	if strings.HasPrefix(text, "%") || strings.Contains(text, "\n%") {
		return []Piece{{text, 1, true}}
	}
	var pieces []Piece
	start, line := 0, 1
	for from := 0; ; {
		i := marker(text, from)
		if i < 0 {
			break
		}
		if i > start {
			pieces = append(pieces, Piece{text: text[start:i], line: line})
			line += strings.Count(text[start:i], "\n")
			start = i
		}
		if strings.HasPrefix(text[i:], "...") { // the line belongs to no document
			end := len(text)
			if n := strings.IndexByte(text[i:], '\n'); n >= 0 {
				end = i + n + 1
			}
			if rest := strings.TrimSpace(strings.TrimLeft(text[i:end], ".")); rest != "" && rest[0] != '#' {
				return []Piece{{text, 1, true}} // an error, for yaml/v3 to report
			}
			line, start = line+1, end
			from = end
			continue
		}
		from = i + 3
	}
	return append(pieces, Piece{text: text[start:], line: line})
}

// marker is where the next line of "---" or "..." begins, at from or behind it, -1 for none.
func marker(text string, from int) int {
	for i := from; ; {
		if i == 0 || text[i-1] == '\n' {
			if rest := text[i:]; strings.HasPrefix(rest, "---") || strings.HasPrefix(rest, "...") {
				if len(rest) == 3 || strings.IndexByte(" \t\r\n", rest[3]) >= 0 {
					return i
				}
			}
		}
		n := strings.IndexByte(text[i:], '\n')
		if n < 0 {
			return -1
		}
		i += n + 1
	}
}

// TextLine is a line of the stream that is in the piece, "" for others.
func (p Piece) TextLine(line int) string {
	text := p.text
	for range line - p.line {
		_, rest, ok := strings.Cut(text, "\n")
		if !ok {
			return ""
		}
		text = rest
	}
	if line < p.line {
		return ""
	}
	first, _, _ := strings.Cut(text, "\n")
	return first
}
