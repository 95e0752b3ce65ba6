package convert

import "testing"

func TestEgressFirewall(t *testing.T) {
	testSamples(t, EgressFirewall)
	testRandom(t, EgressFirewall)
	testCluster(t, EgressFirewall)
}

func TestEgressFirewallLarge(t *testing.T) { testLarge(t, EgressFirewall) }
