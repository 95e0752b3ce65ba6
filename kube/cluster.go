package kube

import "maps"

// Cluster is the objects that were read. Lists are in the order of reading.
type Cluster struct {
	Namespaces []*Namespace // those that were read, then those that only objects name
	Workloads  []*Workload
	Services   []*Service
	Endpoints  []*EndpointSlice // EndpointSlice and Endpoints objects
	Nodes      []*Node

	NetworkPolicies []*NetworkPolicy
	AdminPolicies   []*AdminPolicy // AdminNetworkPolicy, BaselineAdminNetworkPolicy, ClusterNetworkPolicy

	CiliumPolicies []*CiliumPolicy // CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy
	CIDRGroups     []*CiliumCIDRGroup

	EgressFirewalls []*EgressFirewall // EgressFirewall and EgressNetworkPolicy
	EgressIPs       []*EgressIP
	Proxies         []*Proxy
	Networks        []*ClusterNetwork
	SCCs            []*SecurityContextConstraints

	Mesh                Mesh // Istio's
	CalicoPolicies      []*CalicoPolicy
	CalicoTiers         []*CalicoTier
	NetworkSets         []*NetworkSet // NetworkSet and GlobalNetworkSet
	HostEndpoints       []*HostEndpoint
	FelixConfigurations []*FelixConfiguration
	ServiceAccounts     []*ServiceAccount

	Data []*Data // ConfigMaps and Secrets

	// Others are the objects of kinds that are known to have no part in what sockets may reach, and of kinds that are not known
	// (each of these has a warning).
	Others []*Meta
	// Unread is what could not be read so far that its kind and name are known: with one entry, a policy may be
	// missing, so that no verdict of "allowed" or "denied" is certain.
	Unread []Problem
}

// Namespace is the namespace with a name, nil where no object has it.
func (c *Cluster) Namespace(name string) *Namespace {
	for _, n := range c.Namespaces {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// Workload is the workload with a namespace and a name, and of a kind where kind is not empty. It is nil, false for
// none; nil, true where workloads of several kinds have the name.
func (c *Cluster) Workload(kind, namespace, name string) (w *Workload, several bool) {
	for _, x := range c.Workloads {
		if x.Name != name || x.Namespace != namespace || kind != "" && x.Kind != kind {
			continue
		}
		if w != nil {
			return nil, true
		}
		w = x
	}
	return w, false
}

// Labels are an object's labels. Nil is none.
type Labels map[string]string

// Equal treats nil and empty labels as the same.
func (l Labels) Equal(other Labels) bool { return maps.Equal(l, other) }

// Meta is what every object has.
type Meta struct {
	Pos                // of the object's first line
	APIVersion  string // with the group: "networking.k8s.io/v1"
	Kind        string
	Namespace   string // "" for kinds that have none
	Name        string
	Labels      Labels // of the object itself: a workload's pods have [PodTemplate.Labels]
	Annotations map[string]string
	Owner       Owner // the controller among its owners

	// NamespaceAssumed tells that the object names no namespace, and was put into the one that [Read] was told to assume.
	NamespaceAssumed bool
	// Errors are the problems of severity Error in this object.
	Errors []Problem
}

// Broken reports whether the object has an error. Its fields hold what could be read, for people to look at: it must not
// decide anything.
func (m *Meta) Broken() bool { return len(m.Errors) > 0 }

// String is "NetworkPolicy shop/web", or "Node worker-1".
func (m *Meta) String() string {
	if m.Name == "" {
		return m.Kind
	}
	if m.Namespace == "" {
		return m.Kind + " " + m.Name
	}
	return m.Kind + " " + m.Namespace + "/" + m.Name
}

// Owner names the object that controls another, metadata.ownerReferences with controller: true. The zero value is none.
type Owner struct {
	Kind, Name string
}

// NamespaceNameLabel is the label that the API server gives every namespace, with its name for value.
const NamespaceNameLabel = "kubernetes.io/metadata.name"

// ServiceAccount is whom pods run as: its labels can be selected by.
type ServiceAccount struct {
	Meta
}

// Namespace always has the label [NamespaceNameLabel].
type Namespace struct {
	Meta
	// Declared tells that the object was read. Of one that is only named by others, the other labels are not
	// known: a namespace selector that asks for them cannot be decided.
	Declared bool
}
