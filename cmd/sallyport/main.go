// Command sallyport tells what a program's client sockets may do where it runs, why an outgoing connection failed
// there, and what to change; and it lets one try the change at once.
package main

import (
	"os"

	"github.com/sallyport/sallyport/internal/cli"
)

func main() {
	cli.Init()
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
