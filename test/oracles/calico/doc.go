// Package calico compares package kube with Calico's own code, read from Go's module cache: which policies its validator refuses, and what
// its conversions, its selectors and a plain reading of its rules make of the others, on clusters made at random.
//
// It is a module of its own, since Calico's code takes minutes to compile:
//
//	go -C test/oracles/calico test -v ./...
//
// The version is one before tiers, whose code the proxy serves; tiers are tested in package kube.
package calico
