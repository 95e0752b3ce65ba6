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
