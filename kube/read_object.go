package kube

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/kube/internal/tree"
)

// document reads a document: an object, or a list of some.
func (r *reader) document(n *tree.Node, direct bool) {
	if n.Kind != tree.Mapping {
		p := Problem{Pos: r.pos(n), Severity: Error, What: "is " + n.Describe() + ": want an object, with apiVersion and kind"}
		if !direct && !holdsObjects(n) {
			p.Severity, p.What = Warning, "is no object, it is "+n.Describe()+": not read"
		}
		r.out.unread(p)
		return
	}
	version, kind := n.Get("apiVersion"), n.Get("kind")
	if version == nil && kind == nil {
		p := Problem{Pos: r.pos(n), Severity: Warning, What: "is no object, it has no apiVersion and no kind: not read"}
		if direct {
			p.Severity = Error
		}
		r.out.unread(p)
		return
	}
	r.object(n, "", "")
}

// holdsObjects reports whether a list has objects in it, which a list of kind List ought to hold.
func holdsObjects(n *tree.Node) bool {
	for i := range n.Content {
		if n.Content[i].Get("kind") != nil {
			return true
		}
	}
	return false
}

// object reads an object or a list. kind and version are for the items of typed lists, which may leave theirs out.
func (r *reader) object(n *tree.Node, version, kind string) {
	if n.Kind != tree.Mapping {
		r.out.unread(Problem{Pos: r.pos(n), Severity: Error, What: "is " + n.Describe() + ": want an object"})
		return
	}
	for _, f := range []struct {
		name string
		to   *string
	}{{"apiVersion", &version}, {"kind", &kind}} {
		v := n.Get(f.name)
		switch {
		case v == nil && *f.to == "":
			r.out.unread(Problem{Pos: r.pos(n), Severity: Error, What: "has no " + f.name + ": what it is cannot be known"})
			return
		case v == nil:
		case v.Kind != tree.Scalar || v.Type() != tree.Text || v.Value == "" || strings.IndexFunc(v.Value, control) >= 0:
			r.out.unread(Problem{Pos: r.pos(v), Severity: Error, What: f.name + " is " + v.Describe() + ": want text"})
			return
		default:
			*f.to = v.Value
		}
	}
	if items := n.Get("items"); strings.HasSuffix(kind, "List") && (items != nil || kind == "List") {
		r.objects(n, items, version, kind)
		return
	}
	r.one(n, version, kind)
}

func (r *reader) objects(n, items *tree.Node, version, kind string) {
	if items == nil || items.IsNull() {
		return
	}
	if items.Kind != tree.Sequence {
		r.out.unread(Problem{Pos: r.pos(items), Severity: Error, What: "items is " + items.Describe() + ": want a list of objects"})
		return
	}
	if kind = strings.TrimSuffix(kind, "List"); kind == "" {
		version = ""
	}
	for i := range items.Content {
		r.object(&items.Content[i], version, kind)
	}
}

// one reads one object.
func (r *reader) one(n *tree.Node, version, name string) {
	group, v, grouped := strings.Cut(version, "/")
	if !grouped {
		group, v = "", version
	}
	m := Meta{Pos: r.pos(n), APIVersion: version, Kind: name}
	k, known := kinds[group+"/"+name]
	if known && k.versions != nil && !slices.Contains(k.versions, v) {
		r.out.unread(Problem{Pos: m.Pos, Severity: Error, What: fmt.Sprintf("%s of %s is not read: want %s of %s", name, version, name, strings.TrimPrefix(group+"/", "/")+orList(k.versions))})
		return
	}
	r.count, r.lenient, r.meta, r.path = 0, !known, &m, r.path[:0]
	r.metadata(n, &m, k.namespaced, known)
	r.twice(n)
	if known {
		k.read(r, m, n)
	} else {
		other := &m
		r.out.cluster.Others = append(r.out.cluster.Others, other)
		r.otherKind(other, group)
		if group == "" && name == "ConfigMap" {
			r.meshConfig(other, n)
		}
		if group == "" && (name == "ConfigMap" || name == "Secret") {
			r.data(other, n)
		}
	}
	if r.count > maxProblems {
		r.out.problems = append(r.out.problems, Problem{m.Pos, Warning, m.String(), fmt.Sprintf("%d more problems", r.count-maxProblems)})
	}
	o := object{at: m.Pos, hash: hash(n, name), meta: []*Meta{r.meta}, known: known}
	if name == "Endpoints" && known {
		o.meta = o.meta[:0]
		for _, e := range r.out.cluster.Endpoints {
			if e.Pos == m.Pos {
				o.meta = append(o.meta, &e.Meta)
			}
		}
	}
	o.key = strings.Join([]string{group, name, m.Namespace, m.Name}, "\x00")
	if strings.HasSuffix(m.Name, "-") || m.Name == "" { // generateName
		o.key += fmt.Sprintf("\x00%p", o.meta[0])
	}
	r.out.objects = append(r.out.objects, o)
	r.meta, r.lenient = nil, false
}

// unknownKind begins the warning for a kind that is not read.
const unknownKind = "kind "

func (r *reader) otherKind(m *Meta, group string) {
	switch {
	case group == "template.openshift.io" && m.Kind == "Template", group == "" && m.Kind == "Template":
		r.out.unread(Problem{m.Pos, Error, m.String(), "is a template: its objects are not read before it is processed (oc process)"})
	case strings.HasPrefix(m.Kind, "Staged") && bystander(group, m.Kind):
		r.out.problems = append(r.out.problems, Problem{m.Pos, Warning, m.String(), "is staged: Calico tells what it would do, and enforces nothing of it"})
	case bystander(group, m.Kind):
	case decides(group, m.Kind):
		p := Problem{m.Pos, Warning, m.String(), unknownKind + m.Kind + " of " + m.APIVersion + " is not read: it may deny or allow what is decided without it"}
		r.out.problems = append(r.out.problems, p)
		r.out.cluster.Unread = append(r.out.cluster.Unread, p)
	default:
		r.out.problems = append(r.out.problems, Problem{m.Pos, Warning, m.String(), unknownKind + m.Kind + " of " + m.APIVersion + " is not known here, and not read"})
	}
}

// metadata reads metadata, of which all kinds have the same.
func (r *reader) metadata(n *tree.Node, m *Meta, namespaced, known bool) {
	meta := n.Get("metadata")
	if meta == nil || meta.IsNull() {
		r.errorf(n, "has no metadata: want a name")
		return
	}
	// The names first, since problems are told with them.
	for _, name := range []string{"name", "namespace"} {
		v := meta.Get(name)
		if v == nil || v.IsNull() {
			continue
		}
		s, ok := r.text(v)
		switch {
		case !ok:
			continue
		case name == "name":
			m.Name = s
		default:
			m.Namespace = s
		}
		if s != "" && known && !isSubdomain(s) {
			// It tells objects apart all the same.
			r.warnf(v, "%s %q, which the API server does not take: want a-z, 0-9, - and ., beginning and ending with a letter or digit", name, s)
		}
	}
	r.namespaceOf(meta, m, namespaced, known)
	for k, v := range r.fields(meta) {
		switch k.Value {
		case "name", "namespace":
		case "labels":
			r.push("labels", 0)
			m.Labels = r.labels(v)
			r.pop()
		case "annotations":
			r.push("annotations", 0)
			m.Annotations = r.stringMap(v, true)
			r.pop()
		case "generateName":
			if s, ok := r.text(v); ok && m.Name == "" {
				m.Name = strings.TrimSuffix(s, "-") + "-"
			}
		case "ownerReferences":
			for _, o := range r.items(v, "owners", "owner") {
				c, kind, name := o.Get("controller"), o.Get("kind"), o.Get("name")
				if c == nil || c.Value != "true" || name == nil {
					continue
				}
				m.Owner.Name = name.Value
				if kind == nil {
					r.warnf(o, "has no kind, so that it is not known which %s is meant: want one such as ReplicaSet", name.Value)
					continue
				}
				m.Owner.Kind = kind.Value
			}
		case "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "finalizers", "generation", "managedFields",
			"resourceVersion", "selfLink", "uid", "clusterName", "zz_deprecated":
		default:
			r.unread(k)
		}
	}
	if m.Name == "" && len(m.Errors) == 0 {
		r.errorf(meta, "has no name: want one")
	}
}

func (r *reader) namespaceOf(meta *tree.Node, m *Meta, namespaced, known bool) {
	switch {
	case namespaced && m.Namespace == "":
		m.Namespace, m.NamespaceAssumed = r.namespace, true
	case known && !namespaced && m.Namespace != "":
		r.warnf(meta, "has a namespace, %s, which a %s does not have: left out", m.Namespace, m.Kind)
		m.Namespace = ""
	}
}

// body is the spec and the status of an object that has these, nil where they are absent.
func (r *reader) body(n *tree.Node) (spec, status *tree.Node) {
	for k, v := range r.fields(n) {
		switch k.Value {
		case "spec":
			spec = v
		case "status":
			status = v
		case "apiVersion", "kind", "metadata":
		default:
			r.unknown(k, "apiVersion", "kind", "metadata", "spec")
		}
	}
	if spec != nil && spec.Kind != tree.Mapping {
		r.errorf(spec, "spec is %s: want a mapping", spec.Describe())
		spec = nil
	}
	return spec, status
}

// twice reports keys that a mapping has twice, of which programs read the one or the other.
func (r *reader) twice(n *tree.Node) {
	if n.Kind == tree.Mapping {
		const few = 16
		var seen map[string]int32
		if len(n.Content) > 2*few {
			seen = make(map[string]int32, len(n.Content)/2)
		}
		for i := 0; i < len(n.Content); i += 2 {
			k := &n.Content[i]
			if line := earlier(n.Content[:i], k.Value, seen); line != 0 {
				r.errorf(k, "key %s is given twice, first on line %d: want it once", short(k.Value), line)
			}
			if seen != nil && seen[k.Value] == 0 {
				seen[k.Value] = k.Line
			}
		}
	}
	for i := range n.Content {
		if n.Content[i].Kind != tree.Scalar {
			r.twice(&n.Content[i])
		}
	}
}

// earlier is the line of a key among the first of a mapping, 0 for none. seen has them where they are many.
func earlier(content []tree.Node, key string, seen map[string]int32) int32 {
	if seen != nil {
		return seen[key]
	}
	for i := 0; i < len(content); i += 2 {
		if content[i].Value == key {
			return content[i].Line
		}
	}
	return 0
}

// short is a text as it can be shown.
func short(s string) string {
	if len(s) > 80 {
		s = s[:80] + "..."
	}
	if strings.IndexFunc(s, control) >= 0 || strings.ToValidUTF8(s, "") != s {
		return fmt.Sprintf("%q", s)
	}
	return s
}

var seed = maphash.MakeSeed()

// hash is one number for what an object says, without where it stands and what servers add.
func hash(n *tree.Node, kind string) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := &n.Content[i], &n.Content[i+1]
		switch {
		case k.Value == "status" && !statusCounts(kind), k.Value == "spec" && (kind == "Namespace" || kind == "Project"):
		case k.Value == "metadata":
			for _, name := range []string{"labels", "annotations", "ownerReferences"} {
				if f := v.Get(name); f != nil {
					h.WriteString(name)
					sum(&h, f)
				}
			}
		default:
			h.WriteString(k.Value)
			sum(&h, v)
		}
	}
	return h.Sum64()
}

// statusCounts tells of which kinds the status is read.
func statusCounts(kind string) bool {
	switch kind {
	case "Pod", "Node", "Service", "EgressFirewall", "EgressIP", "Network", "Proxy":
		return true
	}
	return false
}

func sum(h *maphash.Hash, n *tree.Node) {
	h.WriteByte(byte(n.Kind)<<4 | byte(n.Type()))
	h.WriteString(n.Value)
	for i := range n.Content {
		if n.Kind == tree.Mapping && i%2 == 0 {
			h.WriteString(n.Content[i].Value)
			h.WriteByte(0xff)
			continue
		}
		sum(h, &n.Content[i])
	}
	h.WriteByte(0xff)
}
