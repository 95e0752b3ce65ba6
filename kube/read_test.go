package kube

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

// fine reads the manifests that have nothing wrong with them.
func fine(t *testing.T) *Cluster {
	t.Helper()
	c, problems := Read(Path("testdata/fine"))
	for _, p := range problems {
		t.Errorf("%s: %s", p.Severity, p.Error())
	}
	return c
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s\n got %v\nwant %v", what, got, want)
	}
}

func addrs(s ...string) (out []netip.Addr) {
	for _, a := range s {
		out = append(out, netip.MustParseAddr(a))
	}
	return out
}

func policy(t *testing.T, c *Cluster, name string) *NetworkPolicy {
	t.Helper()
	for _, p := range c.NetworkPolicies {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("no policy %s", name)
	return nil
}

func TestPolicyTypes(t *testing.T) {
	c := fine(t)
	for _, tt := range []struct {
		name             string
		ingress, egress  bool
		ingressNil, list bool // whether Ingress is nil, and Egress is a list
	}{
		{"absent", true, false, true, false},
		{"egress-empty", true, false, true, true},
		{"egress-null", true, false, true, false},
		{"egress-all", true, true, true, true},
		{"types-empty", true, true, true, true},
		{"types-egress", false, true, true, false},
		{"corners", true, true, false, true},
	} {
		p := policy(t, c, tt.name)
		equal(t, tt.name+" isolates", []bool{p.Isolates(Ingress), p.Isolates(Egress)}, []bool{tt.ingress, tt.egress})
		equal(t, tt.name+" has", []bool{p.Ingress == nil, p.Egress != nil}, []bool{tt.ingressNil, tt.list})
	}
}

func TestNetworkPolicy(t *testing.T) {
	p := policy(t, fine(t), "corners")
	equal(t, "place", p.Pos.String(), "testdata/fine/policies.yaml:32")
	equal(t, "selector", p.PodSelector.String(), "app=web,!example.org/debug,tier in (a,b)")
	from, ports := p.Ingress[0], p.Ingress[1]
	equal(t, "from: [] is empty and not absent", from.Peers != nil && len(from.Peers) == 0 && from.Ports != nil, true)
	equal(t, "from is absent", ports.Peers == nil, true)
	var got []string
	for _, q := range ports.Ports {
		got = append(got, fmt.Sprintf("%d: %s %s/%d-%d", q.Line, q.Protocol, q.Port.Name, q.Port.Number, q.EndPort))
	}
	equal(t, "ports", got, []string{"51: TCP http/0-0", "52: SCTP /8000-8999", "53: UDP /0-0", "54: TCP /0-0"})
	to := p.Egress[0].Peers
	for i, want := range []struct{ namespaces, pods, block bool }{{true, true, false}, {false, true, false}, {false, true, false}, {false, false, true}, {false, false, true}} {
		equal(t, fmt.Sprint("peer ", i+1), struct{ namespaces, pods, block bool }{to[i].NamespaceSelector != nil, to[i].PodSelector != nil, to[i].IPBlock != nil}, want)
	}
	equal(t, "an empty label", to[2].PodSelector.Matches(Labels{"a": ""}), true)
	equal(t, "a label that is not there", to[2].PodSelector.Matches(Labels{}), false)
	equal(t, "block", to[3].IPBlock.CIDR.String(), "10.0.0.0/8")
	equal(t, "except", []string{to[3].IPBlock.Except[0].CIDR.String(), to[3].IPBlock.Except[1].CIDR.String()}, []string{"10.1.0.0/16", "10.2.0.0/16"})
	equal(t, "line of a peer", to[3].Line, 63)
}

func TestAdminPolicies(t *testing.T) {
	c := fine(t)
	gate, baseline, base := c.AdminPolicies[0], c.AdminPolicies[1], c.AdminPolicies[2]
	equal(t, "tiers", []Tier{gate.Tier, baseline.Tier, base.Tier}, []Tier{AdminTier, BaselineTier, BaselineTier})
	equal(t, "priority", gate.Priority, 10)
	equal(t, "name", gate.Egress[0].Peers[0].Names[0].Name, "*.example.org")
	equal(t, "action", gate.Egress[1].Action, Pass)
	equal(t, "peers", []bool{gate.Egress[1].Peers[0].Networks != nil, gate.Egress[1].Peers[1].Nodes.Everything(), gate.Egress[2].Peers[0].Pods != nil}, []bool{true, true, true})
	show := func(ports []AdminPort) (out []string) {
		for _, p := range ports {
			out = append(out, fmt.Sprintf("%s %s%d-%d", p.Protocol, p.Name, p.First, p.Last))
		}
		return out
	}
	equal(t, "ports", show(gate.Egress[1].Ports), []string{"UDP 53-53", "TCP 8000-8999"})
	equal(t, "named port", show(gate.Egress[2].Ports), []string{"any protocol http0-0"})
	equal(t, "protocols", show(base.Egress[0].Ports), []string{"TCP 80-80", "SCTP 1-9", "any protocol dns0-0"})
	equal(t, "subject", baseline.Subject.Pods.PodSelector.String(), "app=web")
	equal(t, "no ports", baseline.Ingress[0].Ports == nil, true)
}

func TestPod(t *testing.T) {
	c := fine(t)
	w, several := c.Workload("Pod", "shop", "web-1")
	if w == nil || several {
		t.Fatal("no pod")
	}
	equal(t, "owner", w.Owner, Owner{"ReplicaSet", "web"})
	equal(t, "labels", w.Pod.Labels, Labels{"app": "web"})
	equal(t, "addresses", w.PodIPs, addrs("10.1.0.1", "fd00::1"))
	equal(t, "host", w.HostIPs, addrs("192.0.2.1"))
	equal(t, "state", []any{w.Phase, w.Ready, w.Ended()}, []any{"Running", True, false})
	equal(t, "account", w.Pod.ServiceAccountName, "robot")
	equal(t, "user", *w.Pod.Security.RunAsUser, int64(1000))
	equal(t, "sysctl", w.Pod.Security.Sysctls[0].Name+"="+w.Pod.Security.Sysctls[0].Value, "net.ipv4.ip_unprivileged_port_start=0")
	security := w.Pod.Containers[2].Security
	equal(t, "security", []any{security.Privileged, security.AllowEscalation, security.Add, security.Drop}, []any{False, False, []string{"NET_BIND_SERVICE"}, []string{"ALL"}})
	equal(t, "env", w.Pod.Containers[2].Env[1].From, true)
	for _, tt := range []struct {
		name     string
		protocol Protocol
		want     uint16
	}{{"http", TCP, 8080}, {"http", UDP, 8081}, {"mesh", TCP, 15001}, {"http", SCTP, 0}, {"none", TCP, 0}} {
		got, ok := w.Pod.NamedPort(tt.name, tt.protocol)
		equal(t, tt.name, fmt.Sprint(got, ok), fmt.Sprint(tt.want, tt.want != 0))
	}
}

func TestTheRest(t *testing.T) {
	c := fine(t)
	job, _ := c.Workload("", "shop", "nightly")
	equal(t, "labels of a CronJob's pods", job.Pod.Labels, Labels{"app": "nightly"})
	dc, _ := c.Workload("", "shop", "dc")
	equal(t, "DeploymentConfig", []any{dc.Replicas, dc.Pod.HostNetwork, dc.Pod.ServiceAccountName}, []any{3, true, "default"})
	s := c.Services[0]
	equal(t, "service addresses", []any{s.ClusterIPs, s.ExternalIPs, s.LoadBalancerIPs, s.LoadBalancerNames},
		[]any{addrs("10.96.0.7", "fd00:96::7"), addrs("192.0.2.10"), addrs("203.0.113.7"), []string{"lb.example.org"}})
	equal(t, "service port", []any{s.Ports[0].TargetPort, s.Ports[0].NodePort}, []any{PortRef{Name: "http"}, uint16(30080)})
	equal(t, "targetPort that is absent", s.Ports[1].TargetPort, PortRef{Number: 53})
	equal(t, "headless", []bool{c.Services[1].Headless, c.Services[1].ClusterIPs == nil}, []bool{true, true})
	var slices []string
	for _, e := range c.Endpoints {
		for _, end := range e.Endpoints {
			slices = append(slices, fmt.Sprintf("%s %s %s %v %d", e.Kind, e.Service, e.AddressType, end.Addresses, end.Ready))
		}
	}
	equal(t, "endpoints", slices, []string{
		"Endpoints old IPv4 [10.1.0.1] 1", "Endpoints old IPv4 [10.1.0.2] 2", "Endpoints old IPv6 [fd00::1] 1",
		"EndpointSlice web IPv4 [10.1.0.1] 1", "EndpointSlice web IPv4 [10.1.0.2] 2",
	})
	last := c.Endpoints[len(c.Endpoints)-1]
	equal(t, "ports: [] is no port, absent is every", []bool{last.Ports != nil, c.Endpoints[1].Ports == nil}, []bool{true, true})
	equal(t, "node", []any{c.Nodes[0].Addresses[0].Address, c.Nodes[0].Addresses[1].Name}, []any{addrs("192.0.2.1")[0], "n1"})
	f := c.EgressFirewalls[0]
	equal(t, "firewall", []any{f.Rules[0].Name, f.Rules[0].Ports[1].Port, f.Rules[1].NodeSelector.String(), f.Rules[2].Action}, []any{"*.example.org", uint16(0), "a=b", Deny})
	e := c.EgressIPs[0]
	equal(t, "egress IP", []any{e.Addresses, e.PodSelector == nil, e.Assigned[0].Node}, []any{addrs("192.0.2.99"), true, "n1"})
	equal(t, "proxy", []string{c.Proxies[0].HTTP, c.Proxies[0].StatusNo, c.Proxies[0].TrustedCA}, []string{"http://p:3128", ".cluster.local,.example.org", "ca"})
	scc := c.SCCs[0]
	equal(t, "constraints", []any{scc.Priority == nil, scc.AllowEscalation, scc.AllowedCapabilities, scc.RunAsUser.Type, scc.SELinuxType},
		[]any{true, False, []string{"NET_BIND_SERVICE"}, "MustRunAsRange", "MustRunAs"})
	n := c.Networks[0]
	equal(t, "network", []any{n.Type, n.Pods, n.Services}, []any{"OVNKubernetes", []netip.Prefix{netip.MustParsePrefix("10.128.0.0/14")}, []netip.Prefix{netip.MustParsePrefix("172.30.0.0/16")}})
	equal(t, "others", len(c.Others), 2)
}

func TestMeshObjects(t *testing.T) {
	m := fine(t).Mesh
	config := m.Configs[0]
	equal(t, "config", []any{config.Policy, config.RootNamespace, config.ServiceExportTo}, []any{RegistryOnly, "istio-config", []string{"."}})
	s := m.Sidecars[0]
	equal(t, "sidecar", []any{s.Selector, s.Policy, s.Egress[0].Port, s.Egress[0].Odd, s.Egress[1].Odd}, []any{Labels{"app": "web"}, AllowAny, uint16(443), false, true})
	h := s.Egress[0].Hosts
	equal(t, "hosts", []string{h[0].Namespace, h[0].Name, h[1].Namespace, h[1].Name}, []string{".", "*", "*", "www.example.org"})
	e := m.Entries[0]
	equal(t, "entry", []any{e.Hosts, e.Addresses[0].String(), e.Addresses[1].String(), e.Ports[0].Number, e.Ports[0].Protocol, e.ExportTo},
		[]any{[]string{"*.example.org"}, "203.0.113.7/32", "198.51.100.0/24", uint16(443), "TLS", []string{"."}})
	equal(t, "routes", []any{m.Routes[0].Hosts, m.Routes[0].Mesh, m.Routes[1].Hosts, m.Routes[1].Mesh},
		[]any{[]string{"web.shop.svc.cluster.local"}, false, []string{"web.shop.svc.cluster.local"}, true})
	a := m.AuthorizationPolicies[0]
	equal(t, "authorization", []any{a.Selector, a.Action, a.Rules, a.MatchAll}, []any{Labels{"app": "web"}, "DENY", 1, false})
	p := m.PeerAuthentications[0]
	equal(t, "authentication", []any{p.Mode, p.Ports}, []any{"STRICT", map[uint16]string{8080: "DISABLE"}})
	equal(t, "others", []any{m.Others[0].Kind, m.Others[0].Selector}, []any{"EnvoyFilter", Labels{"app": "web"}})
}

func TestNamespaces(t *testing.T) {
	c := fine(t)
	shop, def := c.Namespace("shop"), c.Namespace("default")
	equal(t, "labels", shop.Labels, Labels{"team": "a", NamespaceNameLabel: "shop"})
	equal(t, "declared", []bool{shop.Declared, def.Declared}, []bool{true, false})
	equal(t, "one that is only named", def.Labels, Labels{NamespaceNameLabel: "default"})
	equal(t, "assumed", policy(t, c, "absent").NamespaceAssumed, true)
	other, _ := Reader{Namespace: "test"}.Read(Path("testdata/fine/policies.yaml"))
	equal(t, "namespace that was asked for", other.NetworkPolicies[0].Namespace, "test")
}

func TestMatchesName(t *testing.T) {
	name := Requirement{Key: NamespaceNameLabel, Op: In, Values: []string{"shop"}}
	team := Requirement{Key: "team", Op: Exists}
	for _, tt := range []struct {
		what      string
		s         []Requirement
		namespace string
		want      string
	}{
		{"everything", nil, "shop", "true true"},
		{"the name", []Requirement{name}, "shop", "true true"},
		{"another name", []Requirement{name}, "bank", "false true"},
		{"a label", []Requirement{team}, "shop", "false team false"},
		{"the name and a label", []Requirement{name, team}, "shop", "false team false"},
		{"another name and a label", []Requirement{team, name}, "bank", "false true"},
	} {
		s := LabelSelector{Requirements: tt.s}
		matches, key, known := s.MatchesName(tt.namespace)
		equal(t, tt.what, strings.Join(strings.Fields(fmt.Sprint(matches, " ", key, " ", known)), " "), tt.want)
	}
}
