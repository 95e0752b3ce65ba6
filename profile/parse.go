package profile

import (
	"go.yaml.in/yaml/v3"
)

const (
	apiVersion = "sallyport.dev/v1alpha1"
	kind       = "EgressProfile"
)

// Parse reads a profile. The file's name is for its errors and its decisions: nothing is opened. The error reports every
// problem of the file, see [Problem].
func Parse(filename string, data []byte) (*Profile, error) {
	root, problem := document(filename, data)
	if problem != nil {
		return nil, problem
	}
	r := &reader{file: filename, aliases: map[string]bool{}}
	p := r.profile(root)
	if len(r.problems) > 0 {
		return nil, join(r.problems)
	}
	p.File = filename
	p.compiled.Store(p.compile())
	return p, nil
}

func (r *reader) profile(n *yaml.Node) *Profile {
	p := &Profile{}
	if r.otherKind(n) {
		return p
	}
	r.plain(n)
	at, _ := r.fields(n, "", "apiVersion", "kind", "metadata", "spec")
	if m := r.required(n, at, "metadata", "", "want metadata: with the name of the profile"); m != nil {
		r.metadata(m, p)
	}
	if s := r.required(n, at, "spec", "", "want spec: with facts, bind, egress or layers"); s != nil {
		spec, _ := r.fields(s, "spec", "facts", "bind", "egress", "layers")
		if f := spec["facts"]; f != nil {
			r.facts(f, p)
		}
		if b := spec["bind"]; b != nil {
			r.bind(b, p)
		}
		if e := spec["egress"]; e != nil {
			r.egress(e, p)
		}
		if l := spec["layers"]; l != nil {
			r.layers(l, p)
		}
	}
	return p
}

// otherKind reports what the document is where it is no profile at all: then its fields need no list of problems.
func (r *reader) otherKind(n *yaml.Node) bool {
	for _, want := range []struct{ field, value string }{{"apiVersion", apiVersion}, {"kind", kind}} {
		v := field(n, want.field)
		switch {
		case v == nil:
			r.problemf(n, "", "%s is missing: want %s: %s", want.field, want.field, want.value)
		case v.Kind != yaml.ScalarNode || v.Value != want.value:
			r.problemf(v, "", "%s is %s: want %s", want.field, describe(v), want.value)
		}
	}
	return len(r.problems) > 0
}

func field(n *yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if k := n.Content[i]; k.Kind == yaml.ScalarNode && k.Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

// required is a field that has to be there. One that is there with a problem was reported before.
func (r *reader) required(n *yaml.Node, at map[string]*yaml.Node, name, where, want string) *yaml.Node {
	if field(n, name) == nil {
		r.problemf(n, where, "%s is missing: %s", name, want)
	}
	return at[name]
}

// maxName is the length of a DNS subdomain, RFC 1123, which is what Kubernetes allows as a name.
const maxName = 253

// isName reports whether a name has the form that Kubernetes asks for. It is no regular expression: to compile one that counts
// to 253 takes a millisecond of every start.
func isName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case (c == '-' || c == '.') && i > 0 && i < len(s)-1:
		default:
			return false
		}
	}
	return s != "" && len(s) <= maxName
}

func (r *reader) metadata(n *yaml.Node, p *Profile) {
	at, ok := r.fields(n, "metadata", "name", "description")
	if at == nil {
		return
	}
	if v := at["description"]; v != nil {
		p.Description = r.line(v, "description")
	}
	if !ok && field(n, "name") == nil {
		return // a misspelt name has been reported
	}
	v := r.required(n, at, "name", "metadata", "want a name for the profile")
	if v == nil {
		return
	}
	name, ok := r.text(v, "name")
	if ok && !isName(name) {
		r.problemf(v, "", "name %q: want lower-case letters, digits, - and ., beginning and ending with a letter or digit",
			name)
	}
	p.Name = name
}
