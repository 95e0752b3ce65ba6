package scenes

import (
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// descriptors are clients with few file descriptors.
var descriptors = []Scene{
	{Name: "descriptors-leaked", Causes: []string{"descriptors-exhausted"}, Says: []string{"all of its 40 file descriptors", "127.0.0.1:7000 ("}, Make: fewDescriptors("leak")},
	{Name: "descriptors-by-ulimit", Causes: []string{"descriptors-exhausted"}, Says: []string{"all of its 40 file descriptors"}, Make: func(t testing.TB) Place {
		place := fewDescriptors("leak-only")(t)
		place.Argv = append([]string{"/bin/sh", "-c", `ulimit -n 40; exec "$@"`, "sh"}, place.Argv...)
		return place
	}},
	// All are in use, the program closes some, and goes on; it fails of something else.
	{Name: "descriptors-recovered", Make: fewDescriptors("recover")},
	// All are in use, and that is enough.
	{Name: "descriptors-just-enough", Make: fewDescriptors("enough")},
	// All but two are in use when it fails.
	{Name: "descriptors-two-left", Make: fewDescriptors("two-left")},
}

func fewDescriptors(mode string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		p := testhost.NewPair(t)
		return Place{Host: p.Client, Argv: python(t, leak, mode)}
	}
}

// leak connects until there is no descriptor left.
const leak = `
import os, resource, socket, sys
mode = sys.argv[1]
if mode != "leak-only":
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
server = socket.socket()
server.bind(("127.0.0.1", 7000))
server.listen(64)
rest = 40 + 1 - len([n for n in os.listdir("/proc/self/fd") if int(n) < 40]) # listdir has one itself
held = []
def connect():
    s = socket.socket()
    s.connect(("127.0.0.1", 7000))
    held.append(s)
for i in range(rest - 2 if mode == "two-left" else rest):
    connect()
if mode == "enough":
    sys.exit(0)
if mode == "two-left":
    sys.exit(3)
if mode == "recover":
    for s in held[:5]:
        s.close()
    connect()
    sys.exit(3)
connect()
`
