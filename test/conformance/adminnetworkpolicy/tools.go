//go:build tools

package adminnetworkpolicy

import _ "sigs.k8s.io/network-policy-api/conformance/tests"
