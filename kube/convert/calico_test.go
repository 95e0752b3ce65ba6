package convert

import "testing"

func TestCalico(t *testing.T) {
	testSamples(t, CalicoNetworkPolicy)
	testRandom(t, CalicoNetworkPolicy)
	testCluster(t, CalicoNetworkPolicy)
}

func TestCalicoLarge(t *testing.T) { testLarge(t, CalicoNetworkPolicy) }
