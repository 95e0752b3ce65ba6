// Command sallyport-probe measures what a client socket may do in the place where it runs. It is what sallyport probe runs, and works without
// sallyport: one file to copy into a container.
package main

import (
	"os"

	"github.com/sallyport/sallyport/internal/cli/probing"
)

func main() {
	os.Exit(probing.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
