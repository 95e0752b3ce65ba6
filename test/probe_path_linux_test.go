package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sallyport/sallyport/internal/testhost"
)

// beyondDoc is what the tests of ways and names read of docs/probe.schema.json.
type beyondDoc struct {
	Rows []struct {
		Address, Protocol, Source string
		Ends                      []struct {
			Ports [][2]int
			probeEnd
			Words    string
			Rejected *struct {
				By        string
				Words     string
				Neighbour bool
			}
		}
	}
	Beyond struct {
		Paths []struct {
			Address, Protocol, Layer, Left, Words, Next string
			Port, Alive, Hop, Distance                  int
			Conclusive                                  bool
			Routers                                     []string
		}
		MTUs []struct {
			Address, By, Words string
			Own, MTU, Peer     int
			Sure, Hole         bool
		}
		Refusers []struct {
			Address, By, Words string
			Port, Distance     int
		}
		Clock struct {
			Sure  bool
			Words []string
		}
		Names *struct {
			Words   []string
			Lookups []struct {
				Name, Found string
				Questions   int
				Words       []string
			}
		}
	}
}

func beyondIn(t *testing.T, h *testhost.Host, under []string, args ...string) *beyondDoc {
	t.Helper()
	argv := append(append(slices.Clone(under), sallyport(t)+"-probe", "--output", "json"), args...)
	got := h.With(t).Run(probeTimeout, "", argv...)
	var doc beyondDoc
	if err := json.Unmarshal([]byte(got.Stdout), &doc); err != nil {
		t.Fatalf("%v: %v\n%s%s", argv, err, got.Stdout, got.Stderr)
	}
	probeSchema(t, got.Stdout)
	return &doc
}

// probeSchema fails the test where a probe's JSON is not as docs/probe.schema.json has it.
func probeSchema(t *testing.T, text string) {
	t.Helper()
	const docs = "https://github.com/sallyport/sallyport/docs/"
	c := jsonschema.NewCompiler()
	for _, file := range []string{"probe.schema.json", "run.schema.json", "events.schema.json"} {
		data, err := os.ReadFile("../docs/" + file)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err == nil {
			err = c.AddResource(docs+file, doc)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	schema, err := c.Compile(docs + "probe.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err == nil {
		err = schema.Validate(doc)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

// bracketed is an address as a target has it.
func bracketed(a string) string {
	if strings.Contains(a, ":") {
		return "[" + a + "]"
	}
	return a
}

// TestProbeRejected tells who rejected an attempt: a router, the destination, this host, or nobody that is there.
func TestProbeRejected(t *testing.T) {
	c := testhost.NewChain(t, 2)
	testhost.Need(t, "nft", "nftables")
	rules := func(kind string, base int) []string {
		var list []string
		for i, how := range []string{"port-unreachable", "admin-prohibited", "host-unreachable", "no-route"} {
			list = append(list, fmt.Sprintf("%s dport %d reject with icmpx type %s", kind, base+i, how))
		}
		return list
	}
	c.Routers[1].Filter("forward", append(rules("tcp", 1000), rules("udp", 1000)...)...)
	c.Server.Filter("input", rules("tcp", 2000)...)
	c.Client.Filter("output", rules("tcp", 3000)...)
	for family, at := range map[string]struct{ router, server, own, absent string }{
		"ipv4": {c.Router4(2), c.Server4(), "10.7.1.1", "10.7.1.99"},
		"ipv6": {c.Router6(2), c.Server6(), "fd07:1::1", "fd07:1::99"},
	} {
		t.Run(family, func(t *testing.T) {
			t.Parallel()
			to := bracketed(at.server)
			doc := beyondIn(t, c.Client, nil, "--timeout", "5s", "--sources", "none",
				to+":1000-1003", to+":2000-2003", to+":3000-3003", to+":4000", "dns://"+to+":1002/udp", "udp://"+to+":1000", bracketed(at.absent)+":80")
			seen := map[string]string{}
			for _, r := range doc.Rows {
				for _, e := range r.Ends {
					by := "nobody"
					if e.Rejected != nil {
						by = e.Rejected.By
					}
					for _, p := range e.Ports {
						for port := p[0]; port <= p[1]; port++ {
							seen[fmt.Sprint(r.Address, " ", r.Protocol, " ", port)] = fmt.Sprint(e.Verdict, ", ", e.Layer, ", ", by, ", ", e.Rejected != nil && e.Rejected.Neighbour)
						}
					}
				}
			}
			for port := range 4 {
				for key, want := range map[string]string{
					fmt.Sprint(at.server, " tcp ", 1000+port): "denied, on the way, " + at.router + ", false",
					fmt.Sprint(at.server, " tcp ", 2000+port): "denied, far end, " + at.server + ", false",
					fmt.Sprint(at.server, " tcp ", 3000+port): "denied, local firewall, " + at.own + ", false",
				} {
					if port == 0 && strings.Contains(want, "far end") {
						want = strings.Replace(want, "denied", "inconclusive", 1) // a port that is closed, or the host's firewall
					}
					if port == 2 && strings.Contains(want, "local firewall") { // the kernel says the same of a neighbour that does not answer
						want = strings.Replace(want, "local firewall", "on the way", 1)
					}
					if seen[key] != want {
						t.Errorf("%s: %s; want %s", key, seen[key], want)
					}
				}
			}
			for key, want := range map[string]string{
				at.server + " tcp 4000": "inconclusive, far end, nobody, false", // a reset has no sender but the far end's name
				at.server + " udp 1002": "denied, on the way, " + at.router + ", false",
				at.server + " udp 1000": "denied, on the way, " + at.router + ", false",
				at.absent + " tcp 80":   "denied, on the way, " + at.own + ", true",
			} {
				if seen[key] != want {
					t.Errorf("%s: %s; want %s", key, seen[key], want)
				}
			}
		})
	}
}

// TestProbePath finds where silence begins, on a way of three routers, whoever drops, and says so where nothing tells.
func TestProbePath(t *testing.T) {
	testhost.Need(t, "nft", "nftables")
	for _, c := range []struct {
		name    string
		make    func(c *testhost.Chain)
		targets []string // ports of the server
		// what is wanted of the first path; hop is the last that heard of it, -1 for what is not looked at
		conclusive    bool
		hop, distance int
		layer, says   string
	}{
		{
			"router 2 drops the port", func(c *testhost.Chain) { c.Routers[1].Filter("forward", "tcp dport 81 drop") },
			[]string{"81", "7000"},
			true, 2, 4, "on the way", "port 7000 of the same host answers, so it is a filter for tcp port 81",
		},
		{
			"router 2 drops the port before it routes", func(c *testhost.Chain) { c.Routers[1].Filter("prerouting", "tcp dport 81 drop") },
			[]string{"81"},
			true, 1, 4, "on the way", "(hop 1 of 4); other packets come as far as",
		},
		{
			"the server drops the port", func(c *testhost.Chain) { c.Server.Filter("input", "tcp dport 81 drop") },
			[]string{"81"},
			true, 3, 4, "on the way", "the last router before the host",
		},
		{
			"this host drops the port", func(c *testhost.Chain) { c.Client.Filter("output", "tcp dport 81 drop") },
			[]string{"81"},
			true, 0, -1, "local firewall", "this host itself discards it",
		},
		{
			"router 1 drops the port before it routes", func(c *testhost.Chain) { c.Routers[0].Filter("prerouting", "tcp dport 81 drop") },
			[]string{"81"},
			true, 0, 4, "on the way", "no router heard of it, while other packets come as far as",
		},
		{
			"router 3 drops everything", func(c *testhost.Chain) { c.Routers[2].Filter("forward", "iif eth0 drop") },
			[]string{"81"},
			false, 3, 0, "on the way", "(hop 3 of at least 4), for every packet that was tried",
		},
		{
			"router 2 says nothing of used-up hops", func(c *testhost.Chain) {
				c.Routers[1].Filter("output", "icmp type time-exceeded drop", "icmpv6 type time-exceeded drop")
				c.Server.Filter("input", "tcp dport 81 drop")
			},
			[]string{"81"},
			true, 3, 4, "on the way", "the last router before the host",
		},
		{
			"no router says anything", func(c *testhost.Chain) {
				for _, r := range c.Routers {
					r.Filter("output", "icmp type time-exceeded drop", "icmpv6 type time-exceeded drop")
				}
				c.Server.Filter("input", "tcp dport 81 drop")
			},
			[]string{"81"},
			false, 0, 0, "on the way", "no router said anything",
		},
		{
			"routers limit their errors", func(c *testhost.Chain) {
				for _, r := range c.Routers {
					r.Sysctl("net.ipv4.icmp_ratelimit", "1000")
					r.Sysctl("net.ipv6.icmp.ratelimit", "1000")
				}
				c.Server.Filter("input", "tcp dport 81 drop", "tcp dport 82 drop", "tcp dport 83 drop", "tcp dport 84 drop")
			},
			[]string{"84", "81", "82", "83"},
			true, 3, 4, "on the way", "the last router before the host",
		},
		{
			"UDP", func(c *testhost.Chain) { c.Routers[1].Filter("forward", "udp dport 53 drop") },
			[]string{"dns"},
			true, 2, 4, "on the way", "silence begins at or after",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			chain := testhost.NewChain(t, 3)
			testhost.Python(chain.Server, 7000, acceptor, "7000", "81")
			c.make(chain)
			for _, server := range []string{chain.Server4(), chain.Server6()} {
				args := []string{"--timeout", "1s", "--sources", "none", "--path", "all"}
				for _, port := range c.targets {
					if port == "dns" {
						args = append(args, "dns://"+bracketed(server))
						continue
					}
					args = append(args, bracketed(server)+":"+port)
				}
				// By IPv6 without any rights.
				var under []string
				if server == chain.Server6() {
					under = []string{testhost.Need(t, "setpriv", "util-linux"), "--reuid=65534", "--regid=65534", "--clear-groups"}
				}
				doc := beyondIn(t, chain.Client, under, args...)
				paths := doc.Beyond.Paths
				silent := len(c.targets)
				if c.targets[silent-1] == "7000" {
					silent--
				}
				if len(paths) != silent {
					t.Fatalf("%s: %d paths: %+v", server, len(paths), paths)
				}
				for _, p := range paths {
					if p.Conclusive != c.conclusive || p.Hop != c.hop || c.distance >= 0 && p.Distance != c.distance || p.Layer != c.layer || !strings.Contains(p.Words, c.says) {
						t.Errorf("%s: %+v\nwant %v, hop %d of %d, %s, %q", server, p, c.conclusive, c.hop, c.distance, c.layer, c.says)
					}
					if c.hop > 0 && !slices.Contains([]string{chain.Router4(c.hop), chain.Router6(c.hop)}, p.Routers[0]) {
						t.Errorf("%s: the router is %v", server, p.Routers)
					}
				}
			}
		})
	}
}

// TestProbeNobodyThere tells an address that nobody has from a host that drops: on the own network, and behind a router that says so in time.
func TestProbeNobodyThere(t *testing.T) {
	c := testhost.NewChain(t, 1)
	for _, at := range [][3]string{{"10.7.1.77", "10.7.2.77", c.Router4(1)}, {"fd07:1::77", "fd07:2::77", c.Router6(1)}} {
		doc := beyondIn(t, c.Client, nil, "--timeout", "1s", "--sources", "none", bracketed(at[0])+":22", bracketed(at[1])+":22")
		if len(doc.Beyond.Paths) != 2 {
			t.Fatalf("%+v", doc)
		}
		for i, want := range []string{"nobody on this network answers for " + at[0], at[2] + " says that nobody answers for the address there"} {
			if p := doc.Beyond.Paths[i]; !p.Conclusive || !strings.Contains(p.Words, want) {
				t.Errorf("%+v\nwant %q", p, want)
			}
		}
	}
}

// TestProbeRefuser tells resets of the host from those that routers send in its name, also the last before it.
func TestProbeRefuser(t *testing.T) {
	testhost.Need(t, "nft", "nftables")
	for _, x := range []struct {
		name  string
		make  func(c *testhost.Chain)
		ports []string
		by    string
		says  string
	}{
		{"closed", func(c *testhost.Chain) {}, []string{"81", "7000"}, "far end", "as far as the host is (hop 3)"},
		{"router 1", func(c *testhost.Chain) { c.Routers[0].Filter("forward", "tcp dport 81 reject with tcp reset") }, []string{"81"}, "on the way", "at hop 2 already, and the host is at hop 3"},
		{"router 2", func(c *testhost.Chain) { c.Routers[1].Filter("forward", "tcp dport 81 reject with tcp reset") }, []string{"81", "7000"}, "on the way", "with more hops left than the answer of port 7000"},
		{"router 2, and nothing beside", func(c *testhost.Chain) { c.Routers[1].Filter("forward", "tcp dport 81 reject with tcp reset") }, []string{"81"}, "", "or something in its name"},
		{"the host's firewall", func(c *testhost.Chain) { c.Server.Filter("input", "tcp dport 81 reject with tcp reset") }, []string{"81"}, "far end", "as far as the host is"},
		{"no distance", func(c *testhost.Chain) { c.Server.Filter("input", "meta l4proto udp drop") }, []string{"81"}, "", "or something in its name"},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			c := testhost.NewChain(t, 2)
			testhost.Python(c.Server, 7000, acceptor, "7000")
			x.make(c)
			for _, server := range []string{c.Server4(), c.Server6()} {
				args := []string{"--timeout", "1s", "--sources", "none", "--path", "all"}
				for _, port := range x.ports {
					args = append(args, bracketed(server)+":"+port)
				}
				r := beyondIn(t, c.Client, nil, args...).Beyond.Refusers
				if len(r) != 1 || r[0].By != x.by || !strings.Contains(r[0].Words, x.says) {
					t.Errorf("%s: %+v\nwant %q, %s", server, r, x.by, x.says)
				}
			}
		})
	}
}

// holder accepts connections, keeps them, and says nothing.
const holder = `
import socket, sys
l, held = socket.create_server(("", int(sys.argv[1]))), []
while True: held.append(l.accept())
`

// moody keeps every other connection without a word, and passes the rest on to a port of 127.0.0.1.
const moody = `
import socket, sys, threading
l, held, n = socket.create_server(("", int(sys.argv[1]))), [], 0
def pump(a, b):
    while d := a.recv(4096): b.sendall(d)
while True:
    c = l.accept()[0]
    n += 1
    if n % 2:
        held.append(c)
        continue
    s = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
    for x in ((c, s), (s, c)): threading.Thread(target=pump, args=x, daemon=True).start()
`

// TestProbeBlackHole lets a real TLS server's certificate vanish on a link that takes smaller packets and says nothing, beside the same link that
// says so, and servers that are silent for another reason.
func TestProbeBlackHole(t *testing.T) {
	testhost.Need(t, "nft", "nftables")
	ca := testhost.NewAuthority(t, "Example CA")
	var names []string
	for i := range 160 { // so that the certificate is several segments
		names = append(names, fmt.Sprintf("name-%d.server.example.test", i))
	}
	const tarpit = 8443
	make := func(t *testing.T, says bool) *testhost.Chain {
		c := testhost.NewChain(t, 2)
		c.Routers[0].IP("link", "set", "eth1", "mtu", "1400")
		c.Routers[1].IP("link", "set", "eth0", "mtu", "1400")
		if !says {
			for _, r := range c.Routers {
				r.Filter("output", "icmp code frag-needed drop", "icmpv6 type packet-too-big drop")
			}
		}
		testhost.TLSServer(c.Server, ca, "TLSv1.2 TLSv1.3", time.Now().Add(time.Hour), names...)
		testhost.Python(c.Server, tarpit, holder, fmt.Sprint(tarpit))
		return c
	}
	for _, says := range []bool{true, false} {
		t.Run(fmt.Sprintf("router says so: %v", says), func(t *testing.T) {
			t.Parallel()
			c := make(t, says)
			for family, server := range map[string]string{"ipv4": c.Server4(), "ipv6": c.Server6()} {
				doc := beyondIn(t, c.Client, nil, "--timeout", "2s", "--sources", "none", "--path", "all", "https://"+bracketed(server))
				if len(doc.Rows) != 1 || len(doc.Beyond.MTUs) != 1 {
					t.Fatalf("%s: %+v", family, doc)
				}
				e, m := doc.Rows[0].Ends[0], doc.Beyond.MTUs[0]
				if says {
					if e.Outcome != "connected" || e.Verdict != "allowed" {
						t.Errorf("%s: %+v", family, e)
					}
					if m.MTU != 1400 || !m.Sure || m.Hole || m.By != c.Router4(1) && m.By != c.Router6(1) {
						t.Errorf("%s: %+v", family, m)
					}
					continue
				}
				if e.Outcome != "timed out" || e.Verdict != "denied" || e.Layer != "on the way" || !strings.Contains(e.Words, "path MTU black hole: large packets do not come through") ||
					!strings.Contains(e.Words, "packets of 1400 bytes pass, of 1492 do not") {
					t.Errorf("%s: %+v", family, e)
				}
				if m.Own != 1500 || m.MTU != 1400 || !m.Hole {
					t.Errorf("%s: %+v", family, m)
				}
			}
			doc := beyondIn(t, c.Client, nil, "--timeout", "1s", "--sources", "none", fmt.Sprintf("tls://%s:%d", c.Server4(), tarpit))
			if e := doc.Rows[0].Ends[0]; e.Outcome != "timed out" || e.Verdict != "inconclusive" || strings.Contains(e.Words, "black hole") {
				t.Errorf("a server that says nothing: %+v", e)
			}
		})
	}
	t.Run("a server with moods", func(t *testing.T) {
		t.Parallel()
		c := testhost.NewChain(t, 1)
		testhost.TLSServer(c.Server, ca, "TLSv1.2 TLSv1.3", time.Now().Add(time.Hour), names...)
		testhost.Python(c.Server, tarpit, moody, fmt.Sprint(tarpit), fmt.Sprint(testhost.PortTLS))
		doc := beyondIn(t, c.Client, nil, "--timeout", "1s", "--sources", "none", "--no-counterfactuals", fmt.Sprintf("tls://%s:%d", c.Server4(), tarpit))
		if e := doc.Rows[0].Ends[0]; e.Outcome != "timed out" || e.Verdict != "inconclusive" || strings.Contains(e.Words, "black hole") {
			t.Errorf("%+v", e)
		}
	})
	t.Run("clamped", func(t *testing.T) {
		t.Parallel()
		c := testhost.NewChain(t, 1)
		c.Routers[0].Filter("forward", "tcp flags syn tcp option maxseg size set 1160")
		testhost.TLSServer(c.Server, ca, "TLSv1.2 TLSv1.3", time.Now().Add(time.Hour), names...)
		doc := beyondIn(t, c.Client, nil, "--sources", "none", "https://"+c.Server4())
		if m := doc.Beyond.MTUs; len(m) != 1 || m[0].Peer != 1200 || m[0].MTU != 1500 || m[0].Hole || doc.Rows[0].Ends[0].Outcome != "connected" {
			t.Errorf("%+v", doc)
		}
	})
}
