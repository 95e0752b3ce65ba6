package oracles

import (
	"bytes"
	"slices"
	"testing"

	"github.com/mattfenwick/cyclonus/pkg/connectivity"
	"github.com/mattfenwick/cyclonus/pkg/connectivity/probe"
	"github.com/mattfenwick/cyclonus/pkg/generator"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

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

// compile makes our evaluator of a case's state, which is written as a manifest and read.
func compile(t *testing.T, s *connectivity.TestCaseState) (*kube.Evaluator, map[string]*kube.Workload) {
	t.Helper()
	var text bytes.Buffer
	write := func(object any) {
		data, err := yaml.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString("---\n")
		text.Write(data)
	}
	for name, labels := range s.Resources.Namespaces {
		write(core.Namespace{TypeMeta: meta.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: meta.ObjectMeta{Name: name, Labels: labels}})
	}
	names := map[string]string{}
	for _, p := range s.Resources.Pods {
		pod := core.Pod{TypeMeta: meta.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: meta.ObjectMeta{Namespace: p.Namespace, Name: p.Name, Labels: p.Labels}}
		pod.Status.PodIPs = []core.PodIP{{IP: p.IP}}
		for _, x := range p.Containers {
			pod.Spec.Containers = append(pod.Spec.Containers, core.Container{Name: x.Name, Ports: []core.ContainerPort{
				{Name: x.PortName, ContainerPort: int32(x.Port), Protocol: x.Protocol},
			}})
		}
		write(pod)
		names[p.Namespace+"/"+p.Name] = p.PodString().String()
	}
	for _, p := range s.Policies {
		p := p.DeepCopy()
		p.APIVersion, p.Kind = "networking.k8s.io/v1", "NetworkPolicy"
		write(p)
	}
	c, problems := kube.Read(kube.Stream("case.yaml", &text))
	for _, p := range problems {
		if p.Severity == kube.Error {
			t.Fatal(p)
		}
	}
	workloads := map[string]*kube.Workload{}
	for _, w := range c.Workloads {
		workloads[names[w.Namespace+"/"+w.Name]] = w
	}
	return kube.Compile(c, kube.Assumptions{}), workloads
}

func protocolOf(p core.Protocol) kube.Protocol {
	return map[core.Protocol]kube.Protocol{"": kube.TCP, core.ProtocolTCP: kube.TCP, core.ProtocolUDP: kube.UDP, core.ProtocolSCTP: kube.SCTP}[p]
}

func transport(p kube.Protocol) flowset.Protocol {
	return map[kube.Protocol]flowset.Protocol{kube.TCP: flowset.TCP, kube.UDP: flowset.UDP, kube.SCTP: flowset.SCTP}[p]
}
