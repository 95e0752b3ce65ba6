// Package conformance holds what runs the upstream conformance suites of network policies against package kube: a real API server,
// nodes that are simulated (standin), and as their network the decisions of kube. scripts/conformance builds and runs all of it. This
// module has standin, and what reads the suites' results; each suite is in a module of its own, with the dependencies that
// it was published with.
package conformance
