package scenes

import (
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// searched are names of which the search list makes others. Every name below wild.test has the server's second address.
var searched = []Scene{
	{ // no such name, and the wildcard has an address for it
		Name: "wildcard-for-a-missing-name", Causes: []string{"search-path-surprise"}, Undecided: []string{"refused"},
		Says: []string{"asked for no.example.test and got 172.16.6.2, the address of no.example.test.wild.test", "getent ahosts no.example.test."},
		Make: resolving(connectName, testhost.NameMissing, "9", atServer, "search wild.test"),
	},
	{ // a name in a pod: the suffix comes first, and the name itself is never asked for
		Name: "wildcard-before-the-name", Causes: []string{"search-path-surprise"}, Undecided: []string{"port-filtered", "timed-out"},
		Says: []string{"the address of irc.example.test.wild.test", "options ndots:2", "to 172.16.6.1:53, the address of irc.example.test itself", "irc.example.test itself is 172.16.6.1"},
		Make: besideOneAddress(connectName, testhost.NameServer, "53", atServer, "search wild.test", "options ndots:5"),
	},
	{ // the wildcard is the last of the list
		Name: "wildcard-after-other-suffixes", Causes: []string{"search-path-surprise"}, Undecided: []string{"refused"},
		Says: []string{"the address of irc.example.test.wild.test", "ndots:5"},
		Make: resolving(connectName, testhost.NameServer, "9", atServer, "search svc.wild2.test wild.test", "options ndots:5"),
	},
	{
		Name: "wildcard-for-a-missing-name-by-go", Causes: []string{"search-path-surprise"}, Undecided: []string{"refused"},
		Says: []string{"the address of no.example.test.wild.test"},
		Make: built(goClient, testhost.NameMissing, "9", atServer, "search wild.test"),
	},
	{
		Name: "wildcard-before-the-name-by-musl", Causes: []string{"search-path-surprise"}, Undecided: []string{"refused"},
		Says: []string{"the address of irc.example.test.wild.test"},
		Make: built(muslClient, testhost.NameServer, "9", atServer, "search svc.wild2.test wild.test", "options ndots:5"),
	},
	{ // musl adds no suffix to a name with as many dots as ndots
		Name: "no-such-name-by-musl-despite-wildcard", Causes: []string{"name-not-found"}, Says: []string{testhost.NameMissing},
		Make: built(muslClient, testhost.NameMissing, "9", atServer, "search wild.test"),
	},
	{ // the same, and it connects: nobody's failure
		Name: "wildcard-that-connects", Make: resolving(connectName, testhost.NameServer, "53", atServer, "search wild.test", "options ndots:5"),
	},
	{ // the name is meant to be found by the wildcard: neither it nor its domain is anything by itself
		Name: "wildcard-on-purpose", Causes: []string{"refused"}, Says: []string{"tenant.apps.wild.test"}, Silent: []string{"search-path-surprise"},
		Make: resolving(connectName, "tenant.apps", "9", atServer, "search wild.test"),
	},
	{
		Name: "wildcard-on-purpose-without-a-dot", Causes: []string{"refused"}, Silent: []string{"search list"},
		Make: resolving(connectName, "tenant", "9", atServer, "search wild.test"),
	},
	{ // the full name below the wildcard is what was asked for
		Name: "wildcard-by-its-full-name", Causes: []string{"refused"}, Silent: []string{"search list"},
		Make: resolving(connectName, testhost.NameWild, "9", atServer, "search wild.test"),
	},
	{ // the suffix is right, and no wildcard has part in it
		Name: "found-by-search-list-with-a-dot", Causes: []string{"refused"}, Says: []string{`"name":"irc.example.test"`}, Silent: []string{"search-path-surprise"},
		Make: resolving(connectName, "irc.example", "9", atServer, "search test"),
	},
	{ // another one than what is asked for, and asked for in full, by a resolver that has no search list
		Name: "wildcard-asked-for-by-c-ares", Causes: []string{"refused"}, Silent: []string{"search-path-surprise"},
		Make: func(t testing.TB) Place {
			argv := []string{testhost.Need(t, "node", "nodejs"), "-e", "require('dns').resolve4('irc.example.test.wild.test', (e, a) => require('net').connect(9, a[0]))"}
			return beside(t, argv, atServer, "search wild.test", "options ndots:5")
		},
	},
	{ // Node's own resolver leaves the search list alone
		Name: "short-name-by-c-ares", Causes: []string{"name-not-found"}, Says: []string{"irc.example.test is one, and was not asked for", "172.16.6.1"},
		Make: func(t testing.TB) Place {
			argv := []string{testhost.Need(t, "node", "nodejs"), "-e", "require('dns').resolve4('irc', (e, a) => { throw e })"}
			return beside(t, argv, atServer, "search example.test")
		},
	},
	{ // one suffix more would have found it
		Name: "short-name-needs-the-domain-above", Causes: []string{"name-not-found"}, Says: []string{"irc.example.test is one, and was not asked for", "--dns-search example.test"},
		Make: resolving(connectName, "irc", "9", atServer, "search prod.example.test"),
	},
	{
		Name: "dotted-name-by-musl", Causes: []string{"name-not-found"}, Says: []string{"irc.example.test is one", "musl", "options ndots:2"},
		Make: built(muslClient, "irc.example", "9", atServer, "search test"),
	},
	{ // no wildcard's address is offered for a name that was meant to be none
		Name: "no-such-name-near-a-wildcard", Causes: []string{"name-not-found"}, Silent: []string{"is one, and was not asked for"},
		Make: client("node", "nodejs", "-e", "require('dns').resolve4('tenant', (e, a) => { throw e })"),
	},
	{ // a suffix's server is silent: musl stops there
		Name: "resolver-silent-for-a-suffix-by-musl", Causes: []string{"resolver-silent"},
		Says:   []string{"irc.example.test may have been asked for", "A irc.example.test, asked of 172.16.6.1:53: answered 172.16.6.1", "`irc.example.test.`", "take quiet.test out"},
		Silent: []string{"a firewall"},
		Make:   built(muslClient, testhost.NameServer, "53", atServer, "search quiet.test", "options ndots:5 timeout:4 attempts:2"),
	},
	{ // a suffix's server fails: musl stops there
		Name: "resolver-fails-for-a-suffix-by-musl", Causes: []string{"name-server-failure"},
		Says: []string{"SERVFAIL", "take broken.test out", "A irc.example.test, asked of 172.16.6.1:53: answered 172.16.6.1"},
		Make: built(muslClient, testhost.NameServer, "53", atServer, "search broken.test", "options ndots:5"),
	},
	{ // glibc goes on
		Name: "resolver-silent-for-a-suffix", Make: resolving(connectName, testhost.NameServer, "53", atServer, "search quiet.test", "options ndots:5 timeout:2 attempts:2"),
	},
	{
		Name: "resolver-fails-for-a-suffix", Make: resolving(connectName, testhost.NameServer, "53", atServer, "search broken.test", "options ndots:5"),
	},
	{ // no suffix has part in it
		Name: "resolver-silent-for-the-name", Causes: []string{"resolver-silent"}, Silent: []string{"may have been asked for"},
		Make: resolving(connectName, testhost.NameQuiet, "53", atServer, "search example.test", "options timeout:2 attempts:2"),
	},
}

// besideOneAddress is resolving, where nobody has the server's second address.
func besideOneAddress(script, name, port string, conf ...string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		alter := func(p *testhost.Pair) { p.Server.IP("addr", "del", "172.16.6.2/24", "dev", "eth0") }
		return besideAltered(t, alter, python(t, script, name, port), conf...)
	}
}
