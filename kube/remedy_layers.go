package kube

import (
	"fmt"
	"strings"
)

// layerWords are what to do about a denial of a layer beside the tiers.
func layerWords(c *Considered, f *flow, peer *end) string {
	first := c.Layer == EgressFirewallLayer || c.Layer == EgressNetworkPolicyLayer
	switch {
	case first && c.Rule > 0:
		return fmt.Sprintf("let a rule of type Allow for %s stand before rule %d: the first that matches decides", endWords(peer), c.Rule)
	case c.Layer == EgressNetworkPolicyLayer:
		return "the namespace has to have one of them"
	case c.Layer == MeshLayer && c.Direction == Egress:
		return registryWords(f, peer)
	case c.Layer == MeshLayer && strings.HasPrefix(c.Object, "PeerAuthentication "):
		return "the source has to have a sidecar, or its mode to be PERMISSIVE on this port"
	case c.Layer == MeshLayer:
		return "an AuthorizationPolicy has to allow this, or it has to be changed"
	case c.Rule > 0:
		return fmt.Sprintf("its rule %d has to be changed", c.Rule)
	}
	return "it has to be changed"
}

// registryWords are how something comes into the registry of a sidecar.
func registryWords(f *flow, peer *end) string {
	if f.service != nil {
		return fmt.Sprintf("the service has to be exported to the namespace (networking.istio.io/exportTo), with this port, and a Sidecar's egress hosts to have %s/%s", f.service.Namespace, f.service.hostname())
	}
	if peer.pod != nil {
		return "a Service has to lead to the pods by this port, and clients to go by its name: a sidecar knows services, not pods"
	}
	if peer.name == "" {
		return fmt.Sprintf("a ServiceEntry with the name that clients use and port %d, or with addresses: [%s] and protocol TCP, puts it into the registry", f.port, peer.addrs)
	}
	return fmt.Sprintf("a ServiceEntry with hosts: [%s] and port %d, exported to the namespace, puts it into the registry", peer.name, f.port)
}
