//go:build !linux

// Command probe measures sallyport-probe, on Linux alone: it needs network namespaces.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench/probe: needs Linux")
	os.Exit(2)
}
