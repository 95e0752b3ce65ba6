//go:build !linux

// Command policy measures package kube, on Linux alone: it asks the kernel how much memory a process took.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench/policy: needs Linux")
	os.Exit(2)
}
