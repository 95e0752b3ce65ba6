package scenes

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// hosts are names out of /etc/hosts, and other ways for a program to come by an address.
var hosts = []Scene{
	{ // the file is out of date
		Name: "hosts-file-hides-dns", Causes: []string{"timed-out"},
		Says: []string{"/etc/hosts, line 3, has this address for irc.example.test, and for irc", "has another for irc.example.test: 172.16.6.1", "to 172.16.6.1:53, the address of irc.example.test by DNS"},
		Make: withHosts(connectName, testhost.NameServer, "53", "127.0.0.1 localhost", "# the old server", "172.16.6.2 irc.example.test irc", "fd00:6::99 old.example.test"),
	},
	{ // it says what DNS says
		Name: "hosts-file-agrees", Causes: []string{"refused"}, Says: []string{"/etc/hosts, line 2, has this address"}, Silent: []string{"has another"},
		Make: withHosts(connectName, testhost.NameServer, "9", "127.0.0.1 localhost", "172.16.6.1 irc.example.test"),
	},
	{
		Name: "hosts-file-alone-knows", Causes: []string{"refused"}, Says: []string{`"name":"db.internal"`, "has no such name"},
		Make: withHosts(connectName, "db.internal", "9", "172.16.6.1 db.internal"),
	},
	{ // it has the name, and the address is right: nothing to tell
		Name: "hosts-file-connects", Make: withHosts(connectName, testhost.NameServer, "53", "172.16.6.1 irc.example.test"),
	},
	{ // another name's entry has the address that DNS gave
		Name: "hosts-file-of-another-name", Causes: []string{"refused"}, Says: []string{`"name":"irc.example.test"`}, Silent: []string{"/etc/hosts, line"},
		Make: withHosts(connectName, testhost.NameServer, "9", "172.16.6.1 other.example.test"),
	},
	{ // options use-vc: glibc asks by TCP alone
		Name: "name-by-tcp", Causes: []string{"refused"}, Says: []string{`"name":"` + testhost.NameServer, `"protocol":"tcp"`},
		Make: resolving(connectName, testhost.NameServer, "9", atServer, "options use-vc"),
	},
	{
		Name: "no-such-name-by-tcp", Causes: []string{"name-not-found"}, Says: []string{testhost.NameMissing, "NXDOMAIN"},
		Make: resolving(connectName, testhost.NameMissing, "9", atServer, "options use-vc"),
	},
	{
		Name: "name-by-tcp-by-go", Causes: []string{"refused"}, Says: []string{`"name":"` + testhost.NameServer},
		Make: built(goClient, testhost.NameServer, "9", atServer, "options use-vc"),
	},
	{
		Name: "name-by-java", Causes: []string{"refused"}, Says: []string{`"name":"` + testhost.NameServer},
		Make: javaClient(nil, testhost.NameServer, "9"),
	},
	{
		Name: "no-such-name-by-java", Causes: []string{"name-not-found"}, Says: []string{testhost.NameMissing},
		Make: javaClient(nil, testhost.NameMissing, "9"),
	},
	{ // two names, one address: the last that was looked up is the likely one, and the other is told
		Name: "two-names-of-one-address", Causes: []string{"refused"}, Says: []string{`"name":"irc.example.test"`, "was looked up for twin.example.test as well"},
		Make: resolving(lookUpTwo, testhost.NameServer, "9", atServer),
	},
}

// lookUpTwo looks another name up, of the same address, before it connects.
const lookUpTwo = `
import socket, sys
socket.getaddrinfo("twin.example.test", 80, socket.AF_INET)
address = socket.getaddrinfo(sys.argv[1], int(sys.argv[2]), socket.AF_INET, socket.SOCK_STREAM)[0][4]
socket.socket().connect(address)
`

// withHosts is a Python program with an /etc/hosts of these lines, beside a resolver; nobody has the server's second address.
func withHosts(script, name, port string, lines ...string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		place := besideOneAddress(script, name, port, atServer)(t)
		place.Under = slices.Concat(place.Under, testhost.WithHosts(t, lines...))
		return place
	}
}

// javaClient is a Java program that connects to a name, beside a resolver.
func javaClient(options []string, name, port string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		source := filepath.Join(t.TempDir(), "Client.java")
		write(t, source, `public class Client {
	public static void main(String[] a) throws Exception { new java.net.Socket(a[0], Integer.parseInt(a[1])); }
}
`)
		testhost.Need(t, "javac", "default-jdk-headless")
		argv := slices.Concat([]string{testhost.Need(t, "java", "default-jdk-headless")}, options, []string{source, name, port})
		return beside(t, argv, atServer)
	}
}
