package test

import (
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// TestProbeSelf has the kernel choose for a source, half of the time, the very port that is tried: on loopback such a socket connects to itself.
func TestProbeSelf(t *testing.T) {
	p := testhost.NewPair(t)
	p.Client.Sysctl("net.ipv4.ip_local_port_range", "40000 40003")
	for range 4 {
		doc := probeIn(t, p.Client, sallyport(t), "probe", "--output", "json", "--sources", "none", "127.0.0.1:40000-40003")
		for cell, got := range doc.cells() {
			if got != "inconclusive refused ECONNREFUSED far end" {
				t.Fatalf("%s: %s", cell, got)
			}
		}
	}
}
