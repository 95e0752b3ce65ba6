package scenes

import (
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// families are names whose addresses are of a family that leads nowhere, or that nobody asked for.
var families = []Scene{
	{
		Name: "ipv6-only-name-without-ipv6", Causes: []string{"no-ipv6"}, Says: []string{"that name has IPv6 addresses only", "A record"}, Silent: []string{"curl -4"},
		Make: lacking("6", connectName, testhost.NameSix, atServer),
	},
	{ // the program is held to IPv6, and the name has both
		Name: "ipv6-asked-for-without-ipv6", Causes: []string{"no-ipv6"}, Says: []string{"has IPv4 addresses too: 172.16.6.1", "hold the program to IPv4"}, Silent: []string{"addresses only"},
		Make: lacking("6", connectFamily, testhost.NameServer, atServer, "AF_INET6", "0"),
	},
	{
		Name: "ipv4-only-name-without-ipv4", Causes: []string{"no-ipv4"}, Says: []string{"that name has IPv4 addresses only", "AAAA record"},
		Make: lacking("4", connectName, testhost.NameFour, "nameserver "+server6),
	},
	{ // AI_ADDRCONFIG hides the only addresses
		Name: "ipv6-only-name-hidden", Causes: []string{"name-of-other-family"}, Undecided: []string{"name-not-found"},
		Says: []string{"has IPv6 addresses only: fd00:6::1", "there is no IPv6 network here", "AI_ADDRCONFIG"},
		Make: lacking("6", connectFamily, testhost.NameSix, atServer, "AF_UNSPEC", "AI_ADDRCONFIG"),
	},
	{
		Name: "ipv4-only-name-hidden", Causes: []string{"name-of-other-family"},
		Says: []string{"has IPv4 addresses only: 172.16.6.1", "there is no IPv4 network here"},
		Make: lacking("4", connectFamily, testhost.NameFour, "nameserver "+server6, "AF_UNSPEC", "AI_ADDRCONFIG"),
	},
	{
		Name: "ipv6-only-name-asked-for-ipv4", Causes: []string{"name-of-other-family"}, Undecided: []string{"name-not-found"},
		Says: []string{"AF_UNSPEC"}, Silent: []string{"no IPv6 network", "AI_ADDRCONFIG"},
		Make: lacking("", connectFamily, testhost.NameSix, atServer, "AF_INET", "0"),
	},
	{
		Name: "ipv4-only-name-asked-for-ipv6", Causes: []string{"name-of-other-family"}, Says: []string{"172.16.6.1"},
		Make: lacking("", connectFamily, testhost.NameFour, atServer, "AF_INET6", "0"),
	},
	{
		Name: "ipv6-only-name-by-java", Causes: []string{"name-of-other-family"}, Undecided: []string{"name-not-found"}, Says: []string{testhost.NameSix},
		Make: javaClient([]string{"-Djava.net.preferIPv4Stack=true"}, testhost.NameSix, "80"),
	},
	{
		Name: "ipv6-only-name-by-musl", Causes: []string{"name-of-other-family"}, Undecided: []string{"name-not-found"}, Says: []string{testhost.NameSix},
		Make: built(muslClient, testhost.NameSix, "80", atServer), // asks for IPv4
	},
	{ // neither family has it
		Name: "name-without-address-asked-for-ipv4", Causes: []string{"name-not-found"}, Says: []string{"it exists"},
		Make: lacking("", connectFamily, testhost.NameNoData, atServer, "AF_INET", "0"),
	},
	{ // one family is tried first, and the other then does
		Name: "ipv6-asked-for-first", Make: lacking("", tryBoth, testhost.NameFour, atServer),
	},
	{ // looked up, both families, and not connected to: that was all that was wanted
		Name: "ipv6-only-name-looked-up", Make: lacking("6", lookUp, testhost.NameSix, atServer),
	},
	{ // no IPv6 address, and the program can do without
		Name: "ipv6-looked-for-and-gone-without", Make: lacking("", lookForIPv6, testhost.NameFour, atServer),
	},
	{ // the route is missing, the family is not
		Name: "ipv6-only-name-without-route", Causes: []string{"refused"}, Silent: []string{"addresses only"},
		Make: lacking("", connectName9, testhost.NameSix, atServer),
	},
}

// lacking is a Python program beside a resolver, on a machine without one family. It is given the name, port 53, and the rest.
func lacking(family, script, name, resolver string, args ...string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		alter := func(p *testhost.Pair) {
			switch family {
			case "4":
				p.Client.IP("-4", "addr", "flush", "dev", "eth0")
			case "6":
				p.Client.Sysctl("net.ipv6.conf.all.disable_ipv6", "1")
			}
		}
		return besideAltered(t, alter, python(t, script, append([]string{name, "53"}, args...)...), resolver)
	}
}

// connectFamily resolves with the family and the flag of its last arguments, and connects.
const connectFamily = `
import socket, sys
family, flags = getattr(socket, sys.argv[3]), getattr(socket, sys.argv[4], 0)
for family, kind, _, _, address in socket.getaddrinfo(sys.argv[1], int(sys.argv[2]), family, socket.SOCK_STREAM, 0, flags):
    socket.socket(family, kind).connect(address)
`

// connectName9 is connectName, where nothing listens.
const connectName9 = `
import socket, sys
socket.create_connection((sys.argv[1], 9))
`

// tryBoth asks for one family after the other, and ends badly for a reason of its own.
const tryBoth = `
import socket, sys
for family in socket.AF_INET6, socket.AF_INET:
    try:
        for *_, address in socket.getaddrinfo(sys.argv[1], int(sys.argv[2]), family, socket.SOCK_STREAM):
            socket.socket(family).connect(address)
    except socket.gaierror:
        pass
sys.exit(1)
`

const lookUp = `
import socket, sys
print(socket.getaddrinfo(sys.argv[1], int(sys.argv[2])))
`

const lookForIPv6 = `
import socket, sys
try:
    socket.getaddrinfo(sys.argv[1], int(sys.argv[2]), socket.AF_INET6)
except socket.gaierror:
    print("IPv4 only")
`
