package kube

import (
	"net/netip"
	"strings"
)

// CiliumPolicy is cilium.io/v2 CiliumNetworkPolicy or CiliumClusterwideNetworkPolicy, as Cilium v1.20.2 reads them
// (pkg/k8s/apis/cilium.io/v2 and pkg/policy/api of github.com/cilium/cilium): [Meta.Kind] tells which.
type CiliumPolicy struct {
	Meta
	Specs []CiliumSpec // spec, then each of specs
	// Flags are those of Cilium's options without which it refuses the object. They are off by default, and not in the objects.
	Flags []CiliumFlag
}

// Clusterwide reports whether the policy is of no namespace.
func (p *CiliumPolicy) Clusterwide() bool { return p.Kind == "CiliumClusterwideNetworkPolicy" }

// CiliumFlag is an option of Cilium that a field needs.
type CiliumFlag struct {
	Pos
	Name, Field string
}

// CiliumSpec is one set of rules, which Cilium's API calls Rule. It selects either endpoints or nodes.
type CiliumSpec struct {
	Pos
	Nth              int             // among specs, from 1; 0 for spec
	Endpoints, Nodes *CiliumSelector // exactly one
	Ingress, Egress  CiliumSection
}

// Section is the rules of a direction.
func (s *CiliumSpec) Section(d Direction) *CiliumSection {
	if d == Egress {
		return &s.Egress
	}
	return &s.Ingress
}

// CiliumSection is the rules of a spec for a direction.
type CiliumSection struct {
	Allow, Deny []CiliumRule
	DefaultDeny Tristate // enableDefaultDeny: Unset is true where there are rules
}

// Empty reports whether the section has no rule, and so no part in anything.
func (s *CiliumSection) Empty() bool { return len(s.Allow)+len(s.Deny) == 0 }

// Isolates reports whether what the spec selects may only have, in the direction, what some policy's rule admits. Without a rule
// enableDefaultDeny changes nothing (RulesToPolicyEntries in pkg/policy/utils makes its entries of rules).
func (s *CiliumSection) Isolates() bool { return !s.Empty() && s.DefaultDeny != False }

// CiliumRule is one entry of ingress, ingressDeny, egress or egressDeny.
type CiliumRule struct {
	Pos
	Peers []CiliumPeer
	// Nothing is an empty list of peers, which selects nothing; one that is absent selects everything, where the rule has
	// ports (mergeEndpointSelectors in pkg/policy/utils, createL4Filter in pkg/policy).
	Nothing        Pos
	Ports          []CiliumPorts // toPorts
	ICMP           bool          // it has icmps, beside which there are no ports
	Authentication CiliumAuthentication
}

// Everywhere reports whether the rule is about every peer. One with neither peers nor ports is about none.
func (r *CiliumRule) Everywhere() bool {
	return len(r.Peers) == 0 && r.Nothing == Pos{} && (len(r.Ports) > 0 || r.ICMP)
}

// CiliumAuthentication is what a rule asks of both ends before traffic passes.
type CiliumAuthentication struct {
	Pos
	Mode string // "disabled", "required", "test-always-fail"; "" where it is absent
}

// CiliumPeer has exactly one of its fields.
type CiliumPeer struct {
	Pos
	Endpoints *CiliumSelector // of pods, and of reserved identities
	Nodes     *CiliumSelector // other nodes
	CIDR      *CiliumCIDR
	Entity    string
	Name      *CiliumName // egress rules that allow only
	Service   *CiliumService
	Group     bool // toGroups, fromGroups: prefixes that an external integration finds out
}

// CiliumSelector is a label selector whose keys may say which source a label has to be of.
type CiliumSelector struct {
	Pos
	Requirements []CiliumRequirement
}

// CiliumRequirement is a condition on a label: its source is "any" where none is written.
type CiliumRequirement struct {
	Source string
	Requirement
	label bool // of matchLabels
}

// String is the selector as kubectl would write it, with the sources. Equal strings are equal selectors.
func (s *CiliumSelector) String() string {
	if len(s.Requirements) == 0 {
		return "everything"
	}
	var b strings.Builder
	for i := range s.Requirements {
		r := s.Requirements[i]
		if i > 0 {
			b.WriteByte(',')
		}
		if r.Source != ciliumAny {
			r.Key = r.Source + ":" + r.Key
		}
		r.write(&b)
	}
	return b.String()
}

// has reports whether a requirement is about a label of a source.
func (s *CiliumSelector) has(match func(source, key string) bool) bool {
	for i := range s.Requirements {
		if r := &s.Requirements[i]; match(r.Source, r.Key) {
			return true
		}
	}
	return false
}

// The sources of labels, and keys with a meaning (pkg/labels/labels.go, pkg/k8s/apis/cilium.io/const.go).
const (
	ciliumAny      = "any"
	ciliumK8s      = "k8s"
	ciliumReserved = "reserved"

	ciliumOwn            = "io.cilium.k8s"
	ciliumNamespace      = "io.kubernetes.pod.namespace"
	ciliumNamespaceLabel = "io.cilium.k8s.namespace.labels."
	ciliumServiceAccount = "io.cilium.k8s.policy.serviceaccount"
	ciliumClusterName    = "io.cilium.k8s.policy.cluster"
)

// CiliumCIDR is a prefix, or those of a CiliumCIDRGroup, without some parts. Exactly one of the first three is given.
type CiliumCIDR struct {
	Pos
	CIDR     netip.Prefix
	Group    string          // cidrGroupRef
	Selector *CiliumSelector // cidrGroupSelector
	Except   []Except
}

// CiliumName is a DNS name, or a pattern of some.
type CiliumName struct {
	Pos
	Name    string // lower case, without a dot at its end; "" where it is a pattern
	Pattern string // likewise
}

// CiliumService is an entry of toServices: services by name, or by their labels. No namespace stands for all.
type CiliumService struct {
	Pos
	Namespace, Name string
	Selector        *CiliumSelector // nil: by name
}

// CiliumPorts is an entry of toPorts: one without ports is about none.
type CiliumPorts struct {
	Pos
	Ports     []CiliumPort
	Narrowing []CiliumNarrowing
	DNS       []CiliumName // rules.dns: the names that may be asked for
}

// CiliumNarrowing is what is asked of connections beyond their ports: "http rules", "serverNames".
type CiliumNarrowing struct {
	Pos
	What string
}

// CiliumPort is a range of ports, or a port of the destination by name.
type CiliumPort struct {
	Pos
	Name        string     // lower case
	First, Last uint16     // 0 and 65535 for all
	Protocols   []Protocol // none for protocols without ports
}

// CiliumCIDRGroup is cilium.io/v2 CiliumCIDRGroup: prefixes under a name.
type CiliumCIDRGroup struct {
	Meta
	CIDRs []netip.Prefix
}

// Matches reports whether a DNS name is one that Cilium takes for it. In a pattern "*" stands for any characters of one label, none
// included; "**." at its beginning for one or more labels; a pattern of "*" alone for every name (pkg/fqdn/matchpattern).
func (n *CiliumName) Matches(name string) bool {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if n.Name != "" {
		return n.Name == name
	}
	rest := strings.TrimLeft(n.Pattern, "*")
	if rest == "" && n.Pattern != "" {
		return true
	}
	if len(n.Pattern)-len(rest) < 2 || rest[0] != '.' {
		return matchesGlob(n.Pattern, name)
	}
	for i := 1; i < len(name); i++ {
		if name[i] == '.' && name[i-1] != '.' && matchesGlob(rest[1:], name[i+1:]) {
			return true
		}
	}
	return false
}

// matchesGlob matches a whole text with a pattern whose "*" stand for characters other than a dot.
func matchesGlob(pattern, s string) bool {
	for pattern != "" {
		if pattern[0] != '*' {
			if s == "" || s[0] != pattern[0] {
				return false
			}
			pattern, s = pattern[1:], s[1:]
			continue
		}
		pattern = strings.TrimLeft(pattern, "*")
		for {
			if matchesGlob(pattern, s) {
				return true
			}
			if s == "" || s[0] == '.' {
				return false
			}
			s = s[1:]
		}
	}
	return s == ""
}
