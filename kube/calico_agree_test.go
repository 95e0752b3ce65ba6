package kube

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/sallyport/sallyport/kube/internal/selector"
)

// calico adds what Calico has to a cluster made at random.
func (g generator) calico(c *Cluster) {
	for _, p := range c.AdminPolicies {
		if g.IntN(3) == 0 {
			p.Kind = []string{"AdminNetworkPolicy", "BaselineAdminNetworkPolicy"}[p.Tier]
		}
	}
	for _, w := range c.Workloads {
		w.Pod.ServiceAccountName = g.pick("default", "default", "robot", "")
		if g.IntN(4) == 0 {
			init := Container{Init: true, Ports: []ContainerPort{{Name: "web", Number: 90, Protocol: TCP}}}
			w.Pod.Containers = append(w.Pod.Containers, init)
		}
		if g.IntN(30) == 0 {
			w.Errors = []Problem{{Severity: Error, What: "broken for the test"}}
		}
	}
	space := func() string { return c.Namespaces[g.IntN(len(c.Namespaces))].Name }
	for range g.IntN(3) {
		c.ServiceAccounts = append(c.ServiceAccounts, &ServiceAccount{Meta{Kind: "ServiceAccount", Namespace: space(), Name: g.pick("default", "robot"), Labels: Labels{"role": g.pick("x", "y")}}})
	}
	for i, name := range []string{"first", "last"} {
		t := &CalicoTier{Meta: Meta{Kind: "Tier", Name: name}, DefaultAction: []Action{Deny, Pass}[g.IntN(2)]}
		if g.IntN(4) > 0 {
			t.Order = number(float64(i*2_000_000 + 10))
		}
		if g.IntN(12) > 0 {
			c.CalicoTiers = append(c.CalicoTiers, t)
		}
	}
	for i := range g.IntN(3) {
		s := &NetworkSet{Meta: Meta{Kind: "GlobalNetworkSet", Name: fmt.Sprint("set", i), Labels: Labels{"app": g.pick("x", "y", "net")}}, Nets: []Network{{CIDR: g.prefix()}}}
		if g.IntN(2) == 0 {
			s.Kind, s.Namespace = "NetworkSet", space()
		}
		if g.IntN(6) == 0 {
			s.Domains = []DomainName{{Name: "example.org"}}
		}
		if g.IntN(20) == 0 {
			s.Errors = []Problem{{Severity: Error, What: "broken for the test"}}
		}
		c.NetworkSets = append(c.NetworkSets, s)
	}
	for i := range g.IntN(2) {
		s := &Service{Meta: Meta{Kind: "Service", Namespace: space(), Name: fmt.Sprint("svc", i)}, Selector: Labels{"app": g.pick("x", "y")}}
		s.Ports = []ServicePort{{Port: 8080, TargetPort: PortRef{Number: 80}, Protocol: TCP}, {Port: 8081, TargetPort: PortRef{Name: "web"}, Protocol: UDP}}
		c.Services = append(c.Services, s)
		if g.IntN(2) == 0 {
			slice := &EndpointSlice{Meta: Meta{Kind: "EndpointSlice", Namespace: s.Namespace, Name: s.Name}, Service: s.Name, Ports: []EndpointPort{{Port: 81, Protocol: TCP}}}
			for j := range 4 {
				slice.Endpoints = append(slice.Endpoints, Endpoint{Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(j % 2), byte(10 + g.IntN(8))})}})
			}
			c.Endpoints = append(c.Endpoints, slice)
		}
	}
	if g.IntN(6) == 0 {
		h := &HostEndpoint{Meta: Meta{Kind: "HostEndpoint", Name: "h", Labels: Labels{"app": "x"}}, Node: g.pick("node0", "node1"), Interface: "*"}
		if g.IntN(2) == 0 {
			h.Addresses = []netip.Addr{netip.MustParseAddr(g.pick("192.0.2.1", "192.0.2.200"))}
		}
		if g.IntN(2) == 0 {
			h.Profiles = []string{g.pick("projectcalico-default-allow", "other")}
		}
		if g.IntN(4) == 0 {
			h.Errors = []Problem{{Severity: Error, What: "broken for the test"}}
		}
		c.HostEndpoints = append(c.HostEndpoints, h)
	}
	if g.IntN(4) == 0 {
		c.FelixConfigurations = append(c.FelixConfigurations, &FelixConfiguration{
			Meta: Meta{Kind: "FelixConfiguration", Name: g.pick("default", "node.node0")}, EndpointToHost: g.pick("Drop", "Accept"), AllowVXLAN: Tristate(g.IntN(3)),
		})
		if g.IntN(4) == 0 {
			c.FelixConfigurations[0].Errors = []Problem{{Severity: Error, What: "broken for the test"}}
		}
	}
	for i := range 1 + g.IntN(5) {
		c.CalicoPolicies = append(c.CalicoPolicies, g.calicoPolicy(fmt.Sprint("c", i), space()))
	}
}

func (g generator) calicoPolicy(name, space string) *CalicoPolicy {
	p := &CalicoPolicy{Meta: Meta{APIVersion: "projectcalico.org/v3", Kind: "NetworkPolicy", Namespace: space, Name: name}}
	p.Tier = g.pick("", "", "first", "last", "kube-admin")
	if g.IntN(20) == 0 {
		p.Tier = "unknown"
	}
	if g.IntN(3) > 0 {
		p.Order = number([]float64{0, 1, 1000}[g.IntN(3)])
	}
	p.Selector = g.expr(2)
	if g.IntN(6) == 0 {
		p.ServiceAccounts = g.accountExpr()
	}
	if g.IntN(2) == 0 {
		p.Kind, p.Namespace = "GlobalNetworkPolicy", ""
		if g.IntN(3) == 0 {
			p.NamespaceSelector = g.spaceExpr(false)
		}
		p.ApplyOnForward = g.IntN(10) == 0
		p.DoNotTrack = p.ApplyOnForward && g.IntN(2) == 0
	}
	if g.IntN(3) == 0 {
		p.Types = []Direction{Direction(g.IntN(2))}
	}
	if g.IntN(8) == 0 {
		p.APIVersion = "crd.projectcalico.org/v1"
	}
	for range g.IntN(3) {
		p.Ingress = append(p.Ingress, g.calicoRule(p, Ingress))
	}
	for range g.IntN(3) {
		p.Egress = append(p.Egress, g.calicoRule(p, Egress))
	}
	if g.IntN(60) == 0 {
		p.Errors = []Problem{{Severity: Error, What: "broken for the test"}}
	}
	return p
}

func (g generator) parsed(text string) CalicoSelector {
	x, err := selector.Parse(text)
	if err != nil {
		panic(err)
	}
	return CalicoSelector{Text: text, expr: x}
}

// expr is an expression about pods and network sets, often none.
func (g generator) expr(none int) CalicoSelector {
	if g.IntN(none) == 0 {
		return CalicoSelector{}
	}
	return g.parsed(g.pick(
		"app == 'x'", "app != 'x'", "app in {'x', 'net'}", "app not in {'y'}", "has(app)", "!has(other)", "all()", "app starts with 'n' || app == 'y'",
		"pcns.team == 'a'", "projectcalico.org/namespace == 'ns0' && app == 'x'", "projectcalico.org/serviceaccount == 'robot'", "pcsa.role == 'x'",
		"projectcalico.org/orchestrator == 'k8s'", "!all()", "app contains 'x' && projectcalico.org/namespace != 'ns1'",
	))
}

func (g generator) spaceExpr(rule bool) CalicoSelector {
	if rule && g.IntN(4) == 0 {
		return g.parsed("global()")
	}
	return g.parsed(g.pick("all()", "team == 'a'", "team != 'a'", "projectcalico.org/name == 'ns0'", "!all()", "has(team)", "kubernetes.io/metadata.name in {'ns1', 'ns2'}"))
}

func (g generator) accountExpr() CalicoSelector {
	return g.parsed(g.pick("role == 'x'", "projectcalico.org/name == 'robot'", "all()", "!has(role)"))
}

func (g generator) calicoRule(p *CalicoPolicy, d Direction) CalicoRule {
	r := CalicoRule{Action: []Action{Allow, Allow, Deny, Deny, Pass, Log}[g.IntN(6)]}
	ported := false
	switch g.IntN(8) {
	case 0:
		r.Protocol = &CalicoProtocol{Number: protoICMP}
	case 1:
		r.NotProtocol = &CalicoProtocol{Number: protoTCP}
	case 2, 3, 4:
		r.Protocol = &CalicoProtocol{Number: []uint8{protoTCP, protoUDP, protoSCTP}[g.IntN(3)]}
		ported = true
	}
	if g.IntN(20) == 0 {
		r.IPVersion = 4 + 2*g.IntN(2)
	}
	r.Source, r.Destination = g.calicoEntity(p, d == Egress), g.calicoEntity(p, d == Ingress)
	if ported {
		r.Destination.Ports, r.Destination.NotPorts = g.calicoPorts(2), g.calicoPorts(5)
		if g.IntN(15) == 0 {
			r.Source.Ports = g.calicoPorts(1)
		}
	}
	if g.IntN(30) == 0 {
		r.NotICMP = &ICMPMatch{}
	}
	namespace := g.pick("ns0", "ns1")
	switch {
	case g.IntN(8) > 0:
	case d == Egress:
		r.Destination = CalicoEntity{Service: &CalicoService{Name: g.pick("svc0", "svc1"), Namespace: namespace}}
	default:
		ports := r.Source.Ports
		r.Source = CalicoEntity{Service: &CalicoService{Name: g.pick("svc0", "svc1"), Namespace: namespace}, Ports: ports}
	}
	if d == Egress && r.Action == Allow && g.IntN(15) == 0 {
		r.Destination = CalicoEntity{Domains: []DomainName{{Name: "example.org"}}, Ports: r.Destination.Ports}
	}
	return r
}

func (g generator) calicoPorts(none int) []CalicoPort {
	if g.IntN(none) > 0 {
		return nil
	}
	return []CalicoPort{[]CalicoPort{{First: 80, Last: 80}, {First: 81, Last: 90}, {Name: "web"}, {First: 1, Last: 65535}}[g.IntN(4)], {First: 81, Last: 81}}[:1+g.IntN(2)]
}

// calicoEntity is conditions on one end: on the policy's own, seldom some.
func (g generator) calicoEntity(p *CalicoPolicy, own bool) CalicoEntity {
	var e CalicoEntity
	if own && g.IntN(5) > 0 {
		return e
	}
	switch g.IntN(5) {
	case 0:
		e.Nets = []Network{{CIDR: g.prefix()}}
	case 1:
		if n := g.prefix(); n.Bits() > 0 {
			e.NotNets = []Network{{CIDR: n}}
		}
	case 2:
		e.NotSelector = g.expr(3)
	}
	e.Selector = g.expr(2)
	if g.IntN(4) == 0 {
		e.NamespaceSelector = g.spaceExpr(true)
	}
	if g.IntN(8) == 0 {
		e.ServiceAccounts = &CalicoAccounts{Names: []string{"robot"}}
		if g.IntN(2) == 0 {
			e.ServiceAccounts = &CalicoAccounts{Selector: g.accountExpr()}
		}
	}
	return e
}

// TestCalicoConverts compares what Calico makes of the policies of Kubernetes with what these mean by themselves: both ways of deciding
// are written apart. Pods on the host network and nodes are left out, of which the API leaves open what they are.
func TestCalicoConverts(t *testing.T) {
	seen := map[Verdict]int{}
	for seed := range uint64(600) {
		g := generator{rand.New(rand.NewPCG(seed, 2))}
		c := g.cluster()
		for _, w := range c.Workloads {
			w.Pod.HostNetwork = false
		}
		for i, p := range c.AdminPolicies {
			p.Priority = i // Calico asks those of one priority by name, the API any of them
			for _, rules := range [][]AdminRule{p.Ingress, p.Egress} {
				for j := range rules {
					for n, peer := range rules[j].Peers {
						if peer.Nodes != nil || peer.Names != nil { // which Calico does not know
							rules[j].Peers[n] = AdminPeer{Networks: []Network{{CIDR: g.prefix()}}}
						}
					}
				}
			}
		}
		plain := Compile(c, Assumptions{BlocksSelectPods: True})
		d := *c
		d.CalicoTiers = []*CalicoTier{{Meta: Meta{Kind: "Tier", Name: "empty"}, DefaultAction: Deny}}
		calico := Compile(&d, Assumptions{})
		for _, from := range plain.Workloads() {
			var to []Destination
			for _, w := range plain.Workloads() {
				to = append(to, Destination{Workload: w})
			}
			for _, s := range []string{"10.9.9.9", "198.51.100.7"} {
				to = append(to, Destination{Addr: netip.MustParseAddr(s)})
			}
			for _, to := range to {
				for _, port := range []uint16{80, 81, 90} {
					protocol := Protocol(g.IntN(3))
					a := plain.Decide(Origin{Workload: from}, to, protocol, port)
					b := calico.Decide(Origin{Workload: from}, to, protocol, port)
					seen[a.Verdict]++
					if a.Verdict != b.Verdict {
						t.Fatalf("seed %d: %v to %v%v %v/%d: by themselves %v, as Calico's %v\n%v\n%v\n%v", seed, from, to.Workload, to.Addr, protocol, port, a.Verdict, b.Verdict, a.Chain, b.Chain, b.Reasons)
					}
				}
			}
		}
	}
	if seen[Allowed] < 1000 || seen[Denied] < 1000 || seen[Undecidable] < 100 {
		t.Errorf("the clusters are too much alike: %v", seen)
	}
}
