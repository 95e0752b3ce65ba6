package kube

import (
	"github.com/sallyport/sallyport/kube/internal/selector"
	"github.com/sallyport/sallyport/profile/flowset"
)

// isPod reports whether an end is a pod to Calico: one on the host network is its node.
func (x *end) isPod() bool { return x.pod != nil && !x.pod.Pod.HostNetwork }

// meets reports whether a pod meets an expression.
func (k *calico) meets(x *calicoExpr, p *pod, o *observer) match {
	var unknown []Reason
	t := x.Eval(func(key string) (string, selector.State) {
		v, state, why := k.podLabel(p, key)
		if state == selector.Unknown && o != nil {
			unknown = append(unknown, why)
		}
		return v, state
	})
	if t == selector.Maybe {
		for _, r := range unknown {
			o.depends(r)
		}
	}
	return match(t)
}

// selected reports whether an end is selected: as a pod by its labels, or as an address by those of a network set.
func (k *calico) selected(s *calicoExpr, x *end, o *observer, at Pos) match {
	m := no
	if x.isPod() {
		if m = k.meets(s, x.pod, o); m == yes {
			return yes
		}
	}
	if !s.sure.IsEmpty() {
		m = max(m, k.in(s.sure, x, o, at))
	}
	if m != yes && !s.some.IsEmpty() && k.in(s.some, x, nil, at) != no {
		m = maybe
		for _, r := range s.why {
			o.depends(r)
		}
	}
	return m
}

// in reports whether an end's address is in a set. Calico knows pods by their addresses too.
func (k *calico) in(set flowset.Addrs, x *end, o *observer, at Pos) match {
	switch {
	case set.Covers(x.addrs):
		return yes
	case !set.Overlaps(x.addrs):
		return no
	}
	k.e.partlyIn(x, o, at)
	return maybe
}

// entity reports whether an end meets the conditions on it, and else which one it does not. The other end counts for the IP version;
// where its addresses are empty, it is taken to be of the same.
func (k *calico) entity(e *calicoEntity, x *end, other flowset.Addrs, o *observer) (m match, failed string) {
	m = yes
	if e.family != nil {
		m = inFamily(*e.family, x.addrs, other)
		if m == maybe {
			o.depends(Reason{Pos: e.pos, Words: "only some of the addresses are of the rule's IP version"})
		}
		if m == no {
			return no, "ipVersion"
		}
	}
	for _, c := range []struct {
		field string
		is    func() match
		given bool
	}{
		{"nets", func() match { return k.in(*e.nets, x, o, e.pos) }, e.nets != nil},
		{"notNets", func() match { return yes - k.in(*e.notNets, x, o, e.pos) }, e.notNets != nil},
		{"selector", func() match { return k.selected(e.sel, x, o, e.pos) }, e.sel != nil},
		{"notSelector", func() match { return yes - k.selected(e.not, x, o, e.pos) }, e.not != nil},
	} {
		if c.given {
			if m = both(m, c.is()); m == no {
				return no, c.field
			}
		}
	}
	return m, ""
}

// inFamily reports whether flows between two ends are of a family: one end is enough to tell.
func inFamily(family, a, b flowset.Addrs) match {
	switch {
	case !family.Overlaps(a):
		return no
	case b.IsEmpty():
		return yes
	case !family.Overlaps(b):
		return no
	case family.Covers(a) || family.Covers(b):
		return yes
	}
	return maybe
}

// side reports whether one of a rule's entities matches an end, and else what failed.
func (k *calico) side(list []*calicoEntity, x *end, other flowset.Addrs, o *observer) (m match, failed string) {
	if len(list) == 0 {
		return yes, ""
	}
	for _, e := range list {
		is, field := k.entity(e, x, other, o)
		if m = max(m, is); m == yes {
			return yes, ""
		}
		if failed = "no peer of it matches"; e.field != "peer" {
			failed = e.failed(field, x)
		}
	}
	return m, failed
}

// failed is why an entity does not match an end.
func (e *calicoEntity) failed(field string, x *end) string {
	switch {
	case field == "ipVersion":
		return "it is for the other IP version"
	case field != "selector":
		return e.field + "." + field + " does not match"
	case e.home != "" && x.isPod() && x.pod.Namespace != e.home:
		return e.field + "." + e.selects + " does not match: without a namespaceSelector it is about namespace " + e.home + " only"
	}
	return e.field + "." + e.selects + " does not match"
}

// beyond is what a rule matches by names that are not known here: domains of Calico Enterprise, in the rule or in a network set.
func (k *calico) beyond(list []*calicoEntity, x *end, o *observer) match {
	if x.isPod() {
		return no
	}
	m := no
	try := func(names []DomainName, why Reason) {
		for i := range names {
			if x.name == "" || names[i].Matches(x.name) {
				m = maybe
				o.depends(why)
			}
		}
	}
	for _, e := range list {
		try(e.domains, Reason{Pos: e.pos, Field: "domains", Words: "of Calico Enterprise: an address is allowed while one of the names resolves to it, and the open source Calico does not know the field"})
		if e.sel == nil {
			continue
		}
		for _, s := range e.sel.domainful {
			try(s.domains, Reason{Pos: s.meta.Pos, Field: "allowedEgressDomains of " + s.meta.String(), Words: "of Calico Enterprise: an address is in the set while one of the names resolves to it, and the open source Calico does not know the field"})
		}
	}
	return m
}

// named is the ports of a pod with a name: all of them, those of init containers too (appendEndpointPorts in
// libcalico-go/lib/backend/k8s/conversion).
func (t *PodTemplate) named(key portKey) flowset.Transports {
	var ports flowset.Transports
	for i := range t.Containers {
		for _, p := range t.Containers[i].Ports {
			if p.Name == key.name && p.Protocol == key.protocol {
				ports = ports.Union(flowset.Transport(p.Protocol.transport(), flowset.Port(p.Number)))
			}
		}
	}
	return ports
}

// on is the ports of a destination that match, and that may.
func (p *calicoPorts) on(x *end, protos flowset.Transports, o *observer) (sure, possible flowset.Transports) {
	if p.all {
		sure = protos
	} else {
		sure = p.numbers
	}
	possible = sure
	no, mayNot := p.not, p.not
	if x.isPod() {
		resolve := func(names []portKey, sure, possible *flowset.Transports) {
			for _, n := range names {
				if x.pod.Broken() {
					o.depends(Reason{Pos: x.pod.Pos, Field: "ports of " + x.pod.String(), Words: "the object has an error"})
					*possible = possible.Union(flowset.Transport(n.protocol.transport(), flowset.AllPorts()))
					continue
				}
				ports := x.pod.Pod.named(n)
				*sure, *possible = sure.Union(ports), possible.Union(ports)
			}
		}
		resolve(p.names, &sure, &possible)
		resolve(p.notNames, &no, &mayNot)
	}
	return sure.Subtract(mayNot).Intersect(protos), possible.Subtract(no).Intersect(protos)
}

// reach is the ports of a destination that a rule matches by its ports and services, and that it may.
func (r *calicoRule) reach(to *end, o *observer) (sure, possible flowset.Transports) {
	sure, possible = r.ports.on(to, r.protos, o)
	for _, e := range r.dst {
		if e.service != nil {
			s, p := e.service.of(to, o)
			sure, possible = sure.Intersect(s), possible.Intersect(p)
		}
	}
	return sure, possible
}

// from is whether a source is of the service that a rule names.
func (r *calicoRule) from(x *end, o *observer) match {
	m := yes
	for _, e := range r.src {
		if e.service != nil {
			sure, possible := e.service.of(x, o)
			switch {
			case !sure.IsEmpty():
			case !possible.IsEmpty():
				m = both(m, maybe)
			default:
				return no
			}
		}
	}
	return m
}

// conditional is whether a rule depends on what no object tells.
func (r *calicoRule) conditional(o *observer) bool {
	if r.srcPorts != nil {
		o.depends(Reason{Pos: *r.srcPorts, Field: "ports of the source", Words: "which port the client sends from is not known"})
	}
	for _, why := range r.unsure {
		o.depends(why)
	}
	return r.srcPorts != nil || len(r.unsure) > 0
}

// matches reports whether a rule matches a flow, and says else why not.
func (k *calico) matches(r *calicoRule, f *flow, o *observer) (match, string) {
	src, failed := k.side(r.src, &f.from, f.to.addrs, o)
	if src == no {
		return no, failed
	}
	if src = both(src, r.from(&f.from, o)); src == no {
		return no, "source.services does not match"
	}
	dst, failed := k.side(r.dst, &f.to, f.from.addrs, o)
	if dst != yes {
		dst = max(dst, k.beyond(r.dst, &f.to, o))
	}
	if len(r.dst) > 0 && len(r.dst[0].domains) > 0 {
		dst = k.beyond(r.dst, &f.to, o)
		failed = "destination.domains does not match"
	}
	if dst == no {
		return no, failed
	}
	sure, possible := r.reach(&f.to, o)
	p, port := f.protocol.transport(), f.port
	m := both(src, dst)
	switch {
	case sure.Contains(p, port):
	case possible.Contains(p, port):
		m = both(m, maybe)
	case !r.protos.Contains(p, port):
		return no, "its protocol does not match"
	default:
		return no, "its ports don't match"
	}
	if r.conditional(o) {
		m = both(m, maybe)
	}
	return m, ""
}
