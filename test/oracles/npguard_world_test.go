package oracles

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/kube"
	"github.com/sallyport/sallyport/profile/flowset"
)

// router is how netpol-analyzer calls the source of what Ingress and Route objects let in.
const router = "{ingress-controller}"

// world is a directory of manifests as we decide it, with the names that netpol-analyzer gives to workloads.
type world struct {
	eval   *kube.Evaluator
	pods   map[string][]*kube.Workload // by name: pods of one owner have one
	names  []string
	ended  map[string]bool               // pods that have run to their end
	routes map[string]flowset.Transports // what Ingress and Route objects lead to
	router *kube.Workload
}

// assumptions are those of netpol-analyzer: that address blocks are not compared with pods' addresses ("assuming that peer of type Pod
// cannot be selected by IPBlock", pkg/netpol/eval/internal/k8s/netpol.go).
var assumptions = kube.Assumptions{BlocksSelectPods: kube.False}

// newWorld reads a source. What netpol-analyzer takes for granted is told to our evaluator: that namespaces which
// no object declares have no labels but their name, and that no address is a node's ("nodes" peers are left out with a warning).
func newWorld(t *testing.T, source kube.Source) *world {
	t.Helper()
	c, _ := kube.Read(source)
	for _, n := range c.Namespaces {
		n.Declared = true
	}
	c.Nodes = []*kube.Node{{Meta: kube.Meta{Kind: "Node", Name: "none"}}}
	w := &world{pods: map[string][]*kube.Workload{}, ended: map[string]bool{}}
	w.routes = routesOf(t, c)
	w.router = &kube.Workload{Meta: kube.Meta{Kind: "Pod", Namespace: "ingress-controller-ns", Name: "ingress-controller"}, Replicas: -1}
	w.router.PodIPs = []netip.Addr{netip.MustParseAddr("192.0.2.1")}
	c.Workloads = append(c.Workloads, w.router)
	c.Namespaces = append(c.Namespaces, &kube.Namespace{Meta: kube.Meta{
		Kind: "Namespace", Name: w.router.Namespace, Labels: kube.Labels{kube.NamespaceNameLabel: w.router.Namespace},
	}, Declared: true})
	w.eval = kube.Compile(c, assumptions)
	for _, x := range w.eval.Workloads() {
		if x == w.router {
			continue
		}
		w.pods[nameOf(x)] = append(w.pods[nameOf(x)], x)
	}
	for _, x := range c.Workloads {
		w.ended[nameOf(x)] = w.ended[nameOf(x)] || x.Ended()
	}
	w.names = slices.Sorted(maps.Keys(w.pods))
	return w
}

// nameOf is "shop/web[Deployment]", with the owner for a pod that has one.
func nameOf(w *kube.Workload) string {
	name, kind := w.Name, w.Kind
	if w.IsPod() && w.Owner.Name != "" && w.Owner.Kind != "Node" {
		name, kind = w.Owner.Name, cmp.Or(w.Owner.Kind, "Pod")
	}
	return fmt.Sprintf("%s/%s[%s]", w.Namespace, name, kind)
}

// unknown complains of names that are expected, and that no workload of ours has.
func (w *world) unknown(t *testing.T, file string, names ...string) {
	t.Helper()
	for _, n := range names {
		if w.pods[n] == nil && n != router && !w.ended[n] {
			t.Errorf("%s: %s is no workload that we know", file, n)
		}
	}
}

// Why verdicts are left out.
const (
	hasEnded      = "a pod that has run to its end, and has no address any more"
	toItself      = "a workload and itself, which netpol-analyzer does not list"
	onHostNetwork = "a pod on the host network, which netpol-analyzer takes for one with a network of its own"
)

// wrongThere are the directories that are left out, and why.
var wrongThere = map[string]string{
	"onlineboutique_with_pods_severe_error": "a file that is no YAML",
	"document_with_syntax_error":            "files that are templates of Helm",
	"anp_test_named_ports_multiple_peers":   "a port by name in a rule for networks, which the CRD forbids",
	"netpol_named_port_test":                "a container's port without its number",
	"netpol_named_port_test_2":              "a container's port without its number",
}

// why is why what goes from one to another is left out.
func (w *world) why(from, to string) string {
	switch {
	case from == to:
		return toItself
	case w.onHost(from) || w.onHost(to):
		return onHostNetwork
	}
	return ""
}

// onHost reports whether pods with a name are on the host network.
func (w *world) onHost(name string) bool {
	return len(w.pods[name]) > 0 && w.pods[name][0].Pod.HostNetwork
}

// sources are the names of what connects: the router only where something leads by way of it.
func (w *world) sources() []string {
	if !w.routed() {
		return w.names
	}
	return append([]string{router}, w.names...)
}

// routed reports whether any Ingress or Route object leads to a workload.
func (w *world) routed() bool {
	for _, t := range w.routes {
		if !t.IsEmpty() {
			return true
		}
	}
	return false
}

// reach is what may go from one to another, and whether that is certain.
func (w *world) reach(from, to string) (flowset.Transports, error) {
	if from == router {
		t, err := w.same([]*kube.Workload{w.router}, w.pods[to])
		return t.Intersect(w.routes[to]), err
	}
	return w.same(w.pods[from], w.pods[to])
}

// same is what may go from any of some pods to any of others, which has to be the same for all.
func (w *world) same(from, to []*kube.Workload) (t flowset.Transports, err error) {
	first := true
	for _, x := range from {
		for _, y := range to {
			r := w.eval.Allowed(x, y)
			switch {
			case r.Certain != r.Possible:
				return t, fmt.Errorf("not certain: %v, or %v", r.Certain, r.Possible)
			case !first && r.Certain != t:
				return t, fmt.Errorf("pods of one owner differ: %v, and %v", t, r.Certain)
			}
			t, first = r.Certain, false
		}
	}
	return t.Intersect(ported), nil
}

// outside is what pods may send to addresses, or get from them: of IPv4, since netpol-analyzer knows no other.
func (w *world) outside(name string, d kube.Direction) (set flowset.Set, err error) {
	four := flowset.Of(flowset.AllIPv4(), ported)
	for i, x := range w.pods[name] {
		s := w.eval.Egress(x)
		if d == kube.Ingress {
			s = kube.EgressSet(w.eval.Ingress(x))
		}
		certain, possible := s.Certain.Intersect(four), s.Possible.Intersect(four)
		switch {
		case !certain.Equal(possible):
			return set, fmt.Errorf("not certain: %v, or %v", certain, possible)
		case i > 0 && !certain.Equal(set):
			return set, fmt.Errorf("pods of one owner differ: %v, and %v", set, certain)
		}
		set = certain
	}
	return set, nil
}

// between is what may go between two pods, or between one and each of some addresses, by their names as netpol-analyzer's engine takes them.
func (w *world) between(from, to string) (t flowset.Transports, err error) {
	name, d, addrs := to, kube.Ingress, addressesNamed(from)
	if addrs.IsEmpty() {
		name, d, addrs = from, kube.Egress, addressesNamed(to)
	}
	if addrs.IsEmpty() {
		return w.same(w.pod(from), w.pod(to))
	}
	set := w.eval.Egress(w.pod(name)[0]).Certain
	if d == kube.Ingress {
		set = w.eval.Ingress(w.pod(name)[0]).Certain
	}
	for first := range addrs.Ranges() {
		t = set.To(first).Intersect(ported)
	}
	if all := flowset.Of(addrs, ported); !set.Intersect(all).Equal(flowset.Of(addrs, t)) {
		err = fmt.Errorf("not the same for all addresses: %v", set)
	}
	return t, err
}

// pod is the pod with a name, "shop/web-1".
func (w *world) pod(name string) []*kube.Workload {
	for _, x := range w.eval.Workloads() {
		if x.Namespace+"/"+x.Name == name {
			return []*kube.Workload{x}
		}
	}
	return nil
}

func addressesNamed(s string) flowset.Addrs {
	if p, err := netip.ParsePrefix(s); err == nil {
		return flowset.AddrsOf(p)
	}
	a, _ := netip.ParseAddr(s)
	return flowset.AddrOf(a)
}

// shortNames are a name without its kind, and without its namespace.
func shortNames(name string) (short, long string) {
	long, _, _ = strings.Cut(name, "[")
	_, short, _ = strings.Cut(long, "/")
	if name == router {
		return "ingress-controller", "ingress-controller"
	}
	return short, long
}
