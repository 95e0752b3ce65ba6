package scenes

import (
	"fmt"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// outside is an address that only a default route leads to; nobody has it (RFC 5737, RFC 3849).
const (
	outside4 = "192.0.2.7"
	outside6 = "2001:db8::7"
)

// routed are failures that this machine's own routing makes, and those that look the same and come from elsewhere.
var routed = []Scene{
	{
		Name: "prohibit-route", Causes: []string{"denied-by-route"}, Undecided: []string{"connect-denied"},
		Says: []string{"prohibit 172.16.6.1/32 table main", "ip route del prohibit 172.16.6.1/32 table main"},
		Make: toServer(server4, 80, ip("route", "add", "prohibit", "172.16.6.1/32")),
	},
	{
		Name: "prohibit-route-v6", Causes: []string{"denied-by-route"}, Undecided: []string{"connect-denied"},
		Says: []string{"prohibit fd00:6::1/128 table main", "ip -6 route del"},
		Make: toServer(server6, 80, ip("-6", "route", "add", "prohibit", "fd00:6::1/128")),
	},
	{
		Name: "unreachable-route", Causes: []string{"denied-by-route"}, Undecided: []string{"unreachable"},
		Says: []string{"unreachable 192.0.2.0/24 table main"},
		Make: toServer(outside4, 80, ip("route", "add", "unreachable", "192.0.2.0/24")),
	},
	{
		Name: "unreachable-route-v6", Causes: []string{"denied-by-route"}, Undecided: []string{"unreachable"},
		Says: []string{"unreachable 2001:db8::/32 table main"},
		Make: toServer(outside6, 80, ip("-6", "route", "add", "unreachable", "2001:db8::/32")),
	},
	{
		Name: "blackhole-route", Causes: []string{"denied-by-route"}, Undecided: []string{"unknown"},
		Says: []string{"blackhole 192.0.2.0/24 table main"},
		Make: toServer(outside4, 80, ip("route", "add", "blackhole", "192.0.2.0/24")),
	},
	{
		Name: "blackhole-route-v6", Causes: []string{"denied-by-route"}, Undecided: []string{"unknown"},
		Says: []string{"blackhole 2001:db8::/32 table main"},
		Make: toServer(outside6, 80, ip("-6", "route", "add", "blackhole", "2001:db8::/32")),
	},
	{
		Name: "prohibit-rule", Causes: []string{"denied-by-route"}, Undecided: []string{"connect-denied"},
		Says: []string{"100: from all to 172.16.6.0/24 prohibit", "ip rule del priority 100"},
		Make: toServer(server4, 80, ip("rule", "add", "priority", "100", "to", "172.16.6.0/24", "prohibit")),
	},
	{
		Name: "unreachable-rule-for-the-port", Causes: []string{"denied-by-route"}, Undecided: []string{"unreachable"},
		Says: []string{"ipproto tcp dport 80-80 unreachable"},
		Make: toServer(server4, 80, ip("rule", "add", "priority", "100", "ipproto", "tcp", "dport", "80", "unreachable")),
	},
	{ // the VPN's kill switch: a table of its own, reached past one that throws back
		Name: "prohibit-in-another-table", Causes: []string{"denied-by-route"}, Undecided: []string{"connect-denied"},
		Says: []string{"prohibit default table 77"},
		Make: toServer(outside4, 80, func(p *testhost.Pair) {
			p.Client.IP("route", "add", "throw", "default", "table", "76")
			p.Client.IP("route", "add", "prohibit", "default", "table", "77")
			p.Client.IP("rule", "add", "priority", "100", "table", "76")
			p.Client.IP("rule", "add", "priority", "101", "uidrange", "0-0", "table", "77")
		}),
	},
	{ // a prohibit route for others: this one is dropped on the way
		Name: "prohibit-route-elsewhere", Causes: []string{"port-filtered"},
		Make: toServer(server4, testhost.PortDropped, ip("route", "add", "prohibit", "192.0.2.0/24")),
	},
	{ // a router says prohibited, and there is no such route here
		Name: "prohibited-by-icmp-v6", Causes: []string{"connect-denied"},
		Make: toServer(server6, testhost.PortProhibited, nil),
	},
	{
		Name: "no-default-route", Causes: []string{"no-route"}, Undecided: []string{"unreachable"},
		Says: []string{"no IPv4 default route"},
		Make: toServer(outside4, 80, ip("route", "del", "default")),
	},
	{
		Name: "no-default-route-v6", Causes: []string{"no-route"}, Undecided: []string{"unreachable"},
		Make: toServer(outside6, 80, ip("-6", "route", "del", "default")),
	},
	{
		Name: "no-ipv6-address", Causes: []string{"no-ipv6"}, Undecided: []string{"unreachable"},
		Make: toServer(outside6, 80, func(p *testhost.Pair) {
			p.Client.IP("-6", "route", "flush", "default")
			p.Client.IP("-6", "addr", "flush", "dev", "eth0", "scope", "global")
		}),
	},
	{
		Name: "ipv6-switched-off", Causes: []string{"no-ipv6"}, Undecided: []string{"unreachable", "unknown"},
		Says: []string{"net.ipv6.conf.all.disable_ipv6 is 1"},
		Make: toServer(outside6, 80, func(p *testhost.Pair) { p.Client.Sysctl("net.ipv6.conf.all.disable_ipv6", "1") }),
	},
	{
		Name: "no-ipv4-address", Causes: []string{"no-ipv4"}, Undecided: []string{"unreachable"},
		Make: toServer(outside4, 80, ip("-4", "addr", "flush", "dev", "eth0")),
	},
	{ // a router, not this machine, has no route
		Name: "no-route-by-icmp", Causes: []string{"unreachable"},
		Make: toServer(server4, testhost.PortNoRoute, nil),
	},
	{
		Name: "broadcast-of-the-subnet", Causes: []string{"broadcast-denied"}, Undecided: []string{"connect-denied"},
		Says: []string{"172.16.6.255", "SO_BROADCAST"}, Make: sendTo("172.16.6.255", 9, nil),
	},
	{
		Name: "broadcast-to-all", Causes: []string{"broadcast-denied"}, Undecided: []string{"connect-denied"},
		Make: sendTo("255.255.255.255", 9, nil),
	},
	{ // looks like the subnet's broadcast address, and is a host of a larger one
		Name: "no-broadcast-address", Causes: []string{"denied-by-route"}, Undecided: []string{"connect-denied"},
		Make: sendTo("172.16.7.255", 9, ip("route", "add", "prohibit", "172.16.7.0/24")),
	},
}

// ip prepares a place by one ip(8) command on the client.
func ip(args ...string) func(*testhost.Pair) {
	return func(p *testhost.Pair) { p.Client.IP(args...) }
}

// sendTo is one UDP message, once prepare has altered the hosts.
func sendTo(addr string, port int, prepare func(*testhost.Pair)) func(testing.TB) Place {
	return func(t testing.TB) Place {
		p := testhost.NewPair(t)
		if prepare != nil {
			prepare(p)
		}
		return Place{Host: p.Client, Argv: python(t, sendOnce, addr, fmt.Sprint(port))}
	}
}

// sendOnce sends by UDP, without a connect.
const sendOnce = `
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
s.sendto(b"hello", (sys.argv[1], int(sys.argv[2])))
`
