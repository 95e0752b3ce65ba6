package kube

import (
	"fmt"
	"strings"
	"testing"
)

// bigCluster is 240 namespaces of 10 pods and 20 policies each: 3.6 MB.
func bigCluster() string {
	var b strings.Builder
	for n := range 240 {
		fmt.Fprintf(&b, "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: ns-%d\n  labels:\n    team: t%d\n", n, n%12)
		for p := range 10 {
			fmt.Fprintf(&b, `---
apiVersion: v1
kind: Pod
metadata:
  name: pod-%d
  namespace: ns-%d
  labels:
    app: a%d
    tier: t%d
spec:
  containers:
    - name: c
      image: x/y:1
      ports:
        - name: http
          containerPort: 8080
          protocol: TCP
status:
  podIP: 10.%d.0.%d
  podIPs:
    - ip: 10.%d.0.%d
`, p, n, p, p%3, n, p+1, n, p+1)
		}
		for q := range 20 {
			fmt.Fprintf(&b, `---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: policy-%d
  namespace: ns-%d
spec:
  podSelector:
    matchLabels:
      app: a%d
  policyTypes:
    - Ingress
    - Egress
  ingress:
    - from:
        - namespaceSelector:
            matchLabels:
              team: t%d
          podSelector:
            matchLabels:
              tier: t%d
      ports:
        - protocol: TCP
          port: %d
  egress:
    - to:
        - ipBlock:
            cidr: 10.%d.0.0/16
            except:
              - 10.%d.1.0/24
    - ports:
        - protocol: UDP
          port: 53
`, q, n, q%10, q%12, q%3, 8000+q, n, n)
		}
	}
	return b.String()
}

func BenchmarkRead(b *testing.B) {
	text := bigCluster()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		c, problems := Read(Stream("big", strings.NewReader(text)))
		if len(problems) > 0 || len(c.NetworkPolicies) != 4800 || len(c.Workloads) != 2400 || len(c.Namespaces) != 240 {
			b.Fatal(problems[0])
		}
	}
}

// calicoPolicies are as many policies of Calico's for [bigCluster] as it has of Kubernetes, in two tiers, and some for all namespaces.
func calicoPolicies() string {
	var b strings.Builder
	b.WriteString("---\n{apiVersion: projectcalico.org/v3, kind: Tier, metadata: {name: security}, spec: {order: 100}}\n")
	for q := range 40 {
		fmt.Fprintf(&b, `---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata:
  name: security.g%d
spec:
  tier: security
  order: %d
  selector: app == 'a%d'
  types: [Ingress, Egress]
  ingress:
    - action: Deny
      protocol: TCP
      source:
        namespaceSelector: team == 't%d'
      destination:
        ports: [22, "6000:6010"]
    - action: Pass
  egress:
    - action: Deny
      destination:
        nets: [169.254.0.0/16, 10.%d.0.0/16]
    - action: Pass
`, q, q, q%10, q%12, q)
	}
	for n := range 240 {
		for q := range 20 {
			fmt.Fprintf(&b, `---
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata:
  name: policy-%d
  namespace: ns-%d
spec:
  order: %d
  selector: app == 'a%d' && tier in {'t%d', 't9'}
  types: [Ingress, Egress]
  ingress:
    - action: Allow
      protocol: TCP
      source:
        namespaceSelector: team == 't%d'
        selector: tier == 't%d'
      destination:
        ports: [%d, http]
  egress:
    - action: Allow
      destination:
        nets: [10.%d.0.0/16]
        notNets: [10.%d.1.0/24]
    - action: Allow
      protocol: UDP
      destination:
        ports: [53]
`, q, n, q*10, q%10, q%3, q%12, q%3, 8000+q, n, n)
		}
	}
	return b.String()
}

// BenchmarkCalico is the full matrix of 2,400 pods by 4,800 policies of Kubernetes and 4,840 of Calico, read and decided.
func BenchmarkCalico(b *testing.B) {
	text := bigCluster() + calicoPolicies()
	for b.Loop() {
		c, problems := Read(Stream("s", strings.NewReader(text)))
		if len(problems) > 0 {
			b.Fatal(problems[0])
		}
		e := Compile(c, Assumptions{})
		rows := 0
		for range e.Matrix() {
			rows++
		}
		if rows != 2400 {
			b.Fatal(rows)
		}
	}
}

// BenchmarkCalicoDecide is one decision in the cluster of [BenchmarkCalico], once it is read: what is needed for it alone is made.
func BenchmarkCalicoDecide(b *testing.B) {
	c, _ := Read(Stream("s", strings.NewReader(bigCluster()+calicoPolicies())))
	for b.Loop() {
		e := Compile(c, Assumptions{})
		if d := e.Decide(Origin{Workload: c.Workloads[0]}, Destination{Workload: c.Workloads[1]}, TCP, 8000); len(d.Chain) == 0 {
			b.Fatal("no chain")
		}
	}
}
