package profile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxSize is the largest profile that is read. A profile of 10,000 rules has 2 MiB.
const maxSize = 4 << 20

const wantProfile = "want a profile, which begins with apiVersion: " + apiVersion

// document is the one YAML document of a file.
func document(file string, data []byte) (*yaml.Node, *Problem) {
	if len(data) > maxSize {
		return nil, problemf(file, 0, "is larger than %d MiB: want a smaller profile", maxSize>>20)
	}
	if p := notText(file, data); p != nil {
		return nil, p
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, problemf(file, 0, "is empty: %s", wantProfile)
	case err != nil:
		return nil, syntaxProblem(file, data, err)
	}
	switch err := dec.Decode(&second); {
	case err == nil:
		return nil, problemf(file, second.Line, "a second document begins here: want one profile a file")
	case !errors.Is(err, io.EOF):
		return nil, syntaxProblem(file, data, err)
	}
	root := doc.Content[0]
	if root.Kind == yaml.MappingNode {
		return root, nil
	}
	if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
		return nil, problemf(file, 0, "is empty: %s", wantProfile)
	}
	return nil, problemf(file, root.Line, "is %s: %s", describe(root), wantProfile)
}

// notText finds the bytes that YAML does not allow (YAML 1.2.2, section 5.1), for which the parser reports no line.
// UTF-16, which begins with a byte order mark, is left to the parser.
func notText(file string, data []byte) *Problem {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return nil
	}
	line := 1
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		switch {
		case r == '\n':
			line++
		case r == utf8.RuneError && n == 1:
			return problemf(file, line, "is not UTF-8 text: %s", wantProfile)
		case r < ' ' && r != '\t' && r != '\r' || r == 0x7f:
			return problemf(file, line, "is not text, it holds the control character %U: %s", r, wantProfile)
		}
		i += n
	}
	return nil
}

var (
	errorLine  = regexp.MustCompile(`^line \d+: `)
	barePair   = regexp.MustCompile(`(^|[\s\[,{])::`)
	unknownRef = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
)

// syntaxProblem says on which line the file stops being YAML.
func syntaxProblem(file string, data []byte, err error) *Problem {
	what := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1 // the parser leaves the first line out
	if m := errorLine.FindString(what); m != "" {
		line, _ = strconv.Atoi(m[len("line ") : len(m)-len(": ")])
		what = what[len(m):]
	}
	if m := unknownRef.FindStringSubmatch(what); m != nil {
		if i := bytes.Index(data, []byte("*"+m[1])); i >= 0 {
			line = 1 + bytes.Count(data[:i], []byte("\n"))
		}
		return problemf(file, line, "alias *%s: %s", m[1], noAliases)
	}
	line = breakingLine(data, line)
	lines := bytes.Split(data, []byte("\n"))
	if line <= len(lines) && barePair.Match(lines[line-1]) {
		return problemf(file, line, `is not YAML: %s: put an address that begins with a colon in quotes, "::1"`, what)
	}
	return problemf(file, line, "is not YAML: %s: want key: value, with spaces to indent", what)
}

// breakingLine is the line that makes data no YAML. The parser's own answer is often the beginning of the list or
// mapping around it, or is one line off, so look for the longest run of whole lines that is still YAML: what breaks it is
// the line after. The work is bounded; beyond that the parser's answer has to do.
func breakingLine(data []byte, line int) int {
	const work = 4 << 20
	ends := []int{0} // ends[i]: where the first i lines end
	for i, c := range data {
		if c == '\n' {
			ends = append(ends, i+1)
		}
	}
	for i, spent := len(ends)-1, 0; i > 0 && spent < work; i-- {
		spent += ends[i]
		if parses(data[:ends[i]]) {
			return min(i+1, len(ends))
		}
		if i == 1 {
			return 1
		}
	}
	return min(line, len(ends))
}

func parses(data []byte) bool {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var n yaml.Node
		if err := dec.Decode(&n); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

// describe is what a node is, for people.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	text := n.Value
	if len(text) > 40 {
		text = strings.ToValidUTF8(text[:40], "") + "..."
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!int", "!!float":
		return "the number " + text
	case "!!bool":
		return "the truth value " + text
	}
	return fmt.Sprintf("the text %q", text)
}
