package kube

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
)

// calicoCluster is two namespaces on two nodes. What a case adds is the file policy.yaml.
const calicoCluster = `
{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: a}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: ops, labels: {team: b}}}
---
{apiVersion: v1, kind: Node, metadata: {name: n1}, status: {addresses: [{type: InternalIP, address: 192.0.2.1}]}}
---
{apiVersion: v1, kind: Node, metadata: {name: n2}, status: {addresses: [{type: InternalIP, address: 192.0.2.2}]}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {nodeName: n1, serviceAccountName: web, containers: [{name: c}]}
status: {podIP: 10.0.0.10}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec:
  nodeName: n2
  initContainers: [{name: i, ports: [{name: admin, containerPort: 9000}]}]
  containers: [{name: c, ports: [{name: pg, containerPort: 5432}]}, {name: d, ports: [{name: pg, containerPort: 5433}]}]
status: {podIP: 10.0.0.11}
---
apiVersion: v1
kind: Pod
metadata: {name: probe, namespace: ops, labels: {app: probe}}
spec: {nodeName: n1, serviceAccountName: robot, containers: [{name: c}]}
status: {podIP: 10.0.1.10}
---
apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: ops, labels: {app: agent}}
spec: {nodeName: n1, hostNetwork: true, containers: [{name: c}]}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: web, namespace: shop, labels: {role: front}}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: shop}}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {clusterIP: 10.96.0.10, selector: {app: db}, ports: [{port: 5432}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: db-1, namespace: shop, labels: {kubernetes.io/service-name: db}}
addressType: IPv4
ports: [{name: "", port: 5432, protocol: TCP}]
endpoints: [{addresses: [10.0.0.11], conditions: {ready: false}}, {addresses: [192.0.2.50]}]
`

// np is a Calico NetworkPolicy in shop that applies to the pods with app: db, in a few words.
func np(name, spec string) string {
	return "---\napiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: " + name + ", namespace: shop}\nspec: " + spec + "\n"
}

func gnp(name, spec string) string {
	return "---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: " + name + "}\nspec: " + spec + "\n"
}

func kindOf(kind, meta, spec string) string {
	return "---\napiVersion: projectcalico.org/v3\nkind: " + kind + "\nmetadata: " + meta + "\nspec: " + spec + "\n"
}

const (
	webToDB   = "shop/web > shop/db TCP 5432"
	probeToDB = "ops/probe > shop/db TCP 5432"
	denyDB    = `{selector: "app == 'db'", types: [Ingress]}`
)

// TestCalico has a case for each corner: the question, the verdict, and what the chain, the reasons or the notes have to say of it.
func TestCalico(t *testing.T) {
	for _, tt := range []struct {
		name, policies, question string
		want                     Verdict
		says                     string
	}{
		// Whom a policy is for, and what its end does.
		{"nothing of Calico's for the pod", np("p", `{selector: "app == 'x'"}`), webToDB, Allowed, "ingress: Calico admits: no tier decides, and the namespace's profile kns.shop allows"},
		{"selected, no rule", np("p", denyDB), webToDB, Denied, "ingress: Calico denies: policies of tier default select Pod shop/db, and no rule of theirs matches: the tier ends with Deny"},
		{"no selector selects all", np("p", `{types: [Ingress]}`), webToDB, Denied, ""},
		{"no spec selects all", "---\n{apiVersion: projectcalico.org/v3, kind: NetworkPolicy, metadata: {name: p, namespace: shop}}", webToDB, Denied, ""},
		{"another namespace's", np("p", denyDB), "shop/db > ops/probe TCP 80", Allowed, ""},
		{"the other direction", np("p", `{selector: "app == 'db'", types: [Egress]}`), webToDB, Allowed, "is not about ingress"},
		{"types absent, no rules: ingress", np("p", `{selector: "app == 'db'"}`), webToDB, Denied, ""},
		{"types absent, no rules: not egress", np("p", `{selector: "app == 'db'"}`), "shop/db > shop/web TCP 80", Allowed, ""},
		{"types absent, egress rules only: not ingress", np("p", `{selector: "app == 'db'", egress: [{action: Deny}]}`), webToDB, Allowed, ""},
		{"types absent, both", np("p", `{selector: "app == 'db'", egress: [{action: Allow}], ingress: [{action: Allow, protocol: UDP}]}`), webToDB, Denied, ""},
		{"types absent in crd.projectcalico.org: both", strings.Replace(np("p", `{selector: "app == 'db'", egress: [{action: Allow}]}`), "projectcalico.org/v3", "crd.projectcalico.org/v1", 1), webToDB, Denied, ""},
		{"tier before the name", strings.Replace(np("default.p", denyDB), "projectcalico.org/v3", "crd.projectcalico.org/v1", 1), webToDB, Denied, ""},
		{"service account selects", np("p", `{serviceAccountSelector: "role == 'front'", types: [Egress]}`), webToDB, Denied, ""},
		{"service account does not select", np("p", `{serviceAccountSelector: "role == 'front'", types: [Ingress]}`), webToDB, Allowed, "does not select Pod shop/db"},
		{"service account by name", gnp("p", `{serviceAccountSelector: "projectcalico.org/name == 'web'", types: [Egress]}`), webToDB, Denied, ""},
		{"service account not given", gnp("p", `{serviceAccountSelector: "role == 'front'", types: [Egress]}`), "ops/probe > shop/db TCP 5432", Undecidable, "label role of ServiceAccount ops/robot: no such object was given"},
		{"global, by namespace", gnp("p", `{namespaceSelector: "team == 'a'", types: [Ingress]}`), webToDB, Denied, ""},
		{"global, not the namespace", gnp("p", `{namespaceSelector: "team == 'b'", types: [Ingress]}`), webToDB, Allowed, ""},
		{"global, namespace by Calico's name", gnp("p", `{namespaceSelector: "projectcalico.org/name in {'shop'}", types: [Ingress]}`), webToDB, Denied, ""},
		{"global, namespace label on the pod", gnp("p", `{selector: "pcns.team == 'a' && projectcalico.org/namespace == 'shop' && projectcalico.org/orchestrator == 'k8s'", types: [Ingress]}`), webToDB, Denied, ""},
		{"for host endpoints before translation", gnp("p", `{preDNAT: true, applyOnForward: true, types: [Ingress], ingress: [{action: Deny}]}`), webToDB, Allowed, "is for host endpoints (preDNAT)"},
		{"for host endpoints untracked", gnp("p", `{doNotTrack: true, applyOnForward: true, ingress: [{action: Deny}]}`), webToDB, Allowed, "is for host endpoints (doNotTrack)"},
		{"staged", strings.Replace(np("p", denyDB), "kind: Network", "kind: StagedNetwork", 1) + kindOf("Tier", "{name: t}", "{order: 1}"), webToDB, Allowed, ""},

		// Tiers and orders.
		{"order decides", np("a", `{order: 2, selector: "app == 'db'", ingress: [{action: Deny}]}`) + np("b", `{order: 1.5, selector: "app == 'db'", ingress: [{action: Allow}]}`), webToDB, Allowed, "Calico NetworkPolicy shop/b (tier default) rule 1 admits"},
		{"without an order: last", np("a", `{selector: "app == 'db'", ingress: [{action: Deny}]}`) + np("b", `{order: 5000, selector: "app == 'db'", ingress: [{action: Allow}]}`), webToDB, Allowed, ""},
		{"name decides", np("b", `{order: 1, selector: "app == 'db'", ingress: [{action: Deny}]}`) + np("a", `{order: 1, selector: "app == 'db'", ingress: [{action: Allow}]}`), webToDB, Allowed, "shop/a (tier default) rule 1 admits"},
		{"a tie of kinds", gnp("b", `{order: 1, selector: "app == 'db'", ingress: [{action: Deny}]}`) + np("a", `{order: 1, selector: "app == 'db'", ingress: [{action: Allow}]}`), webToDB, Undecidable, "which is asked first depends on the version of Calico"},
		{"a tie of kinds that agree", gnp("b", `{order: 1, selector: "app == 'db'", ingress: [{action: Allow}]}`) + np("a", `{order: 1, selector: "app == 'db'", ingress: [{action: Allow, protocol: TCP}]}`), webToDB, Allowed, ""},
		{"a tier before default", kindOf("Tier", "{name: sec}", "{order: 100}") + gnp("sec.p", `{tier: sec, selector: "app == 'db'", types: [Ingress]}`) + np("a", `{selector: "app == 'db'", ingress: [{action: Allow}]}`), webToDB, Denied, "policies of tier sec select Pod shop/db"},
		{"a tier that ends with Pass", kindOf("Tier", "{name: sec}", "{order: 100, defaultAction: Pass}") + gnp("p", `{tier: sec, selector: "app == 'db'", types: [Ingress]}`) + np("a", `{selector: "app == 'db'", ingress: [{action: Allow}]}`), webToDB, Allowed, "shop/a (tier default) rule 1 admits"},
		{"a tier with nobody in it", kindOf("Tier", "{name: sec}", "{order: 100}") + gnp("p", `{tier: sec, selector: "app == 'web'", types: [Ingress]}`), webToDB, Allowed, ""},
		{"a tier after default", kindOf("Tier", "{name: late}", "{order: 2000000}") + gnp("p", `{tier: late, types: [Ingress]}`) + np("a", `{selector: "app == 'db'", ingress: [{action: Pass}]}`), webToDB, Denied, "policies of tier late"},
		{"Pass in the last tier: the profile", np("a", `{selector: "app == 'db'", ingress: [{action: Pass}]}`), webToDB, Allowed, "rule 1 passes"},
		{"Pass leaves the rest of its tier out", np("a", `{order: 1, selector: "app == 'db'", ingress: [{action: Pass}, {action: Deny}]}`) + np("b", `{order: 2, selector: "app == 'db'", ingress: [{action: Deny}]}`), webToDB, Allowed, ""},
		{"Log goes on", np("a", `{selector: "app == 'db'", ingress: [{action: Log}, {action: Allow}]}`), webToDB, Allowed, "rule 1 not applicable: logs, and goes on"},
		{"first match", np("a", `{selector: "app == 'db'", ingress: [{action: Deny, protocol: TCP, destination: {ports: [5432]}}, {action: Allow}]}`), webToDB, Denied, "rule 1 denies"},
		{"a tier that was not given", gnp("p", `{tier: other, selector: "app == 'db'", types: [Ingress]}`), webToDB, Undecidable, "no Tier other was given, so that its order is not known"},
		{"a tier that was not given, for other pods", strings.Replace(np("p", `{tier: other, types: [Ingress]}`), "namespace: shop", "namespace: ops", 1), webToDB, Allowed, ""},
		{"a tier in the name only", kindOf("Tier", "{name: sec}", "{order: 100}") + np("sec.p", denyDB), webToDB, Undecidable, "by its name Calico before v3.32 takes it for tier sec"},
		{"the tier of kube-admin", gnp("p", `{tier: kube-admin, selector: "app == 'db'", types: [Ingress]}`) + np("a", `{selector: "app == 'db'", ingress: [{action: Allow}]}`), webToDB, Allowed, "shop/a (tier default) rule 1 admits"},

		// Kubernetes' own policies among them.
		{"NetworkPolicy at order 1000: after", kubernetesDeny + np("a", `{order: 1, selector: "app == 'db'", ingress: [{action: Allow}]}`), webToDB, Allowed, "Calico NetworkPolicy shop/a (tier default) rule 1 admits"},
		{"NetworkPolicy at order 1000: before", kubernetesAllow + np("a", `{order: 1001, selector: "app == 'db'", ingress: [{action: Deny}]}`), webToDB, Allowed, "NetworkPolicy shop/k (tier default) rule 1 admits"},
		{"NetworkPolicy falls to later ones", kubernetesDeny + np("a", `{order: 1001, selector: "app == 'db'", ingress: [{action: Allow}]}`), webToDB, Allowed, ""},
		{"NetworkPolicy alone", kubernetesDeny + kindOf("Tier", "{name: t}", "{order: 1}"), webToDB, Denied, "ingress: NetworkPolicy denies: policies select Pod shop/db, and no rule of theirs admits this"},
		{"NetworkPolicy and a tie", kubernetesAllow + np("a", `{order: 1000, selector: "app == 'db'", ingress: [{action: Deny}]}`), webToDB, Denied, "shop/a (tier default) rule 1 denies"},
		{"NetworkPolicy and a tie, by name", kubernetesAllow + np("z", `{order: 1000, selector: "app == 'db'", ingress: [{action: Deny}]}`), webToDB, Undecidable, "depends on the version of Calico"},
		{"ClusterNetworkPolicy before", clusterDeny("Admin", "{namespaces: {}}") + np("a", `{selector: "app == 'db'", ingress: [{action: Allow}]}`), webToDB, Denied, "ClusterNetworkPolicy c (tier kube-admin) rule 1 denies"},
		{"ClusterNetworkPolicy after", clusterDeny("Baseline", "{namespaces: {}}") + np("a", `{selector: "app == 'db'", ingress: [{action: Allow}]}`), webToDB, Allowed, ""},
		{"ClusterNetworkPolicy after, and nothing before", clusterDeny("Baseline", "{namespaces: {}}") + kindOf("Tier", "{name: t}", "{order: 1}"), webToDB, Denied, "(tier kube-baseline) rule 1 denies"},
		{"ClusterNetworkPolicy: namespaces have network sets", networkSet + clusterEgress("{namespaces: {}}"), "shop/web > 198.51.100.7 TCP 443", Denied, "(tier kube-admin) rule 1 denies"},
		{"ClusterNetworkPolicy: pods are no network sets", networkSet + clusterEgress("{pods: {namespaceSelector: {}, podSelector: {}}}"), "shop/web > 198.51.100.7 TCP 443", Allowed, ""},
		{"ClusterNetworkPolicy: what Calico does not know fails closed", networkSet + clusterEgress("{nodes: {}}"), "shop/web > 203.0.113.7 TCP 443", Denied, "(tier kube-admin) rule 1 denies"},
		{"AdminNetworkPolicy", adminDeny + kindOf("Tier", "{name: t}", "{order: 1}"), webToDB, Undecidable, "depends on the version of Calico: up to v3.31 it may be enforced, in v3.32 it is no more"},

		// Who the peers are.
		{"selector is of the policy's namespace", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, source: {selector: "app == 'probe'"}}]}`), probeToDB, Denied, "source.selector does not match: without a namespaceSelector it is about namespace shop only"},
		{"namespaceSelector reaches out", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, source: {selector: "app == 'probe'", namespaceSelector: "team == 'b'"}}]}`), probeToDB, Allowed, ""},
		{"namespaceSelector all()", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, source: {namespaceSelector: "all()"}}]}`), probeToDB, Allowed, ""},
		{"namespaceSelector global() has no pod", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, source: {namespaceSelector: "global()", selector: "all()"}}]}`), probeToDB, Denied, ""},
		{"selector of a global policy", gnp("a", `{selector: "app == 'db'", ingress: [{action: Allow, source: {selector: "app == 'probe'"}}]}`), probeToDB, Allowed, ""},
		{"notSelector of a namespaced policy is of its namespace", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, source: {notSelector: "app == 'x'"}}]}`), probeToDB, Denied, "source.notSelector does not match: without a namespaceSelector it is about namespace shop only"},
		{"notSelector of a global policy is of everybody", gnp("a", `{selector: "app == 'db'", ingress: [{action: Allow, source: {notSelector: "app == 'x'"}}]}`), "198.51.100.7 > shop/db TCP 5432", Allowed, ""},
		{"selector with a negation is of pods", gnp("a", `{selector: "app == 'db'", ingress: [{action: Allow, source: {selector: "app != 'x'"}}]}`), "198.51.100.7 > shop/db TCP 5432", Denied, ""},
		{"service account names", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, source: {serviceAccounts: {names: [web]}}}]}`), webToDB, Allowed, ""},
		{"service account names of another namespace", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, source: {serviceAccounts: {names: [robot]}}}]}`), probeToDB, Denied, ""},
		{"service account selector", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, source: {serviceAccounts: {selector: "role == 'front'"}}}]}`), webToDB, Allowed, ""},
		{"service account names and selector", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, source: {serviceAccounts: {names: [web], selector: "role == 'back'"}}}]}`), webToDB, Denied, "source.serviceAccounts does not match"},
		{"nets see pods", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, source: {nets: [10.0.1.0/24]}}]}`), probeToDB, Allowed, ""},
		{"notNets", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, source: {notNets: [10.0.1.0/24]}}]}`), probeToDB, Denied, "source.notNets does not match"},
		{"notNets of one family is nothing of the other", np("a", `{selector: "app == 'web'", types: [Egress], egress: [{action: Allow, destination: {notNets: ["2001:db8::/32"]}}]}`), webToDB, Denied, "it is for the other IP version"},
		{"ipVersion", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, ipVersion: 6}]}`), webToDB, Denied, ""},
		{"the subject's own end counts", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, destination: {nets: [10.9.0.0/16]}}]}`), webToDB, Denied, "destination.nets does not match"},
		{"the source of an egress rule", np("a", `{types: [Egress], egress: [{action: Allow, source: {selector: "app == 'web'"}}]}`), webToDB, Allowed, ""},

		// Network sets.
		{"a global network set", kindOf("GlobalNetworkSet", "{name: s, labels: {kind: partner}}", "{nets: [198.51.100.0/24]}") + gnp("a", `{selector: "app == 'web'", egress: [{action: Allow, destination: {selector: "kind == 'partner'"}}]}`), "shop/web > 198.51.100.7 TCP 443", Allowed, ""},
		{"outside of the network set", kindOf("GlobalNetworkSet", "{name: s, labels: {kind: partner}}", "{nets: [198.51.100.0/24]}") + gnp("a", `{selector: "app == 'web'", egress: [{action: Allow, destination: {selector: "kind == 'partner'"}}]}`), "shop/web > 203.0.113.7 TCP 443", Denied, "destination.selector does not match"},
		{"a global set is in no namespace", kindOf("GlobalNetworkSet", "{name: s, labels: {kind: partner}}", "{nets: [198.51.100.0/24]}") + np("a", `{selector: "app == 'web'", egress: [{action: Allow, destination: {selector: "kind == 'partner'"}}]}`), "shop/web > 198.51.100.7 TCP 443", Denied, ""},
		{"global() has global sets", kindOf("GlobalNetworkSet", "{name: s, labels: {kind: partner}}", "{nets: [198.51.100.0/24]}") + np("a", `{selector: "app == 'web'", egress: [{action: Allow, destination: {selector: "kind == 'partner'", namespaceSelector: "global()"}}]}`), "shop/web > 198.51.100.7 TCP 443", Allowed, ""},
		{"a network set of the namespace", kindOf("NetworkSet", "{name: s, namespace: shop, labels: {kind: partner}}", "{nets: [198.51.100.7]}") + np("a", `{selector: "app == 'web'", egress: [{action: Allow, destination: {selector: "kind == 'partner' && pcns.team == 'a'"}}]}`), "shop/web > 198.51.100.7 TCP 443", Allowed, ""},
		{"a network set of another namespace", kindOf("NetworkSet", "{name: s, namespace: ops, labels: {kind: partner}}", "{nets: [198.51.100.7]}") + np("a", `{selector: "app == 'web'", egress: [{action: Allow, destination: {selector: "kind == 'partner'"}}]}`), "shop/web > 198.51.100.7 TCP 443", Denied, ""},
		{"a network set has pods by their addresses", kindOf("GlobalNetworkSet", "{name: s, labels: {kind: pods}}", "{nets: [10.0.0.0/24]}") + gnp("a", `{selector: "app == 'web'", egress: [{action: Allow, destination: {selector: "kind == 'pods'"}}]}`), webToDB, Allowed, ""},
		{"labels kept in an annotation", "---\napiVersion: crd.projectcalico.org/v1\nkind: GlobalNetworkSet\nmetadata: {name: s, annotations: {projectcalico.org/metadata: '{\"labels\":{\"kind\":\"partner\"}}'}}\nspec: {nets: [198.51.100.0/24]}\n" + gnp("a", `{selector: "app == 'web'", egress: [{action: Allow, destination: {selector: "kind == 'partner'"}}]}`), "shop/web > 198.51.100.7 TCP 443", Allowed, ""},
		{"Kubernetes' selectors have no network sets", kindOf("GlobalNetworkSet", "{name: s, labels: {app: db}}", "{nets: [198.51.100.0/24]}") + kubernetesEgress, "shop/web > 198.51.100.7 TCP 443", Denied, ""},
		{"a set with domains, by address", kindOf("GlobalNetworkSet", "{name: s, labels: {kind: partner}}", "{allowedEgressDomains: [api.example.org]}") + gnp("a", `{selector: "app == 'web'", egress: [{action: Allow, destination: {selector: "kind == 'partner'"}}]}`), "shop/web > 198.51.100.7 TCP 443", Undecidable, "allowedEgressDomains of GlobalNetworkSet s"},
		{"a set with domains, another name", kindOf("GlobalNetworkSet", "{name: s, labels: {kind: partner}}", "{allowedEgressDomains: [api.example.org]}") + gnp("a", `{selector: "app == 'web'", egress: [{action: Allow, destination: {selector: "kind == 'partner'"}}]}`), "shop/web > www.example.org TCP 443", Denied, ""},
		{"domains in a rule", gnp("a", `{selector: "app == 'web'", egress: [{action: Allow, destination: {domains: ["*.example.org"]}}]}`), "shop/web > www.example.org TCP 443", Undecidable, "domains: of Calico Enterprise"},
		{"domains are no pods", gnp("a", `{selector: "app == 'web'", egress: [{action: Allow, destination: {domains: ["*.example.org"]}}]}`), webToDB, Denied, ""},

		// Protocols and ports.
		{"protocol by number", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, protocol: 6, destination: {ports: ["5000:6000"]}}]}`), webToDB, Allowed, ""},
		{"another protocol", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, protocol: ICMP, icmp: {type: 8}}]}`), webToDB, Denied, "its protocol does not match"},
		{"notProtocol", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, notProtocol: TCP}]}`), webToDB, Denied, ""},
		{"notProtocol of another", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, notProtocol: ICMP}]}`), webToDB, Allowed, ""},
		{"notPorts", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, protocol: TCP, destination: {notPorts: [5432]}}]}`), webToDB, Denied, "its ports don't match"},
		{"a port by name", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, protocol: TCP, destination: {ports: [pg]}}]}`), webToDB, Allowed, ""},
		{"a port by name in the second container", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, protocol: TCP, destination: {ports: [pg]}}]}`), "shop/web > shop/db TCP 5433", Allowed, ""},
		{"a port by name of an init container", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, protocol: TCP, destination: {ports: [admin]}}]}`), "shop/web > shop/db TCP 9000", Allowed, ""},
		{"a port by name, the other protocol", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, protocol: UDP, destination: {ports: [pg]}}]}`), "shop/web > shop/db UDP 5432", Denied, ""},
		{"not a port by name", np("a", `{selector: "app == 'web'", egress: [{action: Allow, protocol: TCP, destination: {notPorts: [pg]}}]}`), webToDB, Denied, ""},
		{"not a port by name, outside", np("a", `{selector: "app == 'web'", egress: [{action: Allow, protocol: TCP, destination: {notPorts: [pg]}}]}`), "shop/web > 198.51.100.7 TCP 5432", Allowed, ""},
		{"source ports", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, protocol: TCP, source: {ports: [1024]}}]}`), webToDB, Undecidable, "ports of the source: which port the client sends from is not known"},
		{"any source port", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, protocol: TCP, source: {ports: ["1:65535"]}}]}`), webToDB, Allowed, ""},
		{"notICMP elsewhere", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, notICMP: {type: 8}}]}`), webToDB, Undecidable, "notICMP"},
		{"http", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, http: {methods: [GET], paths: [{prefix: /api}]}}]}`), webToDB, Allowed, "narrows HTTP requests, where Calico's application layer policy is on"},

		// Services.
		{"a service's endpoint", np("a", `{selector: "app == 'web'", egress: [{action: Allow, destination: {services: {name: db}}}]}`), webToDB, Allowed, ""},
		{"by the service's address", np("a", `{selector: "app == 'web'", egress: [{action: Allow, destination: {services: {name: db, namespace: shop}}}]}`), "shop/web > 10.96.0.10 TCP 5432", Allowed, "shop/a (tier default) rule 1 admits"},
		{"another port of the endpoint", np("a", `{selector: "app == 'web'", egress: [{action: Allow, destination: {services: {name: db}}}]}`), "shop/web > shop/db TCP 5433", Denied, ""},
		{"an endpoint outside", np("a", `{selector: "app == 'web'", egress: [{action: Allow, destination: {services: {name: db}}}]}`), "shop/web > 192.0.2.50 TCP 5432", Allowed, ""},
		{"a service as the source", gnp("a", `{selector: "app == 'web'", ingress: [{action: Allow, source: {services: {name: db, namespace: shop}}}]}`), "shop/db > shop/web TCP 80", Allowed, ""},
		{"a service as the source, of others", gnp("a", `{selector: "app == 'web'", ingress: [{action: Allow, source: {services: {name: db, namespace: shop}}}]}`), "ops/probe > shop/web TCP 80", Denied, "source.services does not match"},
		{"a service that was not given", np("a", `{selector: "app == 'web'", egress: [{action: Allow, destination: {services: {name: gone}}}]}`), webToDB, Undecidable, "neither Service shop/gone nor an EndpointSlice of it was given"},

		// Nodes, and pods on their network.
		{"a pod on the host network is no pod to selectors", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, source: {selector: "app == 'agent'", namespaceSelector: "all()"}}]}`), "ops/agent > shop/db TCP 5432", Denied, ""},
		{"it has its node's address", np("a", `{selector: "app == 'db'", ingress: [{action: Allow, source: {nets: [192.0.2.1/32]}}]}`), "ops/agent > shop/db TCP 5432", Allowed, "has the address of its tunnel, where Calico uses IPIP or VXLAN"},
		{"no policy holds it", gnp("a", `{types: [Egress], egress: [{action: Deny}]}`), "ops/agent > shop/db TCP 5432", Allowed, "policies don't select it"},
		{"a pod's own node reaches it", np("a", `{types: [Ingress]}`), "ops/agent > shop/web TCP 80", Allowed, "a pod's own node always reaches it"},
		{"policies hold a pod from its own node", np("a", `{selector: "app == 'web'", types: [Egress]}`), "shop/web > ops/agent TCP 80", Denied, ""},
		{"to its own node", np("a", `{selector: "app == 'x'"}`), "shop/web > 192.0.2.1 TCP 80", Allowed, "defaultEndpointToHostAction has to be Accept or Return as well"},
		{"to its own node, dropped", kindOf("FelixConfiguration", "{name: default}", "{defaultEndpointToHostAction: Drop, logSeverityScreen: Info}"), "shop/web > ops/agent TCP 80", Denied, "defaultEndpointToHostAction: Drop keeps pods from"},
		{"to its own node, accepted on that node", kindOf("FelixConfiguration", "{name: default}", "{defaultEndpointToHostAction: Drop}") + kindOf("FelixConfiguration", "{name: node.n1}", "{defaultEndpointToHostAction: ACCEPT}"), "shop/web > ops/agent TCP 80", Allowed, ""},
		{"to another node", kindOf("FelixConfiguration", "{name: default}", "{defaultEndpointToHostAction: Drop}"), "shop/web > 192.0.2.2 TCP 80", Allowed, ""},
		{"VXLAN from pods", kindOf("Tier", "{name: t}", "{order: 1}"), "shop/web > shop/db UDP 4789", Denied, "Calico drops what pods send to VXLAN's port"},
		{"VXLAN from pods, allowed", kindOf("FelixConfiguration", "{name: default}", "{allowVXLANPacketsFromWorkloads: true}"), "shop/web > shop/db UDP 4789", Allowed, ""},
		{"VXLAN at another port", kindOf("FelixConfiguration", "{name: default}", "{vxlanPort: 4790}"), "shop/web > shop/db UDP 4790", Denied, ""},
		{"host endpoints", kindOf("HostEndpoint", "{name: h}", "{node: n1, interfaceName: eth0}"), "ops/agent > shop/db TCP 5432", Undecidable, "HostEndpoint h: policies of host endpoints are not decided here"},
		{"host endpoints of another node", kindOf("HostEndpoint", "{name: h}", "{node: n2, interfaceName: eth0}"), "ops/agent > shop/db TCP 5432", Allowed, ""},
		{"host endpoints, and what is forwarded", kindOf("HostEndpoint", "{name: h}", "{node: n1, interfaceName: eth0}") + gnp("p", `{applyOnForward: true, selector: "has(host)", types: [Egress]}`), webToDB, Undecidable, "applyOnForward of Calico GlobalNetworkPolicy p"},
		{"a host endpoint is selected by its addresses", kindOf("HostEndpoint", "{name: h, labels: {kind: gate}}", "{node: gate, expectedIPs: [198.51.100.7]}") + gnp("p", `{selector: "app == 'db'", ingress: [{action: Allow, source: {selector: "kind == 'gate'"}}]}`), "198.51.100.7 > shop/db TCP 5432", Undecidable, "policies of host endpoints"},

		// What cannot be decided.
		{"a broken policy", np("a", `{selector: "app =="}`), webToDB, Undecidable, "selector: app ==: at character 7: expected a text in quotes, not the end"},
		{"a broken policy of another namespace", strings.Replace(np("a", `{selector: "app =="}`), "namespace: shop", "namespace: ops", 1), webToDB, Allowed, ""},
		{"an unknown field", np("a", `{selector: "app == 'db'", ingres: []}`), webToDB, Undecidable, `unknown field "ingres": did you mean ingress`},
		{"an unknown kind of Calico", "---\n{apiVersion: projectcalico.org/v3, kind: EgressGatewayPolicy, metadata: {name: p}}", webToDB, Undecidable, ""},
		{"kinds that have no part", "---\n{apiVersion: crd.projectcalico.org/v1, kind: IPPool, metadata: {name: p}, spec: {cidr: 10.0.0.0/16}}", webToDB, Allowed, ""},
		{"given as both, alike", np("a", denyDB) + strings.Replace(np("default.a", denyDB), "projectcalico.org/v3", "crd.projectcalico.org/v1", 1), webToDB, Denied, ""},
		{"given as both, not alike", np("a", denyDB) + strings.Replace(np("default.a", `{selector: "app == 'x'"}`), "projectcalico.org/v3", "crd.projectcalico.org/v1", 1), webToDB, Undecidable, "is given twice, and differs in policy.yaml"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, problems := Read(Stream("base.yaml", strings.NewReader(calicoCluster)), Stream("policy.yaml", strings.NewReader(tt.policies)))
			for _, p := range problems {
				if p.File == "base.yaml" {
					t.Fatal(p.Error())
				}
			}
			e := Compile(c, Assumptions{BlocksSelectPods: False}) // Calico knows better
			from, to, protocol, port := askCalico(t, c, tt.question)
			d := e.Decide(from, to, protocol, port)
			text := everything(d)
			if d.Verdict != tt.want || !strings.Contains(text, tt.says) {
				t.Errorf("%s: got %v, want %v, with %q in\n%s", tt.question, d.Verdict, tt.want, tt.says, text)
			}
			agreeAll(t, e, from, to, protocol, port, d)
		})
	}
}

const (
	kubernetesDeny   = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: k, namespace: shop}\nspec: {podSelector: {matchLabels: {app: db}}}\n"
	kubernetesAllow  = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: k, namespace: shop}\nspec: {podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [x]}]}}]}]}\n"
	kubernetesEgress = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: k, namespace: shop}\nspec: {podSelector: {}, policyTypes: [Egress], egress: [{to: [{podSelector: {}}]}]}\n"
	networkSet       = "---\napiVersion: projectcalico.org/v3\nkind: NetworkSet\nmetadata: {name: s, namespace: shop}\nspec: {nets: [198.51.100.0/24]}\n"
	adminDeny        = "---\napiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\nmetadata: {name: c}\nspec: {priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}\n"
)

func clusterDeny(tier, from string) string {
	return "---\napiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: c}\nspec: {tier: " + tier + ", priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [" + from + "]}]}\n"
}

func clusterEgress(to string) string {
	return "---\napiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: c}\nspec: {tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Deny, to: [" + to + "]}]}\n"
}

// TestCalicoPrefix asks about a prefix, of which a network set has a part, a host endpoint an address, and a pod another.
func TestCalicoPrefix(t *testing.T) {
	policies := kindOf("GlobalNetworkSet", "{name: s, labels: {kind: partner}}", "{nets: [198.51.100.0/25]}") +
		kindOf("HostEndpoint", "{name: h}", "{node: gate, expectedIPs: [198.51.100.9]}") +
		gnp("a", `{selector: "app == 'web'", egress: [{action: Allow, destination: {selector: "kind == 'partner'"}}]}`)
	c, _ := Read(Stream("base.yaml", strings.NewReader(calicoCluster)), Stream("policy.yaml", strings.NewReader(policies)))
	e := Compile(c, Assumptions{})
	web, _ := c.Workload("Pod", "shop", "web")
	got := map[string]Verdict{}
	d := e.Decide(Origin{Workload: web}, Destination{Prefix: netip.MustParsePrefix("198.51.100.0/24")}, TCP, 443)
	for _, p := range d.Parts {
		got[p.To] = p.Verdict
	}
	equal(t, "verdict", d.Verdict, Partly)
	equal(t, "parts", got, map[string]Verdict{
		"198.51.100.0/25 except 198.51.100.9": Allowed, "198.51.100.128/25": Denied, "198.51.100.9": Undecidable,
	})
}

// ask reads "shop/web > 198.51.100.7 TCP 443".
func askCalico(t *testing.T, c *Cluster, question string) (from Origin, to Destination, protocol Protocol, port uint16) {
	t.Helper()
	f := strings.Fields(question)
	n, err := strconv.ParseUint(f[4], 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	workload := func(s string) *Workload {
		namespace, name, _ := strings.Cut(s, "/")
		w, _ := c.Workload("", namespace, name)
		return w
	}
	if from.Workload = workload(f[0]); from.Workload == nil {
		from.Addr = netip.MustParseAddr(f[0])
	}
	if to.Workload = workload(f[2]); to.Workload == nil {
		if to.Addr, err = netip.ParseAddr(f[2]); err != nil {
			to = Destination{Name: f[2]}
		}
	}
	return from, to, map[string]Protocol{"TCP": TCP, "UDP": UDP, "SCTP": SCTP}[f[3]], uint16(n)
}

// everything is everything that a decision says.
func everything(d Decision) string {
	var b strings.Builder
	for _, c := range d.Chain {
		fmt.Fprintf(&b, "%v decides=%t\n", c, c.Decides)
	}
	for _, r := range d.Reasons {
		fmt.Fprintln(&b, r)
	}
	for _, n := range d.Notes {
		fmt.Fprintln(&b, n)
	}
	return b.String()
}

// agreeAll compares a decision with what the programs for all pods say.
func agreeAll(t *testing.T, e *Evaluator, from Origin, to Destination, protocol Protocol, port uint16, d Decision) {
	t.Helper()
	if from.Workload == nil || len(e.cluster.Unread) > 0 {
		return
	}
	var r Reach
	switch {
	case to.Workload != nil:
		r = e.Allowed(from.Workload, to.Workload)
	case to.Addr.IsValid() && len(e.vips[to.Addr]) == 0:
		set := e.Egress(from.Workload)
		r = Reach{set.Certain.To(to.Addr), set.Possible.To(to.Addr)}
	default:
		return
	}
	if got := verdictOf(r, protocol, port); got != d.Verdict {
		t.Errorf("decided %v, for all at once %v", d.Verdict, got)
	}
}
