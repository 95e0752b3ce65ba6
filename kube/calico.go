package kube

import (
	"net/netip"

	"github.com/sallyport/sallyport/kube/internal/selector"
)

// CalicoPolicy is NetworkPolicy or GlobalNetworkPolicy of projectcalico.org/v3 (or crd.projectcalico.org/v1, in which they are
// stored), as of Calico v3.32. [Meta.Kind] tells which.
type CalicoPolicy struct {
	Meta
	Tier              string   // "" where none is given: default
	Order             *float64 // the lowest first; nil: after all that have one
	Selector          CalicoSelector
	NamespaceSelector CalicoSelector // GlobalNetworkPolicy only
	ServiceAccounts   CalicoSelector // serviceAccountSelector
	Types             []Direction    // empty: see Applies
	Ingress, Egress   []CalicoRule
	TypesPos          Pos
	// For host endpoints: rules before the address of a service is translated, or without connection tracking, are for nothing
	// else.
	DoNotTrack, PreDNAT, ApplyOnForward bool

	spec uint64 // a number for what the spec says
}

// String is "Calico NetworkPolicy shop/web": Kubernetes has the kind as well.
func (p *CalicoPolicy) String() string { return "Calico " + p.Meta.String() }

// Rules are the rules of a direction, in their order.
func (p *CalicoPolicy) Rules(d Direction) []CalicoRule {
	if d == Egress {
		return p.Egress
	}
	return p.Ingress
}

// Applies reports whether the policy is about a direction. Without types it is about egress where it has egress rules, and about
// ingress where it has ingress rules or no egress rules (defaultPolicyTypesField in libcalico-go/lib/clientv3). An object of
// crd.projectcalico.org/v1 has not gone through Calico's API, which fills that in, and Felix takes it for both.
func (p *CalicoPolicy) Applies(d Direction) bool {
	if len(p.Types) == 0 {
		switch {
		case p.APIVersion == "crd.projectcalico.org/v1":
			return true
		case d == Egress:
			return len(p.Egress) > 0
		}
		return len(p.Ingress) > 0 || len(p.Egress) == 0
	}
	for _, t := range p.Types {
		if t == d {
			return true
		}
	}
	return false
}

// CalicoSelector is an expression about labels. The zero value is one that is not given.
type CalicoSelector struct {
	Pos
	Text string // as it was written
	expr *selector.Expr
}

// CalicoRule decides what it matches: all of its conditions have to be met.
type CalicoRule struct {
	Pos
	Action                Action          // Log matches, and decides nothing
	IPVersion             int             // 4 or 6; 0 for both
	Protocol, NotProtocol *CalicoProtocol // nil: not given
	ICMP, NotICMP         *ICMPMatch
	Source, Destination   CalicoEntity
	HTTP                  *Pos // where conditions on HTTP requests stand, which only an application layer policy looks at
}

// CalicoProtocol is a protocol by its number.
type CalicoProtocol struct {
	Pos
	Number uint8
}

// ICMPMatch is a condition on ICMP: no connection has to do with it.
type ICMPMatch struct {
	Pos
	Type, Code int // -1 for any
}

// CalicoEntity is a rule's conditions on one end of a connection.
type CalicoEntity struct {
	Pos
	Nets, NotNets         []Network
	Selector, NotSelector CalicoSelector
	NamespaceSelector     CalicoSelector
	ServiceAccounts       *CalicoAccounts
	Service               *CalicoService
	Ports, NotPorts       []CalicoPort
	Domains               []DomainName // Calico Enterprise and Cloud only: destinations of egress rules
}

// CalicoAccounts is pods by their service account.
type CalicoAccounts struct {
	Pos
	Names    []string
	Selector CalicoSelector
}

// CalicoService is the endpoints of a service.
type CalicoService struct {
	Pos
	Name, Namespace string // Namespace "" is the policy's
}

// CalicoPort is a range of ports, or a port of a pod by name.
type CalicoPort struct {
	Pos
	Name        string
	First, Last uint16
}

// CalicoTier is a Tier: policies of lower tiers are asked first.
type CalicoTier struct {
	Meta
	Order         *float64 // nil: after all that have one
	DefaultAction Action   // Deny, or Pass: for pods that a policy of the tier selects, where no rule matches
}

// NetworkSet is NetworkSet or GlobalNetworkSet of Calico: addresses that rules select by the set's labels. [Meta.Kind]
// tells which.
type NetworkSet struct {
	Meta
	Nets    []Network
	Domains []DomainName // allowedEgressDomains: Calico Enterprise and Cloud only
}

// HostEndpoint is an interface of a machine, to which policies of Calico apply.
type HostEndpoint struct {
	Meta
	Node      string
	Interface string // "*" for all
	Addresses []netip.Addr
	Profiles  []string
}

// FelixConfiguration is what of Calico's settings changes verdicts. The one named default is for all nodes, node.NAME for one.
type FelixConfiguration struct {
	Meta
	EndpointToHost  string   // defaultEndpointToHostAction: Drop, Return, Accept; "" where it is absent
	VXLANPort       uint16   // 0 where it is absent
	AllowVXLAN      Tristate // allowVXLANPacketsFromWorkloads
	EndpointToHostP Pos
}
