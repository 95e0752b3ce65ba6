package scenes

import (
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// What accepts a connection and closes it before it has said anything: the host itself, or somebody in its name.
var closed = []Scene{
	{
		Name: "redirected-here", Causes: []string{"intercepted"}, Undecided: []string{"closed-without-answer"},
		Says: []string{"python3", "port 15001", "127.0.0.1:15001", "nft list ruleset"},
		Make: redirected("close", toProxy, askOnce),
	},
	{
		Name: "redirected-here-iptables-reset", Causes: []string{"intercepted"}, Undecided: []string{"closed-without-answer"},
		Says: []string{"python3", "port 15001", "reset"},
		Make: redirected("reset", func(r *testhost.Row) {
			r.Client.IPTables("-t", "nat", "-A", "OUTPUT", "-p", "tcp", "--dport", "8080", "-j", "REDIRECT", "--to-ports", "15001")
		}, askOnce),
	},
	{
		Name: "redirected-here-ipv6", Causes: []string{"intercepted"}, Undecided: []string{"closed-without-answer"},
		Says: []string{"port 15001"},
		Make: func(t testing.TB) Place {
			r := testhost.NewRow(t)
			testhost.Closer(r.Client, 15001, "read")
			toProxy(r)
			return Place{Host: r.Client, Argv: python(t, askOnce, testhost.RowServer6, "8080")}
		},
	},
	{ // the sidecar's socket has the destination's own address
		Name: "tproxied-here", Causes: []string{"intercepted"}, Undecided: []string{"closed-without-answer"},
		Says: []string{testhost.RowServer4 + ":8080", "tproxy"},
		Make: func(t testing.TB) Place {
			r := testhost.NewRow(t)
			testhost.Closer(r.Client, 15001, "close", "transparent")
			r.Client.NFT(`table ip mesh {
				chain out { type route hook output priority mangle; ip daddr ` + testhost.RowServer4 + ` tcp dport 8080 meta mark set 1; }
				chain in { type filter hook prerouting priority mangle; meta mark 1 tcp dport 8080 tproxy to :15001 accept; }
			}`)
			r.Client.IP("rule", "add", "fwmark", "1", "lookup", "100")
			r.Client.IP("route", "add", "local", "default", "dev", "lo", "table", "100")
			return Place{Host: r.Client, Argv: python(t, askOnce, testhost.RowServer4, "8080")}
		},
	},
	{
		Name: "intercepted-on-the-router", Causes: []string{"intercepted"}, Undecided: []string{"closed-without-answer"},
		Says: []string{"at hop 1 (" + testhost.RowRouter4 + ")"},
		Make: onRouter(testhost.RowServer4, "close"),
	},
	{
		Name: "intercepted-on-the-router-reset", Causes: []string{"intercepted"}, Undecided: []string{"closed-without-answer"},
		Says: []string{"at hop 1 (" + testhost.RowRouter4 + ")", "reset"},
		Make: onRouter(testhost.RowServer4, "reset"),
	},
	{
		Name: "intercepted-on-the-router-ipv6", Causes: []string{"intercepted"}, Undecided: []string{"closed-without-answer"},
		Says: []string{"at hop 1 (" + testhost.RowRouter6 + ")"},
		Make: onRouter(testhost.RowServer6, "read"),
	},
	{Name: "server-closes", Causes: []string{"closed-without-answer"}, Says: []string{"the other end closed it", "hosts.deny"}, Make: closing("close", listen)},
	{Name: "server-resets", Causes: []string{"closed-without-answer"}, Says: []string{"the other end reset it"}, Make: closing("reset", listen)},
	{Name: "server-reads-and-closes", Causes: []string{"closed-without-answer"}, Says: []string{"openssl s_client", "open for"}, Make: closing("read", askOnce)},
	{
		Name: "own-server-closes", Causes: []string{"closed-without-answer"},
		Make: func(t testing.TB) Place {
			r := testhost.NewRow(t)
			testhost.Closer(r.Client, 8080, "close")
			return Place{Host: r.Client, Argv: python(t, listen, "172.16.7.2", "8080")}
		},
	},
	{ // its server is its own: whether it closed, or ended with the program, is not known
		Name: "own-namespace-server-closes",
		Make: func(t testing.TB) Place {
			r := testhost.NewRow(t)
			return Place{Host: r.Client, Argv: append([]string{testhost.Need(t, "unshare", "util-linux"), "--net"}, python(t, serveItself)...)}
		},
	},
	{ // redirected, and to another host: nothing on this machine answers
		Name: "dnat-to-a-server-that-closes", Causes: []string{"closed-without-answer"},
		Make: func(t testing.TB) Place {
			r := testhost.NewRow(t)
			testhost.Closer(r.Server, 8081, "close")
			r.Client.NFT("table ip service { chain out { type nat hook output priority -100; ip daddr 10.96.0.1 tcp dport 8080 dnat to " + testhost.RowServer4 + ":8081; }; }")
			return Place{Host: r.Client, Argv: python(t, listen, "10.96.0.1", "8080")}
		},
	},
	// What looks like it, and is none.
	{Name: "server-greets-and-closes", Make: closing("greet", listenAndFail)},
	{Name: "server-closes-and-nobody-minds", Make: closing("close", listenCalmly)},
	{Name: "check-closes-first", Make: closing("hold", check)},
	{Name: "client-gives-up-waiting", Make: closing("hold", giveUp)},
	{Name: "client-resets", Make: closing("hold", resetIt)},
	{Name: "redirected-to-a-proxy-that-works", Make: redirected("greet", toProxy, listenAndFail)},
	{
		Name: "redirected-and-nobody-there", Causes: []string{"rejected-on-the-way"}, Undecided: []string{"refused"},
		Make: func(t testing.TB) Place {
			r := testhost.NewRow(t)
			toProxy(r)
			return Place{Host: r.Client, Argv: python(t, askOnce, testhost.RowServer4, "8080")}
		},
	},
	{ // the second try is answered
		Name: "server-closes-once",
		Make: func(t testing.TB) Place {
			r := testhost.NewRow(t)
			testhost.Closer(r.Server, 8080, "turns")
			return Place{Host: r.Client, Argv: python(t, listenTwice, testhost.RowServer4, "8080")}
		},
	},
}

// toProxy redirects port 8080 on the client to a port of its own, as a mesh's init container does.
func toProxy(r *testhost.Row) {
	r.Client.NFT("table inet mesh { chain out { type nat hook output priority -100; tcp dport 8080 redirect to :15001; }; }")
}

// redirected is a client whose connections are redirected to a program on its own host. The server itself is fine.
func redirected(how string, redirect func(*testhost.Row), script string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		r := testhost.NewRow(t)
		testhost.Closer(r.Server, 8080, "greet")
		testhost.Closer(r.Client, 15001, how)
		redirect(r)
		return Place{Host: r.Client, Argv: python(t, script, testhost.RowServer4, "8080")}
	}
}

// onRouter is a transparent proxy on the router.
func onRouter(addr, how string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		r := testhost.NewRow(t)
		testhost.Closer(r.Server, 8080, "greet")
		testhost.Closer(r.Router, 3129, how)
		r.Router.NFT("table inet proxy { chain in { type nat hook prerouting priority -100; tcp dport 8080 redirect to :3129; }; }")
		return Place{Host: r.Client, Argv: python(t, askOnce, addr, "8080")}
	}
}

// closing is a server across a router, with nobody between.
func closing(how, script string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		r := testhost.NewRow(t)
		testhost.Closer(r.Server, 8080, how)
		return Place{Host: r.Client, Argv: python(t, script, testhost.RowServer4, "8080")}
	}
}

// askOnce sends a question and wants an answer; listen wants the server to speak first.
const (
	askOnce = `
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall(b"GET / HTTP/1.0\r\n\r\n")
assert s.recv(100)
`
	listen = `
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
assert s.recv(100)
`
	listenAndFail = listen + "sys.exit(1)\n"
	listenCalmly  = `
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.recv(100)
`
	check = `
import socket, sys
socket.create_connection((sys.argv[1], int(sys.argv[2]))).close()
sys.exit(1)
`
	giveUp = `
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.settimeout(2)
s.sendall(b"hello")
s.recv(100)
`
	resetIt = `
import socket, struct, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall(b"hello")
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
s.close()
sys.exit(1)
`
	serveItself = `
import socket, subprocess
subprocess.run(["/usr/sbin/ip", "link", "set", "lo", "up"], check=True)
server = socket.create_server(("127.0.0.1", 8080))
s = socket.create_connection(("127.0.0.1", 8080))
server.accept()[0].close()
assert s.recv(100)
`
	listenTwice = `
import socket, sys
socket.create_connection((sys.argv[1], int(sys.argv[2]))).recv(100)
assert socket.create_connection((sys.argv[1], int(sys.argv[2]))).recv(100)
sys.exit(1)
`
)
