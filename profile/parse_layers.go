package profile

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

func (r *reader) layers(n *yaml.Node, p *Profile) {
	items, _ := r.list(n, "layers", "layers")
	names := []string{bindSection, egressSection}
	for i, item := range items {
		where := fmt.Sprintf("layer %d", i+1)
		at, _ := r.fields(item, where, "name", "from", "default", "timeout", "rules")
		if at == nil {
			continue
		}
		l := Layer{Default: Verdict{Kind: Abstain}, Line: item.Line}
		if v := r.required(item, at, "name", where, "want a name for the layer"); v != nil {
			l.Name = r.layerName(v, where, names)
			names = append(names, l.Name)
			if l.Name != "" {
				where = "layer " + l.Name
			}
		}
		l.From = r.origin(at["from"], where)
		if v := at["default"]; v != nil {
			l.Default = r.verdict(v, where+" default", wantLayerDefault)
		}
		r.timeout(at["timeout"], where+" default", "default", &l.Default)
		l.Rules = r.egressRules(at["rules"], where)
		p.Layers = append(p.Layers, l)
	}
}

// layerName is "" for a name that is not one, or is taken.
func (r *reader) layerName(n *yaml.Node, where string, taken []string) string {
	s, ok := r.text(n, where+": name")
	switch {
	case !ok:
		return ""
	case !isName(s):
		r.problemf(n, where, "name %q: want lower-case letters, digits, - and ., beginning and ending with a letter or digit", s)
		return ""
	case slices.Contains(taken, s):
		r.problemf(n, where, "name %s is taken: want a name that is not bind, egress or another layer's", s)
		return ""
	}
	return s
}

// origin reads {object, file, line}.
func (r *reader) origin(n *yaml.Node, where string) (o Origin) {
	if n == nil {
		return o
	}
	where += ": from"
	at, ok := r.fields(n, where, "object", "file", "line")
	if ok && len(at) == 0 {
		r.problemf(n, where, "is an empty mapping: want object, file or both")
		return o
	}
	o.Object, o.File = r.some(at["object"], where, "object"), r.some(at["file"], where, "file")
	v := at["line"]
	if v == nil {
		return o
	}
	const want = "want a number from 1"
	s, ok := r.scalar(v, where+": line", want)
	if !ok {
		return o
	}
	line, good := port(s) // up to nine digits
	switch {
	case !good || line < 1 || v.ShortTag() != "!!int":
		r.problemf(v, where, "bad line %q: %s", s, want)
	case field(n, "file") == nil:
		r.problemf(v, where, "line without file: want both")
	default:
		o.Line = line
	}
	return o
}

// some is a line of text that is not empty, or "" where the field is absent or has a problem.
func (r *reader) some(n *yaml.Node, where, name string) string {
	if n == nil {
		return ""
	}
	before := len(r.problems)
	s := r.line(n, where+": "+name)
	if s == "" && len(r.problems) == before {
		r.problemf(n, where, "%s is empty: want text, or leave the field out", name)
	}
	return s
}
