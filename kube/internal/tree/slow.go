package tree

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxAliased is how many nodes the aliases of one piece may stand for: enough for any file that people write, and an end
// to those that are made to explode.
const maxAliased = 1_000_000

// byYAML reads a piece by yaml/v3. stopped is the line where the plain reader needed it.
func byYAML(piece Piece, stopped int) (nodes []Node, err *SyntaxError) {
	defer func() {
		// yaml/v3 has had panics on damaged input.
		if r := recover(); r != nil {
			nodes, err = nil, &SyntaxError{stopped, fmt.Sprint("is not YAML: ", r)}
		}
	}()
	if line, what := forbidden(piece); line != 0 {
		return nil, &SyntaxError{line, what}
	}
	dec := yaml.NewDecoder(strings.NewReader(piece.text))
	for {
		var doc yaml.Node
		switch e := dec.Decode(&doc); {
		case e == io.EOF:
			return nodes, nil
		case e != nil:
			return nil, syntaxError(piece, stopped, e)
		}
		c := converter{line: piece.line - 1, left: maxAliased, on: map[*yaml.Node]bool{}}
		n, e := c.convert(doc.Content[0], false)
		if e != nil {
			return nil, e
		}
		if n.IsNull() {
			continue
		}
		nodes = append(nodes, n)
	}
}

// forbidden finds what YAML does not allow as a character, for which yaml/v3 reports no line.
func forbidden(piece Piece) (line int, what string) {
	if strings.HasPrefix(piece.text, "\xff\xfe") || strings.HasPrefix(piece.text, "\xfe\xff") {
		return 0, "" // UTF-16, which yaml/v3 reads
	}
	line = piece.line
	for i, r := range piece.text {
		switch {
		case r == '\n':
			line++
		case r == '\uFFFD' && !strings.HasPrefix(piece.text[i:], "\uFFFD"):
			return line, "is not UTF-8 text"
		case r < ' ' && r != '\t' && r != '\r', r == 0x7f:
			return line, fmt.Sprintf("is not text: it holds the control character %U", r)
		}
	}
	return 0, ""
}

// syntaxError says on which line the piece stops being YAML. yaml/v3 often names the beginning of the collection that it was in;
// where the plain reader stopped is then nearer.
func syntaxError(piece Piece, stopped int, err error) *SyntaxError {
	what := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 0
	if rest, ok := strings.CutPrefix(what, "line "); ok {
		if number, text, ok := strings.Cut(rest, ": "); ok {
			if n, e := strconv.Atoi(number); e == nil {
				line, what = n+piece.line-1, text
			}
		}
	}
	last := piece.line + strings.Count(strings.TrimRight(piece.text, "\n"), "\n")
	return &SyntaxError{min(max(line, stopped, piece.line), last), "is not YAML: " + what}
}

// converter makes nodes of yaml/v3's.
type converter struct {
	line int                 // before the first of the piece
	left int                 // nodes that aliases may still stand for
	on   map[*yaml.Node]bool // anchors that are being followed
}

func (c *converter) fail(n *yaml.Node, format string, args ...any) *SyntaxError {
	return &SyntaxError{c.line + n.Line, fmt.Sprintf(format, args...)}
}

// convert makes a node; aliased tells that it stands for an alias.
func (c *converter) convert(n *yaml.Node, aliased bool) (Node, *SyntaxError) {
	if aliased {
		if c.left--; c.left < 0 {
			return Node{}, c.fail(n, "its aliases stand for more than %d values: want the values written out", maxAliased)
		}
	}
	out := Node{Line: int32(c.line + n.Line)}
	switch n.Kind {
	case yaml.AliasNode:
		if c.on[n.Alias] {
			return out, c.fail(n, "alias *%s stands for something that holds the alias itself", n.Value)
		}
		c.on[n.Alias] = true
		defer delete(c.on, n.Alias)
		return c.convert(n.Alias, true)
	case yaml.ScalarNode:
		return c.scalar(n, out)
	case yaml.MappingNode, yaml.SequenceNode:
		want := "!!seq"
		out.Kind = Sequence
		if n.Kind == yaml.MappingNode {
			out.Kind, want = Mapping, "!!map"
		}
		if t := n.ShortTag(); t != want {
			return out, c.fail(n, "tag %s is not known: want none", t)
		}
	default:
		return out, c.fail(n, "is not YAML that objects are written in")
	}
	if n.Anchor != "" {
		c.on[n] = true
		defer delete(c.on, n)
	}
	return out, c.content(n, &out, aliased)
}

func (c *converter) content(n *yaml.Node, out *Node, aliased bool) *SyntaxError {
	var merges []*yaml.Node
	for i, child := range n.Content {
		key := n.Kind == yaml.MappingNode && i%2 == 0
		if key && child.Kind == yaml.ScalarNode && child.ShortTag() == "!!merge" {
			merges = append(merges, n.Content[i+1])
			continue
		}
		if i%2 == 1 && len(merges) > 0 && merges[len(merges)-1] == child {
			continue
		}
		converted, err := c.convert(child, aliased)
		if err != nil {
			return err
		}
		if key && converted.Kind != Scalar {
			return c.fail(child, "a key is %s: want text", converted.Describe())
		}
		out.Content = append(out.Content, converted)
	}
	for _, m := range merges {
		if err := c.merge(out, m); err != nil {
			return err
		}
	}
	return nil
}

// merge adds the fields of a mapping, or of several in a list, that the mapping doesn't have (yaml.org/type/merge.html).
func (c *converter) merge(out *Node, n *yaml.Node) *SyntaxError {
	from, err := c.convert(n, true)
	if err != nil {
		return err
	}
	sources := []Node{from}
	if from.Kind == Sequence {
		sources = from.Content
	}
	for _, s := range sources {
		if s.Kind != Mapping {
			return c.fail(n, "<< is %s: want a mapping", s.Describe())
		}
		for i := 0; i+1 < len(s.Content); i += 2 {
			if out.Get(s.Content[i].Value) == nil {
				out.Content = append(out.Content, s.Content[i], s.Content[i+1])
			}
		}
	}
	return nil
}

func (c *converter) scalar(n *yaml.Node, out Node) (Node, *SyntaxError) {
	const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	out.Value = n.Value
	out.Text = n.Style&quoted != 0
	if n.Style&yaml.TaggedStyle == 0 {
		return out, nil
	}
	want := map[string]Type{"!!null": Null, "!!bool": Bool, "!!int": Int, "!!float": Float}
	tag := n.ShortTag()
	t, ok := want[tag]
	switch {
	case tag == "!!str":
		out.Text = true
	case ok:
		out.Text = false
		if got := out.Type(); got != t && !(got == Int && t == Float) {
			return out, c.fail(n, "%q is not what its tag %s says", n.Value, tag)
		}
	default:
		return out, c.fail(n, "tag %s is not known: want none", tag)
	}
	return out, nil
}
