package kube

import (
	"net/netip"

	"github.com/sallyport/sallyport/kube/internal/tree"
)

func (r *reader) service(m Meta, n *tree.Node) {
	s := &Service{Meta: m, Type: "ClusterIP"}
	r.meta = &s.Meta
	r.out.cluster.Services = append(r.out.cluster.Services, s)
	spec, status := r.body(n)
	if spec == nil {
		r.errorf(n, "has no spec: want one with ports:")
		return
	}
	var first []tree.Node // clusterIP, which is the first of clusterIPs where both are there
	for k, v := range r.fields(spec) {
		switch k.Value {
		case "type":
			s.Type = r.serviceType(v)
		case "clusterIP":
			first = []tree.Node{*v}
		case "clusterIPs":
			r.clusterIPs(v, s)
		case "ports":
			for _, item := range r.items(v, "ports", "port") {
				s.Ports = append(s.Ports, r.servicePort(item))
			}
		case "selector":
			r.push("selector", 0)
			s.Selector = r.labels(v)
			r.pop()
		case "externalName":
			s.ExternalName, _ = r.text(v)
		case "externalIPs":
			s.ExternalIPs = r.addresses(v)
		case "loadBalancerIP":
			if v.Value != "" {
				if a, ok := r.address(v); ok {
					s.LoadBalancerIPs = append(s.LoadBalancerIPs, a)
				}
			}
		case "loadBalancerSourceRanges":
			s.LoadBalancerSources = r.prefixes(v)
		case "publishNotReadyAddresses":
			s.PublishNotReady, _ = r.boolean(v)
		case "externalTrafficPolicy":
			policy, _ := r.text(v)
			s.LocalExternalTraffic = policy == "Local"
		case "internalTrafficPolicy":
			policy, _ := r.text(v)
			s.LocalInternalTraffic = policy == "Local"
		case "allocateLoadBalancerNodePorts", "healthCheckNodePort", "ipFamilies", "ipFamilyPolicy", "loadBalancerClass", "sessionAffinity",
			"sessionAffinityConfig", "trafficDistribution", "topologyKeys", "ipFamily":
		default:
			r.unread(k)
		}
	}
	if s.ClusterIPs == nil && !s.Headless && first != nil {
		r.clusterIPs(&tree.Node{Kind: tree.Sequence, Line: first[0].Line, Content: first}, s)
	}
	r.loadBalancerStatus(status.Get("loadBalancer").Get("ingress"), s)
	if s.Type == "ExternalName" && s.ExternalName == "" {
		r.errorf(spec, "has type ExternalName and no externalName: want the DNS name")
	}
}

func (r *reader) serviceType(n *tree.Node) string {
	s, ok := r.text(n)
	switch s {
	case "ClusterIP", "NodePort", "LoadBalancer", "ExternalName":
		return s
	}
	if ok {
		r.errorf(n, "type %q: want ClusterIP, NodePort, LoadBalancer or ExternalName", s)
	}
	return "ClusterIP"
}

func (r *reader) clusterIPs(n *tree.Node, s *Service) {
	list := r.list(n, "IP addresses")
	for i := range list {
		switch list[i].Value {
		case "None":
			s.Headless = true
		case "": // not given yet
		default:
			if a, ok := r.address(&list[i]); ok {
				s.ClusterIPs = append(s.ClusterIPs, a)
			}
		}
	}
}

func (r *reader) servicePort(n *tree.Node) ServicePort {
	p := ServicePort{Pos: r.pos(n)}
	for k, v := range r.fields(n) {
		switch k.Value {
		case "name":
			p.Name, _ = r.text(v)
		case "protocol":
			p.Protocol, _ = r.protocol(v)
		case "port":
			p.Port, _ = r.portNumber(v)
		case "targetPort":
			if v.Kind == tree.Scalar && v.Value != "0" && v.Value != "" {
				p.TargetPort, _ = r.portRef(v)
			} else if v.Kind != tree.Scalar {
				p.TargetPort, _ = r.portRef(v)
			}
		case "nodePort":
			if v.Value != "0" {
				p.NodePort, _ = r.portNumber(v)
			}
		case "appProtocol":
		default:
			r.unread(k)
		}
	}
	if v := n.Get("port"); v == nil || v.IsNull() {
		r.errorf(n, "has no port: want a number")
	}
	if p.TargetPort.IsZero() {
		p.TargetPort.Number = p.Port
	}
	return p
}

func (r *reader) loadBalancerStatus(n *tree.Node, s *Service) {
	if n == nil {
		return
	}
	for _, item := range r.items(n, "addresses", "status: loadBalancer: ingress") {
		if v := item.Get("ip"); v != nil && v.Value != "" {
			if a, ok := r.address(v); ok {
				s.LoadBalancerIPs = append(s.LoadBalancerIPs, a)
			}
		}
		if v := item.Get("hostname"); v != nil && v.Value != "" {
			if name, ok := r.text(v); ok {
				s.LoadBalancerNames = append(s.LoadBalancerNames, name)
			}
		}
	}
}

// endpointSlice reads discovery.k8s.io EndpointSlice, whose fields have no spec around them.
func (r *reader) endpointSlice(m Meta, n *tree.Node) {
	e := &EndpointSlice{Meta: m, Service: m.Labels["kubernetes.io/service-name"]}
	r.meta = &e.Meta
	r.out.cluster.Endpoints = append(r.out.cluster.Endpoints, e)
	// Whether addresses are names has to be known first.
	if t := n.Get("addressType"); t != nil {
		e.AddressType, _ = r.text(t)
	}
	for k, v := range r.fields(n) {
		switch k.Value {
		case "endpoints":
			for _, item := range r.items(v, "endpoints", "endpoint") {
				e.Endpoints = append(e.Endpoints, r.endpoint(item, e.AddressType == "FQDN"))
			}
		case "ports":
			if v.Kind == tree.Sequence {
				e.Ports = []EndpointPort{}
			}
			for _, item := range r.items(v, "ports", "port") {
				e.Ports = append(e.Ports, r.endpointPort(item))
			}
		case "apiVersion", "kind", "metadata", "addressType":
		default:
			r.unread(k)
		}
	}
	switch e.AddressType {
	case "IPv4", "IPv6", "FQDN":
	default:
		r.errorf(n, "addressType %q: want IPv4, IPv6 or FQDN", e.AddressType)
	}
}

func (r *reader) endpoint(n *tree.Node, names bool) Endpoint {
	e := Endpoint{Pos: r.pos(n)}
	for k, v := range r.fields(n) {
		switch k.Value {
		case "addresses":
			if names {
				e.Names = r.texts(v)
			} else {
				e.Addresses = r.addresses(v)
			}
		case "conditions":
			for k, v := range r.fields(v) {
				switch k.Value {
				case "ready":
					e.Ready = r.tristate(v)
				case "serving":
					e.Serving = r.tristate(v)
				case "terminating":
					e.Terminating = r.tristate(v)
				default:
					r.unread(k)
				}
			}
		case "nodeName":
			e.NodeName, _ = r.text(v)
		case "targetRef":
			e.Target = r.objectRef(v)
		case "hostname", "zone", "hints", "deprecatedTopology":
		default:
			r.unread(k)
		}
	}
	return e
}

func (r *reader) objectRef(n *tree.Node) ObjectRef {
	var o ObjectRef
	for k, v := range r.fields(n) {
		switch k.Value {
		case "kind":
			o.Kind, _ = r.text(v)
		case "namespace":
			o.Namespace, _ = r.text(v)
		case "name":
			o.Name, _ = r.text(v)
		}
	}
	return o
}

func (r *reader) endpointPort(n *tree.Node) EndpointPort {
	p := EndpointPort{Pos: r.pos(n)}
	for k, v := range r.fields(n) {
		switch k.Value {
		case "name":
			p.Name, _ = r.text(v)
		case "port":
			p.Port, _ = r.portNumber(v)
		case "protocol":
			p.Protocol, _ = r.protocol(v)
		case "appProtocol":
		default:
			r.unread(k)
		}
	}
	return p
}

// endpoints reads v1 Endpoints: each subset is like a slice, with its addresses that are not ready apart.
func (r *reader) endpoints(m Meta, n *tree.Node) {
	whole := &EndpointSlice{Meta: m, Service: m.Name}
	r.meta = &whole.Meta
	before := len(r.out.cluster.Endpoints)
	for k, v := range r.fields(n) {
		switch k.Value {
		case "subsets":
			for _, item := range r.items(v, "subsets", "subset") {
				r.out.cluster.Endpoints = append(r.out.cluster.Endpoints, r.subset(item, whole))
			}
		case "apiVersion", "kind", "metadata":
		default:
			r.unread(k)
		}
	}
	if len(r.out.cluster.Endpoints) == before {
		r.out.cluster.Endpoints = append(r.out.cluster.Endpoints, whole) // a service that leads nowhere
	}
	for _, e := range r.out.cluster.Endpoints[before:] {
		e.Errors = whole.Errors
	}
	r.meta = &r.out.cluster.Endpoints[before].Meta
}

func (r *reader) subset(n *tree.Node, whole *EndpointSlice) *EndpointSlice {
	e := &EndpointSlice{Meta: whole.Meta, Service: whole.Service, AddressType: "IPv4"}
	for k, v := range r.fields(n) {
		switch k.Value {
		case "addresses", "notReadyAddresses":
			ready := True
			if k.Value == "notReadyAddresses" {
				ready = False
			}
			for _, item := range r.items(v, "addresses", k.Value) {
				e.Endpoints = append(e.Endpoints, r.subsetAddress(item, ready))
			}
		case "ports":
			e.Ports = []EndpointPort{}
			for _, item := range r.items(v, "ports", "port") {
				e.Ports = append(e.Ports, r.endpointPort(item))
			}
		default:
			r.unread(k)
		}
	}
	if len(e.Endpoints) > 0 && len(e.Endpoints[0].Addresses) > 0 && e.Endpoints[0].Addresses[0].Is6() {
		e.AddressType = "IPv6"
	}
	return e
}

func (r *reader) subsetAddress(n *tree.Node, ready Tristate) Endpoint {
	e := Endpoint{Pos: r.pos(n), Ready: ready}
	for k, v := range r.fields(n) {
		switch k.Value {
		case "ip":
			if a, ok := r.address(v); ok {
				e.Addresses = []netip.Addr{a}
			}
		case "nodeName":
			e.NodeName, _ = r.text(v)
		case "targetRef":
			e.Target = r.objectRef(v)
		case "hostname":
		default:
			r.unread(k)
		}
	}
	return e
}

func (r *reader) node(m Meta, n *tree.Node) {
	o := &Node{Meta: m}
	r.meta = &o.Meta
	r.out.cluster.Nodes = append(r.out.cluster.Nodes, o)
	spec, status := r.body(n)
	if v := spec.Get("podCIDRs"); v != nil {
		o.PodCIDRs = r.prefixes(v)
	} else if v := spec.Get("podCIDR"); v != nil && !v.IsNull() && v.Value != "" {
		if p, ok := r.prefix(v); ok {
			o.PodCIDRs = []netip.Prefix{p}
		}
	}
	if v := status.Get("nodeInfo").Get("containerRuntimeVersion"); v != nil {
		o.Runtime, _ = r.text(v)
		o.RuntimePos = r.pos(v)
	}
	if v := status.Get("addresses"); v != nil {
		for _, item := range r.items(v, "addresses", "status: address") {
			a := NodeAddress{Pos: r.pos(item)}
			if t := item.Get("type"); t != nil {
				a.Type, _ = r.text(t)
			}
			if v := item.Get("address"); v != nil {
				if ip, err := netip.ParseAddr(v.Value); err == nil && ip.Zone() == "" {
					a.Address = ip.Unmap()
				} else {
					a.Name, _ = r.text(v)
				}
			}
			o.Addresses = append(o.Addresses, a)
		}
	}
}

func (r *reader) namespaceObject(m Meta, n *tree.Node) {
	o := &Namespace{Meta: m, Declared: true}
	r.meta = &o.Meta
	r.out.cluster.Namespaces = append(r.out.cluster.Namespaces, o)
	r.body(n)
	// The API server gives it this label, whatever a manifest says.
	if o.Labels == nil {
		o.Labels = Labels{}
	}
	if v, ok := o.Labels[NamespaceNameLabel]; ok && v != o.Name {
		r.errorf(n, "label %s is %q: want %q, which the API server gives it", NamespaceNameLabel, v, o.Name)
	}
	o.Labels[NamespaceNameLabel] = o.Name
}
