package oracles

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/mattfenwick/cyclonus/pkg/connectivity"
	"github.com/mattfenwick/cyclonus/pkg/connectivity/probe"
	"github.com/mattfenwick/cyclonus/pkg/generator"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sallyport/sallyport/kube"
	"github.com/sallyport/sallyport/profile/flowset"
)

// apply does an action of a case to its state, as cyclonus' interpreter does.
func apply(s *connectivity.TestCaseState, a *generator.Action, address func(*probe.Pod) string) (err error) {
	switch {
	case a.CreatePolicy != nil:
		s.Policies = append(s.Policies, a.CreatePolicy.Policy)
	case a.UpdatePolicy != nil:
		p := a.UpdatePolicy.Policy
		i := slices.IndexFunc(s.Policies, func(q *networking.NetworkPolicy) bool { return q.Namespace == p.Namespace && q.Name == p.Name })
		s.Policies[i] = p
	case a.DeletePolicy != nil:
		s.Policies = slices.DeleteFunc(slices.Clone(s.Policies), func(q *networking.NetworkPolicy) bool {
			return q.Namespace == a.DeletePolicy.Namespace && q.Name == a.DeletePolicy.Name
		})
	case a.CreateNamespace != nil:
		s.Resources, err = s.Resources.CreateNamespace(a.CreateNamespace.Namespace, a.CreateNamespace.Labels)
	case a.SetNamespaceLabels != nil:
		s.Resources, err = s.Resources.UpdateNamespaceLabels(a.SetNamespaceLabels.Namespace, a.SetNamespaceLabels.Labels)
	case a.DeleteNamespace != nil:
		s.Resources, err = s.Resources.DeleteNamespace(a.DeleteNamespace.Namespace)
	case a.CreatePod != nil:
		c := a.CreatePod
		if s.Resources, err = s.Resources.CreatePod(c.Namespace, c.Pod, c.Labels); err == nil {
			var p *probe.Pod
			if p, err = s.Resources.GetPod(c.Namespace, c.Pod); err == nil {
				p.IP = address(p)
			}
		}
	case a.SetPodLabels != nil:
		s.Resources, err = s.Resources.SetPodLabels(a.SetPodLabels.Namespace, a.SetPodLabels.Pod, a.SetPodLabels.Labels)
	case a.DeletePod != nil:
		s.Resources, err = s.Resources.DeletePod(a.DeletePod.Namespace, a.DeletePod.Pod)
	case a.ReadNetworkPolicies != nil: // what is in the cluster, which only the case's own actions made
	}
	return err
}

// compile makes our evaluator of a case's state.
func compile(s *connectivity.TestCaseState) (*kube.Evaluator, map[string]*kube.Workload) {
	c := &kube.Cluster{}
	for name, labels := range s.Resources.Namespaces {
		own := kube.Labels{kube.NamespaceNameLabel: name}
		maps.Copy(own, labels)
		c.Namespaces = append(c.Namespaces, &kube.Namespace{Meta: kube.Meta{Kind: "Namespace", Name: name, Labels: own}, Declared: true})
	}
	workloads := map[string]*kube.Workload{}
	for _, p := range s.Resources.Pods {
		w := &kube.Workload{Meta: kube.Meta{Kind: "Pod", Namespace: p.Namespace, Name: p.Name}, Replicas: -1}
		w.Pod.Labels = p.Labels
		w.PodIPs = []netip.Addr{netip.MustParseAddr(p.IP)}
		for _, x := range p.Containers {
			w.Pod.Containers = append(w.Pod.Containers, kube.Container{Name: x.Name, Ports: []kube.ContainerPort{
				{Name: x.PortName, Number: uint16(x.Port), Protocol: protocolOf(x.Protocol)},
			}})
		}
		c.Workloads = append(c.Workloads, w)
		workloads[p.PodString().String()] = w
	}
	for _, p := range s.Policies {
		c.NetworkPolicies = append(c.NetworkPolicies, policyOf(p))
	}
	return kube.Compile(c, kube.Assumptions{}), workloads
}

func protocolOf(p core.Protocol) kube.Protocol {
	return map[core.Protocol]kube.Protocol{"": kube.TCP, core.ProtocolTCP: kube.TCP, core.ProtocolUDP: kube.UDP, core.ProtocolSCTP: kube.SCTP}[p]
}

func transport(p kube.Protocol) flowset.Protocol {
	return map[kube.Protocol]flowset.Protocol{kube.TCP: flowset.TCP, kube.UDP: flowset.UDP, kube.SCTP: flowset.SCTP}[p]
}

func policyOf(p *networking.NetworkPolicy) *kube.NetworkPolicy {
	q := &kube.NetworkPolicy{Meta: kube.Meta{Kind: "NetworkPolicy", Namespace: p.Namespace, Name: p.Name}, PodSelector: *selectorOf(&p.Spec.PodSelector)}
	for _, d := range p.Spec.PolicyTypes {
		q.PolicyTypes = append(q.PolicyTypes, map[networking.PolicyType]kube.Direction{networking.PolicyTypeIngress: kube.Ingress, networking.PolicyTypeEgress: kube.Egress}[d])
	}
	for _, r := range p.Spec.Ingress {
		q.Ingress = append(q.Ingress, kube.NetworkPolicyRule{Peers: peersOf(r.From), Ports: portsOf(r.Ports)})
	}
	for _, r := range p.Spec.Egress {
		q.Egress = append(q.Egress, kube.NetworkPolicyRule{Peers: peersOf(r.To), Ports: portsOf(r.Ports)})
	}
	return q
}

func peersOf(peers []networking.NetworkPolicyPeer) (list []kube.NetworkPolicyPeer) {
	for _, p := range peers {
		q := kube.NetworkPolicyPeer{NamespaceSelector: selectorOf(p.NamespaceSelector), PodSelector: selectorOf(p.PodSelector)}
		if p.IPBlock != nil {
			q.IPBlock = &kube.IPBlock{CIDR: netip.MustParsePrefix(p.IPBlock.CIDR).Masked()}
			for _, x := range p.IPBlock.Except {
				q.IPBlock.Except = append(q.IPBlock.Except, kube.Except{CIDR: netip.MustParsePrefix(x).Masked()})
			}
		}
		list = append(list, q)
	}
	return list
}

func portsOf(ports []networking.NetworkPolicyPort) (list []kube.NetworkPolicyPort) {
	for _, p := range ports {
		var q kube.NetworkPolicyPort
		if p.Protocol != nil {
			q.Protocol = protocolOf(*p.Protocol)
		}
		if p.Port != nil {
			q.Port = kube.PortRef{Name: p.Port.StrVal, Number: uint16(p.Port.IntVal)}
		}
		if p.EndPort != nil {
			q.EndPort = uint16(*p.EndPort)
		}
		list = append(list, q)
	}
	return list
}

func selectorOf(s *meta.LabelSelector) *kube.LabelSelector {
	if s == nil {
		return nil
	}
	q := &kube.LabelSelector{}
	for k, v := range s.MatchLabels {
		q.Requirements = append(q.Requirements, kube.Requirement{Key: k, Op: kube.In, Values: []string{v}})
	}
	for _, r := range s.MatchExpressions {
		op := map[meta.LabelSelectorOperator]kube.Operator{
			meta.LabelSelectorOpIn: kube.In, meta.LabelSelectorOpNotIn: kube.NotIn,
			meta.LabelSelectorOpExists: kube.Exists, meta.LabelSelectorOpDoesNotExist: kube.DoesNotExist,
		}[r.Operator]
		q.Requirements = append(q.Requirements, kube.Requirement{Key: r.Key, Op: op, Values: r.Values})
	}
	return q
}
