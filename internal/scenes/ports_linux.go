package scenes

import (
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// ports are clients that get no port of their own.
var ports = []Scene{
	{
		Name: "ports-used-up", Causes: []string{"port-exhausted"}, Says: []string{"10 to use, 10 in use", "10 of python3 itself, 0 in TIME-WAIT"},
		Make: tenPorts("", connectEleven, "hold"),
	},
	{
		Name: "ports-in-time-wait", Causes: []string{"port-exhausted"}, Says: []string{"10 in TIME-WAIT", "tcp_tw_reuse"},
		Make: tenPorts("", connectEleven, "close"),
	},
	{
		Name: "ports-reserved", Causes: []string{"port-exhausted"}, Says: []string{"7 of them reserved", "3 to use, 3 in use"},
		Make: tenPorts("40000-40005,40007", connectEleven, "hold"),
	},
	{Name: "ports-bound-away", Causes: []string{"bind-exhausts-ports"}, Says: []string{"10 to use, 10 in use"}, Make: tenPorts("", bindEleven, "bind")},
	{
		Name: "ports-bound-by-others", Causes: []string{"bind-exhausts-ports"}, Says: []string{"only 0 of them have a connection to"},
		Make: tenPorts("", bindEleven, "connect"),
	},
	// The same errno with all ports used up: the address is what is wrong.
	{Name: "ports-not-the-cause", Causes: []string{"bind-address-not-local"}, Make: tenPorts("", bindEleven, "nonlocal")},
	// Nine of ten are used, and the tenth connects.
	{Name: "ports-one-left", Make: tenPorts("", bindEleven, "nine")},
}

// tenPorts is a program in a host with ten ephemeral ports, less those that are reserved.
func tenPorts(reserved, script string, args ...string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		p := testhost.NewPair(t)
		p.Client.Sysctl("net.ipv4.ip_local_port_range", "40000 40009")
		p.Client.Sysctl("net.ipv4.tcp_tw_reuse", "0")
		if reserved != "" {
			p.Client.Sysctl("net.ipv4.ip_local_reserved_ports", reserved)
		}
		return Place{Host: p.Client, Argv: python(t, script, args...)}
	}
}

// connectEleven connects to a server of its own, and holds or closes each connection.
const connectEleven = `
import socket, sys, time
server = socket.socket()
server.bind(("127.0.0.1", 7000))
server.listen(16)
held = []
for i in range(11):
    s = socket.create_connection(("127.0.0.1", 7000))
    held.append((s, server.accept()[0]))
    if sys.argv[1] == "close":
        time.sleep(0.02) # the client's close is to be the first, and the last of its socket
        for side in held.pop():
            side.close()
`

// bindEleven takes the ports by binds, and then needs one more.
const bindEleven = `
import socket, sys
server = socket.socket()
server.bind(("127.0.0.1", 7000))
server.listen(16)
held = []
for i in range(9 if sys.argv[1] == "nine" else 10):
    s = socket.socket()
    s.bind(("", 0))
    held.append(s)
s = socket.socket()
if sys.argv[1] == "bind":
    s.bind(("", 0))
if sys.argv[1] == "nonlocal":
    s.bind(("192.0.2.1", 0))
s.connect(("127.0.0.1", 7000))
`
