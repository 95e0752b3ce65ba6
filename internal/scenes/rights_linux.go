package scenes

import (
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// rights are calls that fail of nothing but the caller's rights, each made by nobody, in a host with a ping_group_range.
var rights = []Scene{
	{Name: "mark-without-rights", Causes: []string{"mark-denied"}, Says: []string{"SO_MARK, 0x10", "NET_ADMIN"}, Make: asNobody("", mark+connect)},
	{Name: "mark-went-on", Make: asNobody("", serve+"try:\n "+mark+"except PermissionError: pass\n"+connect)},
	{Name: "mark-with-rights", Make: asRoot(serve + mark + connect)},
	{Name: "mark-went-on-refused", Causes: []string{"refused"}, Make: asNobody("", "try:\n "+mark+"except PermissionError: pass\n"+connect)},
	{Name: "device-unknown", Causes: []string{"device-bind-denied"}, Says: []string{`\"eth7\"`, "ENODEV"}, Make: asNobody("", device("eth7")+connect)},
	{Name: "device-again", Causes: []string{"device-bind-denied"}, Says: []string{"bound to a device already"}, Make: asNobody("", device("eth0")+device("lo")+connect)},
	{Name: "device-first", Make: asNobody("", serve+device("lo")+connect)},
	{Name: "transparent-without-rights", Causes: []string{"transparent-denied"}, Says: []string{"IP_TRANSPARENT, 1"}, Make: asNobody("", "s.setsockopt(0, 19, 1)\n"+connect)},
	{Name: "transparent-off", Make: asNobody("", serve+"s.setsockopt(0, 19, 0)\n"+connect)},
	{Name: "ping-without-group", Causes: []string{"ping-denied"}, Says: []string{"ping_group_range is 1 0"}, Make: asNobody("1 0", ping)},
	{Name: "ping-with-group", Make: asNobody("0 2147483647", ping)},
	{Name: "ping-then-raw", Causes: []string{"ping-denied"}, Make: asNobody("1 0", "try:\n "+ping+"except PermissionError:\n "+raw)},
	{Name: "ping-not-needed", Make: asNobody("1 0", "try:\n "+ping+"except PermissionError: pass\n")},
	{Name: "raw-without-rights", Causes: []string{"raw-socket-denied"}, Says: []string{"AF_INET, SOCK_RAW, icmp"}, Make: asNobody("0 2147483647", raw)},
	{Name: "raw-with-rights", Make: asRoot(raw)},
}

const (
	mark    = "s.setsockopt(socket.SOL_SOCKET, 36, 16)\n" // SO_MARK
	serve   = "server = socket.socket(); server.bind(('127.0.0.1', 7000)); server.listen(4)\n"
	connect = "s.connect(('127.0.0.1', 7000))\n"
	ping    = "socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)\n"
	raw     = "socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)\n"
)

func device(name string) string {
	return "s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'" + name + "')\n"
}

// asNobody is a program that has no rights, in a host with that ping_group_range.
func asNobody(pingGroups, script string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		place := asRoot(script)(t)
		if pingGroups != "" {
			place.Host.Sysctl("net.ipv4.ping_group_range", pingGroups)
		}
		setpriv := testhost.Need(t, "setpriv", "util-linux")
		place.Argv = append([]string{setpriv, "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"}, place.Argv...)
		return place
	}
}

func asRoot(script string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		return Place{Host: testhost.NewPair(t).Client, Argv: python(t, "import socket\ns = socket.socket()\n"+script)}
	}
}
