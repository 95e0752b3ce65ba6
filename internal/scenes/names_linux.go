package scenes

import (
	"slices"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// Lines of a resolver's configuration.
const (
	atServer = "nameserver " + server4
	atNobody = "nameserver 203.0.113.53" // no answer comes from there
	atClosed = "nameserver 127.0.0.1"    // nothing listens there
	quick    = "options timeout:2 attempts:1"
)

var lookups = []Scene{
	{
		Name: "name-then-refused", Causes: []string{"refused"}, Says: []string{testhost.NameServer},
		Make: resolving(connectName, testhost.NameServer, "9", atServer),
	},
	{
		Name: "alias-without-address", Causes: []string{"name-not-found"}, Says: []string{"an alias of " + testhost.NameServer},
		Make: resolving(connectName, testhost.NameAlias, "9", atServer),
	},
	{
		Name: "long-answer-by-tcp", Causes: []string{"refused"}, Says: []string{`"name":"` + testhost.NameLong},
		Make: resolving(connectLong, testhost.NameLong, "9", atServer),
	},
	{
		Name: "name-without-failure", Make: resolving(connectName, testhost.NameServer, "53", atServer),
	},
	{
		Name: "no-such-name", Causes: []string{"name-not-found"}, Says: []string{testhost.NameMissing, "NXDOMAIN"},
		Make: resolving(connectName, testhost.NameMissing, "80", atServer),
	},
	{
		Name: "no-such-name-in-search-list", Causes: []string{"name-not-found"}, Says: []string{"ndots:5", "no.svc.wild2.test"},
		Make: resolving(connectName, "no", "80", atServer, "search svc.wild2.test wild2.test", "options ndots:5"),
	},
	{
		Name: "name-found-by-search-list", Causes: []string{"refused"}, Says: []string{`"name":"irc.example.test"`},
		Make: resolving(connectName, "irc", "9", atServer, "search wild2.test example.test"),
	},
	{
		Name: "name-without-address", Causes: []string{"name-not-found"}, Says: []string{"it exists"},
		Make: resolving(connectName, testhost.NameNoData, "80", atServer),
	},
	{
		Name: "resolver-can-not-tell", Causes: []string{"name-server-failure"}, Says: []string{"SERVFAIL"},
		Make: resolving(connectName, testhost.NameBroken, "80", atServer),
	},
	{
		Name: "resolver-will-not-tell", Causes: []string{"name-server-failure"}, Says: []string{"REFUSED"},
		Make: resolving(connectName, testhost.NameForeign, "80", atServer),
	},
	{
		Name: "resolver-silent", Causes: []string{"resolver-silent"}, Says: []string{"203.0.113.53"},
		Make: resolving(connectName, testhost.NameServer, "80", atNobody, "options timeout:2 attempts:2"),
	},
	{ // a router says at once that there is no way
		Name: "resolver-unreachable", Causes: []string{"resolver-silent"}, Says: []string{"it can't be reached", "ip route get 203.0.113.53"},
		Make: func(t testing.TB) Place {
			route := func(p *testhost.Pair) { p.Server.Sysctl("net.ipv4.ip_forward", "1") }
			return besideAltered(t, route, python(t, connectName, testhost.NameServer, "80"), atNobody, "options timeout:2 attempts:2")
		},
	},
	{
		Name: "resolver-closed", Causes: []string{"resolver-refused"}, Says: []string{testhost.NameServer},
		Make: resolving(connectName, testhost.NameServer, "80", atClosed, quick),
	},
	{
		Name: "no-resolver-configured", Causes: []string{"resolver-refused"}, Says: []string{"names no resolver"},
		Make: resolving(connectName, testhost.NameServer, "80", "# nothing", quick),
	},
	{
		Name: "second-resolver-answers", Make: resolving(connectName, testhost.NameServer, "53", atClosed, atServer),
	},
	{
		Name: "slow-resolver-answers", Make: resolving(connectName, testhost.NameServer, "53", atNobody, atServer, "options timeout:1"),
	},
	{
		Name: "answer-read-otherwise", Make: resolving(askAndRecv, testhost.NameServer, "53", atServer),
	},
	{
		Name: "name-by-curl", Causes: []string{"refused"}, Says: []string{`"name":"` + testhost.NameServer},
		Make: client("curl", "curl", "-s", "http://"+testhost.NameServer+":9/"),
	},
	{
		Name: "name-by-node", Causes: []string{"refused"}, Says: []string{`"name":"` + testhost.NameServer},
		Make: client("node", "nodejs", "-e", "require('net').connect(9, '"+testhost.NameServer+"')"),
	},
	{
		Name: "name-by-c-ares", Causes: []string{"refused"}, Says: []string{`"name":"` + testhost.NameServer},
		Make: client("node", "nodejs", "-e", "require('dns').resolve4('"+testhost.NameServer+"', (e, a) => require('net').connect(9, a[0]))"),
	},
	{
		Name: "no-such-name-by-c-ares", Causes: []string{"name-not-found"}, Says: []string{testhost.NameMissing},
		Make: client("node", "nodejs", "-e", "require('dns').resolve4('"+testhost.NameMissing+"', (e, a) => { throw e })"),
	},
	{
		Name: "name-by-dnspython", Causes: []string{"refused"}, Says: []string{`"name":"` + testhost.NameServer},
		Make: resolving(askDNSPython, testhost.NameServer, "9", atServer),
	},
}

// resolving is a Python program that is given a name and a port, beside a resolver, with an /etc/resolv.conf of these lines.
func resolving(script, name, port string, conf ...string) func(testing.TB) Place {
	return func(t testing.TB) Place { return beside(t, python(t, script, name, port), conf...) }
}

// client is another program, beside a resolver.
func client(name, pkg string, args ...string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		return beside(t, slices.Concat([]string{testhost.Need(t, name, pkg)}, args), atServer)
	}
}

func beside(t testing.TB, argv []string, conf ...string) Place {
	return besideAltered(t, nil, argv, conf...)
}

// besideAltered is beside, once alter has altered the hosts.
func besideAltered(t testing.TB, alter func(*testhost.Pair), argv []string, conf ...string) Place {
	p := testhost.NewPair(t)
	testhost.Unbound(p.Server)
	if alter != nil {
		alter(p)
	}
	p.Client.Sysctl("net.ipv4.tcp_syn_retries", "1")
	return Place{Host: p.Client, Under: testhost.WithResolver(t, conf...), Argv: argv}
}

// connectName connects as most programs do: getaddrinfo, and each address in turn.
const connectName = `
import socket, sys
socket.create_connection((sys.argv[1], int(sys.argv[2])))
`

// connectLong connects to the server's address, out of a long answer.
const connectLong = `
import socket, sys
addresses = socket.getaddrinfo(sys.argv[1], int(sys.argv[2]), type=socket.SOCK_STREAM)
assert len(addresses) == 300, len(addresses)
socket.create_connection([a for *_, a in addresses if a[0].startswith("172.16.")][0])
`

// askAndRecv asks twice, and reads the answers by a call that is not looked at.
const askAndRecv = `
import socket, sys, time
question = b"\1\2\1\0\0\1\0\0\0\0\0\0" + b"".join(bytes([len(p)]) + p.encode() for p in sys.argv[1].split(".")) + b"\0\0\1\0\1"
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(2):
    s.sendto(question, ("172.16.6.1", int(sys.argv[2])))
    assert len(s.recv(512)) > len(question)
time.sleep(3.1)
`

// askDNSPython resolves without the C library.
const askDNSPython = `
import socket, sys
import dns.resolver
address = dns.resolver.resolve(sys.argv[1], "A")[0].address
socket.create_connection((address, int(sys.argv[2])))
`
