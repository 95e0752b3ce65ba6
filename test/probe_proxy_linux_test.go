package test

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sallyport/sallyport/internal/testhost"
)

const (
	squidAt  = "http://172.16.7.1:3128"
	frontAt  = "https://172.16.7.1:3129"
	socksAt  = "socks5://172.16.7.1:1080"
	socksHAt = "socks5h://172.16.7.1:1080"
	usersAt  = "http://alice:secret@172.16.7.1:3128"
)

// behind is a row whose router lets nothing pass but through its proxies. Names are found by these, and not by the client.
func behind(t *testing.T) *testhost.Row {
	r := testhost.NewRow(t)
	r.Router.Filter("forward", "ip saddr 172.16.7.2 drop")
	return r
}

func squidBehind(t *testing.T, r *testhost.Row, lines ...string) {
	testhost.ClusterDNS(r.Router, "server.example.test. A 172.16.8.2")
	testhost.Squid(r.Router, append([]string{"dns_nameservers 127.0.0.1", "dns_timeout 1 second"}, lines...)...)
}

// shows holds lines of a report against what must be in it.
func shows(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !regexp.MustCompile("(?m)" + want).MatchString(strings.Join(strings.Fields(text), " ")) {
			t.Errorf("does not show %q:\n%s", want, text)
		}
	}
}

// proxyCase is a probe by way of proxies, and what its report must say.
type proxyCase struct {
	name  string
	env   []string
	args  []string
	wants []string
	not   []string
}

func runProxyCases(t *testing.T, h *testhost.Host, cases []proxyCase) {
	bin := sallyport(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			argv := append([]string{"env", "-u", "http_proxy", "-u", "https_proxy", "-u", "no_proxy", "-u", "HTTP_PROXY", "-u", "HTTPS_PROXY", "-u", "NO_PROXY"}, c.env...)
			got := h.With(t).Run(probeTimeout, "", append(append(append(testhost.WithResolver(t, "nameserver 127.0.0.1"), argv...), bin, "probe", "--timeout", "1s", "--no-counterfactuals", "--sources", "none"), c.args...)...)
			shows(t, got.Stdout+got.Stderr, c.wants...)
			for _, not := range append(c.not, "secret", "invalid IP") {
				if strings.Contains(got.Stdout+got.Stderr, not) {
					t.Errorf("shows %q:\n%s%s", not, got.Stdout, got.Stderr)
				}
			}
		})
	}
}

func TestProbeByProxy(t *testing.T) {
	r := behind(t)
	a := testhost.NewAuthority(t, "Example CA")
	testhost.NginxTLS(r.Server, a, "server.example.test", "172.16.8.2")
	testhost.InspIRCd(r.Server)
	squidBehind(t, r, "acl bad port 8080", "http_access deny bad", "http_access allow all")
	testhost.TLSFront(r.Router, a, 3129, testhost.PortProxy, "172.16.7.1")
	testhost.Danted(r.Router, "none")
	runProxyCases(t, r.Client, []proxyCase{
		{name: "http proxy", args: []string{"--proxy", squidAt, "https://172.16.8.2", "irc://172.16.8.2:8001", "http://172.16.8.2", "172.16.8.2:9", "h2c://172.16.8.2:8080"}, wants: []string{
			`172\.16\.8\.2 port 443: only the proxy http://172\.16\.7\.1:3128 leads there; directly silence for 1 s`,
			`443( \w+)? allowed by way of http://172\.16\.7\.1:3128: connected, https HTTP/1\.1 200 OK, server: nginx`,
			`8001( \w+)? allowed by way of http://172\.16\.7\.1:3128: connected, irc`,
			`80( \w+)? allowed by way of http://172\.16\.7\.1:3128: connected, http HTTP/1\.1 200 OK, server: nginx`,
			`9( \w+)? inconclusive by way of http://172\.16\.7\.1:3128: 503 Service Unavailable \(ERR_CONNECT_FAIL\): its connection ended with ECONNREFUSED`,
			`8080( \w+)? denied by way of http://172\.16\.7\.1:3128: 403 Forbidden \(ERR_ACCESS_DENIED\): its rules forbid it`,
			`set https_proxy=http://172\.16\.7\.1:3128`,
		}},
		{name: "a name that the proxy alone finds", args: []string{"--proxy", squidAt, "https://server.example.test", "https://nowhere.example.test"}, wants: []string{
			`server\.example\.test port 443: only the proxy .* leads there; directly its name is not found here`,
			`443( \w+)? allowed by way of http://172\.16\.7\.1:3128: connected, https HTTP/1\.1 200 OK`,
			`inconclusive by way of .*50[03] .*\(ERR_(DNS_FAIL|CANNOT_FORWARD)\): the proxy (does not find the name|knows no way there, or no such name)`,
		}},
		{name: "https proxy", args: []string{"--proxy", frontAt, "https://172.16.8.2", "irc://172.16.8.2:8001", "http://172.16.8.2"}, wants: []string{
			`443( \w+)? allowed by way of https://172\.16\.7\.1:3129: connected, https HTTP/1\.1 200 OK.*the proxy's certificate: issued by Example CA`,
			`8001( \w+)? allowed by way of https://172\.16\.7\.1:3129: connected, irc`,
			`80( \w+)? allowed by way of https://172\.16\.7\.1:3129: connected, http HTTP/1\.1 200 OK`,
		}},
		{name: "socks", args: []string{"--proxy", socksAt, "--proxy", socksHAt, "https://172.16.8.2", "irc://172.16.8.2:8001", "172.16.8.2:9"}, wants: []string{
			`443( \w+)? allowed by way of socks5://172\.16\.7\.1:1080: connected, https HTTP/1\.1 200 OK`,
			`8001( \w+)? allowed by way of socks5h://172\.16\.7\.1:1080: connected, irc`,
			`9( \w+)? inconclusive by way of socks5://172\.16\.7\.1:1080: connection refused`,
		}},
		{name: "of the environment", env: []string{"https_proxy=" + squidAt, "no_proxy=example.test"}, args: []string{"https://172.16.8.2", "http://172.16.8.2"}, wants: []string{
			`443( \w+)? allowed by way of http://172\.16\.7\.1:3128: connected`,
			`172\.16\.8\.2 port 443: only the proxy .*\(https_proxy names the proxy\)`,
		}, not: []string{"80 by way"}},
		{name: "exempt for all", env: []string{"https_proxy=" + squidAt, "no_proxy=172.16.8.2"}, args: []string{"https://172.16.8.2"}, not: []string{"by way"}},
		{name: "exempt for some", env: []string{"https_proxy=" + squidAt, "no_proxy=172.16.8.0/24"}, args: []string{"https://172.16.8.2"}, wants: []string{
			`443( \w+)? allowed by way of http://172\.16\.7\.1:3128: connected`,
			`https://172\.16\.8\.2: clients differ: curl, Python's requests and Go go directly, wget and Python's urllib go by way of the proxy`,
			`take 172\.16\.8\.0/24 out of no_proxy: curl, Python's requests, Go heed it, and go directly`,
			`172\.16\.8\.0/24: curl since 7\.86, Go and Python's requests heed a prefix there`,
		}},
		{name: "spelling", env: []string{"HTTP_PROXY=" + squidAt}, args: []string{"http://172.16.8.2"}, wants: []string{
			`clients differ: curl and wget go directly, Python's urllib, Python's requests and Go go by way of the proxy`,
			`curl, wget: reads http_proxy in lower case alone`,
			`set http_proxy in lower case too: without it directly goes curl, wget`,
			`\(HTTP_PROXY names the proxy\)`,
		}},
		{name: "none", env: []string{"https_proxy=" + squidAt}, args: []string{"--proxy", "none", "https://172.16.8.2"}, not: []string{"by way"}},
		{name: "sources", args: []string{"--all", "--proxy", squidAt, "--sources", "all", "https://172.16.8.2"}, wants: []string{
			`443 https allowed .*172\.16\.7\.2, by way of http://172\.16\.7\.1:3128.*`,
			`443 https (denied|inconclusive) .*127\.0\.0\.1, by way of http://172\.16\.7\.1:3128.*`,
			`443 https allowed .*device eth0, by way of http://172\.16\.7\.1:3128.*`,
		}},
		{name: "no proxy there", args: []string{"--proxy", "http://172.16.7.1:9", "--proxy", "http://172.16.7.1:1080", "--proxy", "socks5://172.16.7.1:3128", "https://172.16.8.2"}, wants: []string{
			`443 https inconclusive by way of http://172\.16\.7\.1:9: refused`,
			`443 https inconclusive by way of http://172\.16\.7\.1:1080: the proxy closed the connection without an answer`,
			`443 https inconclusive by way of socks5://172\.16\.7\.1:3128: the proxy was reached.*not be a proxy of that kind`,
		}},
		{name: "a proxy that is not found", args: []string{"--proxy", "http://proxy.invalid:3128", "172.16.8.2:9"}, wants: []string{`the proxy http://proxy\.invalid:3128: .*proxy\.invalid`}},
	})
}

func TestProbeProxyLogin(t *testing.T) {
	r := behind(t)
	testhost.Nginx(r.Server)
	testhost.SquidUsers(r.Router)
	testhost.Danted(r.Router, "username")
	runProxyCases(t, r.Client, []proxyCase{
		{name: "none", args: []string{"--proxy", squidAt, "--proxy", socksAt, "172.16.8.2:80", "http://172.16.8.2"}, wants: []string{
			`the proxy http://172\.16\.7\.1:3128 wants a login: 407 Proxy Authentication Required.*: it wants a login, by Basic`,
			`give it one: http://USER:PASSWORD@172\.16\.7\.1:3128`,
			`80( \w+)? denied by way of socks5://172\.16\.7\.1:1080: it lets nobody in without a user and a password`,
		}},
		{name: "wrong", args: []string{"--proxy", "http://alice:wrong@172.16.7.1:3128", "172.16.8.2:80"}, wants: []string{`it does not accept the user and password`}, not: []string{"alice", "wrong"}},
		{name: "right", args: []string{"--proxy", usersAt, "172.16.8.2:80", "http://172.16.8.2"}, wants: []string{
			`80( \w+)? allowed by way of http://172\.16\.7\.1:3128: connected`, `80( \w+)? allowed by way of http://172\.16\.7\.1:3128: connected, http HTTP/1\.1 200 OK`,
		}, not: []string{"alice"}},
	})
}

// yesMan says that it has connected, whatever it is asked for, and nothing more.
const yesMan = `
import socket, sys, threading
def serve(c):
    if c.recv(1, socket.MSG_PEEK) == b"\5":
        c.recv(64); c.send(b"\5\0"); c.recv(512); c.send(b"\5\0\0\1\0\0\0\0\0\0")
    else:
        c.recv(4096); c.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
    if len(sys.argv) > 2: c.recv(4096); c.send(b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n\r\n<html>blocked</html>")
    while c.recv(4096): pass
l = socket.create_server(("", int(sys.argv[1])))
while True: threading.Thread(target=serve, args=(l.accept()[0],)).start()
`

func TestProbeProxyThatSaysYes(t *testing.T) {
	r := behind(t)
	testhost.Python(r.Router, 3000, yesMan, "3000")
	testhost.Python(r.Router, 3001, yesMan, "3001", "page")
	testhost.Tinyproxy(r.Router)
	testhost.Python(r.Server, 81, acceptor, "81")
	runProxyCases(t, r.Client, []proxyCase{
		{name: "mute", args: []string{"--proxy", "http://172.16.7.1:3000", "--proxy", "socks5h://172.16.7.1:3000", "172.16.8.2:81", "https://172.16.8.2:82"}, wants: []string{
			`81( \w+)? inconclusive by way of http://172\.16\.7\.1:3000: the proxy granted a tunnel, as it does to a name that does not exist, and nothing came out of it`,
			`81( \w+)? inconclusive by way of socks5h://172\.16\.7\.1:3000: the proxy granted a tunnel`,
			`82( \w+)? inconclusive by way of http://172\.16\.7\.1:3000: the proxy granted a tunnel`,
		}},
		{name: "a page", args: []string{"--proxy", "http://172.16.7.1:3001", "https://172.16.8.2:82", "ssh://172.16.8.2"}, wants: []string{
			`82 https inconclusive by way of http://172\.16\.7\.1:3001: the proxy granted a tunnel, as it does to a name that does not exist, and in it: speaks http, not https`,
		}},
		{name: "an honest one before a mute server", args: []string{"--proxy", squidAt, "172.16.8.2:81", "172.16.8.2:82"}, wants: []string{
			`81( \w+)? allowed by way of http://172\.16\.7\.1:3128: connected, closed the connection at once 82`,
			`82( \w+)? inconclusive by way of http://172\.16\.7\.1:3128: 500 Unable to connect: the proxy had no connection`,
		}},
	})
}

func TestProbeOnlyDirect(t *testing.T) {
	r := testhost.NewRow(t)
	testhost.Nginx(r.Server)
	squidBehind(t, r, "http_access deny all")
	runProxyCases(t, r.Client, []proxyCase{
		{name: "denied", args: []string{"--proxy", squidAt, "http://172.16.8.2"}, wants: []string{
			`172\.16\.8\.2 port 80: it connects directly; the proxy http://172\.16\.7\.1:3128 does not lead there: 403 Forbidden \(ERR_ACCESS_DENIED\): its rules forbid it`,
			`add 172\.16\.8\.2 to no_proxy`,
		}},
	})
}

// mitm grants each tunnel, and speaks TLS with a certificate of its own.
const mitm = `
import socket, ssl, sys, threading
ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
ctx.load_cert_chain(sys.argv[2], sys.argv[3])
def serve(c):
    head = c.recv(4096)
    if b"invalid" in head: c.send(b"HTTP/1.1 502 Bad Gateway\r\n\r\n"); return
    c.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
    try:
        s = ctx.wrap_socket(c, server_side=True)
        s.recv(4096); s.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); s.recv(1)
    except (ssl.SSLError, OSError): pass
l = socket.create_server(("", int(sys.argv[1])))
while True: threading.Thread(target=serve, args=(l.accept()[0],)).start()
`

// TestProbeProxyReadsAlong finds a proxy that stands in for the server, by who signed the certificates.
func TestProbeProxyReadsAlong(t *testing.T) {
	r := testhost.NewRow(t)
	right, other := testhost.NewAuthority(t, "Right CA"), testhost.NewAuthority(t, "Inspection CA")
	testhost.NginxTLS(r.Server, right, "server.example.test", "172.16.8.2")
	cert, key := other.Issue(t, "172.16.8.2")
	testhost.Python(r.Router, testhost.PortProxy, mitm, "3128", cert, key)
	runProxyCases(t, r.Client, []proxyCase{{
		name: "by certificate", args: []string{"--proxy", squidAt, "https://172.16.8.2"},
		wants: []string{`the proxy http://172\.16\.7\.1:3128 reads along: its certificate is issued by Inspection CA, directly it is by Right CA`},
	}})
}

// TestProbeProxyForms holds every form of the report to what it must be, with rows by way of proxies.
func TestProbeProxyForms(t *testing.T) {
	r := behind(t)
	testhost.Nginx(r.Server)
	squidBehind(t, r, "http_access allow all")
	bin := sallyport(t)
	for form, want := range map[string]string{
		"json": `"kind": "only-by-proxy"`, "html": "only the proxy http://172.16.7.1:3128 leads there", "markdown": "only the proxy http://172.16.7.1:3128 leads there",
		"junit": "from by way of http://172.16.7.1:3128", "yaml": "no_proxy",
	} {
		got := r.Client.Run(probeTimeout, "", append(testhost.WithResolver(t, "nameserver 127.0.0.1"), "env", "-u", "NO_PROXY", "no_proxy=10.0.0.0/8", "http_proxy=http://alice:secret@172.16.7.1:3128", bin, "probe", "--timeout", "1s", "--sources", "none",
			"--output", form, "http://172.16.8.2", "http://server.example.test")...)
		if !strings.Contains(got.Stdout, want) || strings.Contains(got.Stdout+got.Stderr, "secret") || strings.Contains(got.Stdout, "invalid IP") {
			t.Errorf("%s: want %q\n%s%s", form, want, got.Stdout, got.Stderr)
		}
		if form == "json" {
			valid(t, "probe.schema.json", got.Stdout)
		}
	}
}

// valid holds a document against a schema.
func valid(t *testing.T, schema, text string) {
	t.Helper()
	c := jsonschema.NewCompiler()
	for _, name := range []string{"run.schema.json", "events.schema.json", "probe.schema.json"} {
		text, err := os.ReadFile("../docs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource("https://github.com/sallyport/sallyport/docs/"+name, doc); err != nil {
			t.Fatal(err)
		}
	}
	s, err := c.Compile("https://github.com/sallyport/sallyport/docs/" + schema)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err == nil {
		err = s.Validate(doc)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

func TestProbeSocksLogin(t *testing.T) {
	r := behind(t)
	testhost.Nginx(r.Server)
	testhost.MicrosocksUsers(r.Router)
	runProxyCases(t, r.Client, []proxyCase{
		{name: "none", args: []string{"--proxy", "socks5://172.16.7.1:3128", "http://172.16.8.2"}, wants: []string{
			`80 http denied by way of socks5://172\.16\.7\.1:3128: it lets nobody in without a user and a password`,
		}},
		{name: "wrong", args: []string{"--proxy", "socks5://alice:wrong@172.16.7.1:3128", "http://172.16.8.2"}, wants: []string{
			`80 http denied by way of socks5://172\.16\.7\.1:3128: .*not accept`,
		}, not: []string{"alice", "wrong"}},
		{name: "right", args: []string{"--proxy", "socks5h://alice:secret@172.16.7.1:3128", "http://172.16.8.2"}, wants: []string{
			`80 http allowed by way of socks5h://172\.16\.7\.1:3128: connected, http HTTP/1\.1 200 OK`,
		}, not: []string{"alice"}},
	})
}

// TestProbeProxyOnce tells once that a proxy is needed, though findings know it too.
func TestProbeProxyOnce(t *testing.T) {
	r := behind(t)
	testhost.Nginx(r.Server)
	squidBehind(t, r, "http_access allow all")
	got := r.Client.Run(probeTimeout, "", append(testhost.WithResolver(t, "nameserver 127.0.0.1"), "env", "-u", "NO_PROXY", "-u", "no_proxy", "http_proxy="+squidAt, sallyport(t), "probe", "--timeout", "1s", "--sources", "none", "http://172.16.8.2")...)
	shows(t, got.Stdout, `only the proxy http://172\.16\.7\.1:3128 leads there`)
	if strings.Contains(got.Stdout, "proxy-needed") {
		t.Errorf("tells it twice:\n%s", got.Stdout)
	}
}
