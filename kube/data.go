package kube

import (
	"encoding/base64"

	"github.com/sallyport/sallyport/kube/internal/tree"
)

// Data is a ConfigMap or a Secret: what containers get as variables. It decides nothing, so that nothing in it is an error.
type Data struct {
	Meta
	Values map[string]DataValue
}

// DataValue is a value, decoded.
type DataValue struct {
	Pos
	Text string
}

// KeyRef is where a variable has its value from: a key of a ConfigMap or a Secret. The zero value is none.
type KeyRef struct {
	Kind, Name string
	Key        string // "" for all keys, of envFrom
	Prefix     string // before the names, of envFrom
}

// Word is one of a container's command and arguments.
type Word struct {
	Pos
	Text string
}

// data reads a ConfigMap or a Secret.
func (r *reader) data(m *Meta, n *tree.Node) {
	d := &Data{Meta: *m, Values: map[string]DataValue{}}
	for _, field := range []string{"data", "stringData"} {
		v := n.Get(field)
		if v == nil || v.Kind != tree.Mapping {
			continue
		}
		for i := 0; i+1 < len(v.Content); i += 2 {
			k, value := &v.Content[i], &v.Content[i+1]
			if value.Kind != tree.Scalar {
				continue
			}
			text := value.Value
			if m.Kind == "Secret" && field == "data" {
				b, err := base64.StdEncoding.DecodeString(text)
				if err != nil {
					continue
				}
				text = string(b)
			}
			d.Values[k.Value] = DataValue{r.pos(k), text}
		}
	}
	r.out.cluster.Data = append(r.out.cluster.Data, d)
}

// keyRef reads valueFrom, as far as it names a ConfigMap or a Secret.
func keyRef(n *tree.Node) KeyRef {
	for field, kind := range map[string]string{"configMapKeyRef": "ConfigMap", "secretKeyRef": "Secret"} {
		if f := n.Get(field); f != nil {
			return KeyRef{Kind: kind, Name: scalar(f.Get("name")), Key: scalar(f.Get("key"))}
		}
	}
	return KeyRef{}
}

// envFrom reads the entries of envFrom.
func envFrom(n *tree.Node) []KeyRef {
	var out []KeyRef
	for i := range n.Content {
		item := &n.Content[i]
		for field, kind := range map[string]string{"configMapRef": "ConfigMap", "secretRef": "Secret"} {
			if f := item.Get(field); f != nil {
				out = append(out, KeyRef{Kind: kind, Name: scalar(f.Get("name")), Prefix: scalar(item.Get("prefix"))})
			}
		}
	}
	return out
}

func scalar(n *tree.Node) string {
	if n == nil || n.Kind != tree.Scalar {
		return ""
	}
	return n.Value
}

func (r *reader) words(n *tree.Node) []Word {
	var out []Word
	for i := range n.Content {
		if w := &n.Content[i]; w.Kind == tree.Scalar {
			out = append(out, Word{r.pos(w), w.Value})
		}
	}
	return out
}

// dataNamed is the ConfigMap or Secret of a namespace; nil where none was read.
func (c *Cluster) dataNamed(kind, namespace, name string) *Data {
	for _, d := range c.Data {
		if d.Kind == kind && d.Name == name && (d.Namespace == namespace || d.Namespace == "" && namespace == "default") {
			return d
		}
	}
	return nil
}
