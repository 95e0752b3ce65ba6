package kube

import (
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/kube/internal/tree"
)

// maxProblems is how many problems of one object are told: beyond a screenful they tell a person nothing.
const maxProblems = 50

// reader reads the objects of some documents into out, and collects their problems. Methods that read a value
// return false where there is none (null, which the API takes for absent), and where they have reported a problem.
type reader struct {
	file      string
	namespace string // for objects that name none
	out       *part
	meta      *Meta  // of the object that is read, nil outside of one
	path      []step // in the object
	count     int    // problems of the object
	// lenient makes errors warnings: what is wrong in an object that decides nothing takes nothing away.
	lenient bool
}

// step is a part of the way to a field: "ingress rule 2" or "spec".
type step struct {
	name string
	nth  int // from 1; 0 for none
}

func (r *reader) push(name string, nth int) { r.path = append(r.path, step{name, nth}) }
func (r *reader) pop()                      { r.path = r.path[:len(r.path)-1] }

func (r *reader) where() string {
	var b strings.Builder
	for i, s := range r.path {
		if i > 0 {
			b.WriteString(": ")
		}
		b.WriteString(s.name)
		if s.nth > 0 {
			b.WriteString(" " + strconv.Itoa(s.nth))
		}
	}
	return b.String()
}

func (r *reader) pos(n *tree.Node) Pos { return Pos{r.file, int(n.Line)} }

// errorf reports what makes the object undecidable.
func (r *reader) errorf(n *tree.Node, format string, args ...any) {
	r.problem(Error, r.pos(n), fmt.Sprintf(format, args...))
}

// warnf reports what is not read, or reads as it was probably not meant.
func (r *reader) warnf(n *tree.Node, format string, args ...any) {
	r.problem(Warning, r.pos(n), fmt.Sprintf(format, args...))
}

func (r *reader) problem(s Severity, at Pos, what string) {
	if r.lenient {
		s = Warning
	}
	p := Problem{Pos: at, Severity: s, What: what}
	if r.meta != nil {
		if where := r.where(); where != "" {
			p.What = where + ": " + what
		}
		p.Object = r.meta.String()
		if r.count++; r.count > maxProblems && (s == Warning || r.meta.Broken()) {
			return
		}
		if s == Error {
			r.meta.Errors = append(r.meta.Errors, p)
		}
	}
	r.out.problems = append(r.out.problems, p)
}

// fields are the fields of a mapping that have a value.
func (r *reader) fields(n *tree.Node) iter.Seq2[*tree.Node, *tree.Node] {
	return func(yield func(k, v *tree.Node) bool) {
		if n.Kind != tree.Mapping {
			if !n.IsNull() {
				r.errorf(n, "is %s: want a mapping", n.Describe())
			}
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if v := &n.Content[i+1]; v.Kind != tree.Scalar || v.Text || v.Value != "" && !v.IsNull() {
				if !yield(&n.Content[i], v) {
					return
				}
			}
		}
	}
}

// unknown reports a field that no version of the API has which is read here: it may change what the object means.
func (r *reader) unknown(k *tree.Node, known ...string) {
	r.errorf(k, "unknown field %q: %s", k.Value, wantOneOf(k.Value, known))
}

// unread reports a field that is not known, where it cannot change a verdict.
func (r *reader) unread(k *tree.Node) {
	r.warnf(k, "field %q is not known here, and not read", k.Value)
}

// list is the entries of a list. It is nil for null, and never nil for a list.
func (r *reader) list(n *tree.Node, of string) []tree.Node {
	switch {
	case n.Kind == tree.Sequence && n.Content != nil:
		return n.Content
	case n.Kind == tree.Sequence:
		return []tree.Node{}
	case !n.IsNull():
		r.errorf(n, "is %s: want a list of %s", n.Describe(), of)
	}
	return nil
}

// items are the entries of a list of mappings, each with its number in the path.
func (r *reader) items(n *tree.Node, of, one string) iter.Seq2[int, *tree.Node] {
	return func(yield func(int, *tree.Node) bool) {
		list := r.list(n, of)
		for i := range list {
			r.push(one, i+1)
			more := true
			if list[i].Kind != tree.Mapping {
				r.errorf(&list[i], "is %s: want a mapping", list[i].Describe())
			} else {
				more = yield(i, &list[i])
			}
			r.pop()
			if !more {
				return
			}
		}
	}
}

// text is a scalar that YAML takes for text as well, as the API server wants it.
func (r *reader) text(n *tree.Node) (string, bool) {
	switch {
	case n.Kind == tree.Scalar && n.Type() == tree.Text:
		if i := strings.IndexFunc(n.Value, control); i >= 0 {
			c := []rune(n.Value[i:])[0]
			r.errorf(n, "holds the character %U: want text that can be printed", c)
			return "", false
		}
		return n.Value, true
	case n.Kind == tree.Scalar && n.Type() != tree.Null:
		r.errorf(n, "is %s: want text, in quotes: %q", n.Describe(), n.Value)
	case !n.IsNull():
		r.errorf(n, "is %s: want text", n.Describe())
	}
	return "", false
}

// control reports whether a character would change the terminal that it is shown on.
func control(c rune) bool { return c < ' ' || c >= 0x7f && c < 0xa0 || c == '\u2028' || c == '\u2029' }

// freeText is text that is not shown: it may have lines.
func (r *reader) freeText(n *tree.Node) (string, bool) {
	if n.Kind == tree.Scalar && n.Type() == tree.Text {
		return n.Value, true
	}
	return r.text(n)
}

func (r *reader) texts(n *tree.Node) []string {
	list := r.list(n, "texts")
	if list == nil {
		return nil
	}
	out := make([]string, 0, len(list))
	for i := range list {
		if s, ok := r.text(&list[i]); ok {
			out = append(out, s)
		} else if list[i].IsNull() {
			r.errorf(&list[i], "entry %d is nothing: want text", i+1)
		}
	}
	return out
}

func (r *reader) boolean(n *tree.Node) (value, ok bool) {
	if n.Kind == tree.Scalar {
		switch n.Type() {
		case tree.Null:
			return false, false
		case tree.Bool:
			switch n.Value[0] {
			case 't', 'T', 'y', 'Y':
				return true, true
			}
			return strings.EqualFold(n.Value, "on"), true
		}
	}
	r.errorf(n, "is %s: want true or false", n.Describe())
	return false, false
}

func (r *reader) tristate(n *tree.Node) Tristate {
	switch value, ok := r.boolean(n); {
	case !ok:
		return Unset
	case value:
		return True
	}
	return False
}

// condition reads the status of a condition, which is text.
func (r *reader) condition(n *tree.Node) Tristate {
	switch s, _ := r.text(n); s {
	case "True":
		return True
	case "False":
		return False
	}
	return Unset
}

// integer reads a decimal number. YAML's others (0x50, 0o120, 1_000) are read differently by its versions.
func (r *reader) integer(n *tree.Node) (int64, bool) {
	if n.Kind == tree.Scalar && !n.Text {
		if n.Type() == tree.Null {
			return 0, false
		}
		s := n.Value
		if v, err := strconv.ParseInt(s, 10, 64); err == nil && strconv.FormatInt(v, 10) == s {
			return v, true
		}
		if n.Type() == tree.Int {
			r.errorf(n, "is the number %s: want it in decimal", s)
			return 0, false
		}
	}
	if n.Text && n.Kind == tree.Scalar && n.Value != "" && tree.IsDecimal(n.Value) {
		r.errorf(n, "is the text %q: want the number, without quotes", n.Value)
		return 0, false
	}
	r.errorf(n, "is %s: want a number", n.Describe())
	return 0, false
}

func (r *reader) int64(n *tree.Node) *int64 {
	if v, ok := r.integer(n); ok {
		return &v
	}
	return nil
}

// stringMap is a mapping of text to text.
func (r *reader) stringMap(n *tree.Node, free bool) map[string]string {
	if n.Kind != tree.Mapping {
		if !n.IsNull() {
			r.errorf(n, "is %s: want a mapping", n.Describe())
		}
		return nil
	}
	out := make(map[string]string, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := &n.Content[i], &n.Content[i+1]
		if v.Kind == tree.Scalar && v.Type() == tree.Null {
			out[k.Value] = "" // as encoding/json reads null into a string
			continue
		}
		r.push(k.Value, 0)
		s, ok := r.freeText(v)
		if ok && !free && strings.IndexFunc(s, control) >= 0 {
			_, ok = r.text(v)
		}
		r.pop()
		if ok {
			out[k.Value] = s
		}
	}
	return out
}
