package scenes

import (
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// refused are refusals, told apart by who gave them, as far as that can be told.
var refused = []Scene{
	{
		Name: "listens-on-localhost-only", Causes: []string{"listens-elsewhere"}, Undecided: []string{"refused"},
		Says: []string{"python3 (pid ", "on 127.0.0.1:8080"}, Make: onPair(listenAndConnect, nil, "127.0.0.1", "172.16.6.170", "8080"),
	},
	{
		Name: "listens-on-ipv6-only", Causes: []string{"listens-elsewhere"}, Undecided: []string{"refused"},
		Says: []string{"on [::]:8080", "IPV6_V6ONLY"}, Make: onPair(listenAndConnect, nil, "::", "127.0.0.1", "8080"),
	},
	{
		Name: "listens-on-ipv4-only", Causes: []string{"listens-elsewhere"}, Undecided: []string{"refused"},
		Says: []string{"on 0.0.0.0:8080"}, Make: onPair(listenAndConnect, nil, "0.0.0.0", "fd00:6::170", "8080"),
	},
	{
		Name: "listens-on-the-other-address", Causes: []string{"listens-elsewhere"}, Undecided: []string{"refused"},
		Says: []string{"on 172.16.6.171:8080"}, Make: onPair(listenAndConnect, nil, "172.16.6.171", "172.16.6.170", "8080"),
	},
	{Name: "listens-there", Make: onPair(listenAndConnect, nil, "172.16.6.170", "172.16.6.170", "8080")},
	{Name: "listens-everywhere", Make: onPair(listenAndConnect, nil, "0.0.0.0", "172.16.6.170", "8080")},
	{ // on another port, which is nobody's concern
		Name: "listens-on-another-port", Causes: []string{"refused"}, Says: []string{"nothing listens there"},
		Make: onPair(listenAndConnect, nil, "127.0.0.1", "127.0.0.1", "8080", "8081"),
	},
	{
		Name: "listens-in-another-namespace", Causes: []string{"refused"}, Says: []string{"in another network namespace", "python3 (pid "},
		Make: onPair(connectTo, func(p *testhost.Pair) { testhost.HTTPServer4(p.Server) }, "127.0.0.1", "80"),
	},
	{
		Name: "listens-and-input-resets", Causes: []string{"rejected-here"}, Undecided: []string{"refused"}, Says: []string{"on 172.16.6.170:8080"},
		Make: onPair(listenAndConnect, func(p *testhost.Pair) {
			p.Client.Filter("input", "tcp dport 8080 reject with tcp reset")
		}, "172.16.6.170", "172.16.6.170", "8080"),
	},
	{
		Name: "listens-and-input-rejects-ipv6", Causes: []string{"rejected-here"}, Undecided: []string{"refused"},
		Make: onPair(listenAndConnect, func(p *testhost.Pair) {
			p.Client.Filter("input", "tcp dport 8080 reject with icmpx type port-unreachable")
		}, "::", "::1", "8080"),
	},
	{
		Name: "listens-and-output-resets", Causes: []string{"denied-by-netfilter"}, Undecided: []string{"refused", "rejected-here"},
		Make: onPair(listenAndConnect, func(p *testhost.Pair) {
			p.Client.Filter("output", "tcp dport 8080 reject with tcp reset")
		}, "172.16.6.170", "172.16.6.170", "8080"),
	},
	{ // a reset from nearer than the host, before the router looks at the hops
		Name: "router-resets-early", Causes: []string{"rejected-on-the-way"}, Undecided: []string{"refused"},
		Says: []string{"a SYN with 1 hop was refused all the same", "2 hops away"},
		Make: across(testhost.RowServer4, "8080", "prerouting", "tcp dport 8080 reject with tcp reset"),
	},
	{
		Name: "router-resets-early-ipv6", Causes: []string{"rejected-on-the-way"}, Undecided: []string{"refused"},
		Make: across(testhost.RowServer6, "8080", "prerouting", "tcp dport 8080 reject with tcp reset"),
	},
	{
		Name: "router-resets-ipv6", Causes: []string{"rejected-on-the-way"}, Undecided: []string{"refused"},
		Says: []string{"the reset came with more hops left"},
		Make: across(testhost.RowServer6, "8080", "forward", "tcp dport 8080 reject with tcp reset"),
	},
	{ // whatever is asked, it resets: no answer of the host's own to compare with
		Name: "router-resets-all", Causes: []string{"refused"}, Says: []string{"undecided: a firewall on the way"},
		Make: across(testhost.RowServer4, "8080", "forward", "meta l4proto tcp reject with tcp reset"),
	},
	{ // how far the host is can't be told
		Name: "router-resets-and-drops-udp", Causes: []string{"refused"}, Says: []string{"undecided: a firewall on the way"},
		Make: across(testhost.RowServer4, "8080", "forward", "tcp dport 8080 reject with tcp reset", "meta l4proto udp drop"),
	},
	{
		Name: "host-resets-behind-a-router", Causes: []string{"refused"}, Says: []string{"it is its own", "undecided: a firewall of the host's own"},
		Make: func(t testing.TB) Place {
			r := testhost.NewRow(t)
			r.Server.Filter("input", "tcp dport 8080 reject with tcp reset")
			return Place{Host: r.Client, Argv: python(t, connectTo, testhost.RowServer4, "8080")}
		},
	},
	{ // a host whose packets start with other hops than most
		Name: "host-with-other-hops", Causes: []string{"refused"}, Says: []string{"undecided: a firewall on the way"},
		Make: func(t testing.TB) Place {
			r := testhost.NewRow(t)
			r.Server.Sysctl("net.ipv4.ip_default_ttl", "128")
			return Place{Host: r.Client, Argv: python(t, connectTo, testhost.RowServer4, "8080")}
		},
	},
	{ // the host sends one port on to another, further away, and refuses the rest itself
		Name: "host-forwards-another-port", Causes: []string{"refused"}, Says: []string{"the reset came from as far as"},
		Make: func(t testing.TB) Place {
			r := testhost.NewRow(t)
			r.Server.Sysctl("net.ipv4.ip_forward", "1")
			r.Server.NFT(`table ip nat { chain prerouting { type nat hook prerouting priority dstnat; tcp dport 22 dnat to 172.16.7.2:22; };
				chain postrouting { type nat hook postrouting priority srcnat; tcp dport 22 masquerade; }; }`)
			return Place{Host: r.Client, Argv: python(t, connectTo, testhost.RowServer4, "8080")}
		},
	},
}

// tracked are hosts whose table of connections is full.
var tracked = []Scene{
	{
		Name: "conntrack-full", Causes: []string{"conntrack-full"}, Undecided: []string{"timed-out", "dropped-here"},
		Says: []string{"nf_conntrack_max", "counted as dropped"}, Make: full(connectTo, "", server4, "80"),
	},
	{
		Name: "conntrack-full-ipv6", Causes: []string{"conntrack-full"}, Undecided: []string{"timed-out", "dropped-here"}, Make: full(connectTo, "", server6, "80"),
	},
	{
		Name: "conntrack-full-udp", Causes: []string{"conntrack-full"}, Undecided: []string{"connect-denied"}, Says: []string{"EPERM"}, Make: full(sendOnce, "", server4, "9"),
	},
	{ // full, and not asked
		Name: "conntrack-full-notrack", Make: full(connectTo, "notrack", server4, "80"),
	},
	{ // full, not asked, and the port is dropped
		Name: "conntrack-full-output-drops", Causes: []string{"denied-by-netfilter"}, Undecided: []string{"timed-out", "dropped-here"},
		Make: full(connectTo, "notrack; tcp dport 80 drop", server4, "80"),
	},
}

// full is a program beside a web server on another host, on one whose table of connections is full. rules are of its raw output chain.
func full(script, rules string, args ...string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		p := testhost.NewPair(t)
		testhost.HTTPServer(p.Server)
		p.Client.Sysctl("net.ipv4.tcp_syn_retries", "2")
		p.Client.FillConntrack()
		if rules != "" {
			p.Client.NFT("table inet raw { chain output { type filter hook output priority raw; " + rules + "; }; chain prerouting { type filter hook prerouting priority raw; notrack; }; }")
		}
		return Place{Host: p.Client, Argv: python(t, script, args...)}
	}
}

// onPair is a program on one of two hosts, once prepare has altered them.
func onPair(script string, prepare func(*testhost.Pair), args ...string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		p := testhost.NewPair(t)
		if prepare != nil {
			prepare(p)
		}
		return Place{Host: p.Client, Argv: python(t, script, args...)}
	}
}

// listenAndConnect is a server and its client in one: where it listens, to what it connects, and the port of each.
const listenAndConnect = `
import socket, sys
def sock(addr):
    return socket.socket(socket.AF_INET6 if ":" in addr else socket.AF_INET)
where, to, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
server = sock(where)
if where == "::" and to != "::1":
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
server.bind((where, port))
server.listen()
sock(to).connect((to, int(sys.argv[-1])))
`
