// Package clusternetworkpolicy pins the version of sigs.k8s.io/network-policy-api that has ClusterNetworkPolicy, and what its
// conformance suite is built with. It holds nothing of its own.
package clusternetworkpolicy
