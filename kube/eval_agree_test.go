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
	seeds := uint64(1000)
	if testing.Short() {
		seeds = 40
	}
	seen := map[Verdict]int{}
	for seed := range seeds {
		g := generator{rand.New(rand.NewPCG(seed, 1))}
		c := g.cluster()
		e := Compile(c, Assumptions{})
		work := e.Workloads()
		var rows int
		for row := range e.Matrix() {
			rows++
			from := flowset.Peer(slices.Index(work, row.From))
			outside, inside := e.Egress(row.From), e.Ingress(row.From)
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
				for _, port := range []uint16{80, 81, 90, 65535} {
					protocol := Protocol(g.IntN(3))
					d := e.Decide(Origin{Workload: row.From}, Destination{Workload: to}, protocol, port)
					seen[d.Verdict]++
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
				if e.byAddr[a] != nil {
					continue
				}
				protocol, port := Protocol(g.IntN(3)), uint16(80+g.IntN(3))
				d := e.Decide(Origin{Workload: row.From}, Destination{Addr: a}, protocol, port)
				want := verdictOf(Reach{outside.Certain.To(a), outside.Possible.To(a)}, protocol, port)
				if d.Verdict != want {
					t.Fatalf("seed %d: %v to %v %v/%d: decision %v, the set says %v\n%v", seed, row.From, a, protocol, port, d.Verdict, want, d.Chain)
				}
				d = e.Decide(Origin{Addr: a}, Destination{Workload: row.From}, protocol, port)
				want = verdictOf(Reach{inside.Certain.To(a), inside.Possible.To(a)}, protocol, port)
				if d.Verdict != want {
					t.Fatalf("seed %d: %v to %v %v/%d: decision %v, the set says %v\n%v", seed, a, row.From, protocol, port, d.Verdict, want, d.Chain)
				}
			}
		}
		groups := e.Groups()
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
	return c
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
