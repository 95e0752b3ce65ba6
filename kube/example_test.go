package kube_test

import (
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/kube"
)

func ExampleRead() {
	cluster, problems := kube.Read(kube.Stream("web.yaml", strings.NewReader(`
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
    - ports: [{port: 443}, {port: 70000}]
`)))
	p := cluster.NetworkPolicies[0]
	fmt.Println(p, "selects", p.PodSelector.String(), "and isolates for egress:", p.Isolates(kube.Egress))
	fmt.Println(problems[0].Error())
	fmt.Println("can decide:", !p.Broken())
	// Output:
	// NetworkPolicy shop/web selects app=web and isolates for egress: true
	// web.yaml:9: NetworkPolicy shop/web: egress rule 1: port 2: port 70000 is out of range: want 1 to 65535
	// can decide: false
}

func ExampleEvaluator_Decide_egressFirewall() {
	cluster, _ := kube.Read(kube.Stream("shop.yaml", strings.NewReader(`
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: web}]}
status: {podIP: 10.128.0.5}
---
apiVersion: k8s.ovn.org/v1
kind: EgressFirewall
metadata: {name: default, namespace: shop}
spec:
  egress:
  - {type: Allow, to: {dnsName: banks.freenode.net}, ports: [{protocol: TCP, port: 8001}]}
  - {type: Deny, to: {cidrSelector: 0.0.0.0/0}}
`)))
	e := kube.Compile(cluster, kube.Assumptions{})
	web, _ := cluster.Workload("Pod", "shop", "web")
	for _, port := range []uint16{8001, 6667} {
		d := e.Decide(kube.Origin{Workload: web}, kube.Destination{Name: "banks.freenode.net"}, kube.TCP, port)
		fmt.Println(port, d.Verdict)
		for _, c := range d.Chain {
			if c.Decides && c.Layer == kube.EgressFirewallLayer {
				fmt.Println(c)
			}
		}
	}
	// Output:
	// 8001 allowed
	// egress: EgressFirewall shop/default rule 1 admits: banks.freenode.net (shop.yaml:13)
	// 6667 denied
	// egress: EgressFirewall shop/default rule 2 denies: 0.0.0.0/0 (shop.yaml:14)
}

func ExampleEvaluator_Bind() {
	cluster, _ := kube.Read(kube.Stream("web.yaml", strings.NewReader(`
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  containers:
  - name: web
    securityContext: {capabilities: {drop: [ALL]}}
---
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {nodeInfo: {containerRuntimeVersion: cri-o://1.30.4}}
`)))
	web, _ := cluster.Workload("Pod", "shop", "web")
	for _, d := range kube.Compile(cluster, kube.Assumptions{}).Bind(web, 80) {
		fmt.Println(d.Container.Name, d.Verdict)
		for _, s := range d.Chain {
			fmt.Println(s)
		}
	}
	// Output:
	// web denied
	// port 80 takes CAP_NET_BIND_SERVICE: CRI-O leaves net.ipv4.ip_unprivileged_port_start at 1024 (web.yaml:13)
	// capabilities.drop has ALL, and capabilities.add not NET_BIND_SERVICE (web.yaml:8)
}
