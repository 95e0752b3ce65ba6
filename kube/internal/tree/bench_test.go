package tree

import (
	"fmt"
	"strings"
	"testing"
)

// manifests is a stream of n policies as people write them.
func manifests(n int) string {
	var b strings.Builder
	for i := range n {
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
              team: "t%d"
          podSelector: {}
      ports:
        - protocol: TCP
          port: 8080
  egress:
    - to:
        - ipBlock:
            cidr: 10.0.0.0/16
            except: [10.0.1.0/24]
    - ports:
        - protocol: UDP
          port: 53
`, i, i%240, i%10, i%7)
	}
	return b.String()
}

func BenchmarkPlain(b *testing.B) {
	text := manifests(1000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		var p Parser
		for _, piece := range Split(text) {
			if _, err := p.Parse(piece); err != nil || p.Slow > 0 {
				b.Fatal(err, p.Slow)
			}
		}
	}
}

func BenchmarkYAML(b *testing.B) {
	text := manifests(1000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		for _, piece := range Split(text) {
			if _, err := byYAML(piece, 0); err != nil {
				b.Fatal(err)
			}
		}
	}
}
