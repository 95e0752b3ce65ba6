// Package cilium compares what package kube decides with what Cilium's own policy engine does. It is a module of its own,
// which keeps Cilium's hundreds of dependencies out of others.
package cilium
