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
	{Name: "nothing-wrong-slow-server", Make: talking(wait)},
	{ // a program that learns at once that it is connected, as curl does, and then waits
		Name: "nothing-wrong-nonblocking", Make: talking(connectMany),
	},
	{ // its window is closed: the peer's kernel answers each probe, so nothing is lost
		Name: "server-reads-nothing", Make: talking(fill),
	},
	{ // for 3 s no acknowledgement comes back; then all goes well, and the program ends at once
		Name: "outage-that-ended", Make: talking(outage),
	},
	{
		Name: "mtu-black-hole-receiving", Causes: []string{"mtu-black-hole"}, Undecided: []string{"connection-stalled"},
		Says: []string{"stay away", "1280 bytes pass"},
		Make: talk(testhost.RowServer4, 0, 5_000, func(r *testhost.Row) {
			// A veth card tells its peer's host of a packet that is too large for it; a route's MTU is between the router and itself.
			r.Router.IP("route", "replace", "172.16.7.0/24", "dev", "eth0", "scope", "link", "mtu", "lock", "1280")
			r.Router.IP("route", "replace", "172.16.8.0/24", "dev", "eth1", "scope", "link", "mtu", "lock", "1280")
			r.Router.Filter("output", mute...)
		}),
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

// talking is a client of its own kind, with nothing on the way that hinders it.
func talking(script string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		testhost.Need(t, "nft", "nftables")
		r := testhost.NewRow(t)
		testhost.Talker(r.Server)
		return Place{Host: r.Client, Argv: python(t, script, testhost.RowServer4, fmt.Sprint(testhost.PortTalker))}
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

// connectMany asks for the error of each connect as soon as poll says that it ended.
const connectMany = `
import select, socket, sys, time
held = []
for i in range(20):
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex((sys.argv[1], int(sys.argv[2])))
    while s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0 and not select.select([], [s], [], 0)[1]:
        pass
    assert s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    held.append(s)
time.sleep(4)
`

// fill sends to a server that does not read.
const fill = `
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.settimeout(5)
s.sendall(b"0 100000000\n")
try:
    s.sendall(b"x" * 100000000)
except socket.timeout:
    pass
`

// outage keeps the acknowledgements away for a while.
const outage = `
import socket, subprocess, sys, time
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
f = s.makefile("rwb")
time.sleep(2)
nft = lambda rules: subprocess.run(["/usr/sbin/nft", "-f", "-"], input=rules.encode(), check=True)
nft("table inet outage { chain in { type filter hook input priority 0; tcp sport %s drop; }; }" % sys.argv[2])
f.write(b"0 5000\n"); f.flush()
time.sleep(3.5)
nft("delete table inet outage")
assert len(f.read(5003)) == 5003
`
