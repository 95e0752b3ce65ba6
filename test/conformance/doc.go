// Package conformance holds what runs the upstream conformance suites of network policies against package kube: a real API server,
// nodes that are simulated (standin), and as their network the decisions of kube. scripts/conformance builds and runs all of it. It is a
// module of its own, so that Kubernetes stays out of the project's dependencies.
package conformance
