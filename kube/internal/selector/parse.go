package selector

import (
	"fmt"
	"strings"
)

// SyntaxError is why a text is no expression.
type SyntaxError struct {
	Offset int // of the byte where it went wrong, from 0
	What   string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("at character %d: %s", e.Offset+1, e.What) }

// maxDepth is how deeply parentheses and negations may be nested. Calico limits the length of most selectors instead, to 1024 bytes.
const maxDepth = 512

// Parse reads an expression. Space and tab may stand between its parts, other white space not.
func Parse(s string) (*Expr, error) {
	p := parser{text: s}
	if err := p.tokens(); err != nil {
		return nil, err
	}
	if p.next().kind == end {
		return &Expr{Op: All}, nil
	}
	x, err := p.or(0)
	if err != nil {
		return nil, err
	}
	if t := p.next(); t.kind != end {
		return nil, p.errorf(t, "expected && or || or the end, not %s", t)
	}
	return x, nil
}

type kind uint8

const (
	end kind = iota
	label
	literal
	sign // punctuation, and the words that stand for operators after a label: value tells which
	function
)

type token struct {
	kind   kind
	value  string // of a function, its name; its label is arg
	arg    string
	offset int
}

func (t token) String() string {
	switch t.kind {
	case end:
		return "the end"
	case literal:
		return quote(t.value)
	case function:
		return t.value + "(" + t.arg + ")"
	}
	return t.value
}

// is reports whether a token is a sign.
func (t token) is(s string) bool { return t.kind == sign && t.value == s }

type parser struct {
	text string
	list []token
	at   int
}

func (p *parser) next() token { return p.list[p.at] }

func (p *parser) errorf(t token, format string, args ...any) error {
	return &SyntaxError{t.offset, fmt.Sprintf(format, args...)}
}

// words are the operators that are words, as they are looked for after a label: the first that the text begins with, whatever comes
// after it. "starts with" may have any space between its words, or none.
var words = []struct{ first, second, op string }{
	{"contains", "", "contains"}, {"starts", "with", "starts with"}, {"ends", "with", "ends with"}, {"not", "in", "not in"}, {"in", "", "in"},
}

const operators = "==, !=, in, not in, contains, starts with or ends with"

// tokens divides the text.
func (p *parser) tokens() error {
	for i := 0; ; {
		i += len(p.text[i:]) - len(trim(p.text[i:]))
		rest := p.text[i:]
		t := token{offset: i}
		if rest == "" {
			p.list = append(p.list, t)
			return nil
		}
		size := 0
		switch c := rest[0]; {
		case strings.IndexByte("(){},", c) >= 0:
			t.kind, t.value, size = sign, rest[:1], 1
		case strings.HasPrefix(rest, "=="), strings.HasPrefix(rest, "!="), strings.HasPrefix(rest, "&&"), strings.HasPrefix(rest, "||"):
			t.kind, t.value, size = sign, rest[:2], 2
		case c == '!':
			t.kind, t.value, size = sign, "!", 1
		case c == '=', c == '&', c == '|':
			return p.errorf(t, "expected %c%c", c, c)
		case c == '"', c == '\'':
			n := strings.IndexByte(rest[1:], c)
			if n < 0 {
				return p.errorf(t, "the text in quotes does not end")
			}
			t.kind, t.value, size = literal, rest[1:1+n], n+2
		default:
			var err error
			if size, err = p.word(&t, rest); err != nil {
				return err
			}
		}
		p.list = append(p.list, t)
		i += size
	}
}

func trim(s string) string { return strings.TrimLeft(s, " \t") }

// word reads an operator, a function or a label.
func (p *parser) word(t *token, rest string) (size int, err error) {
	if n := len(p.list); n > 0 && p.list[n-1].kind == label {
		for _, w := range words {
			after, found := strings.CutPrefix(rest, w.first)
			if !found {
				continue
			}
			if w.second != "" {
				if after, found = strings.CutPrefix(trim(after), w.second); !found {
					break
				}
			}
			t.kind, t.value = sign, w.op
			return len(rest) - len(after), nil
		}
		return 0, p.errorf(*t, "expected an operator after the label %s: want %s", p.list[n-1].value, operators)
	}
	for _, name := range []string{"has", "all", "global"} {
		after, found := strings.CutPrefix(rest, name+"(")
		if !found {
			continue
		}
		after = trim(after)
		if name == "has" {
			t.arg = identifier(after)
			if t.arg == "" {
				return 0, p.errorf(*t, "expected the key of a label in has()")
			}
			after = trim(after[len(t.arg):])
		}
		if after, found = strings.CutPrefix(after, ")"); !found {
			return 0, p.errorf(*t, "expected ) after %s(%s", name, t.arg)
		}
		t.kind, t.value = function, name
		return len(rest) - len(after), nil
	}
	id := identifier(rest)
	if id == "" {
		return 0, p.errorf(*t, "unexpected character %q", []rune(rest)[0])
	}
	t.kind, t.value = label, id
	return len(id), nil
}

// identifier is the key of a label at the beginning of a text.
func identifier(s string) string {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '.', c == '/', c == '-':
		default:
			return s[:i]
		}
	}
	return s
}

// or reads one or more conjunctions with || between them.
func (p *parser) or(depth int) (*Expr, error) { return p.chain(Or, "||", depth, p.and) }

// and reads one or more operations with && between them.
func (p *parser) and(depth int) (*Expr, error) { return p.chain(And, "&&", depth, p.operation) }

func (p *parser) chain(op Op, between string, depth int, part func(int) (*Expr, error)) (*Expr, error) {
	var parts []*Expr
	for {
		x, err := part(depth)
		if err != nil {
			return nil, err
		}
		parts = append(parts, x)
		if !p.next().is(between) {
			break
		}
		p.at++
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return &Expr{Op: op, Of: parts}, nil
}

// operation reads one operation, with any number of ! before it.
func (p *parser) operation(depth int) (*Expr, error) {
	if depth > maxDepth {
		return nil, p.errorf(p.next(), "parentheses are nested more than %d deep", maxDepth)
	}
	negated := false
	for p.next().is("!") {
		negated = !negated
		p.at++
	}
	x, err := p.operand(depth)
	if err == nil && negated {
		x = Negate(x)
	}
	return x, err
}

func (p *parser) operand(depth int) (*Expr, error) {
	t := p.next()
	switch {
	case t.kind == function:
		p.at++
		return &Expr{Op: map[string]Op{"has": Has, "all": All, "global": Global}[t.value], Key: t.arg}, nil
	case t.kind == label:
		p.at++
		return p.comparison(t.value)
	case t.is("("):
		p.at++
		x, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		if t := p.next(); !t.is(")") {
			return nil, p.errorf(t, "expected ), not %s", t)
		}
		p.at++
		return x, nil
	}
	return nil, p.errorf(t, "expected a label, has(), all(), ! or (, not %s", t)
}

var comparisons = map[string]Op{
	"==": Equal, "!=": NotEqual, "in": In, "not in": NotIn, "contains": Contains, "starts with": StartsWith, "ends with": EndsWith,
}

func (p *parser) comparison(key string) (*Expr, error) {
	t := p.next()
	op, found := comparisons[t.value]
	if t.kind != sign || !found {
		return nil, p.errorf(t, "expected an operator after the label %s, not %s: want %s", key, t, operators)
	}
	p.at++
	x := &Expr{Op: op, Key: key}
	if op != In && op != NotIn {
		t := p.next()
		if t.kind != literal {
			return nil, p.errorf(t, "expected a text in quotes, not %s", t)
		}
		p.at++
		x.Values = []string{t.value}
		return x, nil
	}
	if t := p.next(); !t.is("{") {
		return nil, p.errorf(t, "expected { and texts in quotes, not %s", t)
	}
	p.at++
	for p.next().kind == literal {
		x.Values = append(x.Values, p.next().value)
		if p.at++; !p.next().is(",") {
			break
		}
		p.at++
	}
	if t := p.next(); !t.is("}") {
		return nil, p.errorf(t, "expected } or a comma and a text in quotes, not %s", t)
	}
	p.at++
	x.Values = tidy(x.Values)
	return x, nil
}
