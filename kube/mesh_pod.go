package kube

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/profile/flowset"
)

// meshPod is what Istio does with the pods of a workload.
type meshPod struct {
	sidecar match // whether they have one
	at      Pos
	why     string
	reason  Reason // where it is not known
	ambient bool   // they are in ambient mode instead

	policy   match // whether what the registry does not have is refused
	object   string
	policyAt Pos
	open     Reason       // why the policy is not known
	proxy    Pos          // of egressProxy; Line 0 for none
	scope    *MeshSidecar // nil: everything that is exported
	unscoped *Reason      // why it is not known which Sidecar holds
	exportTo []string     // of services that say nothing
	root     string       // the root namespace
	capture  capture
}

// ignoredNamespaces never have sidecars (IgnoredNamespaces in pkg/kube/inject/inject.go of Istio).
var ignoredNamespaces = []string{"kube-system", "kube-public", "kube-node-lease", "local-path-storage"}

// meshPod works out what Istio does with a pod.
func (m *mesh) meshPod(p *pod) *meshPod {
	x := &meshPod{at: p.Pos}
	m.findSidecar(p, x)
	config, reason := m.configOf(p)
	x.root, x.object = "istio-system", "MeshConfig"
	if config != nil {
		x.root, x.exportTo, x.object, x.policyAt = config.RootNamespace, config.ServiceExportTo, config.String(), config.Pos
	}
	x.scope, x.unscoped = m.scopeOf(p, x.root)
	if x.scope != nil && len(x.scope.Egress) == 0 {
		if o := m.inherits(x.scope, p, x.root); o != nil {
			x.unscoped = &Reason{Pos: x.scope.Pos, Field: "egress of " + x.scope.String(), Words: "absent: whether it has that of " + o.String() + " depends on the version of Istio"}
		}
	}
	switch {
	case x.scope != nil && x.scope.Policy != PolicyUnset:
		x.object, x.policyAt = x.scope.String(), x.scope.PolicyPos
		x.policy, x.proxy = x.setPolicy(x.scope.Policy), x.scope.EgressProxy
	case config == nil:
		x.policy, x.open = maybe, reason
	default:
		x.policy, x.proxy = x.setPolicy(config.Policy), config.EgressProxy
	}
	if config != nil && config.HasDiscovery && x.policy != no {
		x.unscoped = &Reason{Pos: config.DiscoveryPos, Field: "discoverySelectors of " + config.String(), Words: "not evaluated: not all namespaces are in the registry"}
	}
	x.capture = readCapture(p)
	return x
}

func (x *meshPod) setPolicy(p TrafficPolicy) match {
	switch p {
	case RegistryOnly:
		return yes
	case PolicyUnclear:
		x.open = Reason{Pos: x.policyAt, Field: "outboundTrafficPolicy of " + x.object, Words: "has no mode: want one, ALLOW_ANY or REGISTRY_ONLY"}
		return maybe
	}
	return no
}

// findSidecar tells whether a pod has a sidecar: a pod that runs has its containers, of others the labels tell
// (injectRequired in pkg/kube/inject/inject.go, and the selectors of the injector's webhooks).
func (m *mesh) findSidecar(p *pod, x *meshPod) {
	labels, ns := p.Pod.Labels, p.space
	for i := range p.Pod.Containers {
		if c := &p.Pod.Containers[i]; c.Name == "istio-proxy" {
			x.sidecar, x.at, x.why = yes, c.Pos, "it has the container istio-proxy"
			return
		}
	}
	mode := ns.Labels["istio.io/dataplane-mode"]
	if own := labels["istio.io/dataplane-mode"]; own != "" {
		mode = own
	}
	x.ambient = mode == "ambient"
	set := func(s match, at Pos, why string) { x.sidecar, x.at, x.why = s, at, why }
	inject := labels["sidecar.istio.io/inject"]
	injection, revision := ns.Labels["istio-injection"], ns.Labels["istio.io/rev"]
	annotation := p.Pod.Annotations["sidecar.istio.io/inject"]
	switch {
	case p.Pod.HostNetwork:
		set(no, p.Pos, "it is on the host network")
	case p.IsPod() && (p.Phase != "" || len(p.PodIPs) > 0):
		set(no, p.Pos, "it runs without the container istio-proxy")
	case slices.Contains(ignoredNamespaces, p.Namespace):
		set(no, p.Pos, "its namespace is one where Istio injects nothing")
	case inject == "false", inject == "" && annotation == "false":
		set(no, p.Pos, "sidecar.istio.io/inject is false")
	case !ns.Declared:
		set(maybe, p.Pos, "")
		x.reason = Reason{Field: "labels of " + ns.String(), Words: "no object declares the namespace: whether Istio injects a sidecar there is not known"}
	case ns.Broken():
		set(maybe, ns.Pos, "")
		x.reason = Reason{Pos: ns.Pos, Field: "labels of " + ns.String(), Words: "the object has an error"}
	case injection == "enabled":
		set(yes, ns.Pos, "istio-injection is enabled in its namespace")
	case injection != "":
		set(no, ns.Pos, "istio-injection is not enabled in its namespace")
	case revision != "":
		set(yes, ns.Pos, "istio.io/rev is set on its namespace")
	case labels["istio.io/rev"] != "":
		set(yes, p.Pos, "its label istio.io/rev")
	case inject == "true":
		set(yes, p.Pos, "its label sidecar.istio.io/inject")
	case annotation == "true":
		set(maybe, p.Pos, "")
		x.reason = Reason{Pos: p.Pos, Field: "annotation sidecar.istio.io/inject", Words: "OpenShift Service Mesh injects a sidecar by it in the namespaces of a mesh, Istio takes the label of that name"}
	default:
		set(no, p.Pos, "nothing asks for a sidecar")
	}
}

// configOf is the configuration of the mesh of a pod: that of its revision.
func (m *mesh) configOf(p *pod) (*MeshConfig, Reason) {
	revision := p.space.Labels["istio.io/rev"]
	if own := p.Pod.Labels["istio.io/rev"]; own != "" {
		revision = own
	}
	name := "istio"
	if revision != "" && revision != "default" {
		name += "-" + revision
	}
	reason := Reason{Field: "outboundTrafficPolicy of MeshConfig", Words: "the ConfigMap " + name + " (mostly in istio-system) was not given: ALLOW_ANY unless it says otherwise"}
	var found *MeshConfig
	for _, c := range m.e.cluster.Mesh.Configs {
		if c.Name != name {
			continue
		}
		if found != nil && (found.Policy != c.Policy || found.RootNamespace != c.RootNamespace) {
			return nil, Reason{Pos: c.Pos, Field: c.String(), Words: "there are several of this name that differ: which is the mesh's is not known"}
		}
		found = c
	}
	switch {
	case found == nil && revision == "" && len(m.e.cluster.Mesh.Configs) == 1:
		found = m.e.cluster.Mesh.Configs[0]
	case found == nil:
		return nil, reason
	}
	if found.Broken() {
		at := found.Errors[0]
		return nil, Reason{Pos: at.Pos, Field: found.String(), Words: at.What}
	}
	return found, Reason{}
}

// scopeOf is the Sidecar that holds for a pod: one that selects it, else its namespace's own, else the root namespace's. Of two of the same
// rank, which holds is not defined (networking/v1/sidecar.proto of istio/api).
func (m *mesh) scopeOf(p *pod, root string) (*MeshSidecar, *Reason) {
	var ranks [3][]*MeshSidecar
	for _, s := range m.e.cluster.Mesh.Sidecars {
		switch {
		case s.Namespace == p.Namespace && len(s.Selector) > 0:
			if matchesAll(s.Selector, p.Pod.Labels) || s.Broken() {
				ranks[0] = append(ranks[0], s)
			}
		case s.Namespace == p.Namespace:
			ranks[1] = append(ranks[1], s)
		case s.Namespace == root && len(s.Selector) == 0:
			ranks[2] = append(ranks[2], s)
		}
	}
	for _, list := range ranks {
		switch {
		case len(list) == 0:
			continue
		case len(list) > 1:
			return nil, &Reason{Pos: list[1].Pos, Field: list[1].String(), Words: "is of the same rank as " + list[0].String() + ": which holds is not defined"}
		case list[0].Broken():
			at := list[0].Errors[0]
			return nil, &Reason{Pos: at.Pos, Field: list[0].String(), Words: at.What}
		}
		return list[0], nil
	}
	return nil, nil
}

// inherits is the Sidecar of a lower rank whose egress one without may have: by the documentation it inherits that, by the code it imports
// everything (ConvertToSidecarScope in pilot/pkg/model/sidecar.go).
func (m *mesh) inherits(s *MeshSidecar, p *pod, root string) *MeshSidecar {
	for _, o := range m.e.cluster.Mesh.Sidecars {
		lower := o.Namespace == p.Namespace && len(s.Selector) > 0 || o.Namespace == root && s.Namespace != root
		if o != s && lower && len(o.Selector) == 0 && len(o.Egress) > 0 {
			return o
		}
	}
	return nil
}

// matchesAll reports whether labels have all of some others.
func matchesAll(want, have Labels) bool {
	for k, v := range want {
		if w, there := have[k]; !there || v != w {
			return false
		}
	}
	return true
}

// capture is what of a pod's TCP connections goes to the sidecar, by the annotations traffic.sidecar.istio.io/..., in the order of the
// rules that they become (tools/istio-iptables/pkg/capture/run.go). What the injector sets for the whole mesh is not in the objects.
type capture struct {
	excludePorts, includePorts flowset.Ports
	exclude, include           flowset.Addrs
	partly                     bool // include holds: not everything is taken
	bad                        *Reason
	inbound                    flowset.Ports // excludeInboundPorts
}

func readCapture(p *pod) capture {
	c := capture{include: flowset.AllAddrs()}
	const prefix = "traffic.sidecar.istio.io/"
	fail := func(name, value string) {
		c.bad = &Reason{Pos: p.Pos, Field: "annotation " + prefix + name, Words: fmt.Sprintf("%q cannot be read", value)}
	}
	ports := func(name string) flowset.Ports {
		var set flowset.Ports
		for s := range strings.SplitSeq(p.Pod.Annotations[prefix+name], ",") {
			if s = strings.TrimSpace(s); s == "" {
				continue
			}
			n, err := strconv.ParseUint(s, 10, 16)
			if err != nil {
				fail(name, s)
				continue
			}
			set = set.Union(flowset.Port(uint16(n)))
		}
		return set
	}
	ranges := func(name string) flowset.Addrs {
		var b flowset.AddrsBuilder
		for s := range strings.SplitSeq(p.Pod.Annotations[prefix+name], ",") {
			s = strings.TrimSpace(s)
			switch block, err := netip.ParsePrefix(s); {
			case s == "":
			case s == "*":
				return flowset.AllAddrs()
			case err != nil:
				fail(name, s)
			default:
				b.AddPrefix(block.Masked())
			}
		}
		return b.Addrs()
	}
	c.excludePorts, c.includePorts, c.inbound = ports("excludeOutboundPorts"), ports("includeOutboundPorts"), ports("excludeInboundPorts")
	c.exclude = ranges("excludeOutboundIPRanges")
	if _, there := p.Pod.Annotations[prefix+"includeOutboundIPRanges"]; there {
		c.include = ranges("includeOutboundIPRanges")
	}
	c.partly = !c.include.IsAll()
	return c
}

// key tells pods apart that Istio treats differently.
func (x *meshPod) key() string {
	return fmt.Sprintf("%d %t %d %p %v %v %v %v %v %v %p %v", x.sidecar, x.ambient, x.policy, x.scope, x.unscoped != nil,
		x.capture.excludePorts, x.capture.includePorts, x.capture.exclude, x.capture.include, x.capture.inbound, x.capture.bad, x.root)
}
