// Package tree reads YAML and JSON into one kind of tree, fast.
//
// Policy files are plain YAML, and a cluster's are megabytes of it, which go.yaml.in/yaml/v3 reads at 4 MB/s. So
// what is plain is read here (see block.go), JSON too (json.go), and every document that has anything else is given to
// yaml/v3, whose answer the plain reader's equals wherever it gives one: the tests and a fuzz target hold it to that.
package tree

import (
	"strconv"
	"strings"
)

// Kind is what a node is.
type Kind uint8

const (
	Scalar Kind = iota
	Mapping
	Sequence
)

// Node is a value in a document. Aliases and merge keys are resolved in it.
type Node struct {
	Kind Kind
	// Text tells that a scalar is text whatever it looks like: it is quoted, a block scalar, or has the tag !!str.
	Text    bool
	Line    int32  // from 1, in the whole of the input
	Value   string // of a scalar
	Content []Node // of a mapping: key, value, key, value
}

// Type is what a scalar is when it is read as the API server reads it.
type Type uint8

const (
	Text Type = iota
	Null
	Bool
	Int
	Float
)

// Type is the type of a scalar by YAML 1.1, as kubectl reads YAML (sigs.k8s.io/yaml, which is go.yaml.in/yaml/v2): there "on",
// "yes" and "n" are truth values, and 1_000 is a number. Dates stay text.
func (n *Node) Type() Type {
	if n.Text {
		return Text
	}
	s := n.Value
	if s == "" {
		return Null
	}
	switch c := s[0]; {
	case c == '.' || c == '-' || c == '+' || c >= '0' && c <= '9':
		return number(s)
	case len(s) <= 5:
		return word(s)
	}
	return Text
}

func word(s string) Type {
	switch s {
	case "~", "null", "Null", "NULL":
		return Null
	case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON",
		"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		return Bool
	}
	return Text
}

func number(s string) Type {
	switch s {
	case ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF":
		return Float
	}
	if s[0] == '.' {
		if _, err := strconv.ParseFloat(s, 64); err == nil {
			return Float
		}
		return Text
	}
	plain := strings.ReplaceAll(s, "_", "")
	if _, err := strconv.ParseInt(plain, 0, 64); err == nil {
		return Int
	}
	if _, err := strconv.ParseUint(plain, 0, 64); err == nil {
		return Int
	}
	if decimalFloat(plain) {
		return Float
	}
	return Text
}

// decimalFloat is [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
func decimalFloat(s string) bool {
	s = strings.TrimLeft(s[:1], "+-") + s[1:]
	whole := digits(s)
	rest := s[whole:]
	if strings.HasPrefix(rest, ".") {
		fraction := digits(rest[1:])
		if whole == 0 && fraction == 0 {
			return false
		}
		rest = rest[1+fraction:]
	} else if whole == 0 {
		return false
	}
	if rest == "" {
		return true
	}
	if rest[0] != 'e' && rest[0] != 'E' {
		return false
	}
	rest = rest[1:]
	if rest != "" && (rest[0] == '+' || rest[0] == '-') {
		rest = rest[1:]
	}
	return rest != "" && digits(rest) == len(rest)
}

// digits is how many digits a text begins with.
func digits(s string) int {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return i
		}
	}
	return len(s)
}

// IsNull reports whether the node is null, which the API takes for an absent field.
func (n *Node) IsNull() bool { return n.Kind == Scalar && n.Type() == Null }

// Get is the value of a key, nil where the node has none or is nil.
func (n *Node) Get(key string) *Node {
	if n == nil || n.Kind != Mapping {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if k := &n.Content[i]; k.Kind == Scalar && k.Value == key {
			return &n.Content[i+1]
		}
	}
	return nil
}

// Equal compares what nodes hold, not where they stand.
func (n *Node) Equal(o *Node) bool {
	if n.Kind != o.Kind || n.Value != o.Value || len(n.Content) != len(o.Content) ||
		n.Kind == Scalar && n.Type() != o.Type() {
		return false
	}
	for i := range n.Content {
		if !n.Content[i].Equal(&o.Content[i]) {
			return false
		}
	}
	return true
}

// Describe is what a node is, for people: "a list", "the number 80".
func (n *Node) Describe() string {
	switch n.Kind {
	case Mapping:
		return "a mapping"
	case Sequence:
		return "a list"
	}
	text := n.Value
	if len(text) > 40 {
		text = strings.ToValidUTF8(text[:40], "") + "..."
	}
	switch n.Type() {
	case Null:
		return "nothing"
	case Int, Float:
		return "the number " + text
	case Bool:
		return "the truth value " + text
	}
	return "the text " + strconv.Quote(text)
}

// IsDecimal reports whether a text is only digits.
func IsDecimal(s string) bool { return s != "" && digits(s) == len(s) }
