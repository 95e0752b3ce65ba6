package kube

import (
	"strings"

	"github.com/sallyport/sallyport/profile/flowset"
)

// visible reports whether a host of the registry, with one of its ports, is among those that the sidecar of a pod is told of: it is exported to
// the pod's namespace, and a Sidecar imports it (selectServices in pilot/pkg/model/sidecar.go).
func (m *mesh) visible(p *pod, x *meshPod, host, namespace string, port uint16, exportTo []string) match {
	if !exported(exportTo, x.exportTo, namespace, p.Namespace) {
		return no
	}
	if x.scope == nil || len(x.scope.Egress) == 0 {
		return yes
	}
	var by, catchAll match
	listener := false
	for i := range x.scope.Egress {
		e := &x.scope.Egress[i]
		got := imports(e, host, namespace, p.Namespace)
		if e.Odd {
			got = min(got, maybe)
		}
		switch e.Port {
		case port:
			listener = true
			by = max(by, got)
		case 0:
			catchAll = max(catchAll, got)
		}
	}
	if listener && catchAll > by {
		return max(by, maybe) // a listener of the port's own comes before the one for all, and may leave nothing to it
	}
	return max(by, catchAll)
}

func exported(to, byDefault []string, from, namespace string) bool {
	if len(to) == 0 {
		to = byDefault
	}
	for _, t := range to {
		switch t {
		case "*", namespace:
			return true
		case ".":
			if from == namespace {
				return true
			}
		}
	}
	return len(to) == 0
}

// imports reports whether an egress listener of a Sidecar has a host of a namespace. Hosts that name the namespace come before those for
// every one; whether the latter count then as well depends on the version.
func imports(e *SidecarEgress, host, namespace, own string) match {
	named, star := false, false
	for _, h := range e.Hosts {
		in := h.Namespace
		if in == "." {
			in = own
		}
		switch in {
		case namespace:
			named = true
			if hostIn(host, h.Name) {
				return yes
			}
		case "*":
			star = star || hostIn(host, h.Name)
		}
	}
	switch {
	case star && named:
		return maybe
	case star:
		return yes
	}
	return no
}

// serviceVisible is [mesh.visible] for a service of the cluster.
func (m *mesh) serviceVisible(p *pod, x *meshPod, s *Service, port uint16) match {
	if s.Broken() {
		return maybe
	}
	return m.visible(p, x, s.hostname(), s.Namespace, port, annotationList(s.Annotations["networking.istio.io/exportTo"]))
}

// leads is the TCP ports of a pod that a service of the registry leads to: as certain, and as may be. By the pod's own address only the
// ports of a headless service count, and these only where the client says its name.
func (m *mesh) leads(p *pod, x *meshPod, q *pod, direct bool) (sure, unsure flowset.Ports, by map[uint16]*Service) {
	by = map[uint16]*Service{}
	for _, s := range m.services[q.Namespace] {
		if len(s.Selector) == 0 || !s.selects(q.Pod.Labels) || direct && !s.Headless {
			continue
		}
		for i := range s.Ports {
			port := &s.Ports[i]
			if port.Protocol != TCP {
				continue
			}
			v := m.serviceVisible(p, x, s, port.Port)
			number, there := port.on(&q.Pod)
			if s.Headless {
				number, there = port.Port, true
			}
			switch {
			case v == no || !there:
				continue
			case v == yes && !direct:
				sure = sure.Union(flowset.Port(number))
			default:
				unsure = unsure.Union(flowset.Port(number))
			}
			if by[number] == nil {
				by[number] = s
			}
		}
	}
	return sure, unsure, by
}

// entryRule is one port of a ServiceEntry, and the addresses that connections to it may be made to.
type entryRule struct {
	entry       *ServiceEntry
	port        *EntryPort
	addrs, some flowset.Addrs
	words       string // why only some
}

const byNameWords = "it is told apart by the name that the client sends: ask by the name"

func entryRules(entries []*ServiceEntry) []entryRule {
	var rules []entryRule
	for _, s := range entries {
		var b flowset.AddrsBuilder
		for _, a := range s.Addresses {
			b.AddPrefix(a)
		}
		addrs := b.Addrs()
		for i := range s.Ports {
			r := entryRule{entry: s, port: &s.Ports[i]}
			switch {
			case s.Ports[i].Protocol == "UDP":
				continue
			case r.port.byName() && !addrs.IsEmpty():
				r.some, r.words = addrs, byNameWords
			case r.port.byName():
				r.some, r.words = flowset.AllAddrs(), byNameWords
			case !addrs.IsEmpty():
				r.addrs = addrs
			case s.Resolution == "NONE":
				r.addrs = flowset.AllAddrs()
			default:
				r.some, r.words = flowset.AllAddrs(), "it takes everything that goes to its port, and carries it to its own endpoints, whatever the address"
			}
			if s.Broken() {
				r.addrs, r.some, r.words = flowset.Addrs{}, flowset.AllAddrs(), "the object has an error"
			}
			rules = append(rules, r)
		}
	}
	return rules
}

// entryVisible is whether a sidecar is told of a ServiceEntry: of any of its hosts.
func (m *mesh) entryVisible(p *pod, x *meshPod, r *entryRule) match {
	v := no
	for _, h := range r.entry.Hosts {
		v = max(v, m.visible(p, x, h, r.entry.Namespace, r.port.Number, r.entry.ExportTo))
	}
	return v
}

// named reports whether a name is one of a ServiceEntry's hosts that a sidecar is told of.
func (m *mesh) named(p *pod, x *meshPod, r *entryRule, name string) match {
	v := no
	for _, h := range r.entry.Hosts {
		if hostIn(name, h) {
			v = max(v, m.visible(p, x, h, r.entry.Namespace, r.port.Number, r.entry.ExportTo))
		}
	}
	return v
}

// within reports whether the address of an end is in a set.
func within(set flowset.Addrs, x *end) match {
	switch {
	case set.IsEmpty() || !set.Overlaps(x.addrs):
		return no
	case set.Covers(x.addrs):
		return yes
	}
	return maybe
}

// dialled is the end that a client connects to: a service's address, before it is translated.
func dialled(f *flow) *end {
	if f.before != nil && f.before.addr.IsValid() {
		return &end{addrs: flowset.AddrOf(f.before.addr)}
	}
	return &f.to
}

// annotationList is the parts of a value with commas.
func annotationList(s string) []string {
	return strings.FieldsFunc(s, func(c rune) bool { return c == ',' || c == ' ' })
}
