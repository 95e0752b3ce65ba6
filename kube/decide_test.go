package kube

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// town is a cluster for questions: what each test adds are policies.
const town = `
{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: a}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: bank, labels: {team: b}}}
---
{apiVersion: v1, kind: Node, metadata: {name: n1, labels: {zone: a}}, status: {addresses: [{type: InternalIP, address: 192.0.2.1}, {type: InternalIP, address: "2001:db8::1"}]}}
---
{apiVersion: v1, kind: Node, metadata: {name: n2, labels: {zone: b}}, status: {addresses: [{type: InternalIP, address: 192.0.2.2}, {type: ExternalIP, address: 203.0.113.2}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: client, namespace: shop, labels: {app: client}},
  spec: {nodeName: n1, containers: [{name: c}]}, status: {podIPs: [{ip: 10.1.0.1}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: both, namespace: shop, labels: {app: both}},
  spec: {nodeName: n1, containers: [{name: c, ports: [{name: web, containerPort: 8080}]}]}, status: {podIPs: [{ip: 10.1.0.2}, {ip: "fd00::2"}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: six, namespace: shop, labels: {app: six}},
  spec: {nodeName: n1, containers: [{name: c}]}, status: {podIPs: [{ip: "fd00::3"}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: host, namespace: shop, labels: {app: host}},
  spec: {nodeName: n1, hostNetwork: true, containers: [{name: c}]}, status: {podIPs: [{ip: 192.0.2.1}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web-1, namespace: bank, labels: {app: web, part: front}},
  spec: {nodeName: n2, containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}, status: {podIPs: [{ip: 10.2.0.1}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web-2, namespace: bank, labels: {app: web, part: back}},
  spec: {nodeName: n2, containers: [{name: c, ports: [{name: http, containerPort: 9090}]}]}, status: {podIPs: [{ip: 10.2.0.2}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: done, namespace: bank, labels: {app: web}},
  spec: {containers: [{name: c}]}, status: {phase: Succeeded, podIPs: [{ip: 10.2.0.3}]}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: crowd, namespace: bank}, spec: {replicas: 3,
  selector: {matchLabels: {app: crowd}}, template: {metadata: {labels: {app: crowd}}, spec: {containers: [{name: c}]}}}}
---
{apiVersion: v1, kind: Service, metadata: {name: web, namespace: bank}, spec: {selector: {app: web}, clusterIP: 10.96.0.1,
  type: LoadBalancer, externalIPs: [198.51.100.7], ports: [{name: http, port: 80, targetPort: http, nodePort: 30080}, {name: front, port: 81, targetPort: 8080}]},
  status: {loadBalancer: {ingress: [{ip: 203.0.113.9}]}}}
---
{apiVersion: v1, kind: Service, metadata: {name: headless, namespace: bank}, spec: {selector: {part: front}, clusterIP: None, ports: [{port: 80, targetPort: 8080}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: outside, namespace: bank}, spec: {type: ExternalName, externalName: db.example.org}}
---
{apiVersion: v1, kind: Service, metadata: {name: nobody, namespace: bank}, spec: {selector: {app: nobody}, clusterIP: 10.96.0.2, ports: [{port: 80}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: manual, namespace: bank}, spec: {clusterIP: 10.96.0.3, ports: [{name: db, port: 5432}]}}
---
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv4, metadata: {name: manual-1, namespace: bank, labels: {kubernetes.io/service-name: manual}},
  endpoints: [{addresses: [198.18.0.5]}, {addresses: [198.18.0.6], conditions: {ready: false}}], ports: [{name: db, port: 15432}]}
---
{apiVersion: v1, kind: Service, metadata: {name: unslice, namespace: bank}, spec: {clusterIP: 10.96.0.4, ports: [{port: 80}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: dual, namespace: shop}, spec: {selector: {app: both}, clusterIPs: [10.96.0.5, "fd00:96::5"], clusterIP: 10.96.0.5,
  ports: [{port: 80, targetPort: web}]}}
`

// policyOf is a NetworkPolicy of the namespace shop, or of the one that is written before the name.
func policyOf(name, selector, rest string) string {
	space, name, given := strings.Cut(name, "/")
	if !given {
		space, name = "shop", space
	}
	return fmt.Sprintf("---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: %s, namespace: %s}, spec: {podSelector: {matchLabels: {%s}}, %s}}\n", name, space, selector, rest)
}

// egressOf isolates the client for egress, but for some rules.
func egressOf(rules string) string {
	return policyOf("egress", "app: client", "policyTypes: [Egress], egress: ["+rules+"]")
}

// ask reads the town with policies, and asks one question: from and to are "shop/client", "service bank/web", an address, a
// prefix, or a DNS name.
func ask(t *testing.T, policies, from, to string, protocol Protocol, port uint16, assume Assumptions) Decision {
	t.Helper()
	c, problems := Read(Stream("town.yaml", strings.NewReader(town+policies)))
	for _, p := range problems {
		if p.Severity == Error {
			t.Fatal(p)
		}
	}
	e := Compile(c, assume)
	pod := func(s string) *Workload {
		space, name, ok := strings.Cut(s, "/")
		if !ok {
			return nil
		}
		w, _ := c.Workload("", space, name)
		return w
	}
	source := Origin{Workload: pod(from)}
	if source.Workload == nil {
		source.Addr = netip.MustParseAddr(from)
	}
	var d Destination
	if name, ok := strings.CutPrefix(to, "service "); ok {
		for _, s := range c.Services {
			if s.Namespace+"/"+s.Name == name {
				d.Service = s
			}
		}
		if d.Service == nil {
			t.Fatalf("no service %s", name)
		}
	} else if p, err := netip.ParsePrefix(to); err == nil {
		d.Prefix = p
	} else if a, err := netip.ParseAddr(to); err == nil {
		d.Addr = a
	} else if d.Workload = pod(to); d.Workload == nil {
		d.Name = to
	}
	return e.Decide(source, d, protocol, port)
}

// decisionText is all that a decision says, for a test to look into.
func decisionText(d *Decision) string {
	var b strings.Builder
	for _, c := range d.Chain {
		fmt.Fprintln(&b, c)
	}
	for _, r := range d.Reasons {
		fmt.Fprintln(&b, r)
	}
	for _, n := range d.Notes {
		fmt.Fprintln(&b, n)
	}
	for i := range d.Parts {
		fmt.Fprintln(&b, d.Parts[i].To, d.Parts[i].Verdict)
		b.WriteString(decisionText(&d.Parts[i].Decision))
	}
	return b.String()
}

// decisionCase is a question and its answer.
type decisionCase struct {
	name     string
	policies string
	from, to string
	protocol Protocol
	port     uint16
	want     Verdict
	says     string // what the decision has to say, "" for anything
}

func (tt *decisionCase) run(t *testing.T, assume Assumptions) {
	t.Helper()
	d := ask(t, tt.policies, tt.from, tt.to, tt.protocol, tt.port, assume)
	text := decisionText(&d)
	if d.Verdict != tt.want || !strings.Contains(text, tt.says) {
		t.Errorf("%s to %s %v/%d: got %v, want %v, saying %q\n%s", tt.from, tt.to, tt.protocol, tt.port, d.Verdict, tt.want, tt.says, text)
	}
	if d.Verdict == Undecidable && len(d.Reasons) == 0 {
		t.Errorf("%s to %s: undecidable, and for no reason", tt.from, tt.to)
	}
}

func runDecisions(t *testing.T, cases []decisionCase) {
	t.Helper()
	for i := range cases {
		t.Run(cases[i].name, func(t *testing.T) { cases[i].run(t, Assumptions{}) })
	}
}

func TestDecideServices(t *testing.T) {
	web := "{to: [{namespaceSelector: {matchLabels: {team: b}}, podSelector: {matchLabels: {app: web}}}], ports: [{port: 8080}]}"
	both := "{to: [{namespaceSelector: {matchLabels: {team: b}}, podSelector: {matchLabels: {app: web}}}], ports: [{port: 8080}, {port: 9090}]}"
	local := "---\n{apiVersion: v1, kind: Service, metadata: {name: local, namespace: bank}, spec: {type: LoadBalancer, externalTrafficPolicy: Local, selector: {app: web}, clusterIP: 10.96.0.9, " +
		"loadBalancerSourceRanges: [198.51.100.0/24], ports: [{port: 80, targetPort: 8080}]}, status: {loadBalancer: {ingress: [{ip: 203.0.113.10}]}}}\n"
	runDecisions(t, []decisionCase{
		{"no policy", "", "shop/client", "service bank/web", TCP, 80, Allowed, ""},
		{"a port that it has not", "", "shop/client", "service bank/web", TCP, 443, Denied, "has no port 443/TCP: its ports are 80/TCP to the pods' port http"},
		{"another protocol", "", "shop/client", "service bank/web", UDP, 80, Denied, "has no port 80/UDP"},
		{"a target port by name is each pod's own", egressOf(both), "shop/client", "service bank/web", TCP, 80, Allowed, ""},
		{"one of two pods", egressOf(web), "shop/client", "service bank/web", TCP, 80, Partly, "Pod bank/web-2 port 9090 denied"},
		{"a target port by number", egressOf(web), "shop/client", "service bank/web", TCP, 81, Allowed, ""},
		{"the port of the service is not the pods'", egressOf(strings.ReplaceAll(web, "8080", "81")), "shop/client", "service bank/web", TCP, 81, Denied, ""},
		{"by its address", egressOf(both), "shop/client", "10.96.0.1", TCP, 80, Allowed, ""},
		{"pods' ingress counts", policyOf("bank/closed", "app: web", "ingress: []"), "shop/client", "service bank/web", TCP, 80, Denied, "ingress: NetworkPolicy bank/closed does not admit"},
		{"headless, at the pods' own port", "", "shop/client", "service bank/headless", TCP, 8080, Allowed, ""},
		{"headless: its port is not translated", egressOf(web), "shop/client", "service bank/headless", TCP, 80, Denied, "NetworkPolicy shop/egress isolates it"},
		{"ExternalName", egressOf("{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}"), "shop/client", "service bank/outside", TCP, 5432, Undecidable, "db.example.org"},
		{"ExternalName, everything admitted", egressOf("{}"), "shop/client", "service bank/outside", TCP, 5432, Allowed, "stands for the name db.example.org"},
		{"no endpoint", "", "shop/client", "service bank/nobody", TCP, 80, Denied, "has no endpoint that is ready"},
		{"no selector and no slice", "", "shop/client", "service bank/unslice", TCP, 80, Denied, "no EndpointSlice was given"},
		{"a slice: an address outside", egressOf("{to: [{ipBlock: {cidr: 198.18.0.5/32}}, {ipBlock: {cidr: 10.96.0.3/32}}], ports: [{port: 15432}, {port: 5432}]}"), "shop/client", "service bank/manual", TCP, 5432, Allowed, ""},
		{"a slice: what is not ready is no end", egressOf("{to: [{ipBlock: {cidr: 198.18.0.6/32}}]}"), "shop/client", "service bank/manual", TCP, 5432, Denied, ""},
		{"an external address leads to the pods", egressOf(both), "shop/client", "198.51.100.7", TCP, 80, Undecidable, "Amazon VPC CNI"},
		{"a load balancer's address leads to the pods", "", "shop/client", "203.0.113.9", TCP, 80, Allowed, ""},
		{"from outside, by a load balancer's address", "", "198.51.100.200", "203.0.113.9", TCP, 80, Allowed, ""},
		{"from outside, pods may see a node", policyOf("bank/in", "app: web", "ingress: [{from: [{ipBlock: {cidr: 198.51.100.0/24}}]}]"), "198.51.100.200", "203.0.113.9", TCP, 80, Undecidable, "spec.externalTrafficPolicy of Service bank/web"},
		{"from outside, a port that it has not", "", "198.51.100.200", "203.0.113.9", TCP, 443, Denied, "has no port 443"},
		{"from outside, pods see the source", local + policyOf("bank/in", "app: web", "ingress: [{from: [{ipBlock: {cidr: 198.51.100.0/24}}]}]"), "198.51.100.200", "203.0.113.10", TCP, 80, Allowed, ""},
		{"from outside, by a range of sources", local, "192.0.2.77", "203.0.113.10", TCP, 80, Undecidable, "spec.loadBalancerSourceRanges of Service bank/local"},
		{"from a pod, by a range of sources", local, "shop/client", "203.0.113.10", TCP, 80, Undecidable, "does not have the source"},
		{"a range of sources is not for its address in the cluster", local, "shop/client", "10.96.0.9", TCP, 80, Allowed, ""},
		{"a node port", "", "shop/client", "192.0.2.2", TCP, 30080, Allowed, "port 30080 is a node port of Service bank/web"},
		{"a node port, the node not admitted", egressOf(both), "shop/client", "192.0.2.2", TCP, 30080, Undecidable, "which sees the node's address or a pod's"},
		{"a node's port that is no service's", egressOf(both), "shop/client", "192.0.2.2", TCP, 30081, Denied, ""},
		{"dual stack: the source has one family", "", "shop/client", "service shop/dual", TCP, 80, Allowed, ""},
		{"dual stack: each family for itself", policyOf("six", "app: both", "ingress: [{from: [{ipBlock: {cidr: 'fd00::/8'}}]}]"), "shop/six", "service shop/dual", TCP, 80, Allowed, ""},
		{"dual stack: IPv4 is not let in", policyOf("six", "app: both", "ingress: [{from: [{ipBlock: {cidr: 'fd00::/8'}}]}]"), "shop/client", "service shop/dual", TCP, 80, Denied, ""},
		{"a service without an address of the source's family", "", "shop/six", "service bank/web", TCP, 80, Denied, "no address of the source's family"},
	})
}

// What plugins see of a service before they translate it is in the comment of type before.
func TestDecideTranslation(t *testing.T) {
	pods := "{namespaceSelector: {matchLabels: {team: b}}, podSelector: {matchLabels: {%s}}}"
	app, part := fmt.Sprintf(pods, "app: web"), fmt.Sprintf(pods, "part: front")
	for _, tt := range []struct {
		name, rule string
		to         string
		port       uint16
		want       Verdict
		says       string
	}{
		{"a block of the pods alone", "{to: [{ipBlock: {cidr: 10.2.0.0/16}}]}", "10.96.0.1", 81, Undecidable, "those that enforce before (Amazon VPC CNI) see 10.96.0.1:81, and it is denied"},
		{"a block of the service alone", "{to: [{ipBlock: {cidr: 10.96.0.0/16}}]}", "10.96.0.1", 81, Undecidable, "see Pod bank/web-1 port 8080, and it is denied; those that enforce before (Amazon VPC CNI) see 10.96.0.1:81, and it is allowed"},
		{"a block of both", "{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}", "10.96.0.1", 81, Allowed, ""},
		{"a block of both, on the pods' port", "{to: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: 8080}]}", "10.96.0.1", 81, Undecidable, "10.96.0.1:81"},
		{"a block of both, on both ports", "{to: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: 8080}, {port: 81}]}", "10.96.0.1", 81, Allowed, ""},
		{"anywhere, on the pods' port", "{ports: [{port: 8080}]}", "10.96.0.1", 81, Undecidable, "10.96.0.1:81"},
		{"anywhere, on a port by name", "{ports: [{port: http}]}", "10.96.0.1", 81, Undecidable, "Amazon VPC CNI"},
		{"pods, on their port", "{to: [" + app + "], ports: [{port: 8080}]}", "10.96.0.1", 81, Allowed, ""},
		{"pods, on a port by name", "{to: [" + app + "], ports: [{port: http}]}", "10.96.0.1", 80, Allowed, ""},
		{"pods, on the service's port", "{to: [" + app + "], ports: [{port: 81}]}", "10.96.0.1", 81, Denied, ""},
		{"pods, by labels that the service does not select by", "{to: [" + part + "], ports: [{port: 8080}]}", "10.96.0.1", 81, Undecidable, "Amazon VPC CNI"},
		{"pods, at an external address of the service", "{to: [" + app + "], ports: [{port: 8080}]}", "198.51.100.7", 81, Undecidable, "see 198.51.100.7:81, and it is denied"},
		{"nothing is admitted", "", "10.96.0.1", 81, Denied, ""},
		{"all is admitted", "{}", "10.96.0.1", 81, Allowed, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := ask(t, egressOf(tt.rule), "shop/client", tt.to, TCP, tt.port, Assumptions{})
			for i := range d.Parts { // where each pod has a part
				if strings.Contains(d.Parts[i].To, "web-1") {
					d = d.Parts[i].Decision
					break
				}
			}
			if text := decisionText(&d); d.Verdict != tt.want || !strings.Contains(text, tt.says) {
				t.Errorf("got %v, want %v, saying %q\n%s", d.Verdict, tt.want, tt.says, text)
			}
		})
	}
}
