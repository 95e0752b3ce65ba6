package kube

import (
	"net/netip"

	"github.com/sallyport/sallyport/profile/flowset"
)

// compileHosts finds the nodes that have host endpoints: what policies make of those is not decided here.
func (k *calico) compileHosts() {
	for _, h := range k.e.cluster.HostEndpoints {
		k.hosts[h.Node] = h
		if h.Broken() {
			k.anyHost = h
		}
	}
	if len(k.hosts) == 0 {
		return
	}
	for _, p := range k.e.cluster.CalicoPolicies {
		if p.Kind == "GlobalNetworkPolicy" && (p.ApplyOnForward || p.Broken()) {
			k.forward = &Reason{
				Pos: p.Pos, Field: "applyOnForward of " + p.String(),
				Words: "policies may be applied to what nodes forward, since there are host endpoints: that is not decided here",
			}
			return
		}
	}
}

// holds is the host endpoint that a pod on the host network may be behind, nil for none.
func (k *calico) holds(p *pod) *HostEndpoint {
	if k == nil || len(k.hosts) == 0 || !p.Pod.HostNetwork {
		return nil
	}
	if h := k.hosts[p.Pod.NodeName]; h != nil {
		return h
	}
	if p.Pod.NodeName != "" {
		return k.anyHost
	}
	return k.e.cluster.HostEndpoints[0]
}

// holdsAddr is the host endpoint of an address, nil for none.
func (k *calico) holdsAddr(x *end) *HostEndpoint {
	if k == nil || x.name != "" {
		return nil
	}
	if x.node != nil {
		if h := k.hosts[x.node.Name]; h != nil {
			return h
		}
		return k.anyHost
	}
	for _, h := range k.e.cluster.HostEndpoints {
		for _, a := range h.Addresses {
			if x.addrs.Contains(a) {
				return h
			}
		}
	}
	return nil
}

// held is the addresses that host endpoints have.
func (k *calico) held() []netip.Addr {
	if k == nil || len(k.hosts) == 0 {
		return nil
	}
	var list []netip.Addr
	for a, n := range k.e.nodes {
		if k.hosts[n.Name] != nil || k.anyHost != nil {
			list = append(list, a)
		}
	}
	for _, h := range k.e.cluster.HostEndpoints {
		for _, a := range h.Addresses {
			if a = a.Unmap(); k.e.nodes[a] == nil && k.e.byAddr[a] == nil {
				list = append(list, a)
			}
		}
	}
	return list
}

// host is the outcome for an end that is no pod to Calico, and is behind a host endpoint: 0 for others.
func (k *calico) host(self, peer *end, d Direction, o *observer) outcome {
	if k == nil || len(k.hosts) == 0 || self.pod != nil && self.pod == peer.pod && self.pod.IsPod() {
		return 0
	}
	var h *HostEndpoint
	if self.pod != nil {
		h = k.holds(self.pod)
	} else {
		h = k.holdsAddr(self)
	}
	if h == nil {
		return 0
	}
	o.consider(Considered{Pos: h.Pos, Direction: d, Layer: CalicoLayer, Object: h.String(), Says: Unclear, Words: "policies of host endpoints are not decided here"})
	o.depends(Reason{Pos: h.Pos, Field: h.String(), Words: "policies of host endpoints are not decided here"})
	return mayAllow | mayDeny
}

// setting is the FelixConfiguration of a node, nil where there is none.
func (k *calico) setting(node string) *FelixConfiguration {
	if f := k.settings["node."+node]; f != nil && node != "" {
		return f
	}
	return k.settings["default"]
}

// endpointToHost is defaultEndpointToHostAction on a node, "" where it is not given, or not known.
func (k *calico) endpointToHost(node string) string {
	if f := k.settings["node."+node]; f != nil && !f.Broken() && f.EndpointToHost != "" {
		return f.EndpointToHost
	}
	if f := k.settings["default"]; f != nil && !f.Broken() {
		return f.EndpointToHost
	}
	return ""
}

// drops reports whether what a pod sends to an end is dropped because that is its own node.
func (k *calico) drops(p *pod, x *end) match {
	own := k.e.isOwnNode(p, x)
	if own == no {
		return no
	}
	node := p.Pod.NodeName
	switch {
	case node != "":
	case x.node != nil:
		node = x.node.Name
	case x.pod != nil:
		node = x.pod.Pod.NodeName
	}
	if k.endpointToHost(node) == "Drop" {
		return own
	}
	if f := k.setting(node); f != nil && f.Broken() {
		return maybe
	}
	return no
}

// fromHost is what a pod on the host network reaches of the pods of its own node, which Calico does not protect from it.
func (k *calico) fromHost(p *pod) *Reach {
	if k.holds(p) != nil {
		return &Reach{Possible: ported}
	}
	return &everyPort
}

// toHost is what of a reach is left to a pod on the network of what is, or may be, the source's own node.
func (k *calico) toHost(p, q *pod, r *Reach) *Reach {
	x := podEnd(q)
	switch k.drops(p, &x) {
	case yes:
		return &Reach{}
	case maybe:
		return &Reach{Possible: r.Possible}
	}
	return r
}

// toHostAddrs is the like for the addresses of nodes.
func (k *calico) toHostAddrs(p *pod, set EgressSet) EgressSet {
	for a, n := range k.e.nodes {
		m := k.drops(p, &end{node: n})
		if m == no {
			continue
		}
		all := flowset.Of(flowset.AddrOf(a), flowset.AllTransports())
		set.Certain = set.Certain.Subtract(all)
		if m == yes {
			set.Possible = set.Possible.Subtract(all)
		}
	}
	return set
}
