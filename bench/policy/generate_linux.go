package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
)

// shape is a cluster of namespaces that are all of one size. Replicas are pods that are alike: 0 for one of each.
type shape struct {
	namespaces, pods, policies, replicas int // but for the first, in a namespace, or of a pod
}

func (s shape) String() string {
	return fmt.Sprintf("%d pods, %d policies", s.count(), s.namespaces*s.policies)
}

// count is how many pods there are.
func (s shape) count() int { return s.namespaces * s.pods * max(1, s.replicas) }

// write writes the cluster's objects as YAML. What they say is made at random, from a fixed seed: policies select pods of one app,
// and admit apps of their own namespace, of teams' namespaces, blocks of addresses, on one port or a few, and by name.
func (s shape) write(w io.Writer) error {
	b := bufio.NewWriterSize(w, 1<<16)
	r := rand.New(rand.NewPCG(1, 2))
	for n := range s.namespaces {
		fmt.Fprintf(b, "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: ns%d\n  labels:\n    kubernetes.io/metadata.name: ns%d\n    team: team%d\n", n, n, n%12)
		all := s.pods * max(1, s.replicas)
		for pod := range all {
			p, id := pod%s.pods, n*all+pod
			fmt.Fprintf(b, `---
apiVersion: v1
kind: Pod
metadata:
  name: pod%d
  namespace: ns%d
  labels:
    app: app%d
    tier: tier%d
spec:
  containers:
  - name: main
    image: example.org/app:1
    ports:
    - name: http
      containerPort: %d
status:
  phase: Running
  podIP: 10.%d.%d.%d
  podIPs:
  - ip: 10.%d.%d.%d
`, pod, n, p, p%3, 8080+p%2, id>>16, id>>8&255, id&255, id>>16, id>>8&255, id&255)
		}
		for p := range s.policies {
			s.policy(b, r, n, p)
		}
	}
	return b.Flush()
}

func (s shape) policy(b *bufio.Writer, r *rand.Rand, n, p int) {
	fmt.Fprintf(b, "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: policy%d\n  namespace: ns%d\nspec:\n  podSelector:\n    matchLabels:\n      app: app%d\n", p, n, r.IntN(s.pods))
	egress := p%2 == 1
	if egress {
		b.WriteString("  policyTypes: [Egress]\n  egress:\n")
	} else {
		b.WriteString("  policyTypes: [Ingress]\n  ingress:\n")
	}
	for range 1 + r.IntN(2) {
		if egress {
			b.WriteString("  - to:\n")
		} else {
			b.WriteString("  - from:\n")
		}
		addresses := false
		for range 1 + r.IntN(2) {
			switch r.IntN(5) {
			case 0, 1:
				fmt.Fprintf(b, "    - podSelector:\n        matchLabels:\n          app: app%d\n", r.IntN(s.pods))
			case 2:
				fmt.Fprintf(b, "    - namespaceSelector:\n        matchLabels:\n          team: team%d\n      podSelector:\n        matchLabels:\n          tier: tier%d\n", r.IntN(12), r.IntN(3))
			case 3:
				fmt.Fprintf(b, "    - namespaceSelector:\n        matchLabels:\n          kubernetes.io/metadata.name: ns%d\n", r.IntN(s.namespaces))
			case 4:
				addresses = true
				k := r.IntN(8)
				fmt.Fprintf(b, "    - ipBlock:\n        cidr: 192.168.%d.0/24\n        except: [192.168.%d.128/25]\n", k, k)
			}
		}
		b.WriteString("    ports:\n")
		switch n := r.IntN(3); {
		case n == 0 && !(egress && addresses): // addresses have no ports by name, and np-guard takes no such policy
			b.WriteString("    - port: http\n")
		case n <= 1:
			fmt.Fprintf(b, "    - protocol: TCP\n      port: %d\n", 8080+r.IntN(3))
		default:
			fmt.Fprintf(b, "    - protocol: TCP\n      port: 8000\n      endPort: %d\n    - protocol: UDP\n      port: 53\n", 8000+r.IntN(200))
		}
	}
}
