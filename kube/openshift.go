package kube

import "net/netip"

// EgressFirewall is k8s.ovn.org/v1 EgressFirewall, and network.openshift.io/v1 EgressNetworkPolicy, which it
// replaced: [Meta.Kind] tells which.
type EgressFirewall struct {
	Meta
	Rules  []EgressFirewallRule // the first that matches decides; without one, allowed
	Status FirewallStatus       // EgressFirewall only
}

// FirewallStatus is what the nodes say of an object in its status.
type FirewallStatus struct {
	Pos            // of the message; Line 0 where there is none
	Refused bool   // a node could not apply it, and holds what it had before
	Message string // of that node, or any
}

// EgressFirewallRule has exactly one destination.
type EgressFirewallRule struct {
	Pos
	Action       Action               // Allow or Deny
	CIDR         netip.Prefix         // valid where it is the destination
	HostBits     bool                 // CIDR was written with bits beyond its prefix length
	Name         string               // dnsName: lower case, without a dot at its end; may begin with "*." in EgressFirewall
	NodeSelector *LabelSelector       // EgressFirewall only
	Ports        []EgressFirewallPort // EgressFirewall only; empty: every port of every protocol
}

// EgressFirewallPort is a port of a protocol.
type EgressFirewallPort struct {
	Pos
	Protocol Protocol
	Port     uint16 // 0: every port of the protocol
}

// EgressIP is k8s.ovn.org/v1 EgressIP: the address by which others see the pods that it selects.
type EgressIP struct {
	Meta
	Addresses         []netip.Addr   // spec.egressIPs
	NamespaceSelector LabelSelector  // required
	PodSelector       *LabelSelector // nil: all pods
	Assigned          []EgressIPAssignment
	HasStatus         bool // the object tells what is assigned
}

// EgressIPAssignment is status.items: a node that carries an address.
type EgressIPAssignment struct {
	Pos
	Node    string
	Address netip.Addr
}

// ClusterNetwork is config.openshift.io/v1 Network: the one named cluster counts.
type ClusterNetwork struct {
	Meta
	Type     string         // OVNKubernetes, OpenShiftSDN
	Pods     []netip.Prefix // clusterNetwork: where pods have their addresses
	Services []netip.Prefix // serviceNetwork
}

// Proxy is config.openshift.io/v1 Proxy: the one named cluster counts.
type Proxy struct {
	Meta
	HTTP, HTTPS, No                   string // spec.httpProxy, httpsProxy, noProxy
	StatusHTTP, StatusHTTPS, StatusNo string // what is in use: noProxy with what the operator adds
	TrustedCA                         string // a ConfigMap in openshift-config

	// Where the values stand: those of the status where it has them, else those of the spec. Line 0 where there is none.
	HTTPPos, HTTPSPos, NoPos Pos
}

// SecurityContextConstraints is security.openshift.io/v1 SecurityContextConstraints, as far as it has a part in what a
// socket may do.
type SecurityContextConstraints struct {
	Meta
	Priority                 *int
	AllowPrivileged          bool
	AllowEscalation          Tristate
	DefaultAllowEscalation   Tristate
	AllowHostNetwork         bool
	AllowHostPorts           bool
	DefaultAddCapabilities   []string
	RequiredDropCapabilities []string
	AllowedCapabilities      []string // "*" is all
	AllowedUnsafeSysctls     []string // "*" at the end is a prefix
	ForbiddenSysctls         []string
	RunAsUser                RunAsUserStrategy
	SELinuxType              string   // seLinuxContext.type: MustRunAs, RunAsAny
	Volumes                  []string // kinds of volumes that are allowed; "*" is all
	Users, Groups            []string
}

// RunAsUserStrategy is how the user of a container is chosen.
type RunAsUserStrategy struct {
	Pos
	Type             string // MustRunAs, MustRunAsNonRoot, MustRunAsRange, RunAsAny
	UID, First, Last *int64
}
