package kube

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/profile/flowset"
)

// servicesAt decides for an address of services: the one that has the port.
func (q *question) servicesAt(services []*Service, a netip.Addr) Decision {
	var with []*Service
	for _, s := range services {
		if s.Broken() || s.port(q.port, q.protocol) != nil {
			with = append(with, s)
		}
	}
	switch len(with) {
	case 0:
		return q.serviceAt(services[0], a)
	case 1:
		return q.fromOutside(with[0], a, q.serviceAt(with[0], a))
	}
	return undecided(Reason{Pos: with[1].Pos, Field: a.String(), Words: fmt.Sprintf("is an address of %s and of %s, on this port", with[0], with[1])})
}

// fromOutside is a decision for a service's address with what balancers do to those who come to it from outside: some hold them to
// loadBalancerSourceRanges, and where externalTrafficPolicy is Cluster, pods may see a node in the place of the source
// (kubernetes.io, "Using Source IP"), perhaps their own, which always reaches them.
func (q *question) fromOutside(s *Service, a netip.Addr, d Decision) Decision {
	isOf := func(list []netip.Addr) bool {
		return slices.ContainsFunc(list, func(b netip.Addr) bool { return b.Unmap() == a })
	}
	depends := func(field, words string) {
		d.Verdict = Undecidable
		d.Reasons = append(d.Reasons, Reason{Pos: s.Pos, Field: field + " of " + s.String(), Words: words})
	}
	if d.Verdict == Undecidable || isOf(s.ClusterIPs) {
		return d
	}
	if len(s.LoadBalancerSources) > 0 && isOf(s.LoadBalancerIPs) && d.Verdict != Denied && !flowset.AddrsOf(s.LoadBalancerSources...).Covers(q.from.addrs) {
		depends("spec.loadBalancerSourceRanges", "does not have the source: it is denied where the platform supports the field")
		return d
	}
	if q.from.pod != nil || q.from.node != nil || s.LocalExternalTraffic {
		return d
	}
	if slices.ContainsFunc(d.considered(), func(c Considered) bool {
		return c.Direction == Ingress && c.Layer != Routing && c.Layer != DefaultLayer
	}) {
		depends("spec.externalTrafficPolicy", "is Cluster: policies may be asked about a node's address in the place of the source's")
	}
	return d
}

// nodePort is the service whose node port the question's is.
func (q *question) nodePort() (*Service, *ServicePort) {
	for _, s := range q.e.cluster.Services {
		for i := range s.Ports {
			if p := &s.Ports[i]; p.NodePort != 0 && p.NodePort == q.port && p.Protocol == q.protocol {
				return s, p
			}
		}
	}
	return nil, nil
}

// throughNode decides for a node port. The node leads to a pod, and most often puts its own address in the place of the
// source's.
func (q *question) throughNode(s *Service, p *ServicePort, node end) Decision {
	first := q.families(node)
	parts, reasons := q.endpoints(s, p, netip.Addr{})
	if len(reasons) > 0 {
		return undecided(reasons...)
	}
	d := join(append([]DecisionPart{{To: "the node", Decision: first}}, parts...))
	note := fmt.Sprintf("port %d is a node port of %s", q.port, s)
	if d.Verdict == Partly {
		d.Reasons = append(d.Reasons, Reason{Pos: p.Pos, Words: note + ": depends on the network plugin, which sees the node's address or a pod's, and as source the pod's address or a node's"})
		d.Verdict = Undecidable
	}
	d.Notes = append(d.Notes, note)
	return d
}

// service decides for a service by its name. A headless one has no address of its own: its name stands for its pods.
func (q *question) service(s *Service) Decision {
	switch {
	case s.Broken():
		at := s.Errors[0]
		return undecided(Reason{Pos: at.Pos, Field: s.String(), Words: at.What})
	case s.Type == "ExternalName":
		d := q.name(strings.ToLower(strings.TrimSuffix(s.ExternalName, ".")))
		d.Notes = append(d.Notes, s.String()+" stands for the name "+s.ExternalName)
		return d
	case len(s.ClusterIPs) == 0:
		return q.serviceAt(s, netip.Addr{})
	}
	var parts []DecisionPart
	for _, a := range s.ClusterIPs {
		if q.sharesFamily(a) {
			parts = append(parts, DecisionPart{To: "at " + a.String(), Decision: q.serviceAt(s, a)})
		}
	}
	if len(parts) == 0 {
		return Decision{Verdict: Denied, Notes: []string{s.String() + " has no address of the source's family"}}
	}
	return join(parts)
}

func (q *question) sharesFamily(a netip.Addr) bool {
	all := flowset.AllIPv6()
	if a.Unmap().Is4() {
		all = flowset.AllIPv4()
	}
	return q.from.addrs.Overlaps(all)
}

// serviceAt decides for a service at one of its addresses, which is not valid where it is not known, or there is none.
func (q *question) serviceAt(s *Service, at netip.Addr) Decision {
	if s.Broken() {
		at := s.Errors[0]
		return undecided(Reason{Pos: at.Pos, Field: s.String(), Words: at.What})
	}
	port := s.port(q.port, q.protocol)
	if port == nil && !s.Headless {
		return Decision{
			Verdict: Denied,
			Chain: []Considered{{
				Pos: s.Pos, Direction: Egress, Layer: Routing, Object: s.String(), Says: Denies, Decides: true,
				Words: fmt.Sprintf("has no port %d/%v: its ports are %s", q.port, q.protocol, s.portList()),
			}},
		}
	}
	parts, reasons := q.endpoints(s, port, at)
	if len(reasons) > 0 {
		return undecided(reasons...)
	}
	if len(parts) == 0 {
		return Decision{
			Verdict: Denied,
			Chain: []Considered{{
				Pos: s.Pos, Direction: Egress, Layer: Routing, Object: s.String(), Says: Denies, Decides: true,
				Words: "has no endpoint that is ready" + q.noEndpointHint(s),
			}},
		}
	}
	d := join(parts)
	if len(d.Parts) == 0 {
		words := s.String() + " leads to " + parts[0].To
		if len(parts) > 1 {
			words += fmt.Sprintf(", and to %d more of which the same holds", len(parts)-1)
		}
		d.Notes = append(d.Notes, words)
	}
	return d
}

func (q *question) noEndpointHint(s *Service) string {
	if len(s.Selector) == 0 {
		return ": it has no selector, and no EndpointSlice was given"
	}
	return ""
}

// port is the service's port with a number, nil where it has none.
func (s *Service) port(number uint16, protocol Protocol) *ServicePort {
	for i := range s.Ports {
		if s.Ports[i].Port == number && s.Ports[i].Protocol == protocol {
			return &s.Ports[i]
		}
	}
	return nil
}

func (s *Service) portList() string {
	if len(s.Ports) == 0 {
		return "none"
	}
	list := make([]string, len(s.Ports))
	for i, p := range s.Ports {
		list[i] = fmt.Sprintf("%d/%v", p.Port, p.Protocol)
		switch {
		case p.TargetPort.Name != "":
			list[i] += " to the pods' port " + p.TargetPort.Name
		case p.TargetPort.Number != 0 && p.TargetPort.Number != p.Port:
			list[i] += fmt.Sprintf(" to the pods' %d", p.TargetPort.Number)
		}
	}
	return strings.Join(list, ", ")
}

// endpoints are the decisions for each end that a port of a service leads to: those of its slices, where there are any, else
// the pods that it selects.
func (q *question) endpoints(s *Service, port *ServicePort, at netip.Addr) ([]DecisionPart, []Reason) {
	var parts []DecisionPart
	add := func(to end, number uint16) {
		f := *q
		f.port = number
		f.via, f.viaPort = s, q.port
		var d Decision
		if to.pod != nil && to.pod.Broken() {
			d = q.pod(to.pod)
		} else if at.IsValid() {
			d = f.translated(to, before{at, q.port, s})
		} else {
			d = f.families(to)
		}
		part := DecisionPart{To: q.e.describe(to, number), Decision: d}
		if to.pod != nil {
			part.Workload = to.pod.Workload
		}
		parts = append(parts, part)
	}
	sliced := false
	for _, slice := range q.e.cluster.Endpoints {
		if slice.Service != s.Name || slice.Namespace != s.Namespace {
			continue
		}
		if slice.Broken() {
			at := slice.Errors[0]
			return nil, []Reason{{Pos: at.Pos, Field: slice.String(), Words: at.What}}
		}
		sliced = true
		number, there := q.port, s.Headless
		if !s.Headless {
			number, there = slice.portFor(port)
		}
		if !there {
			continue
		}
		for i := range slice.Endpoints {
			x := &slice.Endpoints[i]
			if x.Ready == False && !s.PublishNotReady {
				continue
			}
			for _, a := range x.Addresses {
				if !at.IsValid() || at.Is4() == a.Unmap().Is4() {
					add(q.e.endAt(a), number)
				}
			}
		}
	}
	if sliced || len(s.Selector) == 0 {
		return parts, nil
	}
	for _, w := range q.e.Workloads() {
		p := q.e.byObject[w]
		if p.Namespace != s.Namespace || p.Ready == False && !s.PublishNotReady {
			continue
		}
		if p.Broken() {
			return nil, []Reason{{Pos: p.Pos, Field: p.String(), Words: "the object has an error: whether the service selects it is not known"}}
		}
		if !s.selects(p.Pod.Labels) {
			continue
		}
		number, there := q.port, s.Headless
		if !s.Headless {
			number, there = port.on(&p.Pod)
		}
		if there {
			add(podEnd(p), number)
		}
	}
	return parts, nil
}

func (s *Service) selects(l Labels) bool {
	for k, v := range s.Selector {
		if have, there := l[k]; !there || have != v {
			return false
		}
	}
	return true
}

// on is the number of a service's port on a pod.
func (p *ServicePort) on(t *PodTemplate) (uint16, bool) {
	switch {
	case p.TargetPort.Name != "":
		return t.NamedPort(p.TargetPort.Name, p.Protocol)
	case p.TargetPort.Number != 0:
		return p.TargetPort.Number, true
	}
	return p.Port, true
}

// portFor is the number of a service's port in a slice, whose ports have the names of the service's.
func (s *EndpointSlice) portFor(p *ServicePort) (uint16, bool) {
	if s.Ports == nil {
		return p.Port, true
	}
	for _, x := range s.Ports {
		if x.Name == p.Name && x.Protocol == p.Protocol {
			return x.Port, true
		}
	}
	return 0, false
}

// translated decides for an end of a service.
func (q *question) translated(to end, b before) Decision {
	f := flow{from: q.from, to: to, port: q.port, before: &b}
	all := flowset.AllIPv6()
	if b.addr.Is4() {
		all = flowset.AllIPv4()
	}
	f.from.addrs, f.to.addrs = f.from.addrs.Intersect(all), f.to.addrs.Intersect(all)
	return q.flow(f)
}
