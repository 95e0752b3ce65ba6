package tree

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// corpora are modules with many manifests, read from the module cache. They are test data only: no code of theirs is used.
var corpora = []string{"github.com/np-guard/netpol-analyzer@v1.4.4", "github.com/mattfenwick/cyclonus@v0.5.6"}

// corpus calls f for every YAML and JSON file of a module.
func corpus(t *testing.T, module string, f func(name, text string)) {
	t.Helper()
	out, err := exec.Command("go", "mod", "download", "-json", module).Output()
	if err != nil {
		t.Skipf("%s cannot be had: %v", module, err)
	}
	var p Parser
	nodes, syntax := p.Parse(Split(string(out))[0])
	if syntax != nil || len(nodes) != 1 || nodes[0].Get("Dir") == nil {
		t.Fatalf("go mod download says %s", out)
	}
	dir := nodes[0].Get("Dir").Value
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		switch filepath.Ext(path) {
		case ".yaml", ".yml", ".json":
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			f(strings.TrimPrefix(path, dir+"/"), string(data))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPlainEqualsYAMLOnCorpora(t *testing.T) {
	for _, module := range corpora {
		t.Run(module, func(t *testing.T) {
			files, pieces, plainly, bytes, slowBytes := 0, 0, 0, 0, 0
			corpus(t, module, func(name, text string) {
				files++
				for _, piece := range Split(text) {
					pieces++
					bytes += piece.Len()
					if difference := compare(piece); difference != "" {
						t.Errorf("%s:%d: %s", name, piece.line, difference)
					}
					var p Parser
					_, err := p.Parse(piece)
					if err != nil {
						t.Logf("%s:%v", name, err)
					}
					if p.Slow == 0 {
						plainly++
					} else {
						slowBytes += p.SlowBytes
					}
				}
			})
			t.Logf("%d files, %d pieces, %d of them read plainly; %d of %d bytes by yaml/v3", files, pieces, plainly, slowBytes, bytes)
			if files == 0 || plainly < pieces*8/10 {
				t.Errorf("%d of %d pieces in %d files are read plainly: want most", plainly, pieces, files)
			}
		})
	}
}

// compare reads a piece both ways, and says where they differ. It is "" where they agree, or the plain reader refuses.
func compare(piece Piece) string {
	if piece.undivided {
		return ""
	}
	var p plain
	first := firstByte(strings.TrimPrefix(piece.text, "---"))
	var fast []Node
	if first == '{' || first == '[' {
		var err *SyntaxError
		if fast, err = p.json(piece); err != nil || len(fast) != 1 {
			return "" // several values are no YAML
		}
		if !json.Valid([]byte(strings.TrimPrefix(piece.text, "---"))) {
			return "plain reads as JSON what encoding/json does not"
		}
		// In JSON tabs are white space, and the line breaks of other alphabets are none.
		if _, err := byYAML(piece, 0); err != nil || unusual(piece) != 0 {
			return ""
		}
	} else {
		var stopped int
		if fast, stopped = p.document(piece); stopped != 0 {
			return ""
		}
	}
	slow, err := byYAML(piece, 0)
	if err != nil {
		return "plain reads what yaml/v3 does not: " + err.Error()
	}
	if len(fast) != len(slow) {
		return fmt.Sprintf("plain reads %d documents, yaml/v3 %d", len(fast), len(slow))
	}
	for i := range fast {
		if s := differ(&fast[i], &slow[i], "$"); s != "" {
			return s
		}
	}
	return ""
}

func differ(a, b *Node, path string) string {
	if a.Kind != b.Kind || a.Text != b.Text || a.Value != b.Value || a.Line != b.Line || len(a.Content) != len(b.Content) {
		return fmt.Sprintf("%s: plain reads %s", path, show(a)) + ", yaml/v3 " + show(b)
	}
	for i := range a.Content {
		if s := differ(&a.Content[i], &b.Content[i], fmt.Sprintf("%s.%d", path, i)); s != "" {
			return s
		}
	}
	return ""
}

func show(n *Node) string {
	return fmt.Sprintf("%s (%d, %d children, line %d, text %v, %q)", n.Describe(), n.Kind, len(n.Content), n.Line, n.Text, n.Value)
}

// TestPlainReads holds that what manifests are made of is read plainly: that the readers agree would be no use if
// everything was left to yaml/v3.
func TestPlainReads(t *testing.T) {
	for _, text := range []string{
		"a: 1\nb: [c, \"d\"]\n", "a:\n- b: c\n  d:\n  - e\n", "# a\n---\na: b # c\n", "a: |\n  b\n   c\n\n  d\ne: |-\n  f\n",
		"a: b\n  c\n\n  d\ne: \"f\n  \\ g\\\n  h\"\ni: 'it''s\n  j'\n", "{\"a\": [1, null, \"b\\n\"]}", "a: {}\nb: []\nc:\n", "a: fd00::/8\n",
		"a: b\r\nc: |\r\n  d\r\n",
	} {
		var p Parser
		for _, piece := range Split(text) {
			if _, err := p.Parse(piece); err != nil || p.Slow > 0 {
				t.Errorf("%q: read by yaml/v3, or not at all: %v", text, err)
			}
			if s := compare(piece); s != "" {
				t.Errorf("%q: %s", text, s)
			}
		}
	}
}

func TestParse(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"several documents", "a: 1\n---\n---\nb: 2\n...\n# c\n", `{a: 1}@1 {b: 2}@4`},
		{"several values of JSON", "{\"a\": 1}\n{\"b\": \"2\"}\n", `{"a": 1}@1 {"b": "2"}@2`},
		{"JSON behind a marker", "---\n{\n\"a\": 1}\n---\n[]", `{"a": 1}@2 []@5`},
		{"an alias", "a: &x {b: c}\nd: *x\n", `{a: {b: c}, d: {b: c}}@1`},
		{"a merge key", "a: &x {b: c, d: e}\nf:\n  <<: *x\n  d: g\n", `{a: {b: c, d: e}, f: {d: g, b: c}}@1`},
		{"merge keys of a list", "f:\n  <<: [{a: 1}, {a: 2, b: 3}]\n", `{f: {a: 1, b: 3}}@1`},
		{"a tag for text", "a: !!str 1\nb: !!int 2\n", `{a: "1", b: 2}@1`},
		{"the first of many lines", "\n\n# a\n  b: c\n", `{b: c}@4`},
		{"nothing", "# a\n---\n~\n", ``},
		{"a cycle", "a: &x\n  b: *x\n", `line 2: alias *x stands for something that holds the alias itself`},
		{"a bomb", bomb(), `line 1: its aliases stand for more than 1000000 values: want the values written out`},
		{"an unknown tag", "---\na: !foo b\n", `line 2: tag !foo is not known: want none`},
		{"a tag that lies", "a: !!int b\n", `line 1: "b" is not what its tag !!int says`},
		{"a mapping for a key", "? {a: b}\n: c\n", `line 1: a key is a mapping: want text`},
		{"an unknown anchor", "a: 1\n---\nb: *c\n", `{a: 1}@1 line 3: is not YAML: unknown anchor 'c' referenced`},
		{"broken indentation", "---\na:\n    b: c\n  d: e\n", `line 4: is not YAML: did not find expected key`},
		{"a tab", "a:\n\tb: c\n", `line 2: is not YAML: found character that cannot start any token`},
		{"broken JSON", "{\"a\": 1,\n\"b\": }\n{\"c\": 1}", `line 2: is not JSON: want a value here`},
		{"a control character", "a: b\nc: \x01\n", `line 2: is not text: it holds the control character U+0001`},
		{"no UTF-8", "a: b\nc: \xff\n", `line 2: is not UTF-8 text`},
		{"binary", "a: !!binary aGk=\n", `line 1: tag !!binary is not known: want none`},
		{"a surrogate pair", `{"a": "\ud83d\ude00"}`, "{\"a\": \"\U0001F600\"}@1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var p Parser
			var got []string
			for _, piece := range Split(tt.text) {
				nodes, err := p.Parse(piece)
				if err != nil {
					got = append(got, err.Error())
				}
				for i := range nodes {
					got = append(got, fmt.Sprintf("%s@%d", flowText(&nodes[i]), nodes[i].Line))
				}
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("got  %s\nwant %s", s, tt.want)
			}
		})
	}
}

// bomb is a document whose aliases stand for 10^9 values.
func bomb() string {
	s := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 9; i++ {
		s += fmt.Sprintf("a%d: &a%d [", i, i) + strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", ") + "]\n"
	}
	return s
}

func flowText(n *Node) string {
	var parts []string
	switch n.Kind {
	case Mapping:
		for i := 0; i+1 < len(n.Content); i += 2 {
			parts = append(parts, flowText(&n.Content[i])+": "+flowText(&n.Content[i+1]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case Sequence:
		for i := range n.Content {
			parts = append(parts, flowText(&n.Content[i]))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	if n.Text {
		return `"` + n.Value + `"`
	}
	return n.Value
}

func TestType(t *testing.T) {
	for text, want := range map[string]Type{
		"": Null, "~": Null, "null": Null, "nULL": Text, "true": Bool, "on": Bool, "n": Bool, "yes": Bool, "yEs": Text,
		"1": Int, "0x1f": Int, "017": Int, "1_000": Int, "-3": Int, "1.5": Float, "1e3": Float, ".5": Float, ".inf": Float, "-": Text,
		"1.2.3": Text, "10.0.0.0/8": Text, "2001-01-01": Text, "+": Text, ".": Text, "0b11": Int, "18446744073709551615": Int, "1e": Text,
	} {
		if got := (&Node{Value: text}).Type(); got != want {
			t.Errorf("%q has type %d, want %d", text, got, want)
		}
		if got := (&Node{Value: text, Text: true}).Type(); got != Text {
			t.Errorf("%q in quotes has type %d, want text", text, got)
		}
	}
}

// TestSplitIsLinear divides streams that a search for markers could go through again and again.
func TestSplitIsLinear(t *testing.T) {
	for _, text := range []string{strings.Repeat("...\n", 1<<20), strings.Repeat("\n....", 1<<20) + "\n---", strings.Repeat("---\n", 1<<20)} {
		if got := len(Split(text)); got == 0 {
			t.Error("no piece")
		}
	}
}
