package kube

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/sallyport/sallyport/profile/flowset"
)

// TestAgree compares the two ways of deciding, which share no code but the matching of peers: the walk through the tiers for one
// connection, and the programs for all at once. Clusters are made at random from few labels, ports and blocks, so that
// rules meet.
func TestAgree(t *testing.T) {
	seeds := uint64(2400)
	if testing.Short() {
		seeds = 80
	}
	seen, byLayer := map[Verdict]int{}, map[Layer]int{}
	count := func(d Decision) {
		seen[d.Verdict]++
		for _, c := range d.Chain {
			if c.Decides && c.Says == Denies {
				byLayer[c.Layer]++
			}
		}
	}
	for seed := range seeds {
		g := generator{rand.New(rand.NewPCG(seed, 1))}
		c := g.cluster()
		switch seed % 3 {
		case 1:
			g.calico(c)
		case 2:
			g.cilium(c)
		}
		e := Compile(c, Assumptions{})
		work := e.Workloads()
		var rows int
		for row := range e.Matrix() {
			rows++
			from := flowset.Peer(slices.Index(work, row.From))
			outside, inside := e.Egress(row.From), e.Ingress(row.From)
			apart := e.Outside(row.From)
			for i, to := range work {
				reach := row.Reach[i]
				if a := e.Allowed(row.From, to); a != *reach {
					t.Fatalf("seed %d: %v to %v: Allowed says %v, the matrix %v", seed, row.From, to, a, *reach)
				}
				sources := e.Ingress(to)
				both := Reach{outside.Certain.ToPeer(flowset.Peer(i)), outside.Possible.ToPeer(flowset.Peer(i))}.
					Intersect(Reach{sources.Certain.ToPeer(from), sources.Possible.ToPeer(from)})
				if both != *reach {
					t.Fatalf("seed %d: %v to %v: the sets of both together say %v, the matrix %v", seed, row.From, to, both, *reach)
				}
				if i == 0 && row.From == to {
					continue
				}
				for _, port := range []uint16{53, 80, 81, 90, 65535} {
					protocol := Protocol(g.IntN(3))
					d := e.Decide(Origin{Workload: row.From}, Destination{Workload: to}, protocol, port)
					count(d)
					want := verdictOf(*reach, protocol, port)
					if d.Verdict == Partly || want == Undecidable && e.byObject[row.From].family|e.byObject[to].family == ipv4|ipv6 {
						continue // the families, or pods of a template, differ: for all at once that is not certain
					}
					if d.Verdict != want {
						t.Fatalf("seed %d: %v to %v %v/%d: decision %v, the matrix says %v\n%v\n%v", seed, row.From, to, protocol, port, d.Verdict, want, d.Chain, d.Reasons)
					}
				}
			}
			for _, s := range []string{"10.0.0.0", "10.9.9.9", "10.0.1.200", "192.0.2.1", "192.0.2.200", "255.255.255.255"} {
				a := netip.MustParseAddr(s)
				x := e.endAt(a)
				if x.pod != nil || e.calico.holdsAddr(&x) != nil { // the set is about egress alone
					continue
				}
				protocol, port := Protocol(g.IntN(3)), []uint16{53, 80, 81, 82}[g.IntN(4)]
				d := e.Decide(Origin{Workload: row.From}, Destination{Addr: a}, protocol, port)
				count(d)
				want := verdictOf(Reach{outside.Certain.To(a), outside.Possible.To(a)}, protocol, port)
				if e.cilium != nil && e.nodes[a] != nil && len(c.Unread) == 0 { // a node may have rules about its ingress, too
					d.Verdict = d.Egress
				}
				if d.Verdict != want && (want != Undecidable || e.byObject[row.From].family != ipv4|ipv6) {
					t.Fatalf("seed %d: %v to %v %v/%d: decision %v, the set says %v\n%v", seed, row.From, a, protocol, port, d.Verdict, want, d.Chain)
				}
				d = e.Decide(Origin{Addr: a}, Destination{Workload: row.From}, protocol, port)
				want = verdictOf(Reach{inside.Certain.To(a), inside.Possible.To(a)}, protocol, port)
				if e.cilium != nil && e.nodes[a] != nil && len(c.Unread) == 0 { // a node may have rules about its egress, too
					d.Verdict = d.Ingress
				}
				if d.Verdict != want && (want != Undecidable || e.byObject[row.From].family != ipv4|ipv6) {
					t.Fatalf("seed %d: %v to %v %v/%d: decision %v, the set says %v\n%v", seed, a, row.From, protocol, port, d.Verdict, want, d.Chain)
				}
				if !apart.To.Certain.To(a).Equal(outside.Certain.To(a)) || !apart.To.Possible.To(a).Equal(outside.Possible.To(a)) {
					t.Fatalf("seed %d: %v to %v: Outside says %v, Egress %v", seed, row.From, a, apart.To, outside)
				}
				if !apart.From.Certain.To(a).Equal(inside.Certain.To(a)) || !apart.From.Possible.To(a).Equal(inside.Possible.To(a)) {
					t.Fatalf("seed %d: %v from %v: Outside says %v, Ingress %v", seed, row.From, a, apart.From, inside)
				}
				if e.cilium != nil && e.nodes[a] != nil {
					continue
				}
				for _, share := range e.DecidePorts(Origin{Workload: row.From}, Destination{Addr: a}, AnyProtocol) {
					for p, ports := range share.Transports.All() {
						for first, last := range ports.Ranges() {
							for _, port := range []uint16{max(first, 1), last} {
								if v := verdictOf(Reach{outside.Certain.To(a), outside.Possible.To(a)}, Protocol(p), port); v != share.Verdict && (v != Undecidable || e.byObject[row.From].family != ipv4|ipv6) {
									t.Fatalf("seed %d: %v to %v %v/%d: DecidePorts says %v, the set %v", seed, row.From, a, p, port, share.Verdict, v)
								}
							}
						}
					}
				}
			}
		}
		groups := e.Alike()
		for row := range e.GroupMatrix() {
			for i, to := range groups {
				a, b := row.From[len(row.From)-1], to[0]
				if a.Pod.HostNetwork || b.Pod.HostNetwork || a == b {
					continue // itself, and its node
				}
				if want := e.Allowed(a, b); *row.Reach[i] != want {
					t.Fatalf("seed %d: %v to %v: the groups' matrix says %v, Allowed %v", seed, a, b, *row.Reach[i], want)
				}
			}
		}
		if rows != len(work) {
			t.Fatalf("seed %d: %d rows for %d workloads", seed, rows, len(work))
		}
	}
	for _, l := range []Layer{EgressFirewallLayer, EgressNetworkPolicyLayer, MeshLayer} {
		if byLayer[l] < int(seeds)/4 && !testing.Short() {
			t.Errorf("the layer %v denied only %d times", l, byLayer[l])
		}
	}
	for _, v := range []Verdict{Allowed, Denied, Undecidable} {
		if seen[v] < int(seeds) {
			t.Errorf("only %d of %v: the clusters are too much alike", seen[v], v)
		}
	}
}

func verdictOf(r Reach, p Protocol, port uint16) Verdict {
	switch {
	case r.Certain.Contains(p.transport(), port):
		return Allowed
	case !r.Possible.Contains(p.transport(), port):
		return Denied
	}
	return Undecidable
}

// generator makes clusters.
type generator struct{ *rand.Rand }

func (g generator) pick(words ...string) string { return words[g.IntN(len(words))] }

func (g generator) cluster() *Cluster {
	c := &Cluster{}
	for i := range 1 + g.IntN(3) {
		name := fmt.Sprint("ns", i)
		n := &Namespace{Meta: Meta{Kind: "Namespace", Name: name, Labels: Labels{NamespaceNameLabel: name}}, Declared: g.IntN(5) > 0}
		if n.Declared {
			n.Labels["team"] = g.pick("a", "b")
		}
		c.Namespaces = append(c.Namespaces, n)
	}
	for i := range 2 {
		n := &Node{Meta: Meta{Kind: "Node", Name: fmt.Sprint("node", i), Labels: Labels{"zone": g.pick("a", "b")}}}
		n.Addresses = []NodeAddress{{Type: "InternalIP", Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)})}}
		c.Nodes = append(c.Nodes, n)
	}
	for i := range 2 + g.IntN(6) {
		w := &Workload{Meta: Meta{Kind: g.pick("Pod", "Pod", "Deployment"), Namespace: c.Namespaces[g.IntN(len(c.Namespaces))].Name, Name: fmt.Sprint("w", i)}, Replicas: -1}
		w.Pod.Labels = Labels{"app": g.pick("x", "y", "z")}
		w.Pod.Containers = []Container{{Ports: []ContainerPort{{Name: "web", Number: uint16(80 + g.IntN(2)), Protocol: Protocol(g.IntN(2))}}}}
		if w.IsPod() {
			w.Pod.NodeName = g.pick("node0", "node1")
			w.PodIPs = []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(g.IntN(2)), byte(10 + i)})}
			if g.IntN(8) == 0 {
				w.PodIPs[0] = netip.MustParseAddr(fmt.Sprintf("fd00::%d", i+1))
			}
		}
		if g.IntN(8) == 0 {
			w.Pod.HostNetwork, w.PodIPs = true, nil
		}
		if g.IntN(30) == 0 {
			w.Errors = []Problem{{Severity: Error, What: "broken for the test"}}
		}
		c.Workloads = append(c.Workloads, w)
	}
	if g.IntN(40) == 0 {
		c.Unread = []Problem{{Severity: Error, What: "unread for the test"}}
	}
	for i := range g.IntN(5) {
		p := &NetworkPolicy{Meta: Meta{Kind: "NetworkPolicy", Namespace: c.Namespaces[g.IntN(len(c.Namespaces))].Name, Name: fmt.Sprint("p", i)}, PodSelector: g.selector("app", "x", "y")}
		for range g.IntN(3) {
			p.Ingress = append(p.Ingress, g.rule())
		}
		for range g.IntN(3) {
			p.Egress = append(p.Egress, g.rule())
		}
		if g.IntN(30) == 0 {
			p.Errors = []Problem{{Severity: Error, What: "broken for the test"}}
		}
		c.NetworkPolicies = append(c.NetworkPolicies, p)
	}
	for i := range g.IntN(5) {
		p := &AdminPolicy{Meta: Meta{Kind: "ClusterNetworkPolicy", Name: fmt.Sprint("a", i)}, Tier: Tier(g.IntN(2)), Priority: g.IntN(3), Subject: g.adminPeer(2)}
		for range g.IntN(3) {
			p.Ingress = append(p.Ingress, g.adminRule(2))
		}
		for range g.IntN(3) {
			p.Egress = append(p.Egress, g.adminRule(5))
		}
		c.AdminPolicies = append(c.AdminPolicies, p)
	}
	g.firewalls(c)
	g.mesh(c)
	return c
}

// mesh puts Istio on some clusters.
func (g generator) mesh(c *Cluster) {
	if g.IntN(2) == 0 {
		return
	}
	space := func() string { return c.Namespaces[g.IntN(len(c.Namespaces))].Name }
	for _, n := range c.Namespaces {
		if n.Declared && g.IntN(2) == 0 {
			n.Labels["istio-injection"] = g.pick("enabled", "enabled", "disabled")
		} else if n.Declared && g.IntN(8) == 0 {
			n.Labels["istio.io/dataplane-mode"] = "ambient"
		}
	}
	for _, w := range c.Workloads {
		if w.IsPod() && g.IntN(2) == 0 {
			w.Pod.Containers = append(w.Pod.Containers, Container{Name: "istio-proxy"})
		}
		const prefix = "traffic.sidecar.istio.io/"
		w.Pod.Annotations = map[string]string{}
		for _, a := range [][2]string{{"excludeOutboundPorts", "81"}, {"excludeOutboundIPRanges", "10.0.0.0/24"}, {"includeOutboundIPRanges", "10.0.0.0/8,192.0.2.0/25"}, {"includeOutboundPorts", "80"}, {"excludeInboundPorts", "90"}} {
			if g.IntN(8) == 0 {
				w.Pod.Annotations[prefix+a[0]] = a[1]
			}
		}
	}
	for range g.IntN(4) - 1 {
		c.Mesh.Configs = append(c.Mesh.Configs, &MeshConfig{Meta: Meta{Kind: "ConfigMap", Namespace: "istio-system", Name: "istio"}, Policy: RegistryOnly, RootNamespace: "istio-system"})
	}
	for i := range g.IntN(4) {
		s := &Service{Meta: Meta{Kind: "Service", Namespace: space(), Name: fmt.Sprint("s", i)}, Selector: Labels{"app": g.pick("x", "y")}, Headless: g.IntN(3) == 0}
		s.Ports = []ServicePort{{Port: 80, TargetPort: PortRef{Number: uint16(80 + g.IntN(2))}}, {Port: 90, TargetPort: PortRef{Name: "web"}}, {Port: 53, Protocol: UDP}}
		if g.IntN(4) == 0 {
			s.Annotations = map[string]string{"networking.istio.io/exportTo": g.pick(".", "~", "ns0")}
		}
		c.Services = append(c.Services, s)
	}
	for i := range g.IntN(3) {
		s := &MeshSidecar{Meta: Meta{Kind: "Sidecar", Namespace: g.pick(space(), space(), "istio-system"), Name: fmt.Sprint("sc", i)}}
		if g.IntN(2) == 0 {
			s.Selector = Labels{"app": g.pick("x", "y")}
		}
		s.Policy = TrafficPolicy(g.IntN(4))
		for range g.IntN(3) {
			e := SidecarEgress{Odd: g.IntN(10) == 0, Port: uint16([]int{0, 0, 80, 90}[g.IntN(4)])}
			for range 1 + g.IntN(2) {
				e.Hosts = append(e.Hosts, SidecarHost{Namespace: g.pick(".", "*", "~", space()), Name: g.pick("*", "*.svc.cluster.local", "s0.ns0.svc.cluster.local", "ext.example.org")})
			}
			s.Egress = append(s.Egress, e)
		}
		if g.IntN(20) == 0 {
			s.Errors = []Problem{{Severity: Error, What: "broken for the test"}}
		}
		c.Mesh.Sidecars = append(c.Mesh.Sidecars, s)
	}
	for i := range g.IntN(4) {
		e := &ServiceEntry{Meta: Meta{Kind: "ServiceEntry", Namespace: space(), Name: fmt.Sprint("se", i)}, Hosts: []string{"ext.example.org"}, Resolution: g.pick("NONE", "DNS")}
		if g.IntN(2) == 0 {
			e.Addresses = []netip.Prefix{g.prefix()}
		}
		if g.IntN(4) == 0 {
			e.ExportTo = []string{"."}
		}
		e.Ports = []EntryPort{{Number: uint16(80 + g.IntN(2)), Protocol: g.pick("TCP", "HTTP", "TLS", "TCP")}}
		c.Mesh.Entries = append(c.Mesh.Entries, e)
	}
	for i := range max(0, g.IntN(6)-2) {
		p := &AuthorizationPolicy{Meta: Meta{Kind: "AuthorizationPolicy", Namespace: g.pick(space(), space(), "istio-system"), Name: fmt.Sprint("ap", i)}, Action: g.pick("ALLOW", "DENY", "CUSTOM", "AUDIT"), Rules: g.IntN(2)}
		p.MatchAll = p.Rules > 0 && g.IntN(2) == 0
		if g.IntN(2) == 0 {
			p.Selector = Labels{"app": g.pick("x", "y")}
		}
		c.Mesh.AuthorizationPolicies = append(c.Mesh.AuthorizationPolicies, p)
	}
	for i := range max(0, g.IntN(6)-2) {
		p := &PeerAuthentication{Meta: Meta{Kind: "PeerAuthentication", Namespace: g.pick(space(), "istio-system"), Name: fmt.Sprint("pa", i)}, Mode: g.pick("STRICT", "PERMISSIVE", "UNSET", "")}
		if g.IntN(2) == 0 {
			p.Selector = Labels{"app": g.pick("x", "y")}
			p.Ports = map[uint16]string{80: g.pick("STRICT", "DISABLE")}
		}
		c.Mesh.PeerAuthentications = append(c.Mesh.PeerAuthentications, p)
	}
}

// firewalls adds egress firewalls of both kinds to some clusters.
func (g generator) firewalls(c *Cluster) {
	if g.IntN(2) == 0 {
		return
	}
	if g.IntN(3) == 0 {
		n := &ClusterNetwork{Meta: Meta{Kind: "Network", Name: "cluster"}, Type: g.pick("", ovnKubernetes, openShiftSDN)}
		n.Pods = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}
		n.Services = []netip.Prefix{netip.MustParsePrefix(g.pick("10.9.0.0/16", "255.255.0.0/16"))}
		c.Networks = append(c.Networks, n)
	}
	if g.IntN(4) == 0 {
		c.Nodes[1].Annotations = map[string]string{"k8s.ovn.org/host-cidrs": `["192.0.2.2/24","192.0.2.200/24"]`}
	}
	for _, n := range c.Namespaces {
		if g.IntN(3) > 0 {
			c.EgressFirewalls = append(c.EgressFirewalls, g.firewall("EgressFirewall", n.Name, "default"))
		}
		for i := range max(0, g.IntN(6)-3) {
			c.EgressFirewalls = append(c.EgressFirewalls, g.firewall("EgressNetworkPolicy", n.Name, fmt.Sprint("e", i)))
		}
	}
}

func (g generator) firewall(kind, namespace, name string) *EgressFirewall {
	f := &EgressFirewall{Meta: Meta{Kind: kind, Namespace: namespace, Name: name}}
	ovn := kind == "EgressFirewall"
	if g.IntN(20) == 0 {
		f.Errors = []Problem{{Severity: Error, What: "broken for the test"}}
	}
	f.Status.Refused = ovn && g.IntN(20) == 0
	for range g.IntN(4) {
		r := EgressFirewallRule{Action: Action(g.IntN(2)), CIDR: g.prefix()}
		switch g.IntN(8) {
		case 0:
			r.CIDR, r.Name = netip.Prefix{}, "example.org"
		case 1:
			if zone := g.selector("zone", "a", "b"); ovn {
				r.CIDR, r.NodeSelector = netip.Prefix{}, &zone
			}
		case 2:
			r.HostBits = true
		case 3:
			r.CIDR = netip.MustParsePrefix("::/0")
			if !ovn {
				r.CIDR = netip.MustParsePrefix("0.0.0.0/32")
			}
		}
		for range g.IntN(3) {
			if ovn {
				r.Ports = append(r.Ports, EgressFirewallPort{Protocol: Protocol(g.IntN(3)), Port: uint16([]int{0, 53, 80, 81}[g.IntN(4)])})
			}
		}
		f.Rules = append(f.Rules, r)
	}
	return f
}

func (g generator) selector(key string, values ...string) LabelSelector {
	r := Requirement{Key: key, Op: Operator(g.IntN(4))}
	if r.Op == In || r.Op == NotIn {
		r.Values = []string{g.pick(values...)}
	}
	if g.IntN(3) == 0 {
		return LabelSelector{}
	}
	return LabelSelector{Requirements: []Requirement{r}}
}

func (g generator) prefix() netip.Prefix {
	return netip.MustParsePrefix(g.pick("10.0.0.0/24", "10.0.1.0/24", "10.0.0.0/8", "0.0.0.0/0", "192.0.2.1/32", "192.0.2.0/24"))
}

func (g generator) rule() NetworkPolicyRule {
	var r NetworkPolicyRule
	for range g.IntN(3) {
		var p NetworkPolicyPeer
		if g.IntN(3) == 0 {
			p.IPBlock = &IPBlock{CIDR: g.prefix()}
			if g.IntN(2) == 0 {
				p.IPBlock.Except = []Except{{CIDR: netip.MustParsePrefix("10.0.0.8/29")}}
			}
		} else {
			pods, spaces := g.selector("app", "x", "z"), g.selector("team", "a", "b")
			if p.PodSelector = &pods; g.IntN(2) == 0 {
				p.NamespaceSelector = &spaces
			}
		}
		r.Peers = append(r.Peers, p)
	}
	for range g.IntN(3) {
		p := NetworkPolicyPort{Protocol: Protocol(g.IntN(3)), Port: PortRef{Number: uint16(80 + g.IntN(2))}}
		switch g.IntN(4) {
		case 0:
			p.Port = PortRef{Name: "web"}
		case 1:
			p.Port = PortRef{}
		case 2:
			p.EndPort = 90
		}
		r.Ports = append(r.Ports, p)
	}
	return r
}

// adminPeer is a peer of one of the first kinds.
func (g generator) adminPeer(kinds int) AdminPeer {
	spaces, pods := g.selector("team", "a", "b"), g.selector("app", "x", "z")
	switch g.IntN(kinds) {
	case 0:
		return AdminPeer{Namespaces: &spaces}
	case 1:
		return AdminPeer{Pods: &NamespacedPods{NamespaceSelector: spaces, PodSelector: pods}}
	case 2:
		return AdminPeer{Networks: []Network{{CIDR: g.prefix()}}}
	case 3:
		zone := g.selector("zone", "a", "b")
		return AdminPeer{Nodes: &zone}
	}
	return AdminPeer{Names: []DomainName{{Name: "example.org"}}}
}

func (g generator) adminRule(kinds int) AdminRule {
	r := AdminRule{Action: Action(g.IntN(3)), Peers: []AdminPeer{g.adminPeer(kinds)}}
	if r.Peers[0].Names != nil {
		r.Action = Allow
	}
	if g.IntN(10) == 0 {
		r.Peers = append(r.Peers, AdminPeer{})
	}
	for range g.IntN(3) {
		p := AdminPort{Protocol: Protocol(g.IntN(3)), First: 80, Last: uint16(80 + g.IntN(12))}
		if g.IntN(3) == 0 {
			p = AdminPort{Protocol: AnyProtocol, Name: g.pick("web", "none", "")}
		}
		r.Ports = append(r.Ports, p)
	}
	return r
}
