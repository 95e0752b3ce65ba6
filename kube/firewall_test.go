package kube

import (
	"strings"
	"testing"
)

func firewallYAML(rules string) string {
	return "apiVersion: k8s.ovn.org/v1\nkind: EgressFirewall\nmetadata: {name: default, namespace: shop}\nspec:\n  egress:\n" + rules
}

func TestEgressFirewall(t *testing.T) {
	e := evaluate(t, clusterYAML, networkYAML, firewallYAML(`  - {type: Allow, to: {dnsName: www.example.org}, ports: [{protocol: TCP, port: 443}]}
  - {type: Allow, to: {dnsName: "*.example.net"}}
  - {type: Allow, to: {cidrSelector: 203.0.113.0/24}, ports: [{protocol: TCP, port: 443}, {protocol: UDP}]}
  - {type: Deny, to: {cidrSelector: 203.0.113.0/28}}
  - {type: Allow, to: {nodeSelector: {matchLabels: {role: control}}}, ports: [{protocol: TCP, port: 6443}]}
  - {type: Deny, to: {cidrSelector: 0.0.0.0/0}}
`))
	check(t, e, "shop/web", []want{
		{to: "pod shop/db:5432", verdict: Allowed, chain: "EgressFirewall shop/default not applicable: it is not about what goes to pods"},
		{to: "service shop/db:5432", verdict: Allowed},
		{to: "10.128.2.6:80", verdict: Allowed},
		{to: "10.130.7.7:80", verdict: Allowed, chain: "not about the cluster network"},
		{to: "172.30.9.9:80", verdict: Undecidable, reason: "it is in the service network, and no object has it"},
		// Names: rules before that a name's address may match leave it open.
		{to: "www.example.org:443", verdict: Allowed, chain: "=> egress: EgressFirewall shop/default rule 1 admits: www.example.org"},
		{to: "www.example.org:80", verdict: Partly, chain: "over IPv6"},
		{to: "203.0.113.77:443", verdict: Allowed, chain: "rule 2 undecidable: *.example.net"}, // each way it is allowed
		{to: "203.0.113.7:80", verdict: Undecidable, reason: "f2.yaml:7: dnsName: an address is matched while *.example.net resolves to it: ask by the name"},
	})
	e = evaluate(t, clusterYAML, networkYAML, firewallYAML(`  - {type: Allow, to: {cidrSelector: 203.0.113.0/24}, ports: [{protocol: TCP, port: 443}, {protocol: UDP}]}
  - {type: Deny, to: {cidrSelector: 203.0.113.0/28}}
  - {type: Allow, to: {nodeSelector: {matchLabels: {role: control}}}, ports: [{protocol: TCP, port: 6443}]}
  - {type: Deny, to: {cidrSelector: 0.0.0.0/0}}
`))
	check(t, e, "shop/web", []want{
		{to: "203.0.113.77:443", verdict: Allowed, chain: "=> egress: EgressFirewall shop/default rule 1 admits: 203.0.113.0/24 (f2.yaml:6)"},
		{to: "203.0.113.77:9/UDP", verdict: Allowed, chain: "rule 1 admits"},
		{to: "203.0.113.77:9/SCTP", verdict: Denied, chain: "rule 1 does not admit: its destination matches, its ports don't"},
		{to: "203.0.113.7:443", verdict: Allowed, chain: "rule 1 admits"},
		{to: "203.0.113.7:80", verdict: Denied, chain: "=> egress: EgressFirewall shop/default rule 2 denies: 203.0.113.0/28 (f2.yaml:7)"},
		{to: "198.51.100.77:80", verdict: Denied, chain: "=> egress: EgressFirewall shop/default rule 4 denies"},
		{to: "[2001:db8::1]:80", verdict: Allowed, chain: "=> egress: EgressFirewall shop/default admits: none of its rules matches", note: "denies 0.0.0.0/0, which leaves IPv6 open"},
		{to: "elsewhere.example:80", verdict: Partly, chain: "rule 4 denies"},
		// Nodes are outside; those that OVN-Kubernetes wrote on the node count, not only those of its status.
		{to: "192.0.2.1:6443", verdict: Allowed, chain: "rule 3 admits: nodes with role=control"},
		{to: "198.51.100.1:6443", verdict: Allowed, chain: "=> egress: EgressFirewall shop/default rule 3 admits: nodes with role=control"},
		{to: "192.0.2.2:6443", verdict: Denied, chain: "rule 4 denies"},
		{to: "pod shop/agent:6443", verdict: Denied, chain: "rule 4 denies"},
		// A service is seen after it is translated.
		{to: "service shop/api:443", verdict: Allowed, chain: "rule 3 admits: nodes with role=control"},
		{to: "service shop/outside:443", verdict: Allowed, chain: "rule 1 admits: 203.0.113.0/24"},
		{to: "203.0.113.0/24:80", verdict: Denied},
		{to: "203.0.112.0/23:443", verdict: Partly},
	})
	// Pods on the host network are not subject to it.
	check(t, e, "shop/agent", []want{{to: "198.51.100.77:80", verdict: Allowed}})
}

func TestEgressFirewallNames(t *testing.T) {
	e := evaluate(t, clusterYAML, firewallYAML(`  - {type: Allow, to: {dnsName: www.Example.org.}, ports: [{protocol: TCP, port: 443}]}
  - {type: Deny, to: {dnsName: bad.example.net}}
  - {type: Allow, to: {dnsName: "*.example.net"}}
  - {type: Deny, to: {cidrSelector: 0.0.0.0/0}}
  - {type: Deny, to: {cidrSelector: "::/0"}}
`))
	check(t, e, "shop/web", []want{
		{to: "www.example.org:443", verdict: Allowed, chain: "rule 1 admits: www.example.org"},
		{to: "www.example.org:80", verdict: Denied, chain: "rule 1 does not admit: its destination matches, its ports don't"},
		{to: "a.example.net:80", verdict: Allowed, chain: "=> egress: EgressFirewall shop/default rule 3 admits: *.example.net", note: "DNSNameResolver"},
		{to: "bad.example.net:80", verdict: Denied, chain: "=> egress: EgressFirewall shop/default rule 2 denies"},
		{to: "a.b.example.net:80", verdict: Denied, chain: "rule 3 does not admit: it is for *.example.net", note: ""},
		{to: "example.net:80", verdict: Denied},
		{to: "other.example:80", verdict: Denied},
		{to: "198.51.100.7:443", verdict: Undecidable, reason: "ask by the name"},
	})
}

// TestEgressFirewallInForce is about what of an object is in force.
func TestEgressFirewallInForce(t *testing.T) {
	deny := "  - {type: Deny, to: {cidrSelector: 0.0.0.0/0}}\n"
	for name, tt := range map[string]struct {
		objects []string
		wants   []want
	}{
		"one bad rule": {
			[]string{firewallYAML(deny + "  - {type: Deny, to: {cidrSelector: 10.0.0.0}}\n")},
			[]want{
				{to: "203.0.113.7:80", verdict: Undecidable, reason: "f2.yaml:7: EgressFirewall shop/default: egress rule 2: to: \"10.0.0.0\" is no CIDR: want a prefix length, as in 192.0.2.7/32: OVN-Kubernetes takes an object as a whole"},
				{to: "pod shop/db:80", verdict: Allowed},
			},
		},
		"refused by a node": {
			[]string{firewallYAML(deny + "status: {messages: ['z1: EgressFirewall Rules applied', 'z2: EgressFirewall Rules not correctly applied: x']}\n")},
			[]want{{to: "203.0.113.7:80", verdict: Undecidable, reason: "f2.yaml:7: status of EgressFirewall shop/default: OVN-Kubernetes could not apply it"}},
		},
		"applied": {
			[]string{firewallYAML(deny + "status: {status: EgressFirewall Rules applied}\n")},
			[]want{{to: "203.0.113.7:80", verdict: Denied}},
		},
		"host bits": {
			[]string{firewallYAML("  - {type: Deny, to: {cidrSelector: 203.0.113.9/24}}\n")},
			[]want{
				{to: "203.0.113.7:80", verdict: Undecidable, reason: "bits beyond its prefix length"},
				{to: "203.0.114.7:80", verdict: Allowed},
			},
		},
		"another plugin": {
			[]string{firewallYAML(deny), strings.ReplaceAll(networkYAML, "OVNKubernetes", "OpenShiftSDN")},
			[]want{{to: "203.0.113.7:80", verdict: Allowed, chain: "not applicable: OVN-Kubernetes heeds it, and the cluster's network is OpenShiftSDN"}},
		},
		"either plugin": {
			[]string{firewallYAML(deny), sdnYAML("e", "  - {type: Deny, to: {cidrSelector: 198.51.100.0/24}}\n")},
			[]want{
				{to: "203.0.113.7:80", verdict: Undecidable, reason: "whose network plugin runs is not known"},
				{to: "10.128.2.6:80", verdict: Allowed},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			check(t, evaluate(t, append([]string{clusterYAML, ""}, tt.objects...)...), "shop/web", tt.wants)
		})
	}
}

func sdnYAML(name, rules string) string {
	return "apiVersion: network.openshift.io/v1\nkind: EgressNetworkPolicy\nmetadata: {name: " + name + ", namespace: shop}\nspec:\n  egress:\n" + rules
}

func TestEgressNetworkPolicy(t *testing.T) {
	rules := `  - {type: Allow, to: {cidrSelector: 203.0.113.9/24}}
  - {type: Deny, to: {cidrSelector: 0.0.0.0/32}}
`
	e := evaluate(t, clusterYAML, sdnYAML("e", rules))
	check(t, e, "shop/web", []want{
		{to: "203.0.113.7:80", verdict: Allowed, chain: "=> egress: EgressNetworkPolicy shop/e rule 1 admits: 203.0.113.0/24"},
		{to: "198.51.100.7:80", verdict: Denied, chain: "=> egress: EgressNetworkPolicy shop/e rule 2 denies"},
		{to: "pod shop/db:80", verdict: Allowed},
		{to: "192.0.2.2:53/UDP", verdict: Denied},
		{to: "192.0.2.1:53/UDP", verdict: Allowed, chain: "always allows DNS at the pod's own node"},
		{to: "service shop/outside:443", verdict: Allowed, chain: "rule 1 admits"},
	})
	check(t, evaluate(t, clusterYAML, sdnYAML("e", rules), sdnYAML("f", rules)), "shop/web", []want{
		{to: "203.0.113.7:80", verdict: Denied, chain: "=> egress: EgressNetworkPolicy shop/e denies: the namespace has 2 of them (f too): OpenShift SDN drops everything then"},
		{to: "pod shop/db:80", verdict: Allowed},
	})
	check(t, evaluate(t, clusterYAML, sdnYAML("e", rules), sdnYAML("f", "    []\n")), "shop/web", []want{
		{to: "203.0.113.7:80", verdict: Undecidable, reason: "all but one without rules"},
	})
	check(t, evaluate(t, clusterYAML, sdnYAML("e", rules+"  - {type: Deny, to: {cidrSelector: 'fd00::/8'}}\n")), "shop/web", []want{
		{to: "203.0.113.7:80", verdict: Undecidable, reason: "IPv4 only"},
	})
	// A service is held by the policy of its own namespace.
	other := strings.NewReplacer("namespace: shop", "namespace: other").Replace(sdnYAML("e", "  - {type: Deny, to: {cidrSelector: 203.0.113.0/24}}\n"))
	service := strings.NewReplacer("namespace: shop", "namespace: other", "172.30.0.2", "172.30.0.3").Replace(clusterYAML[strings.LastIndex(clusterYAML, "apiVersion: v1\nkind: Service"):])
	check(t, evaluate(t, clusterYAML, other, service), "shop/web", []want{
		{to: "service other/outside:443", verdict: Denied, chain: "=> egress: EgressNetworkPolicy other/e rule 1 denies"},
		{to: "service shop/outside:443", verdict: Allowed},
		{to: "203.0.113.9:443", verdict: Allowed},
	})
	// One endpoint that is denied takes the whole service away.
	mixed := strings.NewReplacer("[{addresses: [203.0.113.9]}]", "[{addresses: [203.0.113.9]}, {addresses: [10.128.2.6]}, {addresses: [198.51.100.9]}]").Replace(clusterYAML)
	check(t, evaluate(t, mixed, sdnYAML("e", "  - {type: Deny, to: {cidrSelector: 203.0.113.0/24}}\n")), "shop/web", []want{
		{to: "service shop/outside:443", verdict: Denied, chain: "it denies an endpoint of Service shop/outside, 203.0.113.9: OpenShift SDN leaves out the whole service"},
		{to: "10.128.2.6:443", verdict: Allowed},
		{to: "198.51.100.9:443", verdict: Allowed},
	})
	global := strings.NewReplacer("namespace: shop", "namespace: default").Replace(clusterYAML + "---\n" + sdnYAML("e", "  - {type: Deny, to: {cidrSelector: 0.0.0.0/0}}\n"))
	check(t, evaluate(t, global), "default/web", []want{{to: "203.0.113.7:80", verdict: Allowed, chain: "ignores it in the namespace default"}})
}
