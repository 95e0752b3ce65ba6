package scenes

import (
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/testhost"
)

const bothVersions = "TLSv1.2 TLSv1.3"

var nextYear = time.Now().Add(365 * 24 * time.Hour)

// TLS servers whose certificate a client does not take. Every one of them is nginx's.
var certificates = []Scene{
	{
		Name: "certificate-of-another", Causes: []string{"certificate-mismatch"}, Says: []string{"for other.example, not for bank.example"},
		Make: fetched("TLSv1.3", nextYear, false, "/", "other.example"),
	},
	{
		Name: "certificate-of-another-tls12", Causes: []string{"certificate-mismatch"}, Says: []string{"for other.example, not for bank.example"},
		Make: fetched("TLSv1.2", nextYear, true, "/", "other.example"),
	},
	{
		Name: "certificate-of-another-python", Causes: []string{"certificate-mismatch"}, Says: []string{"for other.example, not for " + testhost.RowServer4},
		Make: func(t testing.TB) Place {
			r := testhost.NewRow(t)
			a := testhost.NewAuthority(t, "Private Root")
			testhost.TLSServer(r.Server, a, bothVersions, nextYear, "other.example")
			return Place{Host: r.Client, Argv: python(t, handshake, testhost.RowServer4, "443", a.Path)}
		},
	},
	{
		Name: "certificate-expired", Causes: []string{"certificate-expired"}, Says: []string{"expired on"},
		Make: fetched(bothVersions, time.Now().Add(-24*time.Hour), true, "/", "bank.example"),
	},
	{
		Name: "certificate-of-a-private-authority", Causes: []string{"certificate-untrusted"}, Says: []string{"signed by Private Root", "update-ca-certificates"},
		Make: fetched(bothVersions, nextYear, false, "/", "bank.example"),
	},
	{
		Name: "tls-intercepted-on-the-router", Causes: []string{"certificate-untrusted"}, Says: []string{"signed by Corporate Inspection", "hop 1 (" + testhost.RowRouter4 + ")"},
		Make: func(t testing.TB) Place {
			r := testhost.NewRow(t)
			testhost.TLSServer(r.Server, testhost.NewAuthority(t, "Private Root"), bothVersions, nextYear, "bank.example")
			testhost.TLSServer(r.Router, testhost.NewAuthority(t, "Corporate Inspection"), bothVersions, nextYear, "bank.example")
			r.Router.NFT("table inet proxy { chain in { type nat hook prerouting priority -100; tcp dport 443 redirect to :443; }; }")
			return Place{Host: r.Client, Argv: curl(t, "https://bank.example/")}
		},
	},
	{
		Name: "certificate-of-another-tls13-known-authority", Causes: []string{"certificate-mismatch"}, Says: []string{"for other.example, not for bank.example"},
		Make: fetched("TLSv1.3", nextYear, true, "/", "other.example"),
	},
	// What looks like it, and is none: the certificate is taken, and the program fails of what came then.
	{Name: "certificate-taken-and-not-found", Make: fetched("TLSv1.3", nextYear, true, "/missing", "bank.example")},
	{Name: "certificate-taken-and-not-found-tls12", Make: fetched("TLSv1.2", nextYear, true, "/missing", "bank.example")},
	{ // by a client that ends without an alert
		Name: "certificate-taken-and-not-found-python", Make: asked("/missing", true, testhost.RowServer4),
	},
	{Name: "certificate-not-checked-and-not-found-python", Make: asked("/missing", false, "other.example")},
	{Name: "certificate-taken-and-all-well", Make: fetched(bothVersions, nextYear, true, "/", "bank.example")},
	{
		Name: "certificate-not-checked-and-not-found",
		Make: func(t testing.TB) Place {
			place := fetched(bothVersions, nextYear, false, "/missing", "other.example")(t)
			place.Argv = append(place.Argv, "--insecure")
			return place
		},
	},
	{
		Name: "certificate-of-another-and-nobody-minds",
		Make: func(t testing.TB) Place {
			place := fetched(bothVersions, nextYear, false, "/", "other.example")(t)
			place.Argv = append(place.Argv, "--insecure")
			return place
		},
	},
}

// fetched is curl that fetches a page of bank.example, from a server whose certificate is for others; told of its authority or not.
func fetched(protocols string, until time.Time, trusting bool, page string, names ...string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		r := testhost.NewRow(t)
		a := testhost.NewAuthority(t, "Private Root")
		testhost.TLSServer(r.Server, a, protocols, until, names...)
		argv := curl(t, "https://bank.example"+page)
		if trusting {
			argv = append(argv, "--cacert", a.Path)
		}
		return Place{Host: r.Client, Argv: argv}
	}
}

// asked is a client in Python that asks for a page by the server's address, and fails if it is not found; it checks the certificate or not.
func asked(page string, checking bool, names ...string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		r := testhost.NewRow(t)
		a := testhost.NewAuthority(t, "Private Root")
		testhost.TLSServer(r.Server, a, bothVersions, nextYear, names...)
		check := ""
		if checking {
			check = a.Path
		}
		return Place{Host: r.Client, Argv: python(t, ask, testhost.RowServer4, "443", check, page)}
	}
}

const ask = `
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[3]) if sys.argv[3] else ssl._create_unverified_context()
s = context.wrap_socket(socket.create_connection((sys.argv[1], int(sys.argv[2]))), server_hostname=sys.argv[1])
s.sendall(b"GET %s HTTP/1.0\r\n\r\n" % sys.argv[4].encode())
assert b" 200 " in s.recv(1000)
`

func curl(t testing.TB, url string) []string {
	t.Helper()
	testhost.NeedFile(t, "/etc/ssl/certs/ca-certificates.crt", "ca-certificates")
	return []string{
		testhost.Need(t, "curl", "curl"), "--silent", "--fail", "--noproxy", "*", "--max-time", "10",
		"--resolve", "bank.example:443:" + testhost.RowServer4, url,
	}
}

const handshake = `
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[3])
context.wrap_socket(socket.create_connection((sys.argv[1], int(sys.argv[2]))), server_hostname=sys.argv[1])
`
