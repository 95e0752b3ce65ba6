package kube

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/profile/flowset"
)

// match is whether something matches: maybe where the objects don't tell.
type match uint8

const (
	no match = iota
	maybe
	yes
)

// both is whether both match.
func both(a, b match) match { return min(a, b) }

// end is one end of a connection.
type end struct {
	pod   *pod          // nil: no pod of the cluster
	twin  *pod          // another one that says it has the address
	node  *Node         // where it is an address of a node
	name  string        // where it is a DNS name whose address is not known
	addrs flowset.Addrs // what its address may be
}

// flow is one connection, after any translation.
type flow struct {
	from, to end
	protocol Protocol
	port     uint16
	// Before is the service, where the flow is to be judged as a plugin does that enforces policy before translation.
	before *before
	// Service is what was asked for, where that was a service: by its address, or a headless one's name.
	service *Service
	// ServicePort is its port.
	servicePort uint16
	// Direct tells that the destination was asked for by its own address.
	direct bool
}

// before is the address and port of a service that a flow goes to. A plugin that enforces egress before translation sees these, and what
// it makes of a rule is as the Amazon VPC CNI does it (pkg/resolvers/endpoints.go of aws/amazon-network-policy-controller-k8s):
// blocks and rules without peers are compared with this address and port. Selectors are given the cluster addresses of services,
// where they select the labels by which the service selects its pods, with the ports that lead to the rule's: so their ports are the
// pods', as for other plugins, and no other address of a service is theirs.
type before struct {
	addr    netip.Addr
	port    uint16
	service *Service
}

// selected reports whether selectors of namespaces and pods select a service.
func (b *before) selected(e *Evaluator, home string, namespaces, pods *LabelSelector, o *observer) match {
	if !slices.ContainsFunc(b.service.ClusterIPs, func(a netip.Addr) bool { return a.Unmap() == b.addr }) {
		return no
	}
	if pods != nil && !pods.Matches(b.service.Selector) {
		return no
	}
	if namespaces == nil {
		return when(b.service.Namespace == home)
	}
	return e.selectsSpace(namespaces, e.space(b.service.Namespace), o)
}

// observer is told what is considered, and why something may match. Nil is nobody.
type observer struct {
	chain   []Considered
	reasons []Reason
	notes   []string
	blocks  bool // a pod was compared with an address block that holds its address
}

// note adds what there is to know beside the verdict.
func (o *observer) note(words string) {
	if o != nil && !slices.Contains(o.notes, words) {
		o.notes = append(o.notes, words)
	}
}

func (o *observer) consider(c Considered) {
	if o != nil {
		o.chain = append(o.chain, c)
	}
}

func (o *observer) depends(r Reason) {
	if o == nil {
		return
	}
	for _, x := range o.reasons {
		if x == r {
			return
		}
	}
	o.reasons = append(o.reasons, r)
}

// Words for what the API leaves open.
const (
	hostPodWords = "depends on the network plugin: some know pods on the host network by their labels, most treat them as their node"
	ownNodeWords = "depends on the network plugin: the documentation says that traffic to the pod's own node is always allowed, but some plugins filter it"
)

// selects reports whether a selector selects a pod.
func (e *Evaluator) selects(s *LabelSelector, p *pod, o *observer) match {
	if s == nil || s.Everything() {
		return yes
	}
	if p.Broken() {
		o.depends(Reason{Pos: p.Pos, Field: "labels of " + p.String(), Words: "the object has an error"})
		return maybe
	}
	if s.Matches(p.Pod.Labels) {
		return yes
	}
	return no
}

// selectsSpace reports whether a selector selects a namespace.
func (e *Evaluator) selectsSpace(s *LabelSelector, n *space, o *observer) match {
	if s.Everything() {
		return yes
	}
	if n.Broken() {
		o.depends(Reason{Pos: n.Pos, Field: "labels of " + n.String(), Words: "the object has an error"})
		return maybe
	}
	if !n.Declared {
		m, key, known := s.MatchesName(n.Name)
		switch {
		case !known:
			o.depends(Reason{Field: "label " + key + " of " + n.String(), Words: "no object declares the namespace"})
			return maybe
		case m:
			return yes
		}
		return no
	}
	if s.Matches(n.Labels) {
		return yes
	}
	return no
}

// in reports whether an end's address is in a set.
func (e *Evaluator) in(set flowset.Addrs, x *end, seen *before, o *observer, at Pos) match {
	if seen != nil {
		return when(set.Contains(seen.addr))
	}
	isPod := x.pod != nil && !x.pod.Pod.HostNetwork
	if isPod && e.assume.BlocksSelectPods == False {
		return no
	}
	switch {
	case set.Covers(x.addrs):
		if isPod && o != nil {
			o.blocks = true
		}
		return yes
	case !set.Overlaps(x.addrs):
		return no
	}
	e.partlyIn(x, o, at)
	return maybe
}

// partlyIn tells why it is not known whether an end's address is in a set.
func (e *Evaluator) partlyIn(x *end, o *observer, at Pos) {
	switch {
	case x.pod != nil && !x.pod.known:
		o.depends(Reason{Pos: at, Field: "address of the pods of " + x.pod.String(), Words: "not known, and the block has some of those that they may get"})
	case x.pod != nil:
		o.depends(Reason{Pos: at, Field: "addresses of " + x.pod.String(), Words: "only some are in the block"})
	case x.name != "":
		o.depends(Reason{Pos: at, Field: "addresses of " + x.name, Words: "a name's addresses are not known from the objects"})
	default:
		o.depends(Reason{Pos: at, Words: "only some of the addresses are in the block"})
	}
}

// matchesPeer reports whether a peer of a NetworkPolicy in a namespace is an end.
func (e *Evaluator) matchesPeer(home string, peer *NetworkPolicyPeer, x *end, seen *before, o *observer) match {
	if peer.IPBlock != nil {
		return e.in(e.blocks[peer.IPBlock], x, seen, o, peer.IPBlock.Pos)
	}
	if seen != nil {
		return seen.selected(e, home, peer.NamespaceSelector, peer.PodSelector, o)
	}
	if x.pod == nil {
		return e.hostPodAt(home, peer, x, o)
	}
	m := yes
	if peer.NamespaceSelector == nil {
		if x.pod.Namespace != home {
			return no
		}
	} else if m = e.selectsSpace(peer.NamespaceSelector, x.pod.space, o); m == no {
		return no
	}
	m = both(m, e.selects(peer.PodSelector, x.pod, o))
	if m != no && x.pod.Pod.HostNetwork {
		o.depends(Reason{Pos: peer.Pos, Words: hostPodWords})
		return maybe
	}
	return m
}

// hostPodAt reports whether a node has a pod on its network that a peer selects.
func (e *Evaluator) hostPodAt(home string, peer *NetworkPolicyPeer, x *end, o *observer) match {
	if x.node == nil {
		return no
	}
	for _, p := range e.pods {
		if !p.Pod.HostNetwork || p.Pod.NodeName != x.node.Name || p.Ended() {
			continue
		}
		if e.matchesPeer(home, peer, &end{pod: p, addrs: p.addrs}, nil, o) != no {
			return maybe
		}
	}
	return no
}

// matchesPort reports whether one of a rule's ports is that of the flow, or of the service that is seen in its place.
func (e *Evaluator) matchesPort(p *NetworkPolicyPort, f *flow, seen *before, o *observer) match {
	if p.Protocol != f.protocol {
		return no
	}
	port := f.port
	if seen != nil {
		port = seen.port
	}
	switch {
	case p.Port.Name != "" && seen != nil:
		return no // an address has no ports by name
	case p.Port.Name != "":
		return e.isNamed(p.Port.Name, p.Protocol, f, o)
	case p.Port.Number == 0:
		return yes
	case p.EndPort != 0:
		return when(p.Port.Number <= port && port <= p.EndPort)
	}
	return when(p.Port.Number == port)
}

// isNamed reports whether the flow goes to the port with a name: the destination pod's own, so outside the cluster there is none.
func (e *Evaluator) isNamed(name string, protocol Protocol, f *flow, o *observer) match {
	if f.to.pod == nil {
		return no
	}
	if f.to.pod.Broken() {
		o.depends(Reason{Pos: f.to.pod.Pos, Field: "ports of " + f.to.pod.String(), Words: "the object has an error"})
		return maybe
	}
	n, there := f.to.pod.Pod.NamedPort(name, protocol)
	return when(there && n == f.port)
}

func when(b bool) match {
	if b {
		return yes
	}
	return no
}

// matchesAdminPort is the like for admin policies. Protocols that are not known fail closed before.
func (e *Evaluator) matchesAdminPort(p *AdminPort, f *flow, seen *before, o *observer) match {
	if p.Protocol != AnyProtocol && p.Protocol != f.protocol {
		return no
	}
	if p.Name != "" {
		return e.isNamed(p.Name, f.protocol, f, o)
	}
	port := f.port
	if seen != nil {
		port = seen.port
	}
	return when(p.First <= port && port <= p.Last)
}

// matchesAdminPeer reports whether a peer of an admin policy is an end. Pods on the host network are no pods to it, but have their
// node's addresses.
func (e *Evaluator) matchesAdminPeer(peer *AdminPeer, x *end, seen *before, o *observer) match {
	switch {
	case seen != nil && peer.Namespaces != nil:
		return seen.selected(e, "", peer.Namespaces, nil, o)
	case seen != nil && peer.Pods != nil:
		return seen.selected(e, "", &peer.Pods.NamespaceSelector, &peer.Pods.PodSelector, o)
	case peer.Namespaces != nil:
		if x.pod == nil || x.pod.Pod.HostNetwork {
			return no
		}
		return e.selectsSpace(peer.Namespaces, x.pod.space, o)
	case peer.Pods != nil:
		if x.pod == nil || x.pod.Pod.HostNetwork {
			return no
		}
		m := e.selectsSpace(&peer.Pods.NamespaceSelector, x.pod.space, o)
		if m == no {
			return no
		}
		return both(m, e.selects(&peer.Pods.PodSelector, x.pod, o))
	case peer.Networks != nil:
		var b flowset.AddrsBuilder
		for _, n := range peer.Networks {
			b.AddPrefix(n.CIDR)
		}
		return e.in(b.Addrs(), x, seen, o, peer.Pos)
	case peer.Nodes != nil:
		return e.isNode(peer, x, seen, o)
	case peer.Names != nil:
		return e.isName(peer, x, o)
	}
	return no
}

// isNode reports whether an end has an address of a node that a peer selects.
func (e *Evaluator) isNode(peer *AdminPeer, x *end, seen *before, o *observer) match {
	if seen != nil { // a service's address is none of a node
		return no
	}
	if x.pod != nil && !x.pod.Pod.HostNetwork {
		return no
	}
	node := x.node
	if x.pod != nil {
		node = e.named[x.pod.Pod.NodeName]
		if node == nil {
			o.depends(Reason{Pos: x.pod.Pos, Field: "node of " + x.pod.String(), Words: "not known"})
			return maybe
		}
	}
	switch {
	case node == nil && len(e.cluster.Nodes) == 0:
		o.depends(Reason{Pos: peer.Pos, Words: "no Node object was given: whether the address is one's is not known"})
		return maybe
	case node == nil && x.name != "":
		o.depends(Reason{Pos: peer.Pos, Field: "addresses of " + x.name, Words: "a name's addresses are not known from the objects"})
		return maybe
	case node == nil:
		return no
	case node.Broken():
		o.depends(Reason{Pos: node.Pos, Field: node.String(), Words: "the object has an error"})
		return maybe
	}
	return when(peer.Nodes.Matches(node.Labels))
}

// isName reports whether an end is a DNS name of a peer. An address may be one that a name stands for. Pods are not reached by names
// that are not the cluster's own.
func (e *Evaluator) isName(peer *AdminPeer, x *end, o *observer) match {
	result := no
	for _, n := range peer.Names {
		switch {
		case x.pod != nil:
			if strings.HasSuffix(n.Name, ".cluster.local") {
				o.depends(Reason{Pos: n.Pos, Field: "domainNames", Words: "depends on the network plugin: whether names of the cluster's own DNS count"})
				result = maybe
			}
		case x.name != "":
			if n.Matches(x.name) {
				return yes
			}
		default:
			o.depends(Reason{Pos: n.Pos, Field: "domainNames", Words: "an address is allowed while " + n.Name + " resolves to it: ask by the name"})
			result = maybe
		}
	}
	return result
}

// Matches reports whether a DNS name is the domain name, or below it where that is a wildcard.
func (n *DomainName) Matches(name string) bool {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if suffix, wild := strings.CutPrefix(n.Name, "*"); wild {
		return len(name) > len(suffix) && strings.HasSuffix(name, suffix) && name[0] != '.'
	}
	return name == n.Name
}
