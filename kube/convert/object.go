package convert

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Object is a policy object.
type Object struct{ root *yaml.Node }

// MarshalJSON writes the object with its fields in the order of the YAML.
func (o Object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	err := writeJSON(&b, o.root)
	return b.Bytes(), err
}

func writeJSON(b *bytes.Buffer, n *yaml.Node) error {
	switch n.Kind {
	case yaml.MappingNode:
		b.WriteByte('{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeJSON(b, n.Content[i]); err != nil {
				return err
			}
			b.WriteByte(':')
			if err := writeJSON(b, n.Content[i+1]); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeJSON(b, item); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	default:
		if n.Tag == "!!int" {
			b.WriteString(n.Value)
			return nil
		}
		text, err := json.Marshal(n.Value)
		if err != nil {
			return err
		}
		b.Write(text)
	}
	return nil
}

// YAML is the objects as kubectl takes them. What is lost stands at the head, as comments.
func (r *Result) YAML() ([]byte, error) {
	var b bytes.Buffer
	head := "from profile " + r.Profile.Name
	if r.Profile.File != "" {
		head += " (" + r.Profile.File + ")"
	}
	fmt.Fprintf(&b, "# %s, as %s\n", oneLine(head), r.Target.one())
	if len(r.Lost) > 0 {
		b.WriteString("# what it cannot say:\n")
		for i := range r.Lost {
			fmt.Fprintf(&b, "#   %s\n", oneLine(r.Lost[i].String()))
		}
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "# note: %s\n", oneLine(n))
	}
	for i, o := range r.Objects {
		if i > 0 {
			b.WriteString("---\n")
		}
		enc := yaml.NewEncoder(&b)
		enc.SetIndent(2)
		if err := enc.Encode(o.root); err != nil {
			return nil, fmt.Errorf("write %s: %w", r.Target, err)
		}
		if err := enc.Close(); err != nil {
			return nil, fmt.Errorf("write %s: %w", r.Target, err)
		}
	}
	return b.Bytes(), nil
}

// oneLine keeps a comment a comment.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// object is an object of the target with the given spec.
func (c *converter) object(apiVersion, kind, name string, spec *yaml.Node) Object {
	meta := mapping("name", text(name))
	if c.options.Namespace != "" {
		add(meta, "namespace", text(c.options.Namespace))
	}
	if d := c.profile.Description; d != "" {
		// A well-known annotation: https://kubernetes.io/docs/reference/labels-annotations-taints/#description
		add(meta, "annotations", mapping("kubernetes.io/description", text(d)))
	}
	return Object{mapping("apiVersion", text(apiVersion), "kind", text(kind), "metadata", meta, "spec", spec)}
}

// labelSelector is the Kubernetes selector of the pods: {} for all.
func (c *converter) labelSelector() *yaml.Node {
	if len(c.options.Labels) == 0 {
		return flow(mapping())
	}
	labels := mapping()
	for _, k := range slices.Sorted(maps.Keys(c.options.Labels)) {
		add(labels, k, text(c.options.Labels[k]))
	}
	return mapping("matchLabels", labels)
}

func text(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }

func number(n int) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.Itoa(n)}
}

func list(items ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Content: items}
}

// flow has a mapping or list on one line.
func flow(n *yaml.Node) *yaml.Node {
	n.Style = yaml.FlowStyle
	return n
}

// mapping takes names (string) and values (*yaml.Node) in turn.
func mapping(pairs ...any) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for i := 0; i+1 < len(pairs); i += 2 {
		add(n, pairs[i].(string), pairs[i+1].(*yaml.Node))
	}
	return n
}

func add(n *yaml.Node, name string, v *yaml.Node) { n.Content = append(n.Content, text(name), v) }

// commented has a comment above an item of a list.
func commented(n *yaml.Node, comment string) *yaml.Node {
	if comment != "" {
		n.HeadComment = "# " + oneLine(comment)
	}
	return n
}
