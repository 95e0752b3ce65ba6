package selector

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func lookup(labels map[string]string, unknown ...string) Lookup {
	return func(key string) (string, State) {
		if slices.Contains(unknown, key) {
			return "", Unknown
		}
		v, there := labels[key]
		if !there {
			return "", Absent
		}
		return v, Present
	}
}

// TestParse holds the corners of the language, most of which its tokenizer has: operators are looked for right after a label, whatever
// follows their letters; functions have no space before their parenthesis; negations cancel out.
func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "all()",
		" \t":                                    "all()",
		"all()":                                  "all()",
		"all( )":                                 "all()",
		"global(\t)":                             "global()",
		"has( app )":                             "has(app)",
		"app=='web'":                             "app == 'web'",
		`app != "it's"`:                          `app != "it's"`,
		`a == 'say "x"'`:                         `a == 'say "x"'`,
		"a in{'y','x','x'}":                      "a in {'x', 'y'}",
		"a in {}":                                "a in {}",
		"a in {'x',}":                            "a in {'x'}",
		"a not  in {'x'}":                        "a not in {'x'}",
		"a notin {'x'}":                          "a not in {'x'}",
		"a contains'x'":                          "a contains 'x'",
		"a startswith 'x' || a ends with 'y'":    "(a starts with 'x' || a ends with 'y')",
		"a=='1'&&b=='2'||c=='3'":                 "((a == '1' && b == '2') || c == '3')",
		"a=='1'&&(b=='2'||c=='3')":               "(a == '1' && (b == '2' || c == '3'))",
		"(a=='1'&&b=='2')&&c=='3'":               "((a == '1' && b == '2') && c == '3')",
		"!!has(a)":                               "has(a)",
		"! ! !has(a)":                            "!has(a)",
		"!(a == 'x')":                            "!a == 'x'",
		"!a == 'x' && b == 'y'":                  "(!a == 'x' && b == 'y')",
		"in == 'x'":                              "in == 'x'",
		"all == 'x' && has != 'y'":               "(all == 'x' && has != 'y')",
		"kubernetes.io/metadata.name == 'a-b_c'": "kubernetes.io/metadata.name == 'a-b_c'",
		"a == ''":                                "a == ''",
	} {
		x, err := Parse(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := x.String(); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
		if again, err := Parse(want); err != nil || again.String() != want {
			t.Errorf("%q: its text parses to %v, %v", text, again, err)
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	for text, want := range map[string]string{
		"a":                 "at character 2: expected an operator after the label a, not the end",
		"a = 'x'":           "at character 3: expected ==",
		"a == x":            "at character 6: expected a text in quotes, not x",
		"a == 'x":           "at character 6: the text in quotes does not end",
		"a & b":             "at character 3: expected &&",
		"a == 'x' | b":      "at character 10: expected ||",
		"a b == 'x'":        "at character 3: expected an operator after the label a",
		"a starts 'x'":      "at character 3: expected an operator after the label a",
		"a in 'x'":          "at character 6: expected { and texts in quotes",
		"a in {'x' 'y'}":    "at character 11: expected } or a comma",
		"a in {x}":          "at character 7: expected } or a comma",
		"has (a)":           "at character 5: expected an operator after the label has, not (",
		"all ()":            "at character 5: expected an operator after the label all, not (",
		"has()":             "at character 1: expected the key of a label in has()",
		"has(a":             "at character 1: expected ) after has(a",
		"all(x)":            "at character 1: expected ) after all(",
		"(a == 'x'":         "at character 10: expected ), not the end",
		"a == 'x')":         "at character 9: expected && or || or the end, not )",
		"a == 'x' b == 'y'": "at character 10: expected && or || or the end, not b",
		"a == 'x' &&":       "at character 12: expected a label",
		"!":                 "at character 2: expected a label",
		"a == 'x'\n":        `at character 9: unexpected character '\n'`,
		"{}":                "at character 1: expected a label",
		"ä == 'x'":          `at character 1: unexpected character 'ä'`,
		"== 'x'":            "at character 1: expected a label",
		strings.Repeat("(", 600) + "all()" + strings.Repeat(")", 600): "nested more than 512 deep",
	} {
		_, err := Parse(text)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got %v, want %s", text, err, want)
		}
	}
}

// naive is an expression made at random, with what it means said in the plainest way.
type naive struct {
	text string
	is   func(labels map[string]string) bool
}

var keys = []string{"a", "b", "ns/c"}

func random(r *rand.Rand, depth int) naive {
	space := strings.Repeat(" ", r.IntN(2))
	if depth > 0 && r.IntN(3) > 0 {
		x, y := random(r, depth-1), random(r, depth-1)
		switch r.IntN(3) {
		case 0:
			return naive{"(" + space + x.text + space + "&&" + y.text + ")", func(l map[string]string) bool { return x.is(l) && y.is(l) }}
		case 1:
			return naive{"(" + x.text + space + "||" + space + y.text + space + ")", func(l map[string]string) bool { return x.is(l) || y.is(l) }}
		}
		return naive{"!" + space + "(" + x.text + ")", func(l map[string]string) bool { return !x.is(l) }}
	}
	k := keys[r.IntN(len(keys))]
	v, w := []string{"x", "xy", "yx", ""}[r.IntN(4)], []string{"x", "z", "xyx"}[r.IntN(3)]
	switch r.IntN(9) {
	case 0:
		return naive{"all()", func(map[string]string) bool { return true }}
	case 1:
		return naive{"has(" + k + ")", func(l map[string]string) bool { _, there := l[k]; return there }}
	case 2:
		return naive{k + space + "== '" + v + "'", func(l map[string]string) bool { x, there := l[k]; return there && x == v }}
	case 3:
		return naive{k + " !=" + space + `"` + v + `"`, func(l map[string]string) bool { x, there := l[k]; return !there || x != v }}
	case 4:
		return naive{k + " in {'" + v + "'," + space + "'" + w + "'}", func(l map[string]string) bool { x, there := l[k]; return there && (x == v || x == w) }}
	case 5:
		return naive{k + " not in {'" + v + "', '" + w + "'}", func(l map[string]string) bool { x, there := l[k]; return !there || x != v && x != w }}
	case 6:
		return naive{k + " contains '" + v + "'", func(l map[string]string) bool { x, there := l[k]; return there && strings.Contains(x, v) }}
	case 7:
		return naive{k + " starts with '" + v + "'", func(l map[string]string) bool { x, there := l[k]; return there && strings.HasPrefix(x, v) }}
	}
	return naive{k + " ends with '" + v + "'", func(l map[string]string) bool { x, there := l[k]; return there && strings.HasSuffix(x, v) }}
}

// every is every set of labels from the keys and some values.
func every() []map[string]string {
	list := []map[string]string{{}}
	for _, k := range keys {
		for _, l := range slices.Clone(list) {
			for _, v := range []string{"x", "xyx", "z", ""} {
				m := map[string]string{k: v}
				for k, v := range l {
					m[k] = v
				}
				list = append(list, m)
			}
		}
	}
	return list
}

// TestNaive compares with the naive reading, for every set of labels. With a label unknown, False and True hold whatever it is, and
// Needs are met by whatever meets the expression.
func TestNaive(t *testing.T) {
	all := every()
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 7))
		n := random(r, r.IntN(4))
		x, err := Parse(n.text)
		if err != nil {
			t.Fatalf("seed %d: %s: %v", seed, n.text, err)
		}
		unknown := keys[r.IntN(len(keys))]
		for _, labels := range all {
			want := n.is(labels)
			if got := x.Eval(lookup(labels)); got != map[bool]Truth{false: False, true: True}[want] {
				t.Fatalf("seed %d: %s of %v: got %v, want %v", seed, n.text, labels, got, want)
			}
			if got := x.Eval(lookup(labels, unknown)); got != Maybe && (got == True) != want {
				t.Fatalf("seed %d: %s of %v without %s: got %v, which is not certain", seed, n.text, labels, unknown, got)
			}
			for _, need := range x.Needs() {
				if v, there := labels[need.Key]; want && (!there || !slices.Contains(need.Values, v)) {
					t.Fatalf("seed %d: %s is met by %v, which lacks %v", seed, n.text, labels, need)
				}
			}
			moved := map[string]string{}
			for k, v := range labels {
				moved["p."+k] = v
			}
			if got := x.Rewrite("p.", nil, nil).Eval(lookup(moved)); (got == True) != want {
				t.Fatalf("seed %d: %s with prefixes: got %v, want %v", seed, n.text, got, want)
			}
		}
	}
}

func TestRewrite(t *testing.T) {
	x, err := Parse("!all() || team == 'a' && !global()")
	if err != nil {
		t.Fatal(err)
	}
	got := x.Rewrite("pcns.", HasLabel("ns"), Negate(HasLabel("ns"))).String()
	if want := "(!has(ns) || (pcns.team == 'a' && !!has(ns)))"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "a == 'x' && !(b in {'y', \"z\"} || has(c))", "all() || global()", "a starts with 'x'", "!a contains ''", "(("} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		x, err := Parse(s)
		if err != nil {
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Offset < 0 || syntax.Offset > len(s) {
				t.Errorf("%q: %v has no place", s, err)
			}
			return
		}
		text := x.String()
		y, err := Parse(text)
		if err != nil || y.String() != text {
			t.Fatalf("%q is %q, which is %v, %v", s, text, y, err)
		}
		for _, labels := range []map[string]string{{}, {"a": "x"}, {"a": "", "b": "y"}} {
			if x.Eval(lookup(labels)) != y.Eval(lookup(labels)) || x.Eval(lookup(labels, "b")) != y.Eval(lookup(labels, "b")) {
				t.Errorf("%q and %q differ on %v", s, text, labels)
			}
		}
	})
}

func ExampleParse() {
	x, _ := Parse("app == 'web' && !has(debug)")
	fmt.Println(x, x.Eval(func(key string) (string, State) { return "web", map[string]State{"app": Present}[key] }) == True)
	// Output: (app == 'web' && !has(debug)) true
}
