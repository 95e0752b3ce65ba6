package tree

import "testing"

// FuzzPlainEqualsYAML holds the plain reader to yaml/v3: it refuses, or it reads the same.
func FuzzPlainEqualsYAML(f *testing.F) {
	for _, s := range []string{
		"", "a: 1\nb:\n  - x\n  - y: z\n    w: \"q\\n\"\n", "a:\n- b\n- c: d\n# e\nf: |\n  g\n\n  h\ni: 'it''s' # j\n",
		"a: b\n  c\n\n  d\ne: \"f\n  g \\\n  h\n\n\n  i\"\n", "- [a, {b: c, \"d\":1}, '']\n- - - 1\n  - 2\n-\n  k: |-\n    x\n", "{\"a\": [1, -2.5e3, \"\\u00e9\"], \"b\": null}",
		"a: &b [1]\nc: *b\n", "? a\n: b\n", "a: |+\n  b\n\n\nc: >\n  d\n", "---\na: b\n...\n--- # c\nd: e\n", "a : b", "a: 'b\n c'\n", "a:\tb", "a: ::1\n", "\"a\": b\n", "a: |\n   b\n  c\n", "-\n-\n", "a: -\n", "a: \"\\ b\"\n",
		"a: - b\n", "a:\n  b\nc: d", "- a\n b\n", "a: b #c\n  d\n", "a: #b\n", "a: b#c\n", "- a: b\n  c: d\n -e\n", "a: [b\n, c]\n", "a: !!str 1\n", "a: \"b\" c\n", "{a: b}: c\n", "a: {b: c,}\n", "'a\n b': c\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, piece := range Split(text) {
			if difference := compare(piece); difference != "" {
				t.Fatalf("%q: %s", piece.text, difference)
			}
			var p Parser
			p.Parse(piece)
		}
	})
}
