package profile

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

const noAliases = "profiles have no anchors and aliases, write the value out"

// reader collects the problems of one file. Its methods take where a node is in the profile ("bind rule 3") for
// the problems that they report, and answer false when they have reported one.
type reader struct {
	file     string
	problems []*Problem
	aliases  map[string]bool // that were reported
}

func (r *reader) problemf(n *yaml.Node, where, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	if where != "" {
		what = where + ": " + what
	}
	r.problems = append(r.problems, &Problem{r.file, n.Line, what})
}

// plain reports aliases and tags anywhere below n. Nothing follows an alias after this, so none can be expanded, and
// a cycle of them is harmless.
func (r *reader) plain(n *yaml.Node) {
	switch {
	case n.Kind == yaml.AliasNode && !r.aliases[n.Value]:
		r.aliases[n.Value] = true
		r.problemf(n, "", "alias *%s: %s", n.Value, noAliases)
	case n.Style&yaml.TaggedStyle != 0 && strings.HasPrefix(n.Tag, "!loopback"):
		r.problemf(n, "", "tag %s: profiles have no tags, for every address but loopback write {except: [loopback]}", n.Tag)
	case n.Style&yaml.TaggedStyle != 0:
		r.problemf(n, "", "tag %s: profiles have no tags, put text in quotes", n.Tag)
	}
	for _, c := range n.Content {
		r.plain(c)
	}
}

// fields reads a mapping whose keys are among names. A field that is absent, or has a problem, is not in the result.
func (r *reader) fields(n *yaml.Node, where string, names ...string) (map[string]*yaml.Node, bool) {
	if n.Kind != yaml.MappingNode {
		r.wrong(n, where, "want a mapping with "+orList(names))
		return nil, false
	}
	at := make(map[string]*yaml.Node, len(names))
	line := map[string]int{}
	before := len(r.problems)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch known := slices.Contains(names, k.Value); {
		case k.Kind != yaml.ScalarNode:
			r.problemf(k, where, "%s is no name of a field: want %s", describe(k), orList(names))
		case !known && k.Value == "<<":
			r.problemf(k, where, "unknown field <<: profiles have no merge keys, write the fields out")
		case !known:
			r.problemf(k, where, "unknown field %q: %s", k.Value, wantOneOf(k.Value, names))
		case line[k.Value] != 0:
			r.problemf(k, where, "%s is given twice, first on line %d: want it once", k.Value, line[k.Value])
		case v.Kind == yaml.ScalarNode && v.ShortTag() == "!!null":
			line[k.Value] = k.Line
			r.problemf(k, where, "%s has no value: want one, or leave the field out", k.Value)
		default:
			line[k.Value] = k.Line
			at[k.Value] = v
		}
	}
	return at, len(r.problems) == before
}

// wrong reports a node of the wrong kind; an alias or a tag was reported before.
func (r *reader) wrong(n *yaml.Node, where, want string) {
	if n.Kind != yaml.AliasNode && n.Style&yaml.TaggedStyle == 0 {
		r.problemf(n, where, "is %s: %s", describe(n), want)
	}
}

// list is the entries of a list.
func (r *reader) list(n *yaml.Node, where, of string) ([]*yaml.Node, bool) {
	if n.Kind != yaml.SequenceNode {
		r.wrong(n, where, "want a list of "+of)
		return nil, false
	}
	return n.Content, true
}

// conditions is the entries of a list that restricts a rule. An empty one would match nothing, and
// reads as if it matched everything, so there is none.
func (r *reader) conditions(n *yaml.Node, where, of string) ([]*yaml.Node, bool) {
	items, ok := r.list(n, where, of)
	if ok && len(items) == 0 {
		r.problemf(n, where, "is an empty list: want %s, or leave it out", of)
		return nil, false
	}
	return items, ok
}

// scalar is what a scalar has for text, quoted or not.
func (r *reader) scalar(n *yaml.Node, where, want string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.Style&yaml.TaggedStyle != 0 || n.ShortTag() == "!!null" {
		r.wrong(n, where, want)
		return "", false
	}
	return n.Value, true
}

// text is a scalar that YAML takes for text as well.
func (r *reader) text(n *yaml.Node, where string) (string, bool) {
	s, ok := r.scalar(n, where, "want text")
	if ok && n.ShortTag() != "!!str" {
		r.problemf(n, where, "is %s: want text, in quotes: %q", describe(n), s)
		return "", false
	}
	return s, ok
}

// line is one line of text, without what would change the terminal that it is shown on.
func (r *reader) line(n *yaml.Node, where string) string {
	s, ok := r.text(n, where)
	if !ok {
		return ""
	}
	if strings.ContainsAny(s, "\r\n") {
		r.problemf(n, where, "has more than one line: want one (>- rather than > leaves out the last line break)")
		return ""
	}
	for _, c := range s {
		if !unicode.IsGraphic(c) {
			r.problemf(n, where, "holds the character %U: want text that can be printed", c)
			return ""
		}
	}
	return s
}
