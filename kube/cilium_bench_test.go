package kube

import (
	"strings"
	"testing"
)

// BenchmarkMatrix is the matrix of the big cluster, by the tiers alone, and as Cilium decides.
func BenchmarkMatrix(b *testing.B) {
	text := bigCluster()
	cnp := `---
apiVersion: cilium.io/v2
kind: CiliumClusterwideNetworkPolicy
metadata: {name: guard}
spec:
  endpointSelector: {}
  enableDefaultDeny: {egress: false, ingress: false}
  egressDeny: [{toEntities: [host]}, {toEndpoints: [{matchLabels: {app: a3, io.kubernetes.pod.namespace: ns-7}}]}]
  ingress: [{fromEndpoints: [{matchLabels: {tier: t1}}], toPorts: [{ports: [{port: http}]}]}]
`
	for _, tt := range []struct{ name, text string }{{"tiers", text}, {"cilium", text + cnp}} {
		b.Run(tt.name, func(b *testing.B) {
			c, _ := Read(Stream("big", strings.NewReader(tt.text)))
			b.ReportAllocs()
			for b.Loop() {
				rows := 0
				for range Compile(c, Assumptions{}).Matrix() {
					rows++
				}
				if rows != 2400 {
					b.Fatal(rows)
				}
			}
		})
	}
}
