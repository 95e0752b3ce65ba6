package kube

import (
	"net/netip"
	"slices"
	"strings"
)

// Mesh is the objects of Istio.
type Mesh struct {
	Configs               []*MeshConfig
	Sidecars              []*MeshSidecar
	Entries               []*ServiceEntry
	AuthorizationPolicies []*AuthorizationPolicy
	PeerAuthentications   []*PeerAuthentication
	Routes                []*MeshRoute // VirtualService and DestinationRule
	// Others are kinds whose rules are not read, and that may change what proxies do: EnvoyFilter, WasmPlugin and the like.
	Others []*MeshObject
}

// TrafficPolicy is outboundTrafficPolicy.mode: what a sidecar does with connections to what its registry does not have.
type TrafficPolicy uint8

const (
	PolicyUnset  TrafficPolicy = iota
	AllowAny                   // they are passed through
	RegistryOnly               // they are reset, and HTTP requests answered with 502
	PolicyUnclear
)

func (p TrafficPolicy) String() string {
	return [...]string{"unset", "ALLOW_ANY", "REGISTRY_ONLY", "unclear"}[p]
}

// MeshConfig is the key mesh of the ConfigMap of a revision: "istio", or "istio-REVISION".
type MeshConfig struct {
	Meta
	Policy          TrafficPolicy // AllowAny where it is absent, as MeshConfig's default is
	RootNamespace   string        // the ConfigMap's own where it is absent
	ServiceExportTo []string      // defaultServiceExportTo
	HasDiscovery    bool          // discoverySelectors: not all namespaces are in the registry
	DiscoveryPos    Pos
	EgressProxy     Pos // of outboundTrafficPolicy.egressProxy; Line 0 for none
}

// MeshSidecar is networking.istio.io Sidecar.
type MeshSidecar struct {
	Meta
	Selector    Labels // workloadSelector.labels; empty: all of the namespace
	Policy      TrafficPolicy
	PolicyPos   Pos
	EgressProxy Pos
	Egress      []SidecarEgress // empty: everything that is exported
}

// SidecarEgress is an egress listener: which hosts are in the registry, by which port.
type SidecarEgress struct {
	Pos
	Port  uint16 // 0: every one
	Hosts []SidecarHost
	// Odd tells that it does not take what goes to the hosts themselves: captureMode NONE, a bind of its own, HTTP_PROXY.
	Odd bool
}

// SidecarHost is "NAMESPACE/NAME": the namespace may be "*", "." (the workload's own) or "~" (none), the name may begin with "*".
type SidecarHost struct {
	Pos
	Namespace, Name string
}

// ServiceEntry is networking.istio.io ServiceEntry: hosts that the registry has beside the cluster's services.
type ServiceEntry struct {
	Meta
	Hosts      []string
	Addresses  []netip.Prefix
	Ports      []EntryPort
	Location   string // MESH_EXTERNAL, MESH_INTERNAL
	Resolution string // NONE, STATIC, DNS, DNS_ROUND_ROBIN, DYNAMIC_DNS
	ExportTo   []string
}

// EntryPort is a port of a ServiceEntry.
type EntryPort struct {
	Pos
	Number   uint16
	Protocol string // upper case; "" where it is absent
}

// byName reports whether connections are told apart by the name that they send: Host, or the server name of TLS.
func (p *EntryPort) byName() bool {
	switch p.Protocol {
	case "HTTP", "HTTPS", "HTTP2", "GRPC", "GRPC-WEB", "TLS", "HTTP_PROXY":
		return true
	}
	return false
}

// AuthorizationPolicy is security.istio.io AuthorizationPolicy, as far as it can be decided without its rules.
type AuthorizationPolicy struct {
	Meta
	Selector  Labels // empty: all of the namespace
	Targets   bool   // targetRefs: it is about gateways and waypoints
	Action    string // ALLOW, DENY, CUSTOM, AUDIT
	Rules     int
	MatchAll  bool // a rule has no condition
	RulesPos  Pos
	ActionPos Pos
}

// PeerAuthentication is security.istio.io PeerAuthentication: whether a proxy takes plain connections.
type PeerAuthentication struct {
	Meta
	Selector Labels
	Mode     string // STRICT, PERMISSIVE, DISABLE, UNSET or ""
	ModePos  Pos
	Ports    map[uint16]string // portLevelMtls
}

// MeshRoute is a VirtualService or a DestinationRule: what happens to connections to some hosts. The rules are not read.
type MeshRoute struct {
	Meta
	Hosts []string
	Mesh  bool // for sidecars, not only for gateways
}

// MeshObject is an object that may change what proxies do, and is not read.
type MeshObject struct {
	Meta
	Selector Labels
}

// fullName is a host as Istio knows it: names without a dot are in the namespace of the object.
func fullName(host, namespace string) string {
	if !strings.Contains(host, ".") && host != "*" {
		return host + "." + namespace + ".svc.cluster.local"
	}
	return strings.ToLower(host)
}

// hostIn reports whether a host, that may be a wildcard, is in a pattern (Name.SubsetOf in pkg/config/host/name.go of Istio).
func hostIn(host, pattern string) bool {
	suffix, wild := strings.CutPrefix(pattern, "*")
	if !wild {
		return host == pattern
	}
	return strings.HasSuffix(strings.TrimPrefix(host, "*"), suffix)
}

// hostname is the name of a service in the registry.
func (s *Service) hostname() string { return s.Name + "." + s.Namespace + ".svc.cluster.local" }

// add appends what another part has.
func (m *Mesh) add(o *Mesh) {
	m.Configs = append(m.Configs, o.Configs...)
	m.Sidecars = append(m.Sidecars, o.Sidecars...)
	m.Entries = append(m.Entries, o.Entries...)
	m.AuthorizationPolicies = append(m.AuthorizationPolicies, o.AuthorizationPolicies...)
	m.PeerAuthentications = append(m.PeerAuthentications, o.PeerAuthentications...)
	m.Routes = append(m.Routes, o.Routes...)
	m.Others = append(m.Others, o.Others...)
}

// drop takes objects out.
func (m *Mesh) drop(which map[*Meta]bool) {
	m.Sidecars = slices.DeleteFunc(m.Sidecars, func(o *MeshSidecar) bool { return which[&o.Meta] })
	m.Entries = slices.DeleteFunc(m.Entries, func(o *ServiceEntry) bool { return which[&o.Meta] })
	m.AuthorizationPolicies = slices.DeleteFunc(m.AuthorizationPolicies, func(o *AuthorizationPolicy) bool { return which[&o.Meta] })
	m.PeerAuthentications = slices.DeleteFunc(m.PeerAuthentications, func(o *PeerAuthentication) bool { return which[&o.Meta] })
	m.Routes = slices.DeleteFunc(m.Routes, func(o *MeshRoute) bool { return which[&o.Meta] })
	m.Others = slices.DeleteFunc(m.Others, func(o *MeshObject) bool { return which[&o.Meta] })
}
