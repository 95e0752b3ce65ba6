package convert

import "testing"

func TestCilium(t *testing.T) {
	testSamples(t, CiliumNetworkPolicy)
	testRandom(t, CiliumNetworkPolicy)
	testCluster(t, CiliumNetworkPolicy)
}

func TestCiliumLarge(t *testing.T) { testLarge(t, CiliumNetworkPolicy) }
