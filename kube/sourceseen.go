package kube

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/profile/flowset"
)

// SourceSeen is by which address what is outside of the cluster sees connections of a workload's pods, for one family of addresses.
type SourceSeen struct {
	IPv6 bool
	// Addresses are those that it may be. Where there are several, and the verdict is certain, each connection has one of them.
	Addresses []netip.Addr
	Certain   bool
	Object    *EgressIP // where it comes of one
	Pos                 // of what tells it: the assignment, the node's address
	Words     string    // why
	Reasons   []Reason  // what it depends on, where it is not certain
}

// SourceSeen tells by which addresses others see the pods of a workload, for each family that they have. Within the cluster, pods are
// seen by their own addresses, and so they are by the nodes that an EgressIP would hide them from.
//
// EgressIPs are OVN-Kubernetes' (docs/features/cluster-egress-controls/egress-ip.md): of several objects that match a pod it serves the pod
// by one, and which is not defined (podAssignmentState in go-controller/pkg/clustermanager/egressip_controller.go). What no
// EgressIP serves has the address of its node.
func (e *Evaluator) SourceSeen(from *Workload) []SourceSeen {
	p := e.byObject[from]
	if p == nil || p.Ended() {
		return nil
	}
	if p.Broken() {
		at := p.Errors[0]
		return []SourceSeen{{Words: "not known", Reasons: []Reason{{Pos: at.Pos, Field: p.String(), Words: at.What}}}}
	}
	var list []SourceSeen
	for _, six := range []bool{false, true} {
		all := flowset.AllIPv4()
		if six {
			all = flowset.AllIPv6()
		}
		if p.addrs.Overlaps(all) {
			s := e.sourceSeen(p, six)
			s.IPv6 = six
			list = append(list, s)
		}
	}
	return list
}

func (e *Evaluator) sourceSeen(p *pod, six bool) SourceSeen {
	if p.Pod.HostNetwork {
		s := e.seenAsNode(p, six)
		s.Words = "it is on the host network: " + s.Words
		return s
	}
	plugin := e.plugin()
	var sure, unsure []*EgressIP
	var o observer
	for _, x := range e.cluster.EgressIPs {
		switch e.servedBy(x, p, &o) {
		case yes:
			sure = append(sure, x)
		case maybe:
			unsure = append(unsure, x)
		}
	}
	if plugin != "" && plugin != ovnKubernetes {
		sure, unsure = nil, nil // it is OVN-Kubernetes that serves EgressIPs
	}
	switch {
	case len(sure) == 1 && len(unsure) == 0:
		return e.seenAs(sure[0], p, six)
	case len(sure)+len(unsure) > 0:
		return e.seenAsOneOf(sure, unsure, p, six, o.reasons)
	}
	s := e.seenAsNode(p, six)
	switch {
	case plugin == "":
		s.Certain = false
		s.Reasons = append(s.Reasons, Reason{Words: "depends on the network plugin: most put the node's address in the place of the pod's outside of the cluster, some keep it"})
	case plugin == ovnKubernetes:
		e.otherSources(p, &s)
	}
	return s
}

// plugin is the network plugin as far as the objects show it.
func (e *Evaluator) plugin() string {
	if t := e.networkType(); t != "" {
		return t
	}
	if len(e.cluster.EgressIPs) > 0 {
		return ovnKubernetes
	}
	for _, f := range e.cluster.EgressFirewalls {
		if f.Kind == "EgressFirewall" {
			return ovnKubernetes
		}
	}
	for _, n := range e.cluster.Nodes {
		for k := range n.Annotations {
			if strings.HasPrefix(k, "k8s.ovn.org/") {
				return ovnKubernetes
			}
		}
	}
	return ""
}

// servedBy reports whether an EgressIP selects a pod.
func (e *Evaluator) servedBy(x *EgressIP, p *pod, o *observer) match {
	if x.Broken() {
		at := x.Errors[0]
		o.depends(Reason{Pos: at.Pos, Field: x.String(), Words: at.What})
		return maybe
	}
	m := e.selectsSpace(&x.NamespaceSelector, p.space, o)
	if m == no {
		return no
	}
	return both(m, e.selects(x.PodSelector, p, o))
}

// ofFamily are the addresses of a family.
func ofFamily(list []netip.Addr, six bool) []netip.Addr {
	var out []netip.Addr
	for _, a := range list {
		if a = a.Unmap(); a.Is6() == six && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// seenAs is the source of a pod that one EgressIP serves.
func (e *Evaluator) seenAs(x *EgressIP, p *pod, six bool) SourceSeen {
	s := SourceSeen{Object: x, Pos: x.Pos, Certain: true}
	asked := ofFamily(x.Addresses, six)
	if len(asked) == 0 {
		s := e.seenAsNode(p, six)
		s.Object = x
		s.Words = fmt.Sprintf("%v has no address of this family: %s", x, s.Words)
		return s
	}
	if !x.HasStatus {
		s.Addresses, s.Certain = asked, false
		s.Words = x.String() + " selects it"
		s.Reasons = []Reason{{Pos: x.Pos, Field: "status.items of " + x.String(), Words: "not in the object: whether a node carries the address is not known; until one does, others see the node's own"}}
		return s
	}
	var nodes []string
	for _, a := range x.Assigned {
		if b := a.Address.Unmap(); b.IsValid() && b.Is6() == six {
			s.Addresses = append(s.Addresses, b)
			nodes = append(nodes, a.Node)
			s.Pos = a.Pos
		}
	}
	if len(s.Addresses) == 0 {
		s := e.seenAsNode(p, six)
		s.Object = x
		s.Words = fmt.Sprintf("%v selects it, and no node carries %s yet (status.items): %s", x, orAddrs(asked), s.Words)
		return s
	}
	s.Words = fmt.Sprintf("%v selects it, carried by %s", x, strings.Join(nodes, " and "))
	if len(s.Addresses) > 1 {
		s.Words += ": each connection has one of these"
	}
	return s
}

// seenAsOneOf is the source of a pod that several EgressIPs may serve.
func (e *Evaluator) seenAsOneOf(sure, unsure []*EgressIP, p *pod, six bool, reasons []Reason) SourceSeen {
	s := SourceSeen{Reasons: reasons}
	for _, x := range append(slices.Clone(sure), unsure...) {
		one := e.seenAs(x, p, six)
		for _, a := range one.Addresses {
			if !slices.Contains(s.Addresses, a) {
				s.Addresses = append(s.Addresses, a)
			}
		}
	}
	if len(sure) > 1 {
		s.Object, s.Pos = sure[0], sure[0].Pos
		s.Words = fmt.Sprintf("%v and %v both select it", sure[0], sure[1])
		s.Reasons = append(s.Reasons, Reason{Pos: sure[1].Pos, Field: sure[1].String(), Words: "OVN-Kubernetes serves a pod by one object, and which of several is not defined: want one that selects it"})
		return s
	}
	s.Words = "which EgressIP selects it is not known"
	if len(sure) == 0 {
		s.Addresses = append(s.Addresses, e.seenAsNode(p, six).Addresses...)
	}
	return s
}

// seenAsNode is the source of a pod that leaves by the address of its node.
func (e *Evaluator) seenAsNode(p *pod, six bool) SourceSeen {
	s := SourceSeen{Words: "its node's address"}
	n := e.named[p.Pod.NodeName]
	switch {
	case n != nil && n.Broken():
		at := n.Errors[0]
		s.Reasons = []Reason{{Pos: at.Pos, Field: n.String(), Words: at.What}}
		return s
	case n != nil:
		for _, a := range n.Addresses {
			if a.Type == "InternalIP" && a.Address.IsValid() && a.Address.Unmap().Is6() == six {
				s.Addresses, s.Pos, s.Certain = []netip.Addr{a.Address.Unmap()}, a.Pos, true
				s.Words = fmt.Sprintf("the address of its node, %s", n.Name)
				return s
			}
		}
	}
	if host := ofFamily(p.HostIPs, six); len(host) > 0 {
		return SourceSeen{Addresses: host[:1], Pos: p.Pos, Certain: true, Words: "the address of its node (status.hostIP)"}
	}
	field := "spec.nodeName of " + p.String()
	words := "not known, and each node has an address of its own"
	if n != nil {
		field, words = "status.addresses of "+n.String(), "has no InternalIP of this family"
	} else if p.Pod.NodeName != "" {
		words = fmt.Sprintf("no Node object was given for %s", p.Pod.NodeName)
	}
	s.Reasons = []Reason{{Pos: p.Pos, Field: field, Words: words}}
	for _, n := range e.cluster.Nodes {
		for _, a := range n.Addresses {
			if a.Type == "InternalIP" && a.Address.IsValid() && a.Address.Unmap().Is6() == six {
				s.Addresses = append(s.Addresses, a.Address.Unmap())
			}
		}
	}
	return s
}

// otherSources looks for other kinds of OVN-Kubernetes that choose a source, and are not read.
func (e *Evaluator) otherSources(p *pod, s *SourceSeen) {
	for _, m := range e.cluster.Others {
		if !strings.HasPrefix(m.APIVersion, "k8s.ovn.org/") {
			continue
		}
		switch {
		case m.Kind == "EgressService" && m.Namespace == p.Namespace, m.Kind == "RouteAdvertisements", m.Kind == "AdminPolicyBasedExternalRoute":
			s.Certain = false
			s.Reasons = append(s.Reasons, Reason{Pos: m.Pos, Field: m.String(), Words: "is not read, and may give the pods another source, or let them keep their own"})
		}
	}
}

func orAddrs(list []netip.Addr) string {
	words := make([]string, len(list))
	for i, a := range list {
		words[i] = a.String()
	}
	return strings.Join(words, " or ")
}
