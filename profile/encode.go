package profile

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Encode writes the profile as a file that Parse reads as an equal profile. Comments, and the form that the file it
// was read from had, are not kept. A profile made by hand that no file can say is an error.
func (p *Profile) Encode() ([]byte, error) {
	data, err := marshal(p)
	if err == nil {
		_, err = Parse("encoded", data)
	}
	if err != nil {
		return nil, fmt.Errorf("encode profile %q: %w", p.Name, err)
	}
	return data, nil
}

// MarshalYAML makes a profile part of another document. It does not check what Encode checks.
func (p *Profile) MarshalYAML() (any, error) {
	meta := mapping("name", text(p.Name))
	if p.Description != "" {
		add(meta, "description", text(p.Description))
	}
	spec := mapping()
	if facts := p.Facts.node(); len(facts.Content) > 0 {
		add(spec, "facts", facts)
	}
	if p.Bind.Default.Kind != Allow || len(p.Bind.Rules) > 0 {
		bind := mapping("default", p.Bind.Default.node())
		rules := list(0)
		for i := range p.Bind.Rules {
			rules.Content = append(rules.Content, p.Bind.Rules[i].node())
		}
		if len(rules.Content) > 0 {
			add(bind, "rules", rules)
		}
		add(spec, "bind", bind)
	}
	if p.Egress.Default.Kind != Allow || len(p.Egress.Rules) > 0 {
		egress := mapping()
		addRules(egress, p.Egress.Default, p.Egress.Rules)
		add(spec, "egress", egress)
	}
	if len(p.Layers) > 0 {
		layers := list(0)
		for _, l := range p.Layers {
			n := mapping("name", text(l.Name))
			addOrigin(n, l.From)
			addRules(n, l.Default, l.Rules)
			layers.Content = append(layers.Content, n)
		}
		add(spec, "layers", layers)
	}
	return mapping("apiVersion", text(apiVersion), "kind", text(kind), "metadata", meta, "spec", spec), nil
}

func marshal(p *Profile) ([]byte, error) {
	n, err := p.MarshalYAML()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(n); err != nil {
		return nil, err
	}
	return b.Bytes(), enc.Close()
}

func (f *Facts) node() *yaml.Node {
	n := mapping()
	addAddresses(n, "addresses", f.Addresses)
	addAddresses(n, "seenAs", f.SeenAs)
	if r := f.Resolver.node(); len(r.Content) > 0 {
		add(n, "resolver", r)
	}
	if len(f.Environment) > 0 {
		env := mapping()
		for _, name := range slices.Sorted(maps.Keys(f.Environment)) {
			env.Content = append(env.Content, text(name), text(f.Environment[name]))
		}
		add(n, "environment", env)
	}
	return n
}

func addAddresses(n *yaml.Node, name string, addrs []netip.Addr) {
	if len(addrs) == 0 {
		return
	}
	l := list(yaml.FlowStyle)
	for _, a := range addrs {
		l.Content = append(l.Content, text(a.Unmap().String()))
	}
	add(n, name, l)
}

func (r *Resolver) node() *yaml.Node {
	n := mapping()
	addAddresses(n, "servers", r.Servers)
	if len(r.Search) > 0 {
		l := list(yaml.FlowStyle)
		for _, s := range r.Search {
			l.Content = append(l.Content, text(s))
		}
		add(n, "search", l)
	}
	if r.Ndots != nil {
		add(n, "ndots", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.Itoa(*r.Ndots)})
	}
	return n
}

func (r *BindRule) node() *yaml.Node {
	n := mapping()
	addBlocks(n, "addresses", r.Addresses)
	addStrings(n, "ports", r.Ports)
	addStrings(n, "protocols", r.Protocols)
	add(n, "verdict", r.Verdict.node())
	if r.Reason != "" {
		add(n, "reason", text(r.Reason))
	}
	return n
}

// addRules adds a default and the rules before it.
func addRules(n *yaml.Node, def Verdict, rules []EgressRule) {
	add(n, "default", def.node())
	addTimeout(n, def)
	if len(rules) == 0 {
		return
	}
	l := list(0)
	for i := range rules {
		l.Content = append(l.Content, rules[i].node())
	}
	add(n, "rules", l)
}

func addOrigin(n *yaml.Node, o Origin) {
	if o == (Origin{}) {
		return
	}
	from := mapping()
	from.Style = yaml.FlowStyle
	if o.Object != "" {
		add(from, "object", text(o.Object))
	}
	if o.File != "" {
		add(from, "file", text(o.File))
	}
	if o.Line != 0 {
		add(from, "line", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.Itoa(o.Line)})
	}
	add(n, "from", from)
}

func (r *EgressRule) node() *yaml.Node {
	n := mapping()
	addBlocks(n, "sources", r.Sources)
	addBlocks(n, "destinations", r.Destinations)
	addStrings(n, "ports", r.Ports)
	addStrings(n, "protocols", r.Protocols)
	add(n, "verdict", r.Verdict.node())
	addTimeout(n, r.Verdict)
	if r.Reason != "" {
		add(n, "reason", text(r.Reason))
	}
	addOrigin(n, r.From)
	return n
}

func (v Verdict) node() *yaml.Node {
	if v.Kind == DenyErrno {
		n := mapping("errno", text(v.Errno.Name()))
		n.Style = yaml.FlowStyle
		return n
	}
	return text(Verdict{Kind: v.Kind}.String())
}

func addTimeout(n *yaml.Node, v Verdict) {
	if v.Timeout != 0 {
		add(n, "timeout", text(v.Timeout.String()))
	}
}

func addBlocks(n *yaml.Node, name string, blocks []Block) {
	if blocks == nil {
		return
	}
	l := list(yaml.FlowStyle)
	for _, b := range blocks {
		l.Content = append(l.Content, b.node())
	}
	add(n, name, l)
}

func (b Block) node() *yaml.Node {
	base := Block{Word: b.Word, Prefix: unmapPrefix(b.Prefix)}
	named := b.Word != NoWord || b.Prefix.IsValid()
	if named && len(b.Except) == 0 {
		return text(base.String())
	}
	n := mapping()
	n.Style = yaml.FlowStyle
	if named {
		add(n, "cidr", text(base.String()))
	}
	addBlocks(n, "except", b.Except)
	return n
}

func addStrings[T fmt.Stringer](n *yaml.Node, name string, values []T) {
	if values == nil {
		return
	}
	l := list(yaml.FlowStyle)
	for _, v := range values {
		s := text(v.String())
		if _, err := strconv.Atoi(s.Value); err == nil {
			s.Tag = "!!int"
		}
		l.Content = append(l.Content, s)
	}
	add(n, name, l)
}

func text(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }

func list(style yaml.Style) *yaml.Node { return &yaml.Node{Kind: yaml.SequenceNode, Style: style} }

// mapping takes names (string) and values (*yaml.Node) in turn.
func mapping(pairs ...any) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for i := 0; i+1 < len(pairs); i += 2 {
		add(n, pairs[i].(string), pairs[i+1].(*yaml.Node))
	}
	return n
}

func add(n *yaml.Node, name string, v *yaml.Node) { n.Content = append(n.Content, text(name), v) }
