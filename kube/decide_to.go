package kube

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/profile/flowset"
)

// addr decides for an address: that of a service, a pod, a node, or something outside.
func (q *question) addr(a netip.Addr) Decision {
	a = a.Unmap().WithZone("")
	q.direct = true
	if services := q.e.vips[a]; len(services) > 0 {
		return q.servicesAt(services, a)
	}
	to := q.e.endAt(a)
	if to.pod != nil {
		if to.pod.Broken() {
			return q.pod(to.pod)
		}
		return q.families(to)
	}
	if to.node != nil {
		if to.node.Broken() {
			at := to.node.Errors[0]
			return undecided(Reason{Pos: at.Pos, Field: to.node.String(), Words: at.What})
		}
		if s, p := q.nodePort(); s != nil {
			return q.throughNode(s, p, to)
		}
	}
	return q.families(to)
}

// name decides for a DNS name: one of the cluster's own, or one outside.
func (q *question) name(name string) Decision {
	if to, ok := q.e.Resolve(name); ok {
		return q.destination(to)
	}
	to := end{name: strings.ToLower(strings.TrimSuffix(name, ".")), addrs: flowset.AllAddrs()}
	if strings.HasSuffix(to.name, ".svc.cluster.local") || strings.HasSuffix(to.name, ".svc") {
		return undecided(Reason{Field: name, Words: "a name of the cluster's DNS, for which no object was given"})
	}
	if q.from.pod != nil && q.from.pod.known {
		to.addrs = flowset.Addrs{}
		for _, all := range []flowset.Addrs{flowset.AllIPv4(), flowset.AllIPv6()} {
			if q.from.addrs.Overlaps(all) {
				to.addrs = to.addrs.Union(all)
			}
		}
	}
	return q.families(to)
}

// Resolve is what a name of the cluster's DNS stands for: SERVICE.NAMESPACE, with or without ".svc" and ".svc.cluster.local", and
// POD.SERVICE.NAMESPACE of a headless service. Other names are not of the cluster.
func (e *Evaluator) Resolve(name string) (Destination, bool) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	name = strings.TrimSuffix(name, ".cluster.local")
	labels := strings.Split(strings.TrimSuffix(name, ".svc"), ".")
	var pod string
	if len(labels) == 3 {
		pod, labels = labels[0], labels[1:]
	}
	if len(labels) != 2 {
		return Destination{}, false
	}
	i := slices.IndexFunc(e.cluster.Services, func(s *Service) bool { return s.Name == labels[0] && s.Namespace == labels[1] })
	if i < 0 {
		return Destination{}, false
	}
	if pod == "" {
		return Destination{Service: e.cluster.Services[i]}, true
	}
	w, _ := e.cluster.Workload("Pod", labels[1], pod)
	return Destination{Workload: w}, w != nil
}
