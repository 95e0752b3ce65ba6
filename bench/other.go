//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: sallyport run needs Linux, so there is nothing to measure here")
	os.Exit(2)
}
