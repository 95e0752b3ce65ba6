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
