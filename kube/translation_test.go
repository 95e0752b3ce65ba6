package kube

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// TestEgressAfterTranslation asks for a service whose pods have another port and address than itself, under policies that admit one or
// the other.
func TestEgressAfterTranslation(t *testing.T) {
	const objects = `
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: shop}
spec: {containers: [{name: c, image: i}]}
status: {podIPs: [{ip: 10.1.0.1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: server, namespace: shop, labels: {app: server}}
spec: {containers: [{name: c, image: i}]}
status: {podIPs: [{ip: 10.1.0.2}]}
---
apiVersion: v1
kind: Service
metadata: {name: server, namespace: shop}
spec: {clusterIP: 10.2.0.1, clusterIPs: [10.2.0.1], selector: {app: server}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: egress, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress: [RULE]
`
	tests := []struct {
		name, rule    string
		after, before Verdict
	}{
		{"the pod's address", `{to: [{ipBlock: {cidr: 10.1.0.0/16}}]}`, Allowed, Denied},
		{"the service's address", `{to: [{ipBlock: {cidr: 10.2.0.0/16}}]}`, Denied, Allowed},
		{"all but the pod's address", `{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.2/32]}}]}`, Denied, Allowed},
		{"the pod's port", `{ports: [{port: 8080}]}`, Allowed, Denied},
		{"the service's port", `{ports: [{port: 80}]}`, Denied, Allowed},
		{"the pod's labels", `{to: [{podSelector: {matchLabels: {app: server}}}]}`, Allowed, Allowed},
		{"nothing", ``, Denied, Denied},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, problems := Read(Stream("objects.yaml", strings.NewReader(strings.Replace(objects, "RULE", test.rule, 1))))
			if slices.ContainsFunc(problems, func(p Problem) bool { return p.Severity == Error }) {
				t.Fatal(problems)
			}
			unset := test.after
			if test.after != test.before {
				unset = Undecidable
			}
			client, _ := c.Workload("Pod", "shop", "client")
			for assume, want := range map[Tristate]Verdict{True: test.after, False: test.before, Unset: unset} {
				e := Compile(c, Assumptions{EgressAfterTranslation: assume})
				for _, to := range []Destination{{Addr: netip.MustParseAddr("10.2.0.1")}, {Service: c.Services[0]}} {
					if got := e.Decide(Origin{Workload: client}, to, TCP, 80).Verdict; got != want {
						t.Errorf("assumption %d, to %+v: got %v, want %v", assume, to, got, want)
					}
				}
			}
		})
	}
}
