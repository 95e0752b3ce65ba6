package kube

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/kube/internal/tree"
)

// selector reads a metav1.LabelSelector, with the checks of the API server (ValidateLabelSelector in
// apimachinery/pkg/apis/meta/v1/validation): what it refuses selects nothing that could be known.
func (r *reader) selector(n *tree.Node) LabelSelector {
	s := LabelSelector{Pos: r.pos(n)}
	for k, v := range r.fields(n) {
		switch k.Value {
		case "matchLabels":
			r.push("matchLabels", 0)
			r.matchLabels(v, &s)
			r.pop()
		case "matchExpressions":
			for _, e := range r.items(v, "requirements", "matchExpressions") {
				r.requirement(e, &s)
			}
		default:
			r.unknown(k, "matchLabels", "matchExpressions")
		}
	}
	if len(s.Requirements) > 1 {
		slices.SortFunc(s.Requirements, compareRequirements)
		s.Requirements = slices.CompactFunc(s.Requirements, func(a, b Requirement) bool { return compareRequirements(a, b) == 0 })
	}
	return s
}

// selectorField is a selector that the API distinguishes from none.
func (r *reader) selectorField(k, v *tree.Node) *LabelSelector {
	r.push(k.Value, 0)
	defer r.pop()
	s := r.selector(v)
	return &s
}

func compareRequirements(a, b Requirement) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Op, b.Op), slices.Compare(a.Values, b.Values))
}

func (r *reader) matchLabels(n *tree.Node, s *LabelSelector) {
	if n.Kind != tree.Mapping {
		r.errorf(n, "is %s: want a mapping of labels", n.Describe())
		return
	}
	s.Requirements = make([]Requirement, 0, len(n.Content)/2)
	values := make([]string, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := &n.Content[i], &n.Content[i+1]
		if !r.labelKey(k) {
			continue
		}
		if value, ok := r.labelValue(k.Value, v); ok {
			values[i/2] = value
			s.Requirements = append(s.Requirements, Requirement{Pos: r.pos(k), Key: k.Value, Op: In, Values: values[i/2 : i/2+1 : i/2+1]})
		}
	}
}

func (r *reader) requirement(n *tree.Node, s *LabelSelector) {
	q := Requirement{Pos: r.pos(n)}
	ok := true
	operator := ""
	for k, v := range r.fields(n) {
		switch k.Value {
		case "key":
			q.Key = v.Value
			ok = r.labelKey(v) && ok
		case "operator":
			operator, _ = r.text(v)
		case "values":
			q.Values = r.requirementValues(v, &ok)
		default:
			r.unknown(k, "key", "operator", "values")
			ok = false
		}
	}
	op := slices.Index([]string{"In", "NotIn", "Exists", "DoesNotExist"}, operator)
	switch {
	case q.Key == "":
		r.errorf(n, "has no key: want key:, operator: and values:")
	case op < 0:
		r.errorf(n, "operator %q: want In, NotIn, Exists or DoesNotExist", operator)
	case op < 2 && len(q.Values) == 0 && ok:
		r.errorf(n, "operator %s has no values: want at least one", operator)
	case op >= 2 && len(q.Values) > 0:
		r.errorf(n, "operator %s has values: want none", operator)
	case ok:
		q.Op = Operator(op)
		slices.Sort(q.Values)
		q.Values = slices.Compact(q.Values)
		s.Requirements = append(s.Requirements, q)
	}
}

func (r *reader) requirementValues(n *tree.Node, ok *bool) []string {
	list := r.list(n, "label values")
	var out []string
	for i := range list {
		s, good := r.labelValue("values", &list[i])
		if *ok = *ok && good; good {
			out = append(out, s)
		}
	}
	return out
}

// labels reads an object's labels.
func (r *reader) labels(n *tree.Node) Labels {
	if n.Kind != tree.Mapping {
		r.errorf(n, "is %s: want a mapping of labels", n.Describe())
		return nil
	}
	out := make(Labels, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := &n.Content[i], &n.Content[i+1]
		if !r.labelKey(k) {
			continue
		}
		if s, ok := r.labelValue(k.Value, v); ok {
			out[k.Value] = s
		}
	}
	return out
}

// labelValue reads the value of a label. null is the empty one, as encoding/json reads it into a string.
func (r *reader) labelValue(key string, n *tree.Node) (string, bool) {
	if n.IsNull() {
		return "", true
	}
	if n.Kind == tree.Scalar && n.Type() == tree.Text && isLabelValue(n.Value) {
		return n.Value, true
	}
	r.push(key, 0)
	defer r.pop()
	if s, ok := r.text(n); ok {
		r.errorf(n, "%q is no value of a label: want at most 63 of a-z, A-Z, 0-9, -, _ and ., beginning and ending with a letter or digit", s)
	}
	return "", false
}

func (r *reader) labelKey(n *tree.Node) bool {
	if isLabelKey(n.Value) {
		return true
	}
	r.errorf(n, "%q is no key of a label: want a name, or a DNS name, / and a name", n.Value)
	return false
}

// isLabelKey is a qualified name: a DNS subdomain and "/" may stand before a name of the form of a value.
func isLabelKey(s string) bool {
	if i := strings.IndexByte(s, '/'); i >= 0 {
		if !isSubdomain(s[:i]) {
			return false
		}
		s = s[i+1:]
	}
	return s != "" && isLabelValue(s)
}

func isLabelValue(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case (c == '-' || c == '_' || c == '.') && i > 0 && i < len(s)-1:
		default:
			return false
		}
	}
	return len(s) <= 63
}
