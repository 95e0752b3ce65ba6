package scenes

import (
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// What is wrong beyond this machine: on the router, on the server's host, or with either.
var path = []Scene{
	{
		Name: "router-drops-the-port", Causes: []string{"port-filtered"}, Undecided: []string{"timed-out"},
		Says: []string{"port 9 refused by a reset", "hop 1"},
		Make: across(testhost.RowServer4, "8080", "forward", "tcp dport 8080 drop"),
	},
	{
		Name: "router-drops-the-port-ipv6", Causes: []string{"port-filtered"}, Undecided: []string{"timed-out"},
		Says: []string{"port 9 refused by a reset", "hop 1"},
		Make: across(testhost.RowServer6, "8080", "forward", "tcp dport 8080 drop"),
	},
	{
		Name: "router-drops-the-host", Causes: []string{"timed-out"}, Says: []string{"the last router that answered is " + testhost.RowRouter4},
		Make: across(testhost.RowServer4, "8080", "forward", "ip daddr "+testhost.RowServer4+" drop"),
	},
	{
		Name: "router-drops-all-syns-early", Causes: []string{"timed-out"}, Says: []string{"the SYN was heard of by no router"},
		Make: across(testhost.RowServer4, "8080", "prerouting", "tcp flags syn drop"),
	},
	{
		Name: "router-says-port-unreachable", Causes: []string{"rejected-on-the-way"}, Undecided: []string{"refused"},
		Says: []string{"ICMP port unreachable", testhost.RowRouter4},
		Make: across(testhost.RowServer4, "8080", "forward", "tcp dport 8080 reject with icmpx type port-unreachable"),
	},
	{
		Name: "router-says-port-unreachable-ipv6", Causes: []string{"rejected-on-the-way"}, Undecided: []string{"refused"},
		Says: []string{"ICMP port unreachable", testhost.RowRouter6},
		Make: across(testhost.RowServer6, "8080", "forward", "tcp dport 8080 reject with icmpx type port-unreachable"),
	},
	{ // in the server's name: only the hops tell it from a port on which nobody listens
		Name: "router-resets", Causes: []string{"rejected-on-the-way"}, Undecided: []string{"refused"}, Says: []string{"the reset came with more hops left"},
		Make: across(testhost.RowServer4, "8080", "forward", "tcp dport 8080 reject with tcp reset"),
	},
	{
		Name: "router-prohibits", Causes: []string{"unreachable"}, Says: []string{testhost.RowRouter4 + ": ICMP communication administratively prohibited"},
		Make: across(testhost.RowServer4, "8080", "forward", "tcp dport 8080 reject with icmpx type admin-prohibited"),
	},
	{
		Name: "router-prohibits-ipv6", Causes: []string{"connect-denied"}, Says: []string{testhost.RowRouter6 + ": ICMP communication administratively prohibited"},
		Make: across(testhost.RowServer6, "8080", "forward", "tcp dport 8080 reject with icmpx type admin-prohibited"),
	},
	{
		Name: "nobody-listens-behind-a-router", Causes: []string{"refused"}, Says: []string{"the host itself answered"},
		Make: across(testhost.RowServer4, "8080", "forward"),
	},
	{
		Name: "host-firewall-says-port-unreachable", Causes: []string{"refused"}, Says: []string{"that is a firewall's"},
		Make: toServer(server4, testhost.PortUnreachable, nil),
	},
	{ // looks like rejected-on-the-way, and it is this machine
		Name: "own-firewall-rejects", Causes: []string{"denied-by-netfilter"}, Undecided: []string{"refused"}, Says: []string{"tcp dport 8080 reject"},
		Make: func(t testing.TB) Place {
			r := testhost.NewRow(t)
			r.Client.Filter("output", "tcp dport 8080 reject with icmpx type port-unreachable")
			return Place{Host: r.Client, Argv: python(t, connectTo, testhost.RowServer4, "8080")}
		},
	},
	{
		Name: "host-off-on-the-link", Causes: []string{"host-down"}, Undecided: []string{"unreachable"}, Says: []string{"arping"},
		Make: across(testhost.RowAbsent4, "8080", "forward"),
	},
	{
		Name: "host-off-on-the-link-ipv6", Causes: []string{"host-down"}, Undecided: []string{"unreachable"},
		Make: across(testhost.RowAbsent6, "8080", "forward"),
	},
	{
		Name: "host-off-behind-a-router", Causes: []string{"unreachable"}, Says: []string{testhost.RowRouter4 + ": ICMP host unreachable"},
		Make: across(testhost.RowAbsentFar, "8080", "forward"),
	},
	{
		Name: "gateway-off", Causes: []string{"unreachable"}, Says: []string{"the gateway to it, 172.16.7.98, does not answer"},
		Make: func(t testing.TB) Place {
			r := testhost.NewRow(t)
			r.Client.IP("route", "replace", "default", "via", "172.16.7.98")
			return Place{Host: r.Client, Argv: python(t, connectTo, testhost.RowServer4, "8080")}
		},
	},
}

// across is a connect to the far side of a router with a firewall.
func across(addr, port, hook string, rules ...string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		r := testhost.NewRow(t)
		r.Client.Sysctl("net.ipv4.tcp_syn_retries", "2")
		r.Router.Filter(hook, rules...)
		return Place{Host: r.Client, Argv: python(t, connectTo, addr, port)}
	}
}
