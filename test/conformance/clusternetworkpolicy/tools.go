//go:build tools

package clusternetworkpolicy

import _ "sigs.k8s.io/network-policy-api/conformance/tests"
