package kube

import "net/netip"

// Tier is where an [AdminPolicy] is asked: before the NetworkPolicies, or after them.
type Tier uint8

const (
	AdminTier Tier = iota
	BaselineTier
)

func (t Tier) String() string {
	if t == BaselineTier {
		return "baseline"
	}
	return "admin"
}

// AdminPolicy is a policy for the whole cluster: AdminNetworkPolicy or BaselineAdminNetworkPolicy
// (policy.networking.k8s.io/v1alpha1), or ClusterNetworkPolicy (v1alpha2, which replaces both), as of
// sigs.k8s.io/network-policy-api v0.2.0. [Meta.Kind] tells which.
type AdminPolicy struct {
	Meta
	Tier     Tier
	Priority int       // 0 to 1000, the lowest first; 0 for BaselineAdminNetworkPolicy, of which there is one, named default
	Subject  AdminPeer // pods by Namespaces or by Pods; those on the host network are never subject
	Ingress  []AdminRule
	Egress   []AdminRule
}

// Rules are the rules of a direction, in their order.
func (p *AdminPolicy) Rules(d Direction) []AdminRule {
	if d == Egress {
		return p.Egress
	}
	return p.Ingress
}

// Action is what a rule of an [AdminPolicy] does with what it matches.
type Action uint8

const (
	Allow Action = iota // Allow, and Accept in ClusterNetworkPolicy
	Deny
	Pass // to the next tier
	Log  // of Calico: goes on to the next rule
)

func (a Action) String() string {
	return [...]string{"allow", "deny", "pass", "log"}[a]
}

// AdminRule decides by the first of its peers that matches.
type AdminRule struct {
	Pos
	Name   string // "" for none
	Action Action
	Peers  []AdminPeer // from or to: at least one
	Ports  []AdminPort // nil or empty: every port of every protocol
}

// AdminPeer has exactly one of its fields. One that has none is of a newer version of the API, and fails closed: in a rule that
// allows it matches nothing, in one that denies or passes it denies everything.
type AdminPeer struct {
	Pos
	Namespaces *LabelSelector // all pods of these namespaces
	Pods       *NamespacedPods
	Nodes      *LabelSelector // egress only: the addresses of these nodes
	Networks   []Network      // egress only; pods' addresses count too
	Names      []DomainName   // egress rules that allow only
}

// Unknown reports whether the peer is one that has to fail closed.
func (p *AdminPeer) Unknown() bool {
	return p.Namespaces == nil && p.Pods == nil && p.Nodes == nil && p.Networks == nil && p.Names == nil
}

// NamespacedPods are the pods that the one selector selects in the namespaces that the other does.
type NamespacedPods struct {
	Pos
	NamespaceSelector, PodSelector LabelSelector
}

// Network is a prefix.
type Network struct {
	Pos
	CIDR netip.Prefix
}

// DomainName is a DNS name, or "*." and a suffix: that matches names with one or more labels before it, not the suffix
// itself.
type DomainName struct {
	Pos
	Name string // lower case, without a dot at its end
}

// AdminPort is a range of ports of a protocol, or a port of the destination pod by name. One of protocol AnyProtocol and
// without a name is of a newer version of the API, and fails closed like a peer.
type AdminPort struct {
	Pos
	Protocol    Protocol // AnyProtocol for a name that is given without one
	Name        string
	First, Last uint16 // 0 and 65535 for all ports of the protocol
}

// Unknown reports whether the port is one that has to fail closed.
func (p *AdminPort) Unknown() bool { return p.Protocol == AnyProtocol && p.Name == "" }
