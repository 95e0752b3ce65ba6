package convert

import "testing"

// BenchmarkLarge is 10,000 rules, each with a reason.
func BenchmarkLarge(b *testing.B) {
	for t := NetworkPolicy; t <= CalicoNetworkPolicy; t++ {
		b.Run(t.Word(), func(b *testing.B) {
			p := newWorld(3).large(10_000, true)
			if t == EgressFirewall {
				p = newWorld(3).large(6_000, true)
			}
			for b.Loop() {
				r, err := To(t, p, Options{})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := r.YAML(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
