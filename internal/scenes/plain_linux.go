package scenes

import (
	"fmt"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// The server's addresses of a pair.
const (
	server4 = "172.16.6.1"
	server6 = "fd00:6::1"
)

var plain = []Scene{
	{Name: "nobody-listens", Causes: []string{"refused"}, Says: []string{"on this network, with no router between"}, Make: toServer(server4, 9, nil)},
	{Name: "dropped-port", Causes: []string{"port-filtered"}, Undecided: []string{"timed-out"}, Make: toServer(server4, testhost.PortDropped, nil)},
	{Name: "rejected-by-reset", Causes: []string{"refused"}, Make: toServer(server4, testhost.PortReset, nil)},
	{Name: "prohibited-by-icmp", Causes: []string{"unreachable"}, Make: toServer(server4, testhost.PortProhibited, nil)},
	{Name: "server-answers", Make: served(connectTo, server4, "80")},
	{Name: "bind-foreign-address", Causes: []string{"bind-address-not-local"}, Make: served(bindFirst, server4, "80", "192.0.2.7", "0")},
	{Name: "bind-taken-port", Causes: []string{"bind-address-in-use"}, Make: served(bindTaken, server4, "80")},
	{Name: "bind-low-port", Causes: []string{"bind-privileged-port"}, Make: unprivileged(bindFirst, server4, "80", "0.0.0.0", "99")},
	{Name: "bind-loopback", Causes: []string{"bind-loopback-source"}, Make: served(bindFirst, server4, "80", "127.0.0.9", "0")},
	{Name: "bind-other-family", Causes: []string{"family-mismatch"}, Make: served(bindOtherFamily, server4, "80")},
	{Name: "connect-other-family", Causes: []string{"family-mismatch"}, Make: served(connectOtherFamily, server4, "80")},
	{Name: "port-9-of-localhost", Causes: []string{"refused"}, Make: served(connectTo, "127.0.0.1", "9")},
	{Name: "localhost-other-family", Causes: []string{"listens-elsewhere"}, Undecided: []string{"refused"}, Says: []string{"127.0.0.1:80"}, Make: ownServer(connectTo, "::1", "80")},
}

// bindFirst binds to an address and a port before it connects.
const bindFirst = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
s.bind((sys.argv[3], int(sys.argv[4])))
s.connect((sys.argv[1], int(sys.argv[2])))
`

// bindTaken binds to a port that another socket of its own has.
const bindTaken = `
import socket, sys
first = socket.socket()
first.bind(("0.0.0.0", 0))
first.listen()
s = socket.socket()
s.bind(("0.0.0.0", first.getsockname()[1]))
s.connect((sys.argv[1], int(sys.argv[2])))
`

// bindOtherFamily binds an IPv6 socket to an IPv4 address, in a sockaddr_in, as curl --interface did.
const bindOtherFamily = `
import ctypes, os, socket, struct, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
name = struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton("172.16.6.170"))
libc = ctypes.CDLL(None, use_errno=True)
if libc.bind(s.fileno(), name, len(name)) != 0:
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
`

// connectOtherFamily connects an IPv4 socket to an IPv6 address.
const connectOtherFamily = `
import ctypes, os, socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
name = struct.pack("=HHI16sI", socket.AF_INET6, socket.htons(80), 0, socket.inet_pton(socket.AF_INET6, "fd00:6::1"), 0)
libc = ctypes.CDLL(None, use_errno=True)
if libc.connect(s.fileno(), name, len(name)) != 0:
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
`

// served is a program beside a web server on another host, which it may reach. Addresses on loopback may leave, as OpenShift v2 had it.
func served(script string, args ...string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		p := testhost.NewPair(t)
		testhost.HTTPServer(p.Server)
		p.Client.Sysctl("net.ipv4.conf.all.route_localnet", "1")
		p.Client.Sysctl("net.ipv4.tcp_syn_retries", "1")
		return Place{Host: p.Client, Argv: python(t, script, args...)}
	}
}

// unprivileged is the same for a program without capabilities, of a user other than root.
func unprivileged(script string, args ...string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		place := served(script, args...)(t)
		place.Argv = append([]string{testhost.Need(t, "setpriv", "util-linux"), "--reuid=65534", "--regid=65534", "--clear-groups"}, place.Argv...)
		return place
	}
}

// ownServer is a program on the host of a server that listens on IPv4 alone.
func ownServer(script string, args ...string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		p := testhost.NewPair(t)
		testhost.HTTPServer4(p.Client)
		return Place{Host: p.Client, Argv: python(t, script, args...)}
	}
}

// toServer is a connect to a walled server, once prepare has altered the hosts.
func toServer(addr string, port int, prepare func(*testhost.Pair)) func(testing.TB) Place {
	return func(t testing.TB) Place {
		p := testhost.NewPair(t)
		p.Server.Wall()
		p.Client.Sysctl("net.ipv4.tcp_syn_retries", "1")
		if prepare != nil {
			prepare(p)
		}
		return Place{Host: p.Client, Argv: python(t, connectTo, addr, fmt.Sprint(port))}
	}
}
