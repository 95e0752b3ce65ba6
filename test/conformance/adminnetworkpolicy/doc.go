// Package adminnetworkpolicy pins the version of sigs.k8s.io/network-policy-api that has AdminNetworkPolicy and
// BaselineAdminNetworkPolicy, and what its conformance suite is built with. It holds nothing of its own.
package adminnetworkpolicy
