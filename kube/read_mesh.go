package kube

import (
	"net/netip"
	"strings"

	"github.com/sallyport/sallyport/kube/internal/tree"
)

// The fields are those of istio.io/api v1.27.1 (networking/v1alpha3, security/v1beta1, mesh/v1alpha1, of which v1 is the same). Older versions
// have no others.

// meshConfig reads the key mesh of a ConfigMap that holds the configuration of a mesh. Of other ConfigMaps nothing is read. The text is
// in one value, so its parts have its place.
func (r *reader) meshConfig(m *Meta, n *tree.Node) {
	data := n.Get("data").Get("mesh")
	if m.Name != "istio" && !strings.HasPrefix(m.Name, "istio-") || data == nil {
		return
	}
	c := &MeshConfig{Meta: *m, Policy: AllowAny, RootNamespace: m.Namespace}
	r.out.cluster.Mesh.Configs = append(r.out.cluster.Mesh.Configs, c)
	meta, lenient := r.meta, r.lenient
	r.meta, r.lenient = &c.Meta, false
	defer func() { r.meta, r.lenient = meta, lenient }()
	text, ok := r.freeText(data)
	if !ok {
		return
	}
	at := r.pos(data)
	r.push("mesh", 0)
	defer r.pop()
	for _, piece := range tree.Split(text) {
		var p tree.Parser
		nodes, err := p.Parse(piece)
		if err != nil {
			r.problem(Error, at, err.Error())
			return
		}
		for i := range nodes {
			place(&nodes[i], data.Line)
			r.meshFields(&nodes[i], c)
		}
	}
}

// place gives a tree the line of the value that it was read from.
func place(n *tree.Node, line int32) {
	n.Line = line
	for i := range n.Content {
		place(&n.Content[i], line)
	}
}

func (r *reader) meshFields(n *tree.Node, c *MeshConfig) {
	for k, v := range r.fields(n) {
		switch k.Value { // the others have no part in which hosts there are
		case "outboundTrafficPolicy":
			c.Policy, c.EgressProxy = r.trafficPolicy(v)
		case "rootNamespace":
			if s, ok := r.text(v); ok && s != "" {
				c.RootNamespace = s
			}
		case "defaultServiceExportTo":
			c.ServiceExportTo = r.texts(v)
		case "discoverySelectors":
			if len(v.Content) > 0 {
				c.HasDiscovery, c.DiscoveryPos = true, r.pos(v)
			}
		}
	}
}

// trafficPolicy reads an outboundTrafficPolicy. Without a mode it is the first of the enumeration, REGISTRY_ONLY, and was
// hardly meant so.
func (r *reader) trafficPolicy(n *tree.Node) (p TrafficPolicy, proxy Pos) {
	p = PolicyUnclear
	for k, v := range r.fields(n) {
		switch k.Value {
		case "mode":
			switch s, _ := r.text(v); s {
			case "ALLOW_ANY":
				p = AllowAny
			case "REGISTRY_ONLY":
				p = RegistryOnly
			default:
				r.errorf(v, "mode %q: want ALLOW_ANY or REGISTRY_ONLY", s)
			}
		case "egressProxy":
			proxy = r.pos(v)
		default:
			r.unknown(k, "mode", "egressProxy")
		}
	}
	return p, proxy
}

// labelsIn reads the labels of a selector, by the name that its kind has for them.
func (r *reader) labelsIn(n *tree.Node, name string) Labels {
	var l Labels
	for k, v := range r.fields(n) {
		if k.Value != name {
			r.unknown(k, name)
			continue
		}
		l = r.labels(v)
	}
	return l
}

func (r *reader) meshSidecar(m Meta, n *tree.Node) {
	s := &MeshSidecar{Meta: m}
	r.meta = &s.Meta
	r.out.cluster.Mesh.Sidecars = append(r.out.cluster.Mesh.Sidecars, s)
	spec, _ := r.body(n)
	if spec == nil {
		return
	}
	for k, v := range r.fields(spec) {
		switch k.Value {
		case "workloadSelector":
			s.Selector = r.labelsIn(v, "labels")
		case "egress":
			for _, item := range r.items(v, "egress listeners", "egress") {
				s.Egress = append(s.Egress, r.sidecarEgress(item))
			}
		case "outboundTrafficPolicy":
			s.Policy, s.EgressProxy = r.trafficPolicy(v)
			s.PolicyPos = r.pos(v)
		case "ingress", "inboundConnectionPool":
		default:
			r.unknown(k, "workloadSelector", "ingress", "egress", "outboundTrafficPolicy", "inboundConnectionPool")
		}
	}
}

func (r *reader) sidecarEgress(n *tree.Node) SidecarEgress {
	e := SidecarEgress{Pos: r.pos(n)}
	for k, v := range r.fields(n) {
		switch k.Value {
		case "port":
			if p := v.Get("number"); p != nil && p.Value != "0" {
				e.Port, _ = r.portNumber(p)
			}
			if p := v.Get("protocol"); p != nil && strings.EqualFold(p.Value, "HTTP_PROXY") {
				e.Odd = true
			}
		case "bind":
			e.Odd = true
		case "captureMode":
			e.Odd = e.Odd || v.Value == "NONE"
		case "hosts":
			list := r.list(v, "hosts")
			for i := range list {
				s, ok := r.text(&list[i])
				if !ok {
					continue
				}
				namespace, name, found := strings.Cut(s, "/")
				if !found || namespace == "" || name == "" {
					r.errorf(&list[i], "host %q: want NAMESPACE/NAME, such as ./* or */www.example.org", s)
					continue
				}
				e.Hosts = append(e.Hosts, SidecarHost{r.pos(&list[i]), namespace, strings.ToLower(name)})
			}
		case "tls":
		default:
			r.unknown(k, "port", "bind", "captureMode", "hosts", "tls")
		}
	}
	if len(e.Hosts) == 0 {
		r.errorf(n, "has no hosts: want some, such as ./*")
	}
	return e
}

func (r *reader) serviceEntry(m Meta, n *tree.Node) {
	e := &ServiceEntry{Meta: m, Location: "MESH_EXTERNAL", Resolution: "NONE"}
	r.meta = &e.Meta
	r.out.cluster.Mesh.Entries = append(r.out.cluster.Mesh.Entries, e)
	spec, _ := r.body(n)
	if spec == nil {
		r.errorf(n, "has no spec: want one with hosts:")
		return
	}
	for k, v := range r.fields(spec) {
		switch k.Value {
		case "hosts":
			for _, h := range r.texts(v) {
				e.Hosts = append(e.Hosts, strings.ToLower(strings.TrimSuffix(h, ".")))
			}
		case "addresses":
			list := r.list(v, "addresses")
			for i := range list {
				if p, ok := r.addressOrPrefix(&list[i]); ok {
					e.Addresses = append(e.Addresses, p)
				}
			}
		case "ports":
			for _, item := range r.items(v, "ports", "port") {
				e.Ports = append(e.Ports, r.entryPort(item))
			}
		case "location":
			e.Location, _ = r.text(v)
		case "resolution":
			e.Resolution, _ = r.text(v)
		case "exportTo":
			e.ExportTo = r.texts(v)
		case "endpoints", "workloadSelector", "subjectAltNames":
		default:
			r.unknown(k, "hosts", "addresses", "ports", "location", "resolution", "endpoints", "workloadSelector", "exportTo", "subjectAltNames")
		}
	}
	if len(e.Hosts) == 0 {
		r.errorf(spec, "has no hosts: want at least one")
	}
}

// addressOrPrefix reads an IP address or a CIDR.
func (r *reader) addressOrPrefix(n *tree.Node) (netip.Prefix, bool) {
	if strings.Contains(n.Value, "/") {
		return r.prefix(n)
	}
	a, ok := r.address(n)
	if !ok {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}

func (r *reader) entryPort(n *tree.Node) EntryPort {
	p := EntryPort{Pos: r.pos(n)}
	for k, v := range r.fields(n) {
		switch k.Value {
		case "number":
			p.Number, _ = r.portNumber(v)
		case "protocol":
			s, _ := r.text(v)
			p.Protocol = strings.ToUpper(s)
		case "name", "targetPort":
		default:
			r.unknown(k, "number", "protocol", "name", "targetPort")
		}
	}
	if p.Number == 0 {
		r.errorf(n, "has no number: want a port")
	}
	return p
}

func (r *reader) meshRoute(m Meta, n *tree.Node) {
	o := &MeshRoute{Meta: m, Mesh: true}
	r.meta = &o.Meta
	r.out.cluster.Mesh.Routes = append(r.out.cluster.Mesh.Routes, o)
	spec, _ := r.body(n)
	if spec == nil {
		return
	}
	for k, v := range r.fields(spec) {
		switch k.Value {
		case "host":
			if s, ok := r.text(v); ok {
				o.Hosts = append(o.Hosts, fullName(s, m.Namespace))
			}
		case "hosts":
			for _, s := range r.texts(v) {
				o.Hosts = append(o.Hosts, fullName(s, m.Namespace))
			}
		case "gateways":
			o.Mesh = false
			for _, g := range r.texts(v) {
				o.Mesh = o.Mesh || g == "mesh"
			}
		case "http", "tls", "tcp", "exportTo", "trafficPolicy", "subsets", "workloadSelector":
		default:
			r.unknown(k, "hosts", "gateways", "http", "tls", "tcp", "exportTo", "host", "trafficPolicy", "subsets", "workloadSelector")
		}
	}
}

func (r *reader) authorizationPolicy(m Meta, n *tree.Node) {
	p := &AuthorizationPolicy{Meta: m, Action: "ALLOW", RulesPos: m.Pos}
	r.meta = &p.Meta
	r.out.cluster.Mesh.AuthorizationPolicies = append(r.out.cluster.Mesh.AuthorizationPolicies, p)
	spec, _ := r.body(n)
	if spec == nil {
		return
	}
	for k, v := range r.fields(spec) {
		switch k.Value {
		case "selector":
			p.Selector = r.labelsIn(v, "matchLabels")
		case "targetRef", "targetRefs":
			p.Targets = true
		case "action":
			p.Action, _ = r.text(v)
			p.ActionPos = r.pos(v)
			switch p.Action {
			case "ALLOW", "DENY", "CUSTOM", "AUDIT":
			default:
				r.errorf(v, "action %q: want ALLOW, DENY, CUSTOM or AUDIT", p.Action)
			}
		case "rules":
			p.RulesPos = r.pos(v)
			for _, item := range r.items(v, "rules", "rule") {
				p.Rules++
				conditions := 0
				for k, v := range r.fields(item) {
					switch k.Value {
					case "from", "to", "when":
						conditions += len(v.Content)
					default:
						r.unknown(k, "from", "to", "when")
					}
				}
				p.MatchAll = p.MatchAll || conditions == 0
			}
		case "provider":
		default:
			r.unknown(k, "selector", "targetRefs", "action", "rules", "provider")
		}
	}
}

func (r *reader) peerAuthentication(m Meta, n *tree.Node) {
	p := &PeerAuthentication{Meta: m, ModePos: m.Pos}
	r.meta = &p.Meta
	r.out.cluster.Mesh.PeerAuthentications = append(r.out.cluster.Mesh.PeerAuthentications, p)
	spec, _ := r.body(n)
	if spec == nil {
		return
	}
	for k, v := range r.fields(spec) {
		switch k.Value {
		case "selector":
			p.Selector = r.labelsIn(v, "matchLabels")
		case "mtls":
			p.Mode, p.ModePos = r.mtlsMode(v), r.pos(v)
		case "portLevelMtls":
			p.Ports = map[uint16]string{}
			for k, v := range r.fields(v) {
				number := *k
				number.Text = false
				if port, ok := r.portNumber(&number); ok {
					p.Ports[port] = r.mtlsMode(v)
				}
			}
		default:
			r.unknown(k, "selector", "mtls", "portLevelMtls")
		}
	}
}

func (r *reader) mtlsMode(n *tree.Node) string {
	mode := ""
	for k, v := range r.fields(n) {
		if k.Value != "mode" {
			r.unknown(k, "mode")
			continue
		}
		mode, _ = r.text(v)
		switch mode {
		case "STRICT", "PERMISSIVE", "DISABLE", "UNSET":
		default:
			r.errorf(v, "mode %q: want STRICT, PERMISSIVE, DISABLE or UNSET", mode)
		}
	}
	return mode
}

func (r *reader) meshOther(m Meta, n *tree.Node) {
	o := &MeshObject{Meta: m}
	r.meta = &o.Meta
	r.out.cluster.Mesh.Others = append(r.out.cluster.Mesh.Others, o)
	spec, _ := r.body(n)
	for _, name := range []string{"selector", "workloadSelector"} {
		for _, labels := range []string{"matchLabels", "labels"} {
			if l := spec.Get(name).Get(labels); l != nil {
				o.Selector = r.labels(l)
			}
		}
	}
}
