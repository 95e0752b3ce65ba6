// Package oracles holds tests of package kube against other engines and their suites, which are read from the module
// cache. It is a module of its own, so that their dependencies stay out of the project's.
package oracles
