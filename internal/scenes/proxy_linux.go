package scenes

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/testhost"
)

// What a client must go to by way of the proxy on the first of the server's addresses: the web server on the second, which is silent otherwise.
const (
	inside    = "172.16.6.2"
	proxyHost = server4 + ":3128"
)

var proxies = []Scene{
	{
		Name: "proxy-ignored", Causes: []string{"proxy-needed"}, Undecided: []string{"timed-out"},
		Says: []string{"by way of the proxy " + proxyHost + " it connects", "plain sockets", "https_proxy is set in the environment that python3 was started with"},
		Make: behindProxy(testhost.PortHTTP, tinyproxy, "env", "https_proxy=http://"+proxyHost, "python3", "-c", connectTo, inside, "80"),
	},
	{
		Name: "proxy-upper-case-for-curl", Causes: []string{"proxy-needed"}, Undecided: []string{"timed-out"},
		Says: []string{"curl reads http_proxy in lower case only", "curl --proxy http://" + proxyHost},
		Make: behindProxy(testhost.PortHTTP, tinyproxy, "env", "HTTP_PROXY=http://"+proxyHost, "curl", "-sS", "http://"+inside+"/"),
	},
	{
		Name: "proxy-exempted", Causes: []string{"proxy-needed"}, Undecided: []string{"timed-out"},
		Says: []string{`take \"172.16.0.0/16\" out of no_proxy`, "curl since 7.86"},
		Make: behindProxy(testhost.PortHTTP, tinyproxy, "env", "http_proxy=http://"+proxyHost, "no_proxy=172.16.0.0/16", "curl", "-sS", "http://"+inside+"/"),
	},
	{
		Name: "proxy-ignored-by-node", Causes: []string{"proxy-needed"}, Undecided: []string{"timed-out"},
		Says: []string{"NODE_USE_ENV_PROXY=1"},
		Make: behindProxy(testhost.PortHTTP, tinyproxy, "env", "http_proxy=http://"+proxyHost, "node", "-e",
			"require('http').get('http://"+inside+"/', r => r.resume())"),
	},
	{
		Name: "socks-proxy-ignored", Causes: []string{"proxy-needed"}, Undecided: []string{"timed-out"},
		Says: []string{"by way of the proxy in all_proxy"},
		Make: behindProxy(testhost.PortHTTP, socks, "env", "all_proxy=socks5://"+proxyHost, "python3", "-c", connectTo, inside, "80"),
	},
	{ // the proxy has no way there either
		Name: "proxy-no-better", Causes: []string{"refused"}, Says: []string{"by way of the proxy it did not connect either"},
		Make: behindProxy(0, tinyproxy, "env", "https_proxy=http://"+proxyHost, "python3", "-c", connectTo, inside, "81"),
	},
	{
		Name: "socks-proxy-no-better", Causes: []string{"refused"}, Says: []string{"the proxy answered: connection refused"},
		Make: behindProxy(0, socks, "env", "all_proxy=socks5://"+proxyHost, "python3", "-c", connectTo, inside, "81"),
	},
	{ // a proxy that says yes to everything shows nothing
		Name: "proxy-says-yes-to-all", Causes: []string{"port-filtered"}, Says: []string{"that proves nothing"},
		Make: behindProxy(testhost.PortHTTP, yesToAll, "env", "https_proxy=http://"+proxyHost, "python3", "-c", connectTo, inside, "80"),
	},
	{
		Name: "proxy-forbids", Causes: []string{"port-filtered"}, Says: []string{"the proxy answered 403"},
		Make: behindProxy(testhost.PortHTTP, forbidding, "env", "https_proxy=http://"+proxyHost, "python3", "-c", connectTo, inside, "80"),
	},
	{ // sallyport has the variable, the program has not
		Name: "proxy-of-sallyport-alone", Causes: []string{"port-filtered"},
		Make: func(t testing.TB) Place {
			p := behindProxy(testhost.PortHTTP, tinyproxy, "env", "-u", "https_proxy", "python3", "-c", connectTo, inside, "80")(t)
			p.Under = []string{"env", "https_proxy=http://" + proxyHost}
			return p
		},
	},
	{ // it is used, and all is well
		Name: "proxy-used", Make: behindProxy(testhost.PortHTTP, tinyproxy, "env", "http_proxy=http://"+proxyHost, "curl", "-sS", "http://"+inside+"/"),
	},
}

// behindProxy runs a program where a port of the server is silent to all but the server itself, on which the proxy runs. Port 0 silences none.
func behindProxy(silent int, proxy func(*testhost.Host), argv ...string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		p := testhost.NewPair(t)
		for _, program := range []string{"python3", "curl", "node"} {
			if slices.Contains(argv, program) {
				testhost.Need(t, program, program)
			}
		}
		testhost.Nginx(p.Server)
		proxy(p.Server)
		p.Client.Sysctl("net.ipv4.tcp_syn_retries", "1")
		if silent != 0 {
			rules := fmt.Sprintf("table inet scene { chain input { type filter hook input priority 0; iifname eth0 tcp dport %d drop; }; }", silent)
			nft(t, p.Server, rules)
		}
		return Place{Host: p.Client, Argv: argv}
	}
}

// nft loads rules of nft(8) into a host.
func nft(t testing.TB, h *testhost.Host, rules string) {
	t.Helper()
	if got := h.Run(10*time.Second, rules+"\n", testhost.Need(t, "nft", "nftables"), "-f", "-"); got.Status != 0 {
		t.Fatalf("nft: %s\n%s", got.Stderr, rules)
	}
}

func tinyproxy(h *testhost.Host) { testhost.Tinyproxy(h) }

func forbidding(h *testhost.Host) { testhost.Tinyproxy(h, "ConnectPort 563") }

func socks(h *testhost.Host) { testhost.Microsocks(h) }

func yesToAll(h *testhost.Host) {
	testhost.Python(h, testhost.PortProxy, `
import socket
l = socket.create_server(("", 3128))
while True:
    c, _ = l.accept()
    c.recv(4096)
    c.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    c.close()
`)
}
