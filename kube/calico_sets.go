package kube

import (
	"strings"

	"github.com/sallyport/sallyport/kube/internal/selector"
	"github.com/sallyport/sallyport/profile/flowset"
)

// labelled is a network set or a host endpoint: addresses that have labels, so that selectors of rules match them as they
// match pods.
type labelled struct {
	meta    *Meta
	addrs   flowset.Addrs
	domains []DomainName
	labels  Labels
	space   *space // nil: of none
	partly  bool   // it may have more labels
}

// calicoExpr is an expression, with the addresses of the sets that meet it, and that may.
type calicoExpr struct {
	*selector.Expr
	key       string
	sure      flowset.Addrs
	some      flowset.Addrs
	why       []Reason    // of some
	domainful []*labelled // sets with domains that meet it, or may
}

func (k *calico) compileSets() {
	for _, s := range k.e.cluster.NetworkSets {
		x := &labelled{meta: &s.Meta, labels: s.Labels, domains: s.Domains}
		if s.Namespace != "" {
			x.space = k.e.space(s.Namespace)
		}
		var b flowset.AddrsBuilder
		for _, n := range s.Nets {
			b.AddPrefix(n.CIDR)
		}
		x.addrs = b.Addrs()
		if s.Broken() {
			x.addrs = flowset.AllAddrs()
		}
		k.sets = append(k.sets, x)
	}
	for _, h := range k.e.cluster.HostEndpoints {
		x := &labelled{meta: &h.Meta, labels: h.Labels}
		for _, p := range h.Profiles { // a profile gives labels; the one that allows everything has none
			x.partly = x.partly || p != "projectcalico-default-allow"
		}
		var b flowset.AddrsBuilder
		for _, a := range h.Addresses {
			b.AddRange(a.Unmap(), a.Unmap())
		}
		x.addrs = b.Addrs()
		if h.Broken() {
			x.addrs = flowset.AllAddrs()
		}
		k.sets = append(k.sets, x)
	}
}

// expr compiles an expression.
func (k *calico) expr(x *selector.Expr) *calicoExpr {
	key := x.String()
	if c := k.exprs[key]; c != nil {
		return c
	}
	c := &calicoExpr{Expr: x, key: key}
	k.exprs[key] = c
	var sure, some flowset.AddrsBuilder
	for _, s := range k.sets {
		var unknown []Reason
		t := x.Eval(func(label string) (string, selector.State) {
			v, state, why := k.setLabel(s, label)
			if state == selector.Unknown {
				unknown = append(unknown, why)
			}
			return v, state
		})
		switch {
		case t == selector.False:
			continue
		case t == selector.True && !s.meta.Broken():
			sure.Add(s.addrs)
		default:
			some.Add(s.addrs)
			if s.meta.Broken() {
				at := s.meta.Errors[0]
				unknown = []Reason{{Pos: at.Pos, Field: s.meta.String(), Words: at.What}}
			}
			c.why = append(c.why, unknown...)
		}
		if len(s.domains) > 0 {
			c.domainful = append(c.domainful, s)
		}
	}
	c.sure, c.some = sure.Addrs(), some.Addrs()
	for _, a := range []flowset.Addrs{c.sure, c.some} {
		if !a.IsEmpty() {
			k.addrs = append(k.addrs, a)
		}
	}
	return c
}

func (k *calico) setLabel(s *labelled, key string) (string, selector.State, Reason) {
	if key == calicoNamespaceLabel {
		if s.space == nil {
			return "", selector.Absent, Reason{}
		}
		return s.space.Name, selector.Present, Reason{}
	}
	if s.meta.Broken() {
		return "", selector.Unknown, Reason{}
	}
	if v, there := s.labels[key]; there {
		return v, selector.Present, Reason{}
	}
	if rest, inherited := strings.CutPrefix(key, namespacePrefix); inherited && s.space != nil {
		return k.spaceLabel(s.space, rest)
	}
	if s.partly && !strings.HasPrefix(key, "projectcalico.org/") {
		return "", selector.Unknown, Reason{Pos: s.meta.Pos, Field: "profiles of " + s.meta.String(), Words: "may give the label " + key}
	}
	return "", selector.Absent, Reason{}
}

// spaceLabel is a label that pods and network sets inherit from their namespace.
func (k *calico) spaceLabel(n *space, key string) (string, selector.State, Reason) {
	if key == calicoNameLabel {
		return n.Name, selector.Present, Reason{}
	}
	if n.Broken() {
		at := n.Errors[0]
		return "", selector.Unknown, Reason{Pos: at.Pos, Field: "labels of " + n.String(), Words: "the object has an error"}
	}
	if v, there := n.Labels[key]; there {
		return v, selector.Present, Reason{}
	}
	if !n.Declared {
		return "", selector.Unknown, Reason{Field: "label " + key + " of " + n.String(), Words: "no object declares the namespace"}
	}
	return "", selector.Absent, Reason{}
}

// podLabel is a label that Calico knows of a pod: its own, those that Calico gives it, and those that it inherits
// (podToDefaultWorkloadEndpoint in libcalico-go/lib/backend/k8s/conversion).
func (k *calico) podLabel(p *pod, key string) (string, selector.State, Reason) {
	account := p.Pod.ServiceAccountName
	switch {
	case key == calicoNamespaceLabel:
		return p.Namespace, selector.Present, Reason{}
	case key == orchestratorLabel:
		return "k8s", selector.Present, Reason{}
	case p.Broken():
		return "", selector.Unknown, Reason{Pos: p.Pos, Field: "labels of " + p.String(), Words: "the object has an error"}
	case key == calicoAccountLabel && account != "" && len(account) < 63:
		return account, selector.Present, Reason{}
	}
	if v, there := p.Pod.Labels[key]; there {
		return v, selector.Present, Reason{}
	}
	if rest, inherited := strings.CutPrefix(key, namespacePrefix); inherited {
		return k.spaceLabel(p.space, rest)
	}
	if rest, inherited := strings.CutPrefix(key, accountPrefix); inherited && account != "" {
		return k.accountLabel(p, account, rest)
	}
	return "", selector.Absent, Reason{}
}

// accountLabel is a label that pods inherit from their service account.
func (k *calico) accountLabel(p *pod, name, key string) (string, selector.State, Reason) {
	if key == calicoNameLabel {
		return name, selector.Present, Reason{}
	}
	a := k.accounts[[2]string{p.Namespace, name}]
	switch {
	case a == nil:
		return "", selector.Unknown, Reason{Pos: p.Pos, Field: "label " + key + " of ServiceAccount " + p.Namespace + "/" + name, Words: "no such object was given"}
	case a.Broken():
		at := a.Errors[0]
		return "", selector.Unknown, Reason{Pos: at.Pos, Field: "labels of " + a.String(), Words: "the object has an error"}
	}
	if v, there := a.Labels[key]; there {
		return v, selector.Present, Reason{}
	}
	return "", selector.Absent, Reason{}
}

// calicoEndpoints is the endpoints of a service, as Felix takes them from its EndpointSlices, ready or not (felix/serviceindex).
type calicoEndpoints struct {
	missing *Reason                    // why they are not known
	pods    map[int]flowset.Transports // by index
	maybe   map[int]bool               // pods that may be of it
	addrs   []calicoEndpoint           // those that are no pods
	bare    bool                       // whatever the port
}

type calicoEndpoint struct {
	addrs flowset.Addrs
	ports flowset.Transports
	sure  bool // the addresses are known
}

func (k *calico) endpoints(namespace, name string, withPorts bool, at Pos) *calicoEndpoints {
	key := namespace + "/" + name
	if !withPorts {
		key += " without ports"
	}
	if s := k.services[key]; s != nil {
		return s
	}
	s := &calicoEndpoints{pods: map[int]flowset.Transports{}, maybe: map[int]bool{}, bare: !withPorts}
	k.services[key] = s
	sliced := false
	for _, slice := range k.e.cluster.Endpoints {
		if slice.Service != name || slice.Namespace != namespace {
			continue
		}
		sliced = true
		if slice.Broken() {
			at := slice.Errors[0]
			s.missing = &Reason{Pos: at.Pos, Field: slice.String(), Words: at.What}
			return s
		}
		k.sliceEndpoints(s, slice)
	}
	if !sliced {
		k.selectedEndpoints(s, namespace, name, at)
	}
	for _, x := range s.addrs {
		k.addrs = append(k.addrs, x.addrs)
	}
	return s
}

func (k *calico) sliceEndpoints(s *calicoEndpoints, slice *EndpointSlice) {
	var ports flowset.Transports
	for _, p := range slice.Ports {
		if p.Port != 0 { // without a number it is none, to Felix
			ports = ports.Union(flowset.Transport(p.Protocol.transport(), flowset.Port(p.Port)))
		}
	}
	if s.bare {
		ports = ported
	}
	for i := range slice.Endpoints {
		for _, a := range slice.Endpoints[i].Addresses {
			x := k.e.endAt(a)
			if x.pod != nil {
				s.pods[x.pod.index] = s.pods[x.pod.index].Union(ports)
				continue
			}
			s.addrs = append(s.addrs, calicoEndpoint{x.addrs, ports, true})
		}
	}
}

// selectedEndpoints takes the endpoints from the pods that a service selects, where no slice was given.
func (k *calico) selectedEndpoints(s *calicoEndpoints, namespace, name string, at Pos) {
	var service *Service
	for _, x := range k.e.cluster.Services {
		if x.Name == name && x.Namespace == namespace {
			service = x
		}
	}
	switch {
	case service == nil:
		s.missing = &Reason{Pos: at, Field: "services", Words: "neither Service " + namespace + "/" + name + " nor an EndpointSlice of it was given"}
		return
	case service.Broken():
		at := service.Errors[0]
		s.missing = &Reason{Pos: at.Pos, Field: service.String(), Words: at.What}
		return
	case len(service.Selector) == 0:
		s.missing = &Reason{Pos: service.Pos, Field: service.String(), Words: "has no selector, and no EndpointSlice was given"}
		return
	}
	for _, p := range k.e.pods {
		if p.Namespace != namespace || p.Ended() {
			continue
		}
		if p.Broken() {
			s.maybe[p.index] = true
			continue
		}
		if !service.selects(p.Pod.Labels) {
			continue
		}
		ports := ported
		if !s.bare {
			ports = flowset.Transports{}
			for i := range service.Ports {
				if n, there := service.Ports[i].on(&p.Pod); there {
					ports = ports.Union(flowset.Transport(service.Ports[i].Protocol.transport(), flowset.Port(n)))
				}
			}
		}
		if p.Pod.HostNetwork {
			s.addrs = append(s.addrs, calicoEndpoint{p.addrs, ports, p.known})
			continue
		}
		s.pods[p.index] = s.pods[p.index].Union(ports)
	}
}

// of is the ports of an end that are of the service, and that may be.
func (s *calicoEndpoints) of(x *end, o *observer) (sure, possible flowset.Transports) {
	if s.missing != nil {
		o.depends(*s.missing)
		return flowset.Transports{}, ported
	}
	if x.isPod() {
		sure = s.pods[x.pod.index]
		possible = sure
		if s.maybe[x.pod.index] {
			o.depends(Reason{Pos: x.pod.Pos, Field: "labels of " + x.pod.String(), Words: "the object has an error"})
			return sure, ported
		}
		if x.pod.known {
			return sure, possible
		}
	}
	for _, e := range s.addrs {
		switch {
		case !x.isPod() && e.sure && e.addrs.Covers(x.addrs):
			sure, possible = sure.Union(e.ports), possible.Union(e.ports)
		case e.addrs.Overlaps(x.addrs):
			possible = possible.Union(e.ports)
		}
	}
	if !possible.Equal(sure) {
		o.depends(Reason{Field: "addresses", Words: "not known, and the service's endpoints have some of those that they may be"})
	}
	return sure, possible
}
