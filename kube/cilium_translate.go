package kube

import (
	"slices"
	"strings"
)

// networkPolicy translates a NetworkPolicy. Rules of a direction that policyTypes does not name are in force all the same.
func (c *cilium) networkPolicy(p *NetworkPolicy) *ciliumSpec {
	s := &ciliumSpec{meta: &p.Meta, pos: p.Pos, layer: NetworkPolicyLayer}
	s.subject = k8sSelector(&p.PodSelector, "")
	s.subject.Requirements = append(s.subject.Requirements, inNamespace(p.Namespace))
	for _, d := range []Direction{Ingress, Egress} {
		sec := &s.sections[d]
		sec.isolates, sec.pos = p.Isolates(d) || len(p.Rules(d)) > 0, p.rulesPos(d)
		for i := range p.Rules(d) {
			from := &p.Rules(d)[i]
			r := &CiliumRule{Pos: from.Pos}
			for j := range from.Peers {
				r.Peers = append(r.Peers, k8sPeer(p.Namespace, &from.Peers[j]))
			}
			for _, port := range from.Ports {
				r.Ports = append(r.Ports, CiliumPorts{Pos: port.Pos, Ports: []CiliumPort{k8sPort(port)}})
			}
			rule := c.rule(&p.Meta, r, i, false)
			rule.all = len(r.Peers) == 0
			sec.rules = append(sec.rules, rule)
		}
	}
	return s
}

// k8sSelector is a selector of the API, whose keys are of the source k8s, behind a prefix.
func k8sSelector(s *LabelSelector, prefix string) CiliumSelector {
	out := CiliumSelector{Pos: s.Pos}
	for _, q := range s.Requirements {
		q.Key = prefix + q.Key
		out.Requirements = append(out.Requirements, CiliumRequirement{Source: ciliumK8s, Requirement: q})
	}
	return out
}

func inNamespace(name string) CiliumRequirement {
	return CiliumRequirement{Source: ciliumK8s, Requirement: Requirement{Key: ciliumNamespace, Op: In, Values: []string{name}}}
}

// inAnyNamespace is met by every pod, and by nothing else.
func inAnyNamespace() CiliumRequirement {
	return CiliumRequirement{Source: ciliumK8s, Requirement: Requirement{Key: ciliumNamespace, Op: Exists}}
}

// inCluster adds that an endpoint is of this cluster, where the selector says nothing of clusters: policy-default-local-cluster is on by default.
// Nothing outside has the label that this asks for.
func (s *CiliumSelector) inCluster() {
	if !s.has(func(source, key string) bool {
		return (source == ciliumAny || source == ciliumK8s) && key == ciliumClusterName
	}) {
		s.Requirements = append(s.Requirements, CiliumRequirement{Source: ciliumK8s, Requirement: Requirement{Key: ciliumClusterName, Op: Exists}})
	}
}

// k8sPeer translates a peer (parseNetworkPolicyPeer in pkg/k8s). Its selectors are complete, and need no namespace.
func k8sPeer(home string, p *NetworkPolicyPeer) CiliumPeer {
	if b := p.IPBlock; b != nil {
		return CiliumPeer{Pos: b.Pos, CIDR: &CiliumCIDR{Pos: b.Pos, CIDR: b.CIDR, Except: b.Except}}
	}
	var s CiliumSelector
	if p.NamespaceSelector == nil {
		s.Requirements = []CiliumRequirement{inNamespace(home)}
	} else if s = k8sSelector(p.NamespaceSelector, ciliumNamespaceLabel); len(s.Requirements) == 0 {
		s.Requirements = []CiliumRequirement{inAnyNamespace()}
	}
	if p.PodSelector != nil {
		s.Requirements = append(s.Requirements, k8sSelector(p.PodSelector, "").Requirements...)
	}
	s.Pos = p.Pos
	s.inCluster()
	return CiliumPeer{Pos: p.Pos, Endpoints: &s}
}

func k8sPort(p NetworkPolicyPort) CiliumPort {
	q := CiliumPort{Pos: p.Pos, Name: p.Port.Name, First: p.Port.Number, Last: p.Port.Number, Protocols: []Protocol{p.Protocol}}
	switch {
	case p.EndPort != 0:
		q.Last = p.EndPort
	case p.Port.IsZero():
		q.Last = 65535
	}
	return q
}

// subjectIn is an endpointSelector of a policy in a namespace: it only ever selects there, whatever it says of the namespace itself
// (ParseToCiliumRule in pkg/k8s/apis/cilium.io/utils).
func subjectIn(s *CiliumSelector, namespace string) CiliumSelector {
	if namespace == "" {
		return *s
	}
	out := CiliumSelector{Pos: s.Pos}
	for _, q := range s.Requirements {
		if !q.label || q.Source != ciliumK8s || q.Key != ciliumNamespace {
			out.Requirements = append(out.Requirements, q)
		}
	}
	out.Requirements = append(out.Requirements, inNamespace(namespace))
	return out
}

// completed is a rule with the namespaces that its selectors of endpoints leave out: that of the policy, or for policies of none those of
// all pods (getEndpointSelector in pkg/k8s/apis/cilium.io/utils).
func completed(r *CiliumRule, namespace string, init bool) *CiliumRule {
	if !slices.ContainsFunc(r.Peers, func(p CiliumPeer) bool { return p.Endpoints != nil }) {
		return r
	}
	out := *r
	out.Peers = slices.Clone(r.Peers)
	for i := range out.Peers {
		s := *out.Peers[i].Endpoints
		s.Requirements = slices.Clip(s.Requirements)
		plain := func(source string) bool { return source == ciliumAny || source == ciliumK8s }
		if s.has(func(source, _ string) bool { return source == ciliumReserved }) {
			continue
		}
		switch {
		case s.has(func(source, key string) bool { return plain(source) && key == ciliumNamespace }):
		case namespace == "" && !init:
			s.Requirements = append(s.Requirements, inAnyNamespace())
		case namespace != "" && !s.has(func(source, key string) bool { return plain(source) && strings.HasPrefix(key, ciliumNamespaceLabel) }):
			s.Requirements = append(s.Requirements, inNamespace(namespace))
		}
		s.inCluster()
		out.Peers[i].Endpoints = &s
	}
	return &out
}
