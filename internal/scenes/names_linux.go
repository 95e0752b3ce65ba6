package scenes

import (
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// What a resolver's configuration says.
const (
	atServer = "nameserver " + server4
	atNobody = "nameserver 203.0.113.53" // no answer comes from there
)

var lookups = []Scene{
	{
		Name: "name-then-refused", Causes: []string{"refused"}, Says: []string{testhost.NameServer},
		Make: resolving(connectName, testhost.NameServer, "9", atServer),
	},
}

// resolving is a Python program that is given a name and a port, beside a resolver, with an /etc/resolv.conf of these lines.
func resolving(script, name, port string, conf ...string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		p := testhost.NewPair(t)
		testhost.Unbound(p.Server)
		p.Client.Sysctl("net.ipv4.tcp_syn_retries", "1")
		return Place{Host: p.Client, Under: testhost.WithResolver(t, conf...), Argv: python(t, script, name, port)}
	}
}

// connectName connects as most programs do: getaddrinfo, and each address in turn.
const connectName = `
import socket, sys
socket.create_connection((sys.argv[1], int(sys.argv[2])))
`
