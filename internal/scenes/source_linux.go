package scenes

import (
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// source are failures of the source address or the interface that an attempt is sent from, of a client that has two of each.
var source = []Scene{
	{Name: "homes-plain", Make: homes(connectTo, nil)},
	{Name: "homes-by-the-other-source", Make: homes(bindFirst, nil, testhost.HomesSecond, "0")}, // out by the first, back by the second
	{ // the answers come in by eth1, and the route to the server leaves by eth0
		Name: "reverse-path-strict", Causes: []string{"reverse-path-filtered"}, Undecided: []string{"timed-out", "source-unanswered"},
		Says: []string{"come in by eth1", "net.ipv4.conf.eth1.rp_filter=2", "IPReversePathFilter"},
		Make: homes(bindFirst, strict, testhost.HomesSecond, "0"),
	},
	{ // the same without a bind: the kernel's own choice is an address of eth1
		Name: "reverse-path-strict-chosen", Causes: []string{"reverse-path-filtered"}, Undecided: []string{"timed-out", "source-unanswered"},
		Says: []string{"come in by eth1"},
		Make: homes(connectTo, func(h *testhost.Homes) {
			strict(h)
			h.Client.IP("route", "replace", "default", "via", "172.16.7.1", "src", testhost.HomesSecond)
		}),
	},
	{ // sent and answered by eth1, and the route to the server leaves by eth0
		Name: "reverse-path-strict-device", Causes: []string{"reverse-path-filtered"}, Undecided: []string{"timed-out", "wrong-interface"},
		Make: homes(onDevice, func(h *testhost.Homes) {
			strict(h)
			h.Client.IP("route", "add", "default", "via", testhost.HomesRouter2, "dev", "eth1", "metric", "500")
		}, "eth1"),
	},
	{Name: "reverse-path-loose", Make: homes(bindFirst, func(h *testhost.Homes) { // every route will do
		h.Client.Sysctl("net.ipv4.conf.all.rp_filter", "2")
		h.Client.Sysctl("net.ipv4.conf.eth1.rp_filter", "1")
	}, testhost.HomesSecond, "0")},
	{ // a strict filter, and the server's silence is not its work
		Name: "reverse-path-strict-and-dropped", Causes: []string{"port-filtered"}, Undecided: []string{"timed-out"},
		Make: homes(connectTo, func(h *testhost.Homes) {
			strict(h)
			h.Server.Filter("input", "tcp dport 80 drop")
		}),
	},
	{ // nobody beyond knows a way back to the second network
		Name: "source-no-way-back", Causes: []string{"source-unanswered"}, Undecided: []string{"timed-out"},
		Says: []string{"without the bind it connected", "ip route get " + testhost.HomesSecond},
		Make: homes(bindFirst, noWayBack, testhost.HomesSecond, "0"),
	},
	{ // the same, and a strict filter here that is not asked
		Name: "source-no-way-back-strict", Causes: []string{"source-unanswered"}, Undecided: []string{"timed-out"},
		Make: homes(bindFirst, func(h *testhost.Homes) { noWayBack(h); strict(h) }, testhost.HomesSecond, "0"),
	},
	{ // an address that nobody beyond this machine has heard of
		Name: "source-of-no-network", Causes: []string{"source-unanswered"}, Undecided: []string{"timed-out"},
		Make: homes(bindFirst, func(h *testhost.Homes) { h.Client.IP("addr", "add", "198.51.100.5/32", "dev", "eth0") }, "198.51.100.5", "0"),
	},
	{ // a router that takes packets from eth0's network alone: its reverse path filter
		Name: "source-dropped-by-the-router", Causes: []string{"source-unanswered"}, Undecided: []string{"timed-out"},
		Make: homes(bindFirst, func(h *testhost.Homes) {
			h.First.Sysctl("net.ipv4.conf.eth0.rp_filter", "1")
			h.First.IP("route", "add", "172.16.9.0/24", "via", "172.16.8.2")
		}, testhost.HomesSecond, "0"),
	},
	{ // chosen by the kernel, as the route says
		Name: "source-chosen-no-way-back", Causes: []string{"source-unanswered"}, Undecided: []string{"timed-out"},
		Says: []string{"the source address that the kernel chose", "from " + testhost.HomesFirst + " the same attempt connected"},
		Make: homes(connectTo, func(h *testhost.Homes) {
			noWayBack(h)
			h.Client.IP("route", "replace", "default", "via", "172.16.7.1", "src", testhost.HomesSecond)
		}),
	},
	{ // looks like it: this machine drops that source itself
		Name: "source-dropped-here", Causes: []string{"timed-out"},
		Make: homes(bindFirst, func(h *testhost.Homes) { h.Client.Filter("output", "ip saddr "+testhost.HomesSecond+" drop") }, testhost.HomesSecond, "0"),
	},
	{ // looks like it: nothing answers, whatever the source
		Name: "source-and-port-dropped", Causes: []string{"timed-out"},
		Make: homes(bindFirst, func(h *testhost.Homes) { h.Server.Filter("input", "tcp dport 80 drop") }, testhost.HomesSecond, "0"),
	},
	{ // policy routing sends it to a router that leads nowhere
		Name: "source-rule-leads-astray", Causes: []string{"wrong-interface"}, Undecided: []string{"timed-out"},
		Says: []string{"leave by eth1", "a routing rule for the source"},
		Make: homes(bindFirst, func(h *testhost.Homes) {
			policy(h)
			h.Second.Filter("forward", "drop")
		}, testhost.HomesSecond, "0"),
	},
	{ // policy routing to a router that is not there
		Name: "source-rule-no-router", Causes: []string{"wrong-interface"}, Undecided: []string{"unreachable"},
		Says: []string{"leave by eth1"},
		Make: homes(bindFirst, func(h *testhost.Homes) {
			h.Client.IP("route", "add", "default", "via", "172.16.9.77", "dev", "eth1", "table", "77")
			h.Client.IP("rule", "add", "from", testhost.HomesSecond, "lookup", "77")
		}, testhost.HomesSecond, "0"),
	},
	{Name: "source-rule-works", Make: homes(bindFirst, func(h *testhost.Homes) { policy(h); strict(h) }, testhost.HomesSecond, "0")},
	{ // a rule that denies says more
		Name: "source-rule-prohibits", Causes: []string{"denied-by-route"}, Undecided: []string{"connect-denied"},
		Make: homes(bindFirst, func(h *testhost.Homes) { h.Client.IP("rule", "add", "from", testhost.HomesSecond, "prohibit") }, testhost.HomesSecond, "0"),
	},
	{ // no route by eth1: the kernel takes the server for a neighbour there
		Name: "device-without-route", Causes: []string{"wrong-interface"}, Undecided: []string{"unreachable"},
		Says: []string{"device eth1", "without the device it connected, by eth0"},
		Make: homes(onDevice, nil, "eth1"),
	},
	{
		Name: "device-loopback", Causes: []string{"wrong-interface"}, Undecided: []string{"unreachable", "timed-out"},
		Make: homes(onDevice, nil, "lo"),
	},
	{
		Name: "device-leads-astray", Causes: []string{"wrong-interface"}, Undecided: []string{"timed-out"},
		Make: homes(onDevice, func(h *testhost.Homes) {
			h.Client.IP("route", "add", "default", "via", testhost.HomesRouter2, "dev", "eth1", "metric", "500")
			h.Second.Filter("forward", "drop")
		}, "eth1"),
	},
	{Name: "device-right", Make: homes(onDevice, nil, "eth0")},
	{ // the device is right, and the port is dropped
		Name: "device-right-port-dropped", Causes: []string{"timed-out"}, Says: []string{"the socket is bound to the network device eth0"},
		Make: homes(onDevice, func(h *testhost.Homes) { h.Server.Filter("input", "tcp dport 80 drop") }, "eth0"),
	},
	{ // the device is right, and nothing listens
		Name: "device-right-refused", Causes: []string{"refused"},
		Make: homes(onDevice, func(h *testhost.Homes) { h.Server.Filter("input", "tcp dport 80 reject with tcp reset") }, "eth0"),
	},
}

// homes is a client with two networks, and a web server behind two routers.
func homes(script string, prepare func(*testhost.Homes), args ...string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		h := testhost.NewHomes(t)
		testhost.HTTPServer4(h.Server)
		if prepare != nil {
			prepare(h)
		}
		return Place{Host: h.Client, Argv: python(t, script, append([]string{testhost.HomesServer, "80"}, args...)...)}
	}
}

func strict(h *testhost.Homes) {
	for _, name := range []string{"all", "eth0", "eth1"} {
		h.Client.Sysctl("net.ipv4.conf."+name+".rp_filter", "1")
	}
}

func noWayBack(h *testhost.Homes) { h.Server.IP("route", "replace", "blackhole", "172.16.9.0/24") }

// policy has what is sent from the second address leave by the second router.
func policy(h *testhost.Homes) {
	h.Client.IP("route", "add", "default", "via", testhost.HomesRouter2, "dev", "eth1", "table", "77")
	h.Client.IP("rule", "add", "from", testhost.HomesSecond, "lookup", "77")
}

// onDevice binds to a device before it connects.
const onDevice = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, sys.argv[3].encode())
s.connect((sys.argv[1], int(sys.argv[2])))
`
