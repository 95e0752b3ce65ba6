package diagnose

import (
	"path/filepath"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// mesh is a service mesh whose sidecar takes a program's connections.
type mesh string

// The meshes that are known by their marks.
const (
	noMesh  mesh = ""
	istio   mesh = "Istio"
	linkerd mesh = "Linkerd"
)

// The ports that iptables rules of sidecars redirect outgoing connections to (Istio's "ports used by Istio", Linkerd's proxy-init).
const (
	portIstioOutbound   = 15001
	portLinkerdOutbound = 4140
)

// meshOf tells the mesh by the process that took the connection, and its port. A sidecar is another container of the pod, whose processes can't be
// seen from the program's: its port alone is left then.
func meshOf(holder *attempt.Process, port uint16, pod bool) mesh {
	name := ""
	if holder != nil {
		if name = filepath.Base(holder.Exe); holder.Exe == "" && len(holder.Command) > 0 {
			name = filepath.Base(holder.Command[0])
		}
	}
	unseen := name == "" && pod
	switch {
	case strings.HasPrefix(name, "linkerd"), port == portLinkerdOutbound && unseen:
		return linkerd
	case name == "pilot-agent", name == "ztunnel", port == portIstioOutbound && (name == "envoy" || unseen):
		return istio
	}
	return noMesh
}

// adviseMesh says what to change in a mesh.
func (x *examined) adviseMesh(e *explanation, m mesh) {
	host := x.Name
	if host == "" {
		host = x.Destination.Addr().Unmap().String()
	}
	port := x.Destination.Port()
	switch m {
	case istio:
		e.advise("see why the sidecar closed it: `kubectl logs POD -c istio-proxy`: response flags UH (no healthy host), UF (it could not connect), NR (no route), BlackHoleCluster (not allowed)")
		e.advise("if the mesh allows only what it knows (outboundTrafficPolicy REGISTRY_ONLY): add a ServiceEntry for %s, port %d; if a Sidecar object limits egress: add the host to its `egress.hosts`", host, port)
		e.advise("let that port pass by the sidecar: annotation `traffic.sidecar.istio.io/excludeOutboundPorts: \"%d\"`, or `excludeOutboundIPRanges`", port)
		e.advise("if it fails only while the pod starts: `holdApplicationUntilProxyStarts: true` (annotation proxy.istio.io/config)")
	case linkerd:
		e.advise("see why the sidecar closed it: `kubectl logs POD -c linkerd-proxy`")
		e.advise("for a protocol in which the server speaks first: mark the port opaque, annotation `config.linkerd.io/opaque-ports: \"%d\"`", port)
		e.advise("let that port pass by the sidecar: annotation `config.linkerd.io/skip-outbound-ports: \"%d\"`", port)
	}
}
