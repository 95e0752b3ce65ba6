package flowset

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// random is a set of n prefixes, each with one of k ports, and every eighth of 10,000 peers.
func random(seed uint64, n, k int) Set {
	r := rand.New(rand.NewPCG(seed, 0))
	var b Builder
	for range n {
		a := netip.AddrFrom4([4]byte{10, byte(r.IntN(256)), byte(r.IntN(256)), byte(r.IntN(256))})
		b.Add(AddrsOf(netip.PrefixFrom(a, 24+r.IntN(9))), Transport(TCP, Port(uint16(r.IntN(k)))))
	}
	for p := Peer(seed % 8); p < 10_000; p += 8 {
		b.AddPeer(p, Transport(TCP, Port(uint16(r.IntN(k)))))
	}
	return b.Set()
}

func BenchmarkOperations(b *testing.B) {
	for _, n := range []int{10, 1000, 100_000} {
		x, y := random(1, n, 5), random(2, n, 5)
		for name, f := range map[string]func(){
			"union":    func() { x.Union(y) },
			"subtract": func() { x.Subtract(y) },
			"equal":    func() { x.Equal(x) },
		} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					f()
				}
			})
		}
	}
}

func BenchmarkContains(b *testing.B) {
	for _, n := range []int{10, 1000, 100_000} {
		s := random(1, n, 50)
		r := rand.New(rand.NewPCG(3, 0))
		var to [1024]netip.Addr
		for i := range to {
			to[i] = netip.AddrFrom4([4]byte{10, byte(r.IntN(256)), byte(r.IntN(256)), byte(r.IntN(256))})
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			i := 0
			for b.Loop() {
				s.Contains(to[i&1023], TCP, 3)
				i++
			}
		})
	}
}

// BenchmarkBuilder shows that the time for each prefix hardly grows with their number.
func BenchmarkBuilder(b *testing.B) {
	for _, k := range []int{5, 5000} {
		for _, n := range []int{1000, 10_000, 100_000} {
			b.Run(fmt.Sprintf("%d ports/%d prefixes", k, n), func(b *testing.B) {
				for b.Loop() {
					random(1, n, k)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/prefix")
			})
		}
	}
}

func BenchmarkPorts(b *testing.B) {
	one, few := Port(80), PortsOf(80, 443, 8080)
	for name, f := range map[string]func(){
		"one with all":  func() { one.Intersect(AllPorts()) },
		"one with few":  func() { one.Union(few) },
		"one less all":  func() { one.Subtract(AllPorts()) },
		"few with few":  func() { few.Intersect(one) },
		"all less one":  func() { one.Complement() },
		"few, contains": func() { few.Contains(443) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}

func BenchmarkPeers(b *testing.B) {
	var x, y PeersBuilder
	for p := Peer(0); p < 10_000; p += 3 {
		x.Add(p)
		y.Add(2 * p / 3)
	}
	p, q := x.Peers(), y.Peers()
	for name, f := range map[string]func(){
		"intersect": func() { p.Intersect(q) },
		"subset":    func() { p.SubsetOf(q) },
		"union":     func() { p.Union(q) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}

func BenchmarkText(b *testing.B) {
	s := random(1, 1000, 5)
	for b.Loop() {
		_ = s.String()
	}
}
