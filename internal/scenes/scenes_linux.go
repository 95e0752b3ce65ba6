// Package scenes holds failures of outgoing connections, each provoked by the real mechanism in network namespaces of its own. The tests ask
// whether sallyport names the right cause; bench/diagnosis sets that beside what strace and the program itself say.
package scenes

import (
	"slices"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// Scene is one way to fail.
type Scene struct {
	Name string // unique, lower case with dashes
	// Causes are the causes that are right, most telling first. None: nothing fails, and nothing may be reported.
	Causes []string
	// Undecided are the causes that are true, and say less than could be known.
	Undecided []string
	// Says must each be in the finding's text: its summary, its evidence or its remedy.
	Says []string
	// Silent must not be in the report at all.
	Silent []string
	// Make makes the place, and skips the test, with the reason, where the machine lacks what it takes.
	Make func(t testing.TB) Place
}

// Place is where a scene's program runs, and how.
type Place struct {
	Host  *testhost.Host
	Under []string // runs sallyport: what has to be in force around both; nil: nothing
	Flags []string // of sallyport run
	Argv  []string // the program
}

// All lists the scenes. Each file of this package adds its own.
func All() []Scene {
	return slices.Concat(
		plain,
		deniers,
		ports,
		routed,
		filtered,
		confined,
		lookups,
		lookupsBuilt,
		searched,
		families,
		hosts,
		path,
		stall,
		closed,
		certificates,
		proxies,
		proxied,
		descriptors,
		rights,
		source,
		refused,
		tracked,
		pods,
	)
}

// python is a program of a few lines: /usr/bin/python3 with what it says on the command line. It ends like a program that does not catch its error.
func python(t testing.TB, script string, args ...string) []string {
	t.Helper()
	return append([]string{testhost.Need(t, "/usr/bin/python3", "python3"), "-c", script}, args...)
}

// connectTo connects by TCP, waiting as long as the kernel does.
const connectTo = `
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_STREAM)
s.connect((sys.argv[1], int(sys.argv[2])))
`
