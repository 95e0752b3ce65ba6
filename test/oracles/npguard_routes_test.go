package oracles

import (
	"os"
	"regexp"
	"slices"
	"testing"

	networking "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"github.com/sallyport/sallyport/kube"
	"github.com/sallyport/sallyport/profile/flowset"
)

// route is the part of OpenShift's Route that counts here.
type route struct {
	Spec struct {
		To                routeTarget
		AlternateBackends []routeTarget
		Port              struct{ TargetPort intstr.IntOrString }
	}
}

type routeTarget struct{ Kind, Name string }

// backend is a service that an Ingress or a Route leads to, and its port: none for each of its ports.
type backend struct {
	namespace, service string
	port               intstr.IntOrString
}

// routesOf is, for each workload, the ports to which the Ingress and Route objects of a cluster lead: by a service in their namespace, to
// ports that a container declares. Package kube reads no such objects; what is compared is what policies leave of it.
func routesOf(t *testing.T, c *kube.Cluster) map[string]flowset.Transports {
	open := map[string]flowset.Transports{}
	for _, m := range c.Others {
		for _, b := range backends(t, m) {
			for _, s := range c.Services {
				if s.Name == b.service && s.Namespace == b.namespace && len(s.Selector) > 0 {
					for _, w := range c.Workloads {
						open[nameOf(w)] = open[nameOf(w)].Union(through(s, b.port, w))
					}
				}
			}
		}
	}
	return open
}

func backends(t *testing.T, m *kube.Meta) (list []backend) {
	if m.Kind != "Ingress" && m.Kind != "Route" {
		return nil
	}
	text := documentAt(t, m)
	if m.Kind == "Route" {
		var r route
		if err := yaml.Unmarshal(text, &r); err != nil {
			t.Fatal(err)
		}
		for _, to := range append(r.Spec.AlternateBackends, r.Spec.To) {
			if to.Kind == "" || to.Kind == "Service" {
				list = append(list, backend{m.Namespace, to.Name, r.Spec.Port.TargetPort})
			}
		}
		return list
	}
	var in networking.Ingress
	if err := yaml.Unmarshal(text, &in); err != nil {
		t.Fatal(err)
	}
	add := func(b *networking.IngressServiceBackend) {
		if b == nil {
			return
		}
		port := intstr.FromInt32(b.Port.Number)
		if b.Port.Name != "" {
			port = intstr.FromString(b.Port.Name)
		}
		list = append(list, backend{m.Namespace, b.Name, port})
	}
	if b := in.Spec.DefaultBackend; b != nil {
		add(b.Service)
	}
	for _, r := range in.Spec.Rules {
		if r.HTTP != nil {
			for _, p := range r.HTTP.Paths {
				add(p.Backend.Service)
			}
		}
	}
	return list
}

// documentAt is the document of a file in which an object stands.
func documentAt(t *testing.T, m *kube.Meta) []byte {
	data, err := os.ReadFile(m.File)
	if err != nil {
		t.Fatal(err)
	}
	line := 1
	separator := regexp.MustCompile(`(?m)^---.*$`)
	var starts []int
	for _, at := range separator.FindAllIndex(data, -1) {
		starts = append(starts, at[1])
	}
	start, end := 0, len(data)
	for i := range data {
		if line == m.Line {
			for _, s := range starts {
				if s <= i {
					start = s
				} else if end == len(data) {
					end = s
				}
			}
			break
		}
		if data[i] == '\n' {
			line++
		}
	}
	text := data[start:end]
	if end != len(data) {
		at := separator.FindIndex(text)
		text = text[:at[0]]
	}
	return text
}

// through is the ports of a workload to which a port of a service leads.
func through(s *kube.Service, port intstr.IntOrString, w *kube.Workload) (open flowset.Transports) {
	for k, v := range s.Selector {
		if have, there := w.Pod.Labels[k]; !there || have != v {
			return open
		}
	}
	if w.Namespace != s.Namespace {
		return open
	}
	every := port == intstr.IntOrString{} || port == intstr.FromInt32(0)
	for _, p := range s.Ports {
		target := intstr.FromInt32(int32(p.TargetPort.Number))
		if p.TargetPort.Name != "" {
			target = intstr.FromString(p.TargetPort.Name)
		}
		wanted := p.Name != "" && p.Name == port.StrVal || port.IntVal != 0 && int32(p.Port) == port.IntVal || target == port
		if !every && !wanted {
			continue
		}
		number := p.TargetPort.Number
		if p.TargetPort.Name != "" {
			number, _ = w.Pod.NamedPort(p.TargetPort.Name, kube.TCP)
		}
		declared := slices.ContainsFunc(w.Pod.Containers, func(c kube.Container) bool {
			return slices.ContainsFunc(c.Ports, func(p kube.ContainerPort) bool { return p.Number == number })
		})
		if number != 0 && declared {
			open = open.Union(flowset.Transport(flowset.TCP, flowset.Port(number)))
		}
		if !every {
			break
		}
	}
	return open
}
