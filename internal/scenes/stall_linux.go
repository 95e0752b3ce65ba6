package scenes

import (
	"fmt"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// The router that keeps to itself that a packet was too large.
var mute = []string{"icmp type destination-unreachable icmp code frag-needed drop", "icmpv6 type packet-too-big drop"}

// What goes wrong after the connect.
var stall = []Scene{
	{
		Name: "mtu-black-hole-sending", Causes: []string{"mtu-black-hole"}, Undecided: []string{"connection-stalled"},
		Says: []string{"1280 bytes pass", "mtu 1280"},
		Make: talk(testhost.RowServer4, 100_000, 0, func(r *testhost.Row) {
			r.Router.IP("link", "set", "eth1", "mtu", "1280")
			r.Router.Filter("output", mute...)
		}),
	},
	{
		Name: "mtu-black-hole-sending-ipv6", Causes: []string{"mtu-black-hole"}, Undecided: []string{"connection-stalled"},
		Says: []string{"1400 bytes pass"},
		Make: talk(testhost.RowServer6, 100_000, 0, func(r *testhost.Row) {
			r.Router.IP("link", "set", "eth1", "mtu", "1400")
			r.Router.Filter("output", mute...)
		}),
	},
	{ // the router says that packets are too large, so TCP sends smaller ones
		Name: "small-mtu-and-icmp", Make: talk(testhost.RowServer4, 100_000, 0, func(r *testhost.Row) {
			r.Router.IP("link", "set", "eth1", "mtu", "1280")
		}),
	},
	{
		Name: "nothing-wrong-slow-server", Make: func(t testing.TB) Place {
			r := testhost.NewRow(t)
			testhost.Talker(r.Server)
			return Place{Host: r.Client, Argv: python(t, wait, testhost.RowServer4, fmt.Sprint(testhost.PortTalker))}
		},
	},
	{ // the router forgets the connection: only what is new passes
		Name: "firewall-forgets-the-connection", Causes: []string{"connection-stalled"}, Says: []string{"sent again", "showed no MTU black hole"},
		Make: talk(testhost.RowServer4, 1000, 0, func(r *testhost.Row) {
			r.Router.Filter("forward", "ip length > 1000 tcp dport 7000 drop")
		}),
	},
}

// talk is a client that sends and receives so much data over a connection that was fine at first, and gives up after 5 s.
func talk(addr string, send, receive int, prepare func(*testhost.Row)) func(testing.TB) Place {
	return func(t testing.TB) Place {
		r := testhost.NewRow(t)
		testhost.Talker(r.Server)
		prepare(r)
		return Place{Host: r.Client, Argv: python(t, talkTo, addr, fmt.Sprint(testhost.PortTalker), fmt.Sprint(send), fmt.Sprint(receive))}
	}
}

const talkTo = `
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
f = s.makefile("rwb")
s.settimeout(5)
take, give = int(sys.argv[3]), int(sys.argv[4])
f.write(b"%d %d\n" % (take, give + 1)); f.flush()
assert f.readline() == b"ok\n"
f.write(b"x" * take); f.flush()
assert len(f.read(give + 1)) == give + 1
`

// wait is a client whose connection is idle for longer than a stall takes.
const wait = `
import socket, sys, time
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall(b"0 100000\n")
time.sleep(5)
f = s.makefile("rb")
assert len(f.read(100003)) == 100003
`
