package kube

import (
	"math"
	"strings"

	"github.com/sallyport/sallyport/kube/internal/selector"
	"github.com/sallyport/sallyport/profile/flowset"
)

// calicoRule is a rule, ready to be asked. A rule of Kubernetes, which Calico makes several of, is one with several entities.
type calicoRule struct {
	pos      Pos
	index    int // from 1
	name     string
	action   Action
	src, dst []*calicoEntity    // one of each has to match; empty: all do
	protos   flowset.Transports // by protocol and notProtocol
	ports    calicoPorts        // of the destination
	srcPorts *Pos               // it depends on the source's port
	unsure   []Reason           // what else it depends on
	http     *Pos
}

// calicoEntity is the conditions on one end. Its family is also the other's.
type calicoEntity struct {
	pos           Pos
	field         string // "source" or "destination"; "peer" of Kubernetes
	selects       string // the fields that sel is made of, for people
	home          string // the namespace that sel is about because the policy is of it
	family        *flowset.Addrs
	sel, not      *calicoExpr
	nets, notNets *flowset.Addrs
	service       *calicoEndpoints
	domains       []DomainName
}

// calicoPorts is ports by number and name: of all protocols together.
type calicoPorts struct {
	all             bool
	numbers, not    flowset.Transports
	names, notNames []portKey
}

// protocols is the transports of those protocols, by their numbers, for which a function is true.
func protocols(is func(number uint8) bool) flowset.Transports {
	var t flowset.Transports
	for number, p := range map[uint8]flowset.Protocol{protoTCP: flowset.TCP, protoUDP: flowset.UDP, protoSCTP: flowset.SCTP} {
		if is(number) {
			t = t.Union(flowset.Transport(p, flowset.AllPorts()))
		}
	}
	return t
}

// ownRule is a rule of Calico's.
func (k *calico) ownRule(p *CalicoPolicy, r *CalicoRule, index int) *calicoRule {
	x := &calicoRule{pos: r.Pos, index: index, action: r.Action, http: r.HTTP}
	x.protos = protocols(func(n uint8) bool {
		return (r.Protocol == nil || r.Protocol.Number == n) && (r.NotProtocol == nil || r.NotProtocol.Number != n)
	})
	var family *flowset.Addrs
	version := r.IPVersion
	for _, list := range [][]Network{r.Source.Nets, r.Source.NotNets, r.Destination.Nets, r.Destination.NotNets} {
		if len(list) > 0 { // of a rule with notNets nothing is enforced for the other family either (FilterRuleToIPVersion in felix/rules/policy.go)
			version = ipVersion(list[0].CIDR)
		}
	}
	if version != 0 {
		f := flowset.AllIPv6()
		if version == 4 {
			f = flowset.AllIPv4()
		}
		family = &f
	}
	x.src = []*calicoEntity{k.compileEntity(p, &r.Source, "source", family)}
	x.dst = []*calicoEntity{k.compileEntity(p, &r.Destination, "destination", family)}
	x.ports.all = len(r.Destination.Ports) == 0
	x.ports.numbers, x.ports.names = calicoPortSet(r.Destination.Ports, x.protos, r.Protocol)
	x.ports.not, x.ports.notNames = calicoPortSet(r.Destination.NotPorts, x.protos, r.Protocol)
	k.sourcePorts(x, r)
	if r.NotICMP != nil {
		x.unsure = append(x.unsure, Reason{Pos: r.NotICMP.Pos, Field: "notICMP", Words: "what it says of other protocols than ICMP depends on how Calico enforces it"})
	}
	return x
}

// sourcePorts are conditions on the port that the client sends from: all ports are none.
func (k *calico) sourcePorts(x *calicoRule, r *CalicoRule) {
	all := func(list []CalicoPort) bool {
		numbers, _ := calicoPortSet(list, x.protos, r.Protocol)
		for p := range x.protos.All() {
			numbers = numbers.Union(flowset.Transport(p, flowset.Port(0)))
		}
		return numbers.Covers(x.protos)
	}
	if list := r.Source.Ports; len(list) > 0 && !all(list) {
		x.srcPorts = &list[0].Pos
	}
	if list := r.Source.NotPorts; len(list) > 0 {
		if all(list) {
			x.protos = flowset.Transports{}
		}
		x.srcPorts = &list[0].Pos
	}
}

// calicoPortSet is ports of a protocol.
func calicoPortSet(list []CalicoPort, protos flowset.Transports, protocol *CalicoProtocol) (numbers flowset.Transports, names []portKey) {
	for _, p := range list {
		if p.Name != "" {
			q := map[uint8]Protocol{protoTCP: TCP, protoUDP: UDP, protoSCTP: SCTP}[protocol.Number]
			names = append(names, portKey{p.Name, q})
			continue
		}
		for t := range protos.All() {
			numbers = numbers.Union(flowset.Transport(t, flowset.PortRange(p.First, p.Last)))
		}
	}
	return numbers, names
}

// compileEntity makes one expression of a namespace selector, a selector and service accounts, as Calico does: a policy of a namespace selects in
// that namespace, as soon as it selects at all (GetEntityRuleSelector in updateprocessors/rules.go).
func (k *calico) compileEntity(p *CalicoPolicy, e *CalicoEntity, field string, family *flowset.Addrs) *calicoEntity {
	x := &calicoEntity{pos: e.Pos, field: field, family: family, domains: e.Domains}
	var spaces, accounts *selector.Expr
	given := e.Selector.expr != nil || e.NotSelector.expr != nil || e.NamespaceSelector.expr != nil
	if a := e.ServiceAccounts; a != nil {
		if a.Selector.expr != nil {
			accounts = a.Selector.expr.Rewrite(accountPrefix, nil, nil)
			given = true
		}
		if len(a.Names) > 0 {
			accounts = selector.AllOf(accounts, selector.IsLabel(calicoAccountLabel, a.Names...))
			given = true
		}
	}
	namespaced := selector.HasLabel(calicoNamespaceLabel)
	switch {
	case e.NamespaceSelector.expr != nil:
		spaces = e.NamespaceSelector.expr.Rewrite(namespacePrefix, namespaced, selector.Negate(namespaced))
	case p.Namespace != "":
		spaces = selector.IsLabel(calicoNamespaceLabel, p.Namespace)
	}
	x.selects = e.fields()
	if e.NamespaceSelector.expr == nil && given {
		x.home = p.Namespace
	}
	if given && (spaces != nil || accounts != nil || e.Selector.expr != nil) {
		x.sel = k.expr(selector.AllOf(spaces, accounts, e.Selector.expr))
	}
	if e.NotSelector.expr != nil {
		x.not = k.expr(e.NotSelector.expr)
	}
	x.nets, x.notNets = k.nets(e.Nets), k.nets(e.NotNets)
	if s := e.Service; s != nil {
		namespace := s.Namespace
		if namespace == "" {
			namespace = p.Namespace
		}
		x.service = k.endpoints(namespace, s.Name, field == "destination", s.Pos)
	}
	return x
}

// fields are the names of the fields that select.
func (e *CalicoEntity) fields() string {
	var list []string
	for _, f := range []struct {
		name  string
		given bool
	}{
		{"selector", e.Selector.expr != nil},
		{"serviceAccounts", e.ServiceAccounts != nil},
		{"namespaceSelector", e.NamespaceSelector.expr != nil},
		{"notSelector", e.NotSelector.expr != nil},
	} {
		if f.given {
			list = append(list, f.name)
		}
	}
	return strings.Join(list, " with ")
}

// nets is the addresses of prefixes, nil for none.
func (k *calico) nets(list []Network) *flowset.Addrs {
	if len(list) == 0 {
		return nil
	}
	var b flowset.AddrsBuilder
	for _, n := range list {
		b.AddPrefix(n.CIDR)
	}
	a := b.Addrs()
	k.addrs = append(k.addrs, a)
	return &a
}

// kubernetes is a NetworkPolicy of Kubernetes (K8sNetworkPolicyToCalico in libcalico-go/lib/backend/k8s/conversion).
func (k *calico) kubernetes(p *NetworkPolicy) *enforced {
	x := &enforced{
		meta: &p.Meta, layer: NetworkPolicyLayer, object: p.String() + " (tier default)", tier: "default", order: 1000,
		kind: "KubernetesNetworkPolicy", base: p.Name, stored: "knp.default." + p.Name, home: p.Namespace,
	}
	if p.Broken() {
		x.broke(&p.Meta, Allow) // and the tier denies what it does not allow
		return x
	}
	x.compile = func() {
		x.subject = k.expr(labelExpr(&p.PodSelector, ""))
		for _, d := range []Direction{Ingress, Egress} {
			x.applies[d] = p.Isolates(d)
			for i := range p.Rules(d) {
				x.rules[d] = append(x.rules[d], k.kubernetesRule(p, &p.Rules(d)[i], i+1, d))
			}
		}
	}
	return x
}

func (k *calico) kubernetesRule(p *NetworkPolicy, r *NetworkPolicyRule, index int, d Direction) *calicoRule {
	x := &calicoRule{pos: r.Pos, index: index, action: Allow, protos: ported}
	var peers []*calicoEntity
	for i := range r.Peers {
		peers = append(peers, k.kubernetesPeer(p, &r.Peers[i]))
	}
	x.side(d, peers)
	x.ports.all = len(r.Ports) == 0
	for _, q := range r.Ports {
		ports := flowset.AllPorts()
		switch {
		case q.Port.Name != "":
			x.ports.names = append(x.ports.names, portKey{q.Port.Name, q.Protocol})
			continue
		case q.EndPort != 0:
			ports = flowset.PortRange(q.Port.Number, q.EndPort)
		case q.Port.Number != 0:
			ports = flowset.Port(q.Port.Number)
		}
		x.ports.numbers = x.ports.numbers.Union(flowset.Transport(q.Protocol.transport(), ports))
	}
	return x
}

// side sets the entities of the other end.
func (r *calicoRule) side(d Direction, peers []*calicoEntity) {
	if d == Egress {
		r.dst = peers
	} else {
		r.src = peers
	}
}

func (k *calico) kubernetesPeer(p *NetworkPolicy, peer *NetworkPolicyPeer) *calicoEntity {
	x := &calicoEntity{pos: peer.Pos, field: "peer"}
	if b := peer.IPBlock; b != nil {
		family := flowset.AllIPv6()
		if b.CIDR.Addr().Is4() {
			family = flowset.AllIPv4()
		}
		x.family = &family
		x.nets = k.nets([]Network{{CIDR: b.CIDR}})
		var except []Network
		for _, e := range b.Except {
			except = append(except, Network{CIDR: e.CIDR})
		}
		x.notNets = k.nets(except)
		return x
	}
	spaces := selector.IsLabel(calicoNamespaceLabel, p.Namespace)
	if peer.NamespaceSelector != nil {
		spaces = spaceExpr(peer.NamespaceSelector)
	}
	x.sel = k.expr(selector.AllOf(spaces, labelExpr(peer.PodSelector, "")))
	return x
}

// labelExpr is a selector of Kubernetes for pods: what Calico makes of it never selects network sets or host endpoints.
func labelExpr(s *LabelSelector, prefix string) *selector.Expr {
	parts := []*selector.Expr{selector.IsLabel(orchestratorLabel, "k8s")}
	if prefix != "" {
		parts = nil
	}
	if s != nil {
		for i := range s.Requirements {
			parts = append(parts, s.Requirements[i].expr(prefix))
		}
	}
	return selector.AllOf(parts...)
}

// spaceExpr is a selector of Kubernetes for namespaces.
func spaceExpr(s *LabelSelector) *selector.Expr {
	if s.Everything() {
		return selector.HasLabel(calicoNamespaceLabel)
	}
	return labelExpr(s, namespacePrefix)
}

func (r *Requirement) expr(prefix string) *selector.Expr {
	key := prefix + r.Key
	switch r.Op {
	case In:
		return selector.IsLabel(key, r.Values...)
	case NotIn:
		return &selector.Expr{Op: selector.NotIn, Key: key, Values: r.Values}
	case Exists:
		return selector.HasLabel(key)
	}
	return selector.Negate(selector.HasLabel(key))
}

// broke marks a policy of which only the place is known, with what it may do there.
func (p *enforced) broke(m *Meta, may ...Action) {
	at := m.Errors[0]
	p.broken, p.may = &Reason{Pos: at.Pos, Field: m.String(), Words: at.What}, may
}

// admin is a policy of the admin tiers. Those of v1alpha1 were enforced by some versions up to v3.31, and are not by v3.32.
func (k *calico) admin(p *AdminPolicy) *enforced {
	x := &enforced{
		meta: &p.Meta, layer: AdminLayer, tier: "kube-admin", order: float64(p.Priority),
		kind: "KubernetesClusterNetworkPolicy", base: p.Name, stored: "kcnp.kube-admin." + p.Name,
	}
	if p.Tier == BaselineTier {
		x.layer, x.tier, x.stored = BaselineLayer, "kube-baseline", "kcnp.kube-baseline."+p.Name
	}
	if p.Kind != "ClusterNetworkPolicy" {
		x.kind, x.tier, x.stored = "KubernetesAdminNetworkPolicy", "adminnetworkpolicy", "kanp.adminnetworkpolicy."+p.Name
		if p.Tier == BaselineTier {
			x.kind, x.tier, x.stored = "KubernetesBaselineAdminNetworkPolicy", "baselineadminnetworkpolicy", "kbanp.baselineadminnetworkpolicy."+p.Name
			x.order = math.Inf(1)
		}
		x.unsure = &Reason{Pos: p.Pos, Field: p.String(), Words: "depends on the version of Calico: up to v3.31 it may be enforced, in v3.32 it is no more (that has ClusterNetworkPolicy)"}
	}
	x.object = p.String() + " (tier " + x.tier + ")"
	if p.Broken() {
		x.broke(&p.Meta, Allow, Deny, Pass)
		return x
	}
	x.compile = func() {
		x.subject = k.expr(adminExpr(&p.Subject, true))
		for _, d := range []Direction{Ingress, Egress} {
			for i := range p.Rules(d) {
				x.rules[d] = append(x.rules[d], k.adminRule(&p.Rules(d)[i], i+1, d)...)
			}
			x.applies[d] = len(x.rules[d]) > 0
		}
	}
	return x
}

// adminExpr is pods of namespaces. A peer that names namespaces only has network sets in these as well, which a subject has not.
func adminExpr(peer *AdminPeer, subject bool) *selector.Expr {
	if peer.Pods != nil {
		return selector.AllOf(spaceExpr(&peer.Pods.NamespaceSelector), labelExpr(&peer.Pods.PodSelector, ""))
	}
	if subject {
		return selector.AllOf(spaceExpr(peer.Namespaces), labelExpr(nil, ""))
	}
	return spaceExpr(peer.Namespaces)
}

// adminRule is a rule of the admin tiers, none where it has a part that Calico does not know and allows: such a one fails closed, so
// the others deny everything (K8sClusterNetworkPolicyToCalico).
func (k *calico) adminRule(r *AdminRule, index int, d Direction) []*calicoRule {
	x := &calicoRule{pos: r.Pos, index: index, name: r.Name, action: r.Action, protos: ported}
	unknown := r.unknown()
	for i := range r.Peers {
		unknown = unknown || r.Peers[i].Nodes != nil || r.Peers[i].Names != nil
	}
	if unknown {
		if r.Action == Allow {
			return nil
		}
		x.action, x.ports.all = Deny, true
		return []*calicoRule{x}
	}
	var peers []*calicoEntity
	for i := range r.Peers {
		peer := &r.Peers[i]
		e := &calicoEntity{pos: peer.Pos, field: "peer"}
		if peer.Networks != nil {
			e.nets = k.nets(peer.Networks)
		} else {
			e.sel = k.expr(adminExpr(peer, false))
		}
		peers = append(peers, e)
	}
	x.side(d, peers)
	x.ports.all = r.Ports == nil
	for _, p := range r.Ports {
		if p.Name == "" {
			x.ports.numbers = x.ports.numbers.Union(flowset.Transport(p.Protocol.transport(), flowset.PortRange(p.First, p.Last)))
			continue
		}
		for _, q := range []Protocol{TCP, UDP, SCTP} {
			if p.Protocol == q || p.Protocol == AnyProtocol {
				x.ports.names = append(x.ports.names, portKey{p.Name, q})
			}
		}
	}
	return []*calicoRule{x}
}
