package demo

import (
	"fmt"
	"os"
	"slices"
)

// The processes of a demo are this program once more, told so by their first argument. A client, which a finding
// shows by its command line, has a script's name there, and serverVariable besides.
const (
	networkName = "[sallyport: demo network]"
	runName     = "[sallyport: demo run]"

	serverVariable = "SALLYPORT_DEMO_SERVER" // the address behind Name: a client asks no resolver
)

// resultFD is where the processes write what came of them, as gob.
const resultFD = 3

// Init turns this process into one of a demo's, where it was started as one; it returns at once in every other process.
// Call it first thing in main.
func Init() {
	if len(os.Args) == 0 {
		return
	}
	var err error
	switch name := os.Args[0]; {
	case name == networkName && len(os.Args) == 2:
		err = network(os.Args[1])
	case name == runName && len(os.Args) == 2:
		err = supervise1(os.Args[1])
	case os.Getenv(serverVariable) != "" && slices.Contains(clientNames, name):
		err = client(slices.Index(clientNames, name)+1, os.Getenv(serverVariable))
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
	default:
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
