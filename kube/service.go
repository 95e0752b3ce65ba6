package kube

import "net/netip"

// Protocol is a transport protocol as the API writes it.
type Protocol uint8

const (
	TCP Protocol = iota // the API's default
	UDP
	SCTP
	// AnyProtocol is all of them: only ports of admin policies by name have it.
	AnyProtocol
)

func (p Protocol) String() string {
	return [...]string{"TCP", "UDP", "SCTP", "any protocol"}[p]
}

// PortRef is a port by number or by name. The zero value is neither: every port, or the default of the field.
type PortRef struct {
	Name   string
	Number uint16
}

// IsZero reports whether no port is given.
func (p PortRef) IsZero() bool { return p == PortRef{} }

// Service is a name and an address for pods.
type Service struct {
	Meta
	Type         string // ClusterIP, NodePort, LoadBalancer, ExternalName
	Headless     bool   // clusterIP: None
	ClusterIPs   []netip.Addr
	Ports        []ServicePort
	Selector     Labels // nil or empty: its endpoints are not made from pods
	ExternalName string // a DNS name

	ExternalIPs          []netip.Addr
	LoadBalancerIPs      []netip.Addr   // asked for, and given (status)
	LoadBalancerNames    []string       // given (status)
	LoadBalancerSources  []netip.Prefix // spec.loadBalancerSourceRanges
	PublishNotReady      bool           // publishNotReadyAddresses
	LocalExternalTraffic bool           // externalTrafficPolicy: Local
	LocalInternalTraffic bool           // internalTrafficPolicy: Local
}

// ServicePort is a port of a service.
type ServicePort struct {
	Pos
	Name       string
	Port       uint16
	TargetPort PortRef // a number, or a name that each pod resolves; the port itself where it was absent
	NodePort   uint16  // 0 for none
	Protocol   Protocol
}

// EndpointSlice is where a service really leads. An Endpoints object becomes one for each of its subsets, with the
// kind Endpoints.
type EndpointSlice struct {
	Meta
	Service     string // its name, in the same namespace: the label kubernetes.io/service-name
	AddressType string // IPv4, IPv6, FQDN
	Endpoints   []Endpoint
	Ports       []EndpointPort // empty: none, nil: every port
}

// Endpoint is one end of a service.
type Endpoint struct {
	Pos
	Addresses   []netip.Addr
	Names       []string // of address type FQDN
	Ready       Tristate // Unset is to be read as ready
	Serving     Tristate
	Terminating Tristate
	NodeName    string
	Target      ObjectRef // the pod, where it is one
}

// ObjectRef names another object.
type ObjectRef struct {
	Kind, Namespace, Name string
}

// EndpointPort is a port of all of a slice's endpoints.
type EndpointPort struct {
	Pos
	Name     string
	Port     uint16 // 0: every port
	Protocol Protocol
}

// Node is a machine of the cluster.
type Node struct {
	Meta
	Addresses []NodeAddress  // status.addresses
	PodCIDRs  []netip.Prefix // spec.podCIDRs
	Runtime   string         // status.nodeInfo.containerRuntimeVersion: "cri-o://1.30.4"
	// RuntimePos is where it stands.
	RuntimePos Pos
}

// NodeAddress is an address of a node, or a name of it.
type NodeAddress struct {
	Pos
	Type    string // InternalIP, ExternalIP, Hostname, InternalDNS, ExternalDNS
	Address netip.Addr
	Name    string // where it is none
}
