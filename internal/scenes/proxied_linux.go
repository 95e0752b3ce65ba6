package scenes

import (
	"fmt"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// What goes through the proxy on the first of the server's addresses: to the web server on the second; to 443 there, where nothing listens.
const (
	proxyURL    = "http://" + proxyHost
	aliceURL    = "http://" + testhost.ProxyUser + ":" + testhost.ProxyPassword + "@" + proxyHost
	wrongURL    = "http://" + testhost.ProxyUser + ":wrong@" + proxyHost
	basicAuth   = "BasicAuth " + testhost.ProxyUser + " " + testhost.ProxyPassword
	insideHTTP  = "http://" + inside + "/"
	insideHTTPS = "https://" + inside + "/"
)

// urlopen and requestsGet fetch a URL, and end in status 1 where that fails or the answer says so.
const (
	urlopen     = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1]).read()"
	requestsGet = "import sys, requests; requests.get(sys.argv[1]).raise_for_status()"
	// urlopenInside has the URL in the program, where no command line shows it.
	urlopenInside = `import urllib.request; urllib.request.urlopen("` + insideHTTPS + `").read()`
)

// withoutNetRaw takes CAP_NET_RAW away: packets can't be looked at.
var withoutNetRaw = []string{"setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"}

// What findings say.
const (
	noneNamed = "https_proxy names none"
	heard     = "its request and the answer, as they passed"
	unheard   = "asked by sallyport"
)

var proxied = []Scene{
	{
		Name: "proxy-407-curl", Causes: []string{"proxy-authentication-required"},
		Says: []string{noneNamed, heard, "CONNECT " + inside + ":443", "407 Proxy Authentication Required", "it takes Basic"},
		Make: throughProxy(squidUsers, "env", "https_proxy="+proxyURL, "curl", "-sSk", insideHTTPS),
	},
	{
		Name: "proxy-407-curl-unheard", Causes: []string{"proxy-authentication-required"},
		Says: []string{noneNamed, unheard, "CONNECT " + inside + ":443", "407 Proxy Authentication Required"},
		Make: unheardOf(throughProxy(squidUsers, "env", "https_proxy="+proxyURL, "curl", "-sSk", insideHTTPS)),
	},
	{
		Name: "proxy-407-tinyproxy", Causes: []string{"proxy-authentication-required"},
		Says: []string{noneNamed, heard, "tinyproxy"},
		Make: throughProxy(tinyproxyWith(basicAuth), "env", "https_proxy="+proxyURL, "curl", "-sSk", insideHTTPS),
	},
	{ // an answer by way of GET; curl takes the proxy's page for the origin's and ends well, and yet got nothing
		Name: "proxy-407-get", Causes: []string{"proxy-authentication-required"},
		Says: []string{"http_proxy names none", "GET " + inside + ":80"},
		Make: throughProxy(squidUsers, "env", "http_proxy="+proxyURL, "curl", "-sS", insideHTTP),
	},
	{
		Name: "proxy-407-wrong-password", Causes: []string{"proxy-authentication-required"},
		Says: []string{"did not accept the user and the password", "curl --proxy-user USER"},
		Make: throughProxy(squidUsers, "env", "https_proxy="+wrongURL, "curl", "-sSk", insideHTTPS),
	},
	{
		Name: "proxy-407-wrong-password-unheard", Causes: []string{"proxy-authentication-required"},
		Says: []string{"did not accept the user and the password", unheard},
		Make: unheardOf(throughProxy(squidUsers, "env", "https_proxy="+wrongURL, "curl", "-sSk", insideHTTPS)),
	},
	{ // tinyproxy says 401 to a wrong password
		Name: "proxy-401-tinyproxy", Causes: []string{"proxy-authentication-required"},
		Says: []string{"did not accept the user and the password", "401 Unauthorized", heard},
		Make: throughProxy(tinyproxyWith(basicAuth), "env", "https_proxy="+wrongURL, "curl", "-sSk", insideHTTPS),
	},
	{
		Name: "proxy-407-urllib", Causes: []string{"proxy-authentication-required"}, Says: []string{noneNamed, heard},
		Make: throughProxy(tinyproxyWith(basicAuth), "env", "https_proxy="+proxyURL, "/usr/bin/python3", "-c", urlopenInside),
	},
	{
		Name: "proxy-407-requests", Causes: []string{"proxy-authentication-required"}, Says: []string{noneNamed, heard},
		Make: throughProxy(squidUsers, "env", "https_proxy="+proxyURL, "/usr/bin/python3", "-c", requestsGet, insideHTTPS),
	},
	{
		Name: "proxy-407-wget", Causes: []string{"proxy-authentication-required"}, Says: []string{noneNamed, heard},
		Make: throughProxy(squidUsers, "env", "https_proxy="+proxyURL, "wget", "-qO-", "--tries=1", "--no-check-certificate", insideHTTPS),
	},
	{ // it could have a user of its own: no more than a note
		Name: "proxy-407-python-unheard", Says: []string{"lets nobody through without a user", "https_proxy names none"},
		Make: unheardOf(throughProxy(squidUsers, "env", "https_proxy="+proxyURL, "/usr/bin/python3", "-c", urlopenInside)),
	},
	{ // a first request without the user, and a second with it, is how HTTP works
		Name: "proxy-407-then-user",
		Make: throughProxy(squidUsers, "curl", "-sS", "--proxy-anyauth", "--proxy", aliceURL, insideHTTP),
	},
	{
		Name: "proxy-user-accepted",
		Make: throughProxy(squidUsers, "env", "http_proxy="+aliceURL, "curl", "-sS", insideHTTP),
	},
	{
		Name: "proxy-403-filter", Causes: []string{"proxy-denied"}, Says: []string{"403 Filtered", "tinyproxy.conf", heard},
		Make: throughProxy(filtering, "env", "https_proxy="+proxyURL, "curl", "-sSk", insideHTTPS),
	},
	{
		Name: "proxy-403-filter-get", Causes: []string{"proxy-denied"}, Says: []string{"GET " + inside + ":80", "add " + inside + " to no_proxy"},
		Make: throughProxy(filtering, "env", "http_proxy="+proxyURL, "wget", "-qO-", "--tries=1", insideHTTP),
	},
	{
		Name: "proxy-403-filter-get-unheard", Causes: []string{"proxy-denied"}, Says: []string{"HEAD " + inside + ":80", unheard},
		Make: unheardOf(throughProxy(filtering, "env", "http_proxy="+proxyURL, "wget", "-qO-", "--tries=1", insideHTTP)),
	},
	{
		Name: "proxy-403-port", Causes: []string{"proxy-denied"}, Says: []string{"port 443 alone; this is port 8443", "403 Access violation"},
		Make: throughProxy(tinyproxyWith("ConnectPort 443"), "env", "https_proxy="+proxyURL, "curl", "-sSk", "https://"+inside+":8443/"),
	},
	{
		Name: "proxy-403-client", Causes: []string{"proxy-denied"}, Says: []string{"403 Access denied"},
		Make: throughProxy(tinyproxyWith("Allow 127.0.0.1"), "env", "https_proxy="+proxyURL, "curl", "-sSk", insideHTTPS),
	},
	{
		Name: "proxy-403-squid", Causes: []string{"proxy-denied"}, Says: []string{"ERR_ACCESS_DENIED", "squid.conf"},
		Make: throughProxy(squidDenying, "env", "https_proxy="+proxyURL, "curl", "-sSk", insideHTTPS),
	},
	{
		Name: "proxy-403-squid-urllib-get", Causes: []string{"proxy-denied"}, Says: []string{"ERR_ACCESS_DENIED", "GET " + inside + ":80"},
		Make: throughProxy(squidDenying, "env", "http_proxy="+proxyURL, "/usr/bin/python3", "-c", urlopen, insideHTTP),
	},
	{ // the origin's own 403 looks alike but for who signs it
		Name: "proxy-403-of-origin", Says: []string{"is not certain", "403"},
		Make: throughProxy(tinyproxyWith(), "env", "http_proxy="+proxyURL, "/usr/bin/python3", "-c", urlopen, "http://"+inside+":8081/"),
	},
	{
		Name: "proxy-403-of-origin-unheard",
		Make: unheardOf(throughProxy(tinyproxyWith(), "env", "http_proxy="+proxyURL, "/usr/bin/python3", "-c", urlopen, "http://"+inside+":8081/")),
	},
	{
		Name: "proxy-403-of-origin-by-squid", Says: []string{"is not certain", "403"},
		Make: throughProxy(squidOpen, "env", "http_proxy="+proxyURL, "/usr/bin/python3", "-c", urlopen, "http://"+inside+":8081/"),
	},
	{ // one of two, and the program ends well
		Name: "proxy-403-not-minded", Says: []string{"the program ended well", "Access violation"},
		Make: throughProxy(tinyproxyWith("ConnectPort 443"), "env", "https_proxy="+proxyURL, "http_proxy="+proxyURL, "sh", "-c",
			"exec /usr/bin/python3 -c 'import urllib.request as u\ntry: u.urlopen(\"https://"+inside+":8443/\")\nexcept OSError: pass\nu.urlopen(\""+insideHTTP+"\").read()'"),
	},
	{
		Name: "proxy-cannot-reach-squid", Causes: []string{"proxy-cannot-reach"}, Says: []string{"ERR_CONNECT_FAIL", "let the request pass"},
		Make: throughProxy(squidOpen, "env", "https_proxy="+proxyURL, "curl", "-sSk", insideHTTPS),
	},
	{
		Name: "proxy-cannot-reach-tinyproxy", Causes: []string{"proxy-cannot-reach"}, Says: []string{"500 Unable to connect"},
		Make: throughProxy(tinyproxyWith(), "env", "https_proxy="+proxyURL, "curl", "-sSk", insideHTTPS),
	},
	{
		Name: "proxy-tunnel-granted-tls-fails", // the far end speaks no TLS: the proxy did its part
		Make: throughProxy(tinyproxyWith(), "env", "https_proxy="+proxyURL, "curl", "-sSk", "https://"+inside+":80/"),
	},
	{
		Name: "proxy-tunnel-granted-tls-fails-unheard",
		Make: unheardOf(throughProxy(tinyproxyWith(), "env", "https_proxy="+proxyURL, "curl", "-sSk", "https://"+inside+":80/")),
	},
	{
		Name: "socks-user", Causes: []string{"proxy-authentication-required"}, Says: []string{"all_proxy names none", heard},
		Make: throughProxy(socksUsers, "env", "all_proxy=socks5h://"+proxyHost, "curl", "-sS", insideHTTP),
	},
	{
		Name: "socks-user-unheard", Causes: []string{"proxy-authentication-required"}, Says: []string{"all_proxy names none", unheard},
		Make: unheardOf(throughProxy(socksUsers, "env", "all_proxy=socks5h://"+proxyHost, "curl", "-sS", insideHTTP)),
	},
	{
		Name: "socks-wrong-password", Causes: []string{"proxy-authentication-required"}, Says: []string{"user and password not accepted"},
		Make: throughProxy(socksUsers, "env", "all_proxy=socks5h://alice:wrong@"+proxyHost, "curl", "-sS", insideHTTP),
	},
	{
		Name: "socks-cannot-reach", Causes: []string{"proxy-cannot-reach"}, Says: []string{"connection refused"},
		Make: throughProxy(socks, "env", "all_proxy=socks5h://"+proxyHost, "curl", "-sSk", insideHTTPS),
	},
	{
		Name: "socks-user-accepted",
		Make: throughProxy(socksUsers, "env", "all_proxy=socks5h://alice:secret@"+proxyHost, "curl", "-sS", insideHTTP),
	},
	{
		Name: "proxy-of-the-command-line", Causes: []string{"proxy-authentication-required"}, Says: []string{"--proxy of the command line", "curl --proxy-user"},
		Make: throughProxy(squidUsers, "curl", "-sSk", "--proxy", proxyURL, insideHTTPS),
	},
	{
		Name: "proxy-407-ipv6", Causes: []string{"proxy-authentication-required"}, Says: []string{heard, "[fd00:6::1]:3128"},
		Make: throughProxy(squidUsers, "env", "https_proxy=http://[fd00:6::1]:3128", "curl", "-sSk", insideHTTPS),
	},
	{ // on the loopback device each packet passes twice; and the proxy has a name of /etc/hosts
		Name: "proxy-407-loopback", Causes: []string{"proxy-authentication-required"}, Says: []string{heard, "proxy localhost:3128"},
		Make: func(t testing.TB) Place {
			p := throughProxy(func(*testhost.Host) {}, "env", "https_proxy=http://localhost:3128", "curl", "-4", "-sSk", insideHTTPS)(t)
			testhost.Tinyproxy(p.Host, basicAuth)
			return p
		},
	},
	{ // a program in a network namespace of its own
		Name: "proxy-407-other-namespace", Causes: []string{"proxy-authentication-required"}, Says: []string{heard},
		Make: func(t testing.TB) Place {
			p := throughProxy(squidUsers, "env", "https_proxy="+proxyURL, "curl", "-sSk", insideHTTPS)(t)
			p.Argv = append(p.Host.Enter(), p.Argv...)
			p.Host = testhost.NewPair(t).Client
			return p
		},
	},
	{
		Name: "proxy-down", Causes: []string{"refused"}, Says: []string{"that is the proxy that https_proxy names"},
		Make: throughProxy(func(*testhost.Host) {}, "env", "https_proxy="+proxyURL, "curl", "-sSk", insideHTTPS),
	},
}

// throughProxy runs a program where a proxy and two web servers are: the second, on 8081, forbids everything.
func throughProxy(start func(*testhost.Host), argv ...string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		for _, program := range []string{"curl", "wget", "/usr/bin/python3"} {
			testhost.Need(t, program, "curl, wget or python3")
		}
		testhost.NeedFile(t, "/usr/lib/python3/dist-packages/requests/api.py", "python3-requests")
		p := testhost.NewPair(t)
		testhost.Nginx(p.Server)
		testhost.Python(p.Server, 8081, forbidAll)
		start(p.Server)
		return Place{Host: p.Client, Argv: argv}
	}
}

// unheardOf is the same where sallyport has no CAP_NET_RAW.
func unheardOf(place func(testing.TB) Place) func(testing.TB) Place {
	return func(t testing.TB) Place {
		testhost.Need(t, "setpriv", "util-linux")
		p := place(t)
		p.Under = withoutNetRaw
		return p
	}
}

const forbidAll = `
import http.server
class Forbids(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(403)
    do_HEAD = do_GET
http.server.ThreadingHTTPServer(("", 8081), Forbids).serve_forever()
`

func tinyproxyWith(lines ...string) func(*testhost.Host) {
	return func(h *testhost.Host) { testhost.Tinyproxy(h, lines...) }
}

// filtering lets nothing through but one name.
func filtering(h *testhost.Host) { testhost.TinyproxyFilter(h, "allowed.test") }

func squidUsers(h *testhost.Host) { testhost.SquidUsers(h) }

func squidOpen(h *testhost.Host) { testhost.Squid(h, "http_access allow all") }

func squidDenying(h *testhost.Host) {
	testhost.Squid(h, fmt.Sprintf("acl inside dst %s", inside), "http_access deny inside", "http_access allow all")
}

func socksUsers(h *testhost.Host) { testhost.MicrosocksUsers(h) }
