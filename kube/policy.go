package kube

import "net/netip"

// Direction is which way a rule looks.
type Direction uint8

const (
	Ingress Direction = iota
	Egress
)

func (d Direction) String() string {
	if d == Egress {
		return "egress"
	}
	return "ingress"
}

// NetworkPolicy is networking.k8s.io/v1 NetworkPolicy.
type NetworkPolicy struct {
	Meta
	PodSelector LabelSelector
	PolicyTypes []Direction         // nil or empty: see Isolates
	Ingress     []NetworkPolicyRule // nil: the field is absent or null; not nil and empty: []
	Egress      []NetworkPolicyRule
	// Where the fields stand, for decisions that come of a list that has no rule. Line 0 where the field is absent.
	PolicyTypesPos, IngressPos, EgressPos Pos
}

// Isolates reports whether pods that the policy selects may only have, in a direction, what some policy's rule admits. Without
// policyTypes a policy always isolates for ingress, and for egress where it has an egress rule, which egress: [] is
// not (SetDefaults_NetworkPolicy in pkg/apis/networking/v1/defaults.go of Kubernetes).
func (p *NetworkPolicy) Isolates(d Direction) bool {
	if len(p.PolicyTypes) == 0 {
		return d == Ingress || len(p.Egress) > 0
	}
	for _, t := range p.PolicyTypes {
		if t == d {
			return true
		}
	}
	return false
}

// Rules are the rules of a direction. Those of one for which the policy does not isolate admit nothing and deny nothing.
func (p *NetworkPolicy) Rules(d Direction) []NetworkPolicyRule {
	if d == Egress {
		return p.Egress
	}
	return p.Ingress
}

// NetworkPolicyRule admits traffic that is of one of its peers, and to one of its ports.
type NetworkPolicyRule struct {
	Pos
	Peers []NetworkPolicyPeer // from or to; nil or empty: everywhere, as the API says
	Ports []NetworkPolicyPort // nil or empty: every port of every protocol
}

// NetworkPolicyPeer is either an address block, or pods by their labels and those of their namespaces.
type NetworkPolicyPeer struct {
	Pos
	IPBlock *IPBlock // nil: the selectors count
	// NamespaceSelector that is nil means the policy's own namespace; PodSelector that is nil means all pods of the
	// namespaces. One of the three is given.
	NamespaceSelector, PodSelector *LabelSelector
}

// IPBlock is a prefix without some of its parts.
type IPBlock struct {
	Pos
	CIDR   netip.Prefix // masked: what was written with host bits has a warning
	Except []Except     // each within CIDR; they may overlap (with a warning)
}

// Except is one exception of an [IPBlock].
type Except struct {
	Pos
	CIDR netip.Prefix
}

// NetworkPolicyPort is a port, a range of them, or all ports of a protocol.
type NetworkPolicyPort struct {
	Pos
	Protocol Protocol // TCP where it is absent
	Port     PortRef  // zero: every port of the protocol
	EndPort  uint16   // the last of a range that begins with Port.Number; 0 for none
}
