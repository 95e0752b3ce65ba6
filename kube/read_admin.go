package kube

import (
	"strings"

	"github.com/sallyport/sallyport/kube/internal/tree"
)

// The checks are those of the CRDs of sigs.k8s.io/network-policy-api v0.2.0 (apis/v1alpha1, apis/v1alpha2), but for
// how many rules and peers there may be: more do no harm here.

func (r *reader) adminNetworkPolicy(m Meta, n *tree.Node) { r.adminPolicy(m, n, AdminTier) }

func (r *reader) baselineAdminNetworkPolicy(m Meta, n *tree.Node) { r.adminPolicy(m, n, BaselineTier) }

// clusterNetworkPolicy says in its spec which tier it is of.
func (r *reader) clusterNetworkPolicy(m Meta, n *tree.Node) { r.adminPolicy(m, n, AdminTier) }

func (r *reader) adminPolicy(m Meta, n *tree.Node, tier Tier) {
	p := &AdminPolicy{Meta: m, Tier: tier}
	r.meta = &p.Meta
	r.out.cluster.AdminPolicies = append(r.out.cluster.AdminPolicies, p)
	if tier == BaselineTier && p.Name != "default" {
		r.errorf(n, "is not named default, which is the one BaselineAdminNetworkPolicy that there can be")
	}
	spec, _ := r.body(n)
	if spec == nil {
		r.errorf(n, "has no spec: want one with subject:")
		return
	}
	cluster := p.Kind == "ClusterNetworkPolicy"
	fields := []string{"subject", "ingress", "egress"}
	if cluster {
		fields = append(fields, "tier", "priority")
	} else if tier == AdminTier {
		fields = append(fields, "priority")
	}
	given := map[string]bool{}
	for k, v := range r.fields(spec) {
		if !contains(fields, k.Value) {
			r.unknown(k, fields...)
			continue
		}
		given[k.Value] = true
		switch k.Value {
		case "tier":
			p.Tier = r.tier(v)
		case "priority":
			p.Priority = r.priority(v)
		case "subject":
			r.push("subject", 0)
			p.Subject = r.adminPeer(v, "namespaces", "pods")
			if p.Subject.Unknown() {
				r.errorf(v, "selects in no way that is known here: want namespaces or pods")
			}
			r.pop()
		case "ingress":
			p.Ingress = r.adminRules(v, p, Ingress)
		case "egress":
			p.Egress = r.adminRules(v, p, Egress)
		}
	}
	for _, f := range fields {
		if f != "ingress" && f != "egress" && !given[f] {
			r.errorf(spec, "has no %s: want one", f)
		}
	}
}

func contains(words []string, s string) bool {
	for _, w := range words {
		if w == s {
			return true
		}
	}
	return false
}

func (r *reader) tier(n *tree.Node) Tier {
	switch s, ok := r.text(n); {
	case ok && s == "Baseline":
		return BaselineTier
	case ok && s != "Admin":
		r.errorf(n, "tier %q: want Admin or Baseline", s)
	}
	return AdminTier
}

func (r *reader) priority(n *tree.Node) int {
	v, ok := r.integer(n)
	if ok && (v < 0 || v > 1000) {
		r.errorf(n, "priority %d is out of range: want 0 to 1000", v)
		return 0
	}
	return int(v)
}

func (r *reader) adminRules(n *tree.Node, p *AdminPolicy, d Direction) []AdminRule {
	peers, ports := "from", "ports"
	if d == Egress {
		peers = "to"
	}
	if p.Kind == "ClusterNetworkPolicy" {
		ports = "protocols"
	}
	var out []AdminRule
	for _, item := range r.items(n, "rules", d.String()+" rule") {
		rule := AdminRule{Pos: r.pos(item)}
		action := false
		for k, v := range r.fields(item) {
			switch k.Value {
			case "name":
				rule.Name, _ = r.text(v)
			case "action":
				rule.Action, action = r.action(v, p)
			case peers:
				rule.Peers = r.adminPeers(v, p, d)
			case ports:
				rule.Ports = r.adminPorts(v, p)
			default:
				r.unknown(k, "name", "action", peers, ports)
			}
		}
		if !action && item.Get("action") == nil {
			r.errorf(item, "has no action: want one")
		}
		if len(rule.Peers) == 0 {
			r.errorf(item, "has no %s: want at least one peer", peers)
		}
		r.adminRule(item, rule, action)
		out = append(out, rule)
	}
	return out
}

// adminRule checks what fields of a rule say of each other.
func (r *reader) adminRule(n *tree.Node, rule AdminRule, action bool) {
	outside := false
	for _, p := range rule.Peers {
		if p.Names != nil && rule.Action != Allow && action {
			r.problem(Error, p.Pos, "domainNames in a rule that does not allow: want networks, or another action")
		}
		outside = outside || p.Nodes != nil || p.Networks != nil || p.Names != nil
	}
	for _, p := range rule.Ports {
		if outside && p.Name != "" {
			r.problem(Error, p.Pos, "a port by name in a rule for nodes, networks or domainNames, which have none: want the number")
		}
	}
}

func (r *reader) action(n *tree.Node, p *AdminPolicy) (Action, bool) {
	s, ok := r.text(n)
	if !ok {
		return Deny, false
	}
	allow, want := "Allow", "Allow, Deny or Pass"
	switch p.Kind {
	case "ClusterNetworkPolicy":
		allow, want = "Accept", "Accept, Deny or Pass"
	case "BaselineAdminNetworkPolicy":
		want = "Allow or Deny"
	}
	switch {
	case s == allow:
		return Allow, true
	case s == "Deny":
		return Deny, true
	case s == "Pass" && strings.HasSuffix(want, "Pass"):
		return Pass, true
	}
	r.errorf(n, "action %q: want %s", s, want)
	return Deny, false
}

func (r *reader) adminPeers(n *tree.Node, p *AdminPolicy, d Direction) []AdminPeer {
	known, name := []string{"namespaces", "pods"}, "from"
	if d == Egress {
		known, name = []string{"namespaces", "pods", "nodes", "networks", "domainNames"}, "to"
		if p.Kind == "BaselineAdminNetworkPolicy" {
			known = known[:4]
		}
	}
	var out []AdminPeer
	for _, item := range r.items(n, "peers", name) {
		out = append(out, r.adminPeer(item, known...))
	}
	return out
}

// adminPeer reads a peer or a subject. The API says what one without a field that is known means: it is of a newer version, and
// fails closed. Such a one is no error, but has a warning.
func (r *reader) adminPeer(n *tree.Node, known ...string) AdminPeer {
	p := AdminPeer{Pos: r.pos(n)}
	fields := 0
	for k, v := range r.fields(n) {
		fields++
		if !contains(known, k.Value) {
			r.warnf(k, "unknown field %q: %s; the peer fails closed, as the API asks", k.Value, wantOneOf(k.Value, known))
			continue
		}
		switch k.Value {
		case "namespaces":
			p.Namespaces = r.selectorField(k, v)
		case "pods":
			p.Pods = r.namespacedPods(v)
		case "nodes":
			p.Nodes = r.selectorField(k, v)
		case "networks":
			p.Networks = r.networks(v)
		case "domainNames":
			p.Names = r.domainNames(v)
		}
	}
	switch {
	case fields == 0:
		r.warnf(n, "is empty: want one of %s; it fails closed, as the API asks", orList(known))
	case fields > 1:
		r.errorf(n, "has %d fields: want one of %s", fields, orList(known))
	}
	return p
}

func (r *reader) namespacedPods(n *tree.Node) *NamespacedPods {
	r.push("pods", 0)
	defer r.pop()
	p := &NamespacedPods{Pos: r.pos(n)}
	p.NamespaceSelector.Pos, p.PodSelector.Pos = p.Pos, p.Pos
	pods := false
	for k, v := range r.fields(n) {
		switch k.Value {
		case "namespaceSelector":
			p.NamespaceSelector = *r.selectorField(k, v)
		case "podSelector":
			pods = true
			p.PodSelector = *r.selectorField(k, v)
		default:
			r.unknown(k, "namespaceSelector", "podSelector")
		}
	}
	if !pods {
		// The CRD requires the field, and says that an empty one selects all: what is meant is not in doubt.
		r.warnf(n, "has no podSelector: it is read as {}, which selects all pods; the API server wants it written")
	}
	return p
}

func (r *reader) networks(n *tree.Node) []Network {
	out := []Network{}
	list := r.list(n, "CIDRs")
	for i := range list {
		if p, ok := r.prefix(&list[i]); ok {
			out = append(out, Network{r.pos(&list[i]), p})
		}
	}
	if len(list) == 0 {
		r.errorf(n, "networks is empty: want at least one CIDR")
	}
	return out
}

func (r *reader) domainNames(n *tree.Node) []DomainName {
	out := []DomainName{}
	list := r.list(n, "DNS names")
	for i := range list {
		name, ok := r.domainName(&list[i])
		if ok && !strings.Contains(strings.TrimPrefix(name, "*."), ".") {
			r.errorf(&list[i], "%q has one label: want a name with a dot", list[i].Value)
		} else if ok {
			out = append(out, DomainName{r.pos(&list[i]), name})
		}
	}
	if len(list) == 0 {
		r.errorf(n, "domainNames is empty: want at least one name")
	}
	return out
}

func (r *reader) adminPorts(n *tree.Node, p *AdminPolicy) []AdminPort {
	out := []AdminPort{}
	name, read := "ports", r.adminPort
	if p.Kind == "ClusterNetworkPolicy" {
		name, read = "protocols", r.protocolMatch
	}
	for _, item := range r.items(n, name, name) {
		out = append(out, read(item))
	}
	if p.Kind == "ClusterNetworkPolicy" && len(out) == 0 {
		r.errorf(n, "protocols is empty: want at least one, or leave it out for all")
	}
	return out
}

// oneOf reports a value that does not have exactly one of its fields. None is of a newer version of the API, and fails closed.
func (r *reader) oneOf(n *tree.Node, fields int, known ...string) {
	switch {
	case fields == 0:
		r.warnf(n, "has no field that is known here: want one of %s; it fails closed", orList(known))
	case fields > 1:
		r.errorf(n, "has %d fields: want one of %s", fields, orList(known))
	}
}

// adminPort is v1alpha1 AdminNetworkPolicyPort.
func (r *reader) adminPort(n *tree.Node) AdminPort {
	p := AdminPort{Pos: r.pos(n), Protocol: AnyProtocol}
	fields := 0
	for k, v := range r.fields(n) {
		fields++
		r.push(k.Value, 0)
		switch k.Value {
		case "portNumber":
			p.Protocol, p.First, p.Last = r.portFields(v, "port", "")
		case "portRange":
			p.Protocol, p.First, p.Last = r.portFields(v, "start", "end")
		case "namedPort":
			p.Name, _ = r.portName(v)
		default:
			fields--
			r.pop()
			r.warnf(k, "unknown field %q: %s", k.Value, wantOneOf(k.Value, []string{"portNumber", "portRange", "namedPort"}))
			continue
		}
		r.pop()
	}
	r.oneOf(n, fields, "portNumber", "portRange", "namedPort")
	return p
}

// portFields reads a port or a range in a mapping with a protocol, TCP where it is absent.
func (r *reader) portFields(n *tree.Node, start, end string) (protocol Protocol, first, last uint16) {
	for k, v := range r.fields(n) {
		switch k.Value {
		case "protocol":
			protocol, _ = r.protocol(v)
		case start:
			first, _ = r.portNumber(v)
		case end:
			last, _ = r.portNumber(v)
		default:
			r.unknown(k, "protocol", start, end)
		}
	}
	if end == "" {
		last = first
	}
	return protocol, first, r.rangeEnd(n, first, last, start, end)
}

// rangeEnd checks a range of ports.
func (r *reader) rangeEnd(n *tree.Node, first, last uint16, start, end string) uint16 {
	switch {
	case n.Get(start) == nil || n.Get(start).IsNull():
		r.errorf(n, "has no %s: want a port", start)
	case end != "" && (n.Get(end) == nil || n.Get(end).IsNull()):
		r.errorf(n, "has no %s: want the last port of the range", end)
	case end != "" && first != 0 && last != 0 && first >= last:
		r.errorf(n, "port range %d-%d is empty or of one port: want %s below %s", first, last, start, end)
	}
	return last
}

// protocolMatch is v1alpha2 ClusterNetworkPolicyProtocol.
func (r *reader) protocolMatch(n *tree.Node) AdminPort {
	p := AdminPort{Pos: r.pos(n), Protocol: AnyProtocol}
	fields := 0
	for k, v := range r.fields(n) {
		fields++
		r.push(k.Value, 0)
		switch k.Value {
		case "tcp":
			p.Protocol = TCP
			p.First, p.Last = r.destinationPort(v)
		case "udp":
			p.Protocol = UDP
			p.First, p.Last = r.destinationPort(v)
		case "sctp":
			p.Protocol = SCTP
			p.First, p.Last = r.destinationPort(v)
		case "destinationNamedPort":
			p.Name, _ = r.portName(v)
		default:
			fields--
			r.pop()
			r.warnf(k, "unknown field %q: %s", k.Value, wantOneOf(k.Value, []string{"tcp", "udp", "sctp", "destinationNamedPort"}))
			continue
		}
		r.pop()
	}
	r.oneOf(n, fields, "tcp", "udp", "sctp", "destinationNamedPort")
	return p
}

// destinationPort reads {destinationPort: {number: 80}} or {destinationPort: {range: {start: 1, end: 2}}}.
func (r *reader) destinationPort(n *tree.Node) (first, last uint16) {
	given := false
	for k, v := range r.fields(n) {
		if k.Value != "destinationPort" {
			r.unknown(k, "destinationPort")
			continue
		}
		given = true
		fields := 0
		for k, v := range r.fields(v) {
			fields++
			switch k.Value {
			case "number":
				first, _ = r.portNumber(v)
				last = first
			case "range":
				if k := v.Get("protocol"); k != nil {
					r.errorf(k, "protocol in a range: it is given by the field around it")
				}
				_, first, last = r.portFields(v, "start", "end")
			default:
				r.unknown(k, "number", "range")
			}
		}
		if fields != 1 {
			r.errorf(v, "has %d fields: want number or range", fields)
		}
	}
	if !given {
		r.errorf(n, "has no destinationPort: want one")
	}
	return first, last
}
