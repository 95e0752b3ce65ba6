package kube

import (
	"strings"
	"testing"
)

// TestTwoPlugins has policies of two network plugins, of which a cluster has one.
func TestTwoPlugins(t *testing.T) {
	c, problems := Read(Stream("test.yaml", strings.NewReader(`apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: web}]}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: a, namespace: shop}
spec: {endpointSelector: {}, egress: [{toCIDR: [192.0.2.0/24]}]}
---
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: b, namespace: shop}
spec: {types: [Egress], egress: [{action: Allow}]}
`)))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	e := Compile(c, Assumptions{})
	w, _ := c.Workload("", "shop", "web")
	d := e.Decide(Origin{Workload: w}, Destination{Name: "example.org"}, TCP, 443)
	if d.Verdict != Undecidable || len(d.Reasons) == 0 || d.Reasons[len(d.Reasons)-1].String() != "test.yaml:6: CiliumNetworkPolicy shop/a is of Cilium, and the cluster has policies of Calico too: which of them is enforced is not known" {
		t.Errorf("%v: %v", d.Verdict, d.Reasons)
	}
	if _, err := e.Profile(w); err == nil {
		t.Error("a profile came of it")
	}
	if set := e.Egress(w); !set.Certain.IsEmpty() {
		t.Errorf("certain: %v", set.Certain)
	}
}
