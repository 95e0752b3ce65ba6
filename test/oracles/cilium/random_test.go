package cilium

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/labels"
	"github.com/cilium/cilium/pkg/policy/api"
	"github.com/cilium/cilium/pkg/policy/types"
	"sigs.k8s.io/yaml"

	"github.com/sallyport/sallyport/kube"
)

type object = map[string]any

// world makes clusters at random, as manifests that both engines read.
type world struct {
	*rand.Rand
	manifests []string
	engine    *engine
	pods      []podOf
	groups    []object
	policies  []string
	host      bool // a spec for nodes is made, which have no such rules
}

type podOf struct{ namespace, name, node string }

func (w *world) pick(words ...string) string { return words[w.IntN(len(words))] }

func (w *world) some(words ...string) []string {
	var out []string
	for _, x := range words {
		if w.IntN(2) == 0 {
			out = append(out, x)
		}
	}
	if out == nil {
		return words[:1]
	}
	return out
}

func (w *world) write(o object) string {
	text, err := yaml.Marshal(o)
	if err != nil {
		panic(err)
	}
	w.manifests = append(w.manifests, string(text))
	return string(text)
}

var prefixes = []string{"10.0.0.0/8", "10.9.0.0/16", "0.0.0.0/0", "198.51.100.0/24", "198.51.100.7/32", "203.0.113.0/24", "192.0.2.0/24", "::/0", "2001:db8::/32"}

// outside are addresses that no pod and no node has. The API server is at one of them.
var outside = []string{"198.51.100.7", "198.51.100.200", "10.9.9.9", "10.1.1.1", "203.0.113.50", "2001:db8::7", "2001:db9::7"}

const apiServer = "203.0.113.6"

func newWorld(seed uint64) *world {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 7)), engine: newEngine()}
	e := w.engine
	spaces := map[string]namespace{}
	for _, name := range []string{"ns0", "ns1"} {
		n := namespace{name, map[string]string{"kubernetes.io/metadata.name": name, "team": w.pick("a", "b")}}
		spaces[name] = n
		w.write(object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": name, "labels": n.labels}})
	}
	for i, name := range []string{"node0", "node1"} {
		w.write(object{
			"apiVersion": "v1", "kind": "Node", "metadata": object{"name": name, "labels": object{"zone": name}},
			"status": object{"addresses": []object{
				{"type": "InternalIP", "address": fmt.Sprintf("192.0.2.%d", i+1)}, {"type": "InternalIP", "address": fmt.Sprintf("fd01::%d", i+1)},
			}},
		})
	}
	w.write(object{
		"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
		"metadata":  object{"name": "kubernetes", "namespace": "default", "labels": object{"kubernetes.io/service-name": "kubernetes"}},
		"endpoints": []object{{"addresses": []string{apiServer}}},
	})
	for i := range 4 {
		p := podOf{w.pick("ns0", "ns1"), fmt.Sprint("p", i), w.pick("node0", "node1")}
		own := map[string]string{"app": w.pick("x", "y", "z")}
		if w.IntN(2) == 0 {
			own["pod-template-hash"], own["app.kubernetes.io/name"] = "x", w.pick("a", "b")
		}
		account := w.pick("default", "robot")
		number := 80 + w.IntN(2)
		w.write(object{
			"apiVersion": "v1", "kind": "Pod", "metadata": object{"name": p.name, "namespace": p.namespace, "labels": own},
			"spec": object{"nodeName": p.node, "serviceAccountName": account, "containers": []object{{
				"name": "c", "ports": []object{{"name": "web", "containerPort": number}},
			}}},
			"status": object{"podIPs": []object{{"ip": fmt.Sprintf("10.0.0.%d", 10+i)}, {"ip": fmt.Sprintf("fd00::%d", 10+i)}}},
		})
		e.pod(p.name, spaces[p.namespace], own, account, map[string]uint16{"web/TCP": uint16(number)})
		w.pods = append(w.pods, p)
	}
	w.write(object{
		"apiVersion": "v1", "kind": "Pod", "metadata": object{"name": "agent", "namespace": "ns0", "labels": object{"app": "x"}},
		"spec": object{"nodeName": "node0", "hostNetwork": true, "containers": []object{{"name": "c"}}},
	})
	host := labels.NewFrom(labels.LabelHost)
	host.MergeLabels(labels.Map2Labels(map[string]string{"zone": "node0"}, labels.LabelSourceNode)) // the policies of node0 are asked
	e.add("host", identity.ReservedIdentityHost, host)
	e.add("remote", identity.ReservedIdentityRemoteNode, labels.LabelRemoteNode)
	w.groups = append(w.groups, w.group("g0", "10.0.0.0/8"), w.group("g1", "198.51.100.0/24"), w.group("g2", "198.51.100.7/32"))
	w.addresses()
	w.services()
	for range 1 + w.IntN(4) {
		w.policies = append(w.policies, w.write(w.policy(len(w.policies))))
	}
	return w
}

// services are one that selects pods, and one that leads outside.
func (w *world) services() {
	selector := map[string]string{"app": "x"}
	w.write(object{"apiVersion": "v1", "kind": "Service", "metadata": object{"name": "x", "namespace": "ns0", "labels": object{"tier": "a"}}, "spec": object{"selector": selector}})
	w.engine.service("ns0", "x", map[string]string{"tier": "a"}, selector)
	w.write(object{"apiVersion": "v1", "kind": "Service", "metadata": object{"name": "out", "namespace": "ns1", "labels": object{"tier": "b"}}, "spec": object{}})
	w.write(object{
		"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
		"metadata":  object{"name": "out-1", "namespace": "ns1", "labels": object{"kubernetes.io/service-name": "out"}},
		"endpoints": []object{{"addresses": []string{"10.9.9.9"}}, {"addresses": []string{"10.0.0.10"}}}, // the second is a pod, which is in no CIDR
	})
	w.engine.service("ns1", "out", map[string]string{"tier": "b"}, nil, "10.9.9.9", "10.0.0.10")
}

func (w *world) toService() object {
	if w.IntN(2) == 0 {
		s := []object{{"serviceName": "x", "namespace": "ns0"}, {"serviceName": "x"}, {"serviceName": "out", "namespace": "ns1"}}[w.IntN(3)]
		return object{"k8sService": s}
	}
	s := []object{
		{"selector": object{}},
		{"selector": object{"matchLabels": object{"tier": "a"}}},
		{"selector": object{"matchLabels": object{"k8s:tier": "b"}}, "namespace": "ns1"},
		{"selector": object{"matchExpressions": []object{{"key": "tier", "operator": "NotIn", "values": []string{"a"}}}}},
	}[w.IntN(4)]
	return object{"k8sServiceSelector": s}
}

func (w *world) group(name, cidr string) object {
	o := object{
		"apiVersion": "cilium.io/v2", "kind": "CiliumCIDRGroup",
		"metadata": object{"name": name, "labels": map[string]string{w.pick("env", "zone"): w.pick("a", "b")}},
		"spec":     object{"externalCIDRs": []string{cidr}},
	}
	w.write(o)
	return o
}

// addresses gives those outside the labels of the CIDRs and groups that hold them (cidrsAndLabelsForCIDRGroup in pkg/policy/k8s).
func (w *world) addresses() {
	var all []netip.Prefix
	for _, p := range append([]string{"10.9.9.9/32"}, prefixes...) {
		all = append(all, netip.MustParsePrefix(p))
	}
	for _, s := range append([]string{apiServer}, outside...) {
		a := netip.MustParseAddr(s)
		more := labels.Labels{}
		if s == apiServer {
			more.MergeLabels(labels.LabelKubeAPIServer)
		}
		for _, g := range w.groups {
			if !netip.MustParsePrefix(g["spec"].(object)["externalCIDRs"].([]string)[0]).Contains(a) {
				continue
			}
			meta := g["metadata"].(object)
			for k, v := range meta["labels"].(map[string]string) {
				l := labels.NewLabel(k, v, labels.LabelSourceCIDRGroup)
				more[l.Key] = l
				encoded := labels.EncodedCIDRGroupLabel(l.Key, l.Value, l.Source)
				more[encoded.Key] = encoded
			}
			ref := api.LabelForCIDRGroupRef(meta["name"].(string))
			more[ref.Key] = ref
		}
		w.engine.address(a, all, more)
	}
}

func (w *world) policy(i int) object {
	meta := object{"name": fmt.Sprint("o", i), "namespace": w.pick("ns0", "ns1")}
	o := object{"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": meta}
	switch w.IntN(4) {
	case 0:
		return object{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta, "spec": w.networkPolicy()}
	case 1:
		o["kind"] = "CiliumClusterwideNetworkPolicy"
		delete(meta, "namespace")
	}
	wide := o["kind"] == "CiliumClusterwideNetworkPolicy"
	if w.IntN(4) == 0 {
		o["specs"] = []object{w.spec(wide), w.spec(wide)}
	} else {
		o["spec"] = w.spec(wide)
	}
	return o
}

func (w *world) spec(wide bool) object {
	s := object{"endpointSelector": w.selector(false)}
	if w.host = wide && w.IntN(3) == 0; w.host {
		s = object{"nodeSelector": []object{{}, {"matchLabels": object{"zone": "node0"}}, {"matchLabels": object{"zone": "node1"}}}[w.IntN(3)]}
	}
	for _, d := range []string{"ingress", "egress"} {
		if w.IntN(3) > 0 {
			s[d] = w.rules(d, false)
		}
		if w.IntN(4) == 0 {
			s[d+"Deny"] = w.rules(d, true)
		}
	}
	if len(s) == 1 || w.IntN(8) == 0 {
		s["ingress"] = []object{{}}
	}
	if w.IntN(4) == 0 {
		s["enableDefaultDeny"] = object{w.pick("ingress", "egress"): w.IntN(3) > 0}
	}
	return s
}

func (w *world) selector(peer bool) object {
	match, expressions := object{}, []object{}
	add := func(key string, values ...string) {
		switch w.IntN(5) {
		case 0:
			expressions = append(expressions, object{"key": key, "operator": "In", "values": w.some(values...)})
		case 1:
			expressions = append(expressions, object{"key": key, "operator": "NotIn", "values": w.some(values...)})
		case 2:
			expressions = append(expressions, object{"key": key, "operator": w.pick("Exists", "DoesNotExist")})
		default:
			match[key] = w.pick(values...)
		}
	}
	if w.IntN(3) > 0 {
		add(w.pick("app", "k8s:app", "any:app"), "x", "y", "z")
	}
	switch w.IntN(12) {
	case 0:
		add(w.pick("", "k8s:", "any:")+"io.kubernetes.pod.namespace", "ns0", "ns1")
	case 1:
		add(w.pick("", "k8s:", "any:")+"io.cilium.k8s.namespace.labels.team", "a", "b")
	case 2:
		add("io.cilium.k8s.policy.serviceaccount", "default", "robot")
	case 3:
		add("pod-template-hash", "x")
	case 4:
		add("app.kubernetes.io/name", "a", "b")
	case 5:
		add("reserved:"+w.pick("host", "remote-node", "kube-apiserver", "health", "init"), "")
	case 6:
		add("container:app", "x")
	}
	o := object{}
	if len(match) > 0 {
		o["matchLabels"] = match
	}
	if len(expressions) > 0 {
		o["matchExpressions"] = expressions
	}
	return o
}

func (w *world) rules(d string, deny bool) []object {
	var out []object
	for range 1 + w.IntN(2) {
		out = append(out, w.rule(d, deny))
	}
	return out
}

func (w *world) rule(d string, deny bool) object {
	r := object{}
	side := map[string]string{"ingress": "from", "egress": "to"}[d]
	switch w.IntN(8) {
	case 7:
		if d == "egress" && !deny {
			r["toServices"] = []object{w.toService()}
			if w.IntN(2) == 0 {
				r["toServices"] = []object{w.toService(), w.toService()}
			}
		}
	case 0, 1:
		var list []object
		for range w.IntN(3) {
			list = append(list, w.selector(true))
		}
		if list == nil {
			list = []object{}
		}
		r[side+"Endpoints"] = list
	case 2:
		r[side+"Entities"] = w.some("all", "world", "cluster", "cluster-mesh", "host", "remote-node", "kube-apiserver", "none", "health", "init", "ingress", "unmanaged")[:1]
	case 3:
		r[side+"CIDR"] = w.some(prefixes...)
	case 4:
		set := object{"cidr": w.pick("10.0.0.0/8", "198.51.100.0/24", "0.0.0.0/0", "2001:db8::/32")}
		switch w.IntN(4) {
		case 0:
			set = object{"cidrGroupRef": w.pick("g0", "g1", "g2")}
		case 1:
			s := object{"matchExpressions": []object{{"key": w.pick("env", "zone"), "operator": w.pick("In", "NotIn"), "values": []string{w.pick("a", "b")}}}}
			set = object{"cidrGroupSelector": s}
		case 2:
			set = object{"cidr": "0.0.0.0/0", "except": w.some("10.9.0.0/16", "198.51.100.0/24")}
		}
		r[side+"CIDRSet"] = []object{set}
	}
	if w.IntN(2) == 0 {
		r["toPorts"] = w.ports()
		if !deny && !w.host && w.IntN(4) == 0 { // what narrows a connection does not refuse it
			r["toPorts"] = []object{{"ports": []object{{"port": w.pick("80", "web"), "protocol": "TCP"}}, "rules": object{"http": []object{{"method": "GET"}}}}}
		}
	} else if w.IntN(12) == 0 {
		r["icmps"] = []object{{"fields": []object{{"type": 8}}}}
	}
	return r
}

func (w *world) ports() []object {
	var out []object
	for range 1 + w.IntN(2) {
		var list []object
		for range 1 + w.IntN(2) {
			p := object{"port": w.pick("80", "81", "web", "0")}
			if protocol := w.pick("TCP", "UDP", "SCTP", "ANY", ""); protocol != "" {
				p["protocol"] = protocol
			}
			if p["port"] != "web" && w.IntN(4) == 0 {
				p["endPort"] = 80 + w.IntN(12)
			}
			list = append(list, p)
		}
		out = append(out, object{"ports": list})
	}
	return out
}

func (w *world) networkPolicy() object {
	plain := func(key string, values ...string) object {
		switch w.IntN(4) {
		case 0:
			return object{}
		case 1:
			return object{"matchExpressions": []object{{"key": key, "operator": w.pick("Exists", "DoesNotExist")}}}
		case 2:
			return object{"matchExpressions": []object{{"key": key, "operator": w.pick("In", "NotIn"), "values": w.some(values...)}}}
		}
		return object{"matchLabels": object{key: w.pick(values...)}}
	}
	s := object{"podSelector": plain("app", "x", "y")}
	if w.IntN(2) == 0 {
		s["policyTypes"] = w.some("Ingress", "Egress")
	}
	for d, side := range map[string]string{"ingress": "from", "egress": "to"} {
		var rules []object
		for range w.IntN(3) {
			r := object{}
			var peers []object
			for range w.IntN(3) {
				p := object{}
				switch w.IntN(4) {
				case 0:
					p["ipBlock"] = object{"cidr": "10.0.0.0/8", "except": []string{"10.9.0.0/16"}}
				case 1:
					p["namespaceSelector"] = plain("team", "a", "b")
				case 2:
					p["namespaceSelector"], p["podSelector"] = plain("team", "a", "b"), plain("app", "x", "z")
				default:
					p["podSelector"] = plain("app", "x", "z")
				}
				peers = append(peers, p)
			}
			if peers != nil {
				r[side] = peers
			}
			if w.IntN(3) == 0 {
				p := object{"port": 80 + w.IntN(2), "protocol": w.pick("TCP", "UDP", "SCTP")}
				if w.IntN(4) == 0 {
					p["port"] = "web"
				} else if w.IntN(4) == 0 {
					p["endPort"] = 90
				}
				r["ports"] = []object{p}
			}
			rules = append(rules, r)
		}
		if rules != nil {
			s[d] = rules
		}
	}
	return s
}

// clusters is how many TestRandom makes: each takes some 0.3 s. docs/conformance.md is of 120.
var clusters = flag.Int("clusters", 30, "how many clusters to make at random")

// TestRandom asks both engines about clusters made at random: every pod to every pod, to and from addresses outside, and nodes.
func TestRandom(t *testing.T) {
	configure(t)
	seeds := uint64(*clusters)
	agreed := map[kube.Verdict]int{}
	for seed := range seeds {
		w := newWorld(seed)
		text := strings.Join(w.manifests, "---\n")
		c, problems := kube.Read(kube.Stream("random.yaml", strings.NewReader(text)))
		for _, p := range problems {
			if p.Severity == kube.Error {
				t.Fatalf("seed %d: %s\n%s", seed, p.Error(), strings.Join(w.policies, "---\n"))
			}
		}
		for _, p := range w.policies {
			if err := w.engine.apply(p); err != nil {
				t.Fatalf("seed %d: Cilium refuses %v:\n%s", seed, err, p)
			}
		}
		ours := kube.Compile(c, kube.Assumptions{})
		workload := map[string]*kube.Workload{}
		for _, x := range c.Workloads {
			workload[x.Name] = x
		}
		// check compares: a to b is the flow to Cilium where it leaves, c to d where it arrives. Empty is where nothing is asked. Whether policies for
		// nodes are in force we don't know: what they deny is undecidable.
		check := func(from kube.Origin, to kube.Destination, a, b, c, d string) {
			for _, protocol := range []string{"TCP", "UDP", "SCTP"} {
				for _, port := range []uint16{80, 81, 85, 443} {
					want := kube.Allowed
					if a != "" && w.engine.decide(t, a, b, protocol, port).Egress == types.DecisionDenied {
						want = kube.Denied
						if a == "host" {
							want = kube.Undecidable
						}
					}
					if want != kube.Denied && c != "" && w.engine.decide(t, c, d, protocol, port).Ingress == types.DecisionDenied {
						want = kube.Denied
						if d == "host" {
							want = kube.Undecidable
						}
					}
					got := ours.Decide(from, to, map[string]kube.Protocol{"TCP": kube.TCP, "UDP": kube.UDP, "SCTP": kube.SCTP}[protocol], port)
					if got.Verdict != want {
						t.Fatalf("seed %d: %s to %s, %s to %s %s/%d: got %v, Cilium says %v\n%v\n%v\n%s", seed, a, b, c, d, protocol, port, got.Verdict, want, got.Chain, got.Reasons, strings.Join(w.policies, "---\n"))
					}
					agreed[want]++
				}
			}
		}
		agent := kube.Origin{Workload: workload["agent"]}
		for _, p := range w.pods {
			here := kube.Origin{Workload: workload[p.name]}
			for _, q := range w.pods {
				if p != q {
					check(here, kube.Destination{Workload: workload[q.name]}, p.name, q.name, p.name, q.name)
				}
			}
			for _, s := range append([]string{apiServer}, outside...) {
				a := netip.MustParseAddr(s)
				check(here, kube.Destination{Addr: a}, p.name, s, "", "")
				check(kube.Origin{Addr: a}, kube.Destination{Workload: workload[p.name]}, "", "", s, p.name)
			}
			seen := "remote" // what node0 is to the pod
			if p.node == "node0" {
				seen = "host"
			}
			check(here, kube.Destination{Addr: netip.MustParseAddr("192.0.2.1")}, p.name, seen, p.name, "host")
			check(here, kube.Destination{Workload: workload["agent"]}, p.name, seen, p.name, "host")
			check(agent, kube.Destination{Workload: workload[p.name]}, "host", p.name, seen, p.name)
			check(kube.Origin{Addr: netip.MustParseAddr("192.0.2.1")}, kube.Destination{Workload: workload[p.name]}, "host", p.name, seen, p.name)
		}
		for _, s := range append([]string{apiServer}, outside...) {
			a := netip.MustParseAddr(s)
			check(agent, kube.Destination{Addr: a}, "host", s, "", "")
			check(kube.Origin{Addr: a}, kube.Destination{Workload: workload["agent"]}, "", "", s, "host")
		}
	}
	t.Logf("Cilium v1.20.2: %d clusters: %d verdicts agreed (%d allowed, %d denied, %d undecidable: the host firewall), 0 disagreed",
		seeds, agreed[kube.Allowed]+agreed[kube.Denied]+agreed[kube.Undecidable], agreed[kube.Allowed], agreed[kube.Denied], agreed[kube.Undecidable])
	if agreed[kube.Allowed] < int(seeds)*100 || agreed[kube.Denied] < int(seeds)*100 {
		t.Errorf("too few of %v: the clusters are too much alike", agreed)
	}
}
