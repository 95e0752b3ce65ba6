package kube

import (
	"strings"
	"testing"
)

func TestDecideNames(t *testing.T) {
	names := `---
{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: names}, spec: {tier: Admin, priority: 1, subject: {namespaces: {matchLabels: {team: a}}},
  egress: [{action: Accept, to: [{domainNames: ["*.example.org"]}], protocols: [{tcp: {destinationPort: {number: 443}}}]}, {action: Deny, to: [{networks: [0.0.0.0/0, "::/0"]}]}]}}
`
	block := egressOf("{to: [{ipBlock: {cidr: 203.0.113.0/24}}]}")
	runDecisions(t, []decisionCase{
		{"a service", "", "shop/client", "web.bank.svc.cluster.local", TCP, 80, Allowed, ""},
		{"a service, short", "", "shop/client", "web.bank", TCP, 443, Denied, "has no port 443"},
		{"a service, as DNS has it", "", "shop/client", "WEB.Bank.svc.cluster.local.", TCP, 80, Allowed, ""},
		{"a pod of a headless service", "", "shop/client", "web-1.headless.bank.svc", TCP, 8080, Allowed, ""},
		{"a name of the cluster that nothing has", "", "shop/client", "none.bank.svc.cluster.local", TCP, 80, Undecidable, "no object was given"},
		{"outside, no policy", "", "shop/client", "example.org", TCP, 443, Allowed, ""},
		{"outside, by a block", block, "shop/client", "example.org", TCP, 443, Undecidable, "a name's addresses are not known"},
		{"outside, all addresses of the source's family", egressOf("{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}"), "shop/client", "example.org", TCP, 443, Allowed, ""},
		{"outside, by pods alone", egressOf("{to: [{podSelector: {}}]}"), "shop/client", "example.org", TCP, 443, Denied, ""},
		{"outside, another port", egressOf("{ports: [{port: 80}]}"), "shop/client", "example.org", TCP, 443, Denied, "its ports are TCP 80"},
		{"a domain name", names, "shop/client", "www.example.org", TCP, 443, Allowed, "rule 1 admits"},
		{"the suffix itself is not below it", names, "shop/client", "example.org", TCP, 443, Denied, ""},
		{"a domain name on another port", names, "shop/client", "www.example.org", TCP, 80, Denied, "rule 2 denies"},
		{"an address may be a name's", names, "shop/client", "203.0.113.7", TCP, 443, Undecidable, "ask by the name"},
	})
}

func TestDecidePrefixes(t *testing.T) {
	half := egressOf("{to: [{ipBlock: {cidr: 203.0.113.64/26, except: [203.0.113.96/27]}}]}")
	runDecisions(t, []decisionCase{
		{"all of it", half, "shop/client", "203.0.113.64/27", TCP, 443, Allowed, ""},
		{"none of it", half, "shop/client", "203.0.113.96/27", TCP, 443, Denied, ""},
		{"a part", half, "shop/client", "203.0.113.64/26", TCP, 443, Partly, "203.0.113.64/27 allowed"},
		{"the other part", half, "shop/client", "203.0.113.64/26", TCP, 443, Partly, "203.0.113.96/27 denied"},
		{"one address", half, "shop/client", "203.0.113.65/32", TCP, 443, Allowed, ""},
		{"host bits count for nothing", half, "shop/client", "203.0.113.65/27", TCP, 443, Allowed, ""},
		{"pods within it apart", egressOf("{to: [{ipBlock: {cidr: 10.2.0.0/16}}]}") + policyOf("bank/closed", "part: back", "ingress: []"), "shop/client", "10.2.0.0/16", TCP, 443, Partly, "Pod bank/web-2 at 10.2.0.2 denied"},
		{"services within it apart", egressOf("{to: [{ipBlock: {cidr: 10.96.0.0/16}}]}"), "shop/client", "10.96.0.0/16", TCP, 443, Partly, "Service bank/web at 10.96.0.1 denied"},
		{"of the other family", "", "shop/client", "2001:db8:1::/48", TCP, 443, Denied, "no address family in common"},
		{"from outside no policy applies", "", "198.51.100.200", "203.0.113.64/26", TCP, 443, Allowed, "policies don't apply"},
		{"from outside, pods within it hold for themselves", policyOf("bank/closed", "part: back", "ingress: []"), "198.51.100.200", "10.2.0.0/16", TCP, 443, Partly, "Pod bank/web-2 at 10.2.0.2 denied"},
	})

	// Parts are in the order of addresses, each time.
	first := ask(t, half, "shop/client", "10.0.0.0/8", TCP, 443, Assumptions{})
	if len(first.Parts) < 8 {
		t.Errorf("%d parts", len(first.Parts))
	}
	for i := 1; i < len(first.Parts)-1; i++ {
		if a, b := first.Parts[i-1].Addrs[0].Addr(), first.Parts[i].Addrs[0].Addr(); a.Compare(b) >= 0 {
			t.Errorf("%v comes before %v", a, b)
		}
	}
}

func TestDecideFamilies(t *testing.T) {
	six := egressOf("{to: [{ipBlock: {cidr: '::/0'}}]}")
	of := func(pod, rules string) string {
		return policyOf("egress", "app: "+pod, "policyTypes: [Egress], egress: ["+rules+"]")
	}
	runDecisions(t, []decisionCase{
		{"one has IPv4, the other IPv6", "", "shop/client", "shop/six", TCP, 80, Denied, "no address family in common"},
		{"both have IPv6", "", "shop/both", "shop/six", TCP, 80, Allowed, ""},
		{"a block of IPv6 admits no IPv4", six, "shop/client", "203.0.113.1", TCP, 443, Denied, ""},
		{"a block of IPv4 admits no IPv6", of("both", "{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}"), "shop/both", "2001:db8:1::1", TCP, 443, Denied, ""},
		{"a block of IPv6", of("six", "{to: [{ipBlock: {cidr: '2001:db8:1::/48', except: ['2001:db8:1:1::/64']}}]}"), "shop/six", "2001:db8:1:2::1", TCP, 443, Allowed, ""},
		{"an exception of IPv6", of("six", "{to: [{ipBlock: {cidr: '2001:db8:1::/48', except: ['2001:db8:1:1::/64']}}]}"), "shop/six", "2001:db8:1:1::1", TCP, 443, Denied, ""},
		{"a v4-mapped address is IPv4", of("both", "{to: [{ipBlock: {cidr: 203.0.113.0/24}}]}"), "shop/both", "::ffff:203.0.113.1", TCP, 443, Allowed, ""},
		{"a selector is of no family", of("both", "{to: [{podSelector: {matchLabels: {app: six}}}]}"), "shop/both", "shop/six", TCP, 80, Allowed, ""},
		{"to both families, one is let in", policyOf("in", "app: six", "ingress: [{from: [{ipBlock: {cidr: 'fd00::2/128'}}]}]"), "shop/both", "shop/six", TCP, 80, Allowed, ""},
	})
}

func TestDecideNodes(t *testing.T) {
	none := egressOf("")
	hostToo := policyOf("in", "app: both", "ingress: [{from: [{podSelector: {matchLabels: {app: host}}}]}]")
	closed := policyOf("bank/closed", "app: web", "ingress: []")
	zone := `---
{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: nodes}, spec: {tier: Admin, priority: 1, subject: {namespaces: {}},
  egress: [{action: Deny, to: [{nodes: {matchLabels: {zone: b}}}]}]}}
`
	runDecisions(t, []decisionCase{
		{"a pod on the host network is not held", policyOf("all", "app: host", "policyTypes: [Ingress, Egress]"), "shop/host", "203.0.113.1", TCP, 443, Allowed, "is on the host network: policies don't select it"},
		{"nor is what comes to it", policyOf("all", "app: host", "policyTypes: [Ingress, Egress]"), "198.51.100.200", "shop/host", TCP, 443, Allowed, "policies don't select it"},
		{"as a peer it depends on the plugin", closedButHost(), "shop/host", "bank/web-1", TCP, 8080, Undecidable, "some know pods on the host network by their labels"},
		{"as a peer on the pod's own node it does not", hostToo, "shop/host", "shop/both", TCP, 8080, Allowed, "a pod's own node always reaches it"},
		{"a pod's own node reaches it", policyOf("in", "app: client", "ingress: []"), "192.0.2.1", "shop/client", TCP, 80, Allowed, "own node"},
		{"another node does not", closed, "192.0.2.1", "bank/web-1", TCP, 8080, Denied, ""},
		{"another node, by a block", policyOf("bank/in", "app: web", "ingress: [{from: [{ipBlock: {cidr: 192.0.2.1/32}}]}]"), "192.0.2.1", "bank/web-1", TCP, 8080, Allowed, ""},
		{"to its own node it depends on the plugin", none, "shop/client", "192.0.2.1", TCP, 10250, Undecidable, "some plugins filter it"},
		{"to another node it does not", none, "shop/client", "192.0.2.2", TCP, 10250, Denied, ""},
		{"a node between nodes", "", "192.0.2.1", "192.0.2.2", TCP, 10250, Allowed, "policies don't apply to nodes"},
		{"nodes by labels", zone, "shop/client", "192.0.2.2", TCP, 10250, Denied, "rule 1 denies"},
		{"nodes by labels: at their external address too", zone, "shop/client", "203.0.113.2", TCP, 10250, Denied, ""},
		{"nodes by labels: another", zone, "shop/client", "192.0.2.1", TCP, 10250, Allowed, ""},
		{"nodes by labels: an address outside", zone, "shop/client", "203.0.113.77", TCP, 443, Allowed, ""},
	})
}

// closedButHost admits the pod on the host network by its labels, and nothing else.
func closedButHost() string {
	return policyOf("bank/in", "app: web", "ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: host}}}]}]")
}

func TestDecideSelf(t *testing.T) {
	closed := policyOf("closed", "app: client", "policyTypes: [Ingress, Egress]")
	crowd := policyOf("bank/crowd", "app: crowd", "ingress: []")
	runDecisions(t, []decisionCase{
		{"a pod reaches itself, whatever policies say", closed, "shop/client", "shop/client", TCP, 80, Allowed, "a pod always reaches itself"},
		{"at its address too", closed, "shop/client", "10.1.0.1", UDP, 53, Allowed, "a pod always reaches itself"},
		{"of several pods each reaches itself alone", crowd, "bank/crowd", "bank/crowd", TCP, 80, Partly, "other pods of Deployment bank/crowd denied"},
		{"of several pods, no policy", "", "bank/crowd", "bank/crowd", TCP, 80, Allowed, ""},
		{"a pod that has ended", "", "shop/client", "bank/done", TCP, 80, Denied, "has ended"},
		{"nor does the address that it had", egressOf(""), "shop/client", "10.2.0.3", TCP, 80, Denied, ""},
	})
}

// A policy whose rules have only ports of SCTP isolates for every protocol, and admits SCTP alone.
func TestDecideProtocols(t *testing.T) {
	sctp := policyOf("bank/sctp", "app: web", "ingress: [{ports: [{protocol: SCTP, port: 7000, endPort: 7010}]}]")
	udp := egressOf("{ports: [{protocol: UDP}]}")
	runDecisions(t, []decisionCase{
		{"SCTP", sctp, "shop/client", "bank/web-1", SCTP, 7005, Allowed, ""},
		{"SCTP, beyond the range", sctp, "shop/client", "bank/web-1", SCTP, 7011, Denied, ""},
		{"it isolates for TCP", sctp, "shop/client", "bank/web-1", TCP, 7005, Denied, "its ports are SCTP 7000-7010"},
		{"and for UDP", sctp, "shop/client", "bank/web-1", UDP, 7005, Denied, ""},
		{"a port of the same name of another protocol", policyOf("bank/named", "app: web", "ingress: [{ports: [{protocol: SCTP, port: http}]}]"), "shop/client", "bank/web-1", TCP, 8080, Denied, ""},
		{"a port by name", policyOf("bank/named", "app: web", "ingress: [{ports: [{port: http}]}]"), "shop/client", "bank/web-1", TCP, 8080, Allowed, ""},
		{"a port by name, of another pod", policyOf("bank/named", "app: web", "ingress: [{ports: [{port: http}]}]"), "shop/client", "bank/web-2", TCP, 8080, Denied, ""},
		{"every port of a protocol", udp, "shop/client", "203.0.113.1", UDP, 65535, Allowed, ""},
		{"and of no other", udp, "shop/client", "203.0.113.1", TCP, 53, Denied, ""},
	})
}

func TestDecideBlocksAndPods(t *testing.T) {
	block := egressOf("{to: [{ipBlock: {cidr: 10.2.0.0/16, except: [10.2.0.2/32]}}]}")
	runDecisions(t, []decisionCase{
		{"a block selects a pod by its address", block, "shop/client", "bank/web-1", TCP, 80, Allowed, "Cilium does not (there: denied)"},
		{"an exception leaves one out", block, "shop/client", "bank/web-2", TCP, 80, Denied, ""},
		{"pods whose addresses are not known", block, "shop/client", "bank/crowd", TCP, 80, Undecidable, "address of the pods of Deployment bank/crowd"},
	})
	for _, tt := range []struct {
		assume Tristate
		want   Verdict
	}{{True, Allowed}, {False, Denied}} {
		c := decisionCase{"", block, "shop/client", "bank/web-1", TCP, 80, tt.want, ""}
		c.run(t, Assumptions{BlocksSelectPods: tt.assume})
	}
	// What is undecidable says where the field is that stopped it.
	d := ask(t, block, "shop/client", "bank/crowd", TCP, 80, Assumptions{})
	if len(d.Reasons) == 0 || d.Reasons[0].Line == 0 || !strings.HasPrefix(d.Reasons[0].String(), "town.yaml:") {
		t.Errorf("reasons %v: want the place of the block", d.Reasons)
	}
}
