package test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// halfResolver answers for A and never for AAAA, by UDP.
const halfResolver = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 53))
while True:
    q, who = s.recvfrom(4096)
    end = q.index(b"\0", 12) + 5
    if q[end-4:end-2] == b"\0\x01":
        s.sendto(q[:2] + b"\x81\x80\0\x01\0\x01\0\0\0\0" + q[12:end] + b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04" + socket.inet_aton(sys.argv[1]), who)
`

// TestProbeNames finds what is peculiar about resolvers of many kinds.
func TestProbeNames(t *testing.T) {
	testhost.Need(t, "dnsmasq", "dnsmasq-base")
	const one, two = "172.16.6.1", "172.16.6.2"
	for _, c := range []struct {
		name    string
		make    func(t *testing.T, p *testhost.Pair)
		resolv  []string
		hosts   []string
		target  string
		wants   []string // parts of words, each of one line
		without []string
	}{
		{
			"search path", func(t *testing.T, p *testhost.Pair) { testhost.Unbound(p.Server) },
			[]string{"nameserver " + one, "search shop.svc.cluster.test svc.cluster.test cluster.test", "options ndots:5"},
			nil, testhost.NameServer,
			[]string{"the search path costs 8 questions for irc.example.test (ndots:5): write irc.example.test. with the dot at its end, or set ndots to 2"},
			[]string{"differ", "silent", "makes them up"},
		},
		{
			"nothing peculiar", func(t *testing.T, p *testhost.Pair) { testhost.Unbound(p.Server) },
			[]string{"nameserver fd00:6::1", "nameserver " + one, "search cluster.test"},
			nil, testhost.NameServer, nil,
			[]string{"search path", "differ", "silent", "NXDOMAIN", "makes"},
		},
		{
			"search list finds another name", func(t *testing.T, p *testhost.Pair) {
				testhost.Dnsmasq(p.Server, p.Server.V4[0], "--host-record=www.shop.inside.test,"+two)
			},
			[]string{"nameserver " + one, "search inside.test"},
			nil, "www.shop",
			[]string{"www.shop is found as www.shop.inside.test, by the search list"},
			nil,
		},
		{
			"makes names up", func(t *testing.T, p *testhost.Pair) {
				testhost.Dnsmasq(p.Server, p.Server.V4[0], "--address=/#/"+two)
				testhost.Dnsmasq(p.Server, p.Server.V4[1])
			},
			[]string{"nameserver " + one, "nameserver " + two},
			nil, "shop.example.test",
			[]string{"the resolver 172.16.6.1 has an address, 172.16.6.2, for names below shop.example.test that nobody has: it makes them up, 172.16.6.2 says NXDOMAIN; the name itself has the same address", "resolvers differ for A shop.example.test"},
			nil,
		},
		{
			"wildcard", func(t *testing.T, p *testhost.Pair) { testhost.Unbound(p.Server) },
			[]string{"nameserver " + one},
			nil, testhost.NameWild,
			[]string{"a wildcard of that domain, or it makes them up"},
			[]string{"makes them up, 172"},
		},
		{
			"resolvers differ", func(t *testing.T, p *testhost.Pair) {
				testhost.Dnsmasq(p.Server, p.Server.V4[0], "--host-record=shop.example.test,"+one)
				testhost.Dnsmasq(p.Server, p.Server.V4[1], "--host-record=shop.example.test,"+two)
			},
			[]string{"nameserver " + one, "nameserver " + two},
			nil, "shop.example.test",
			[]string{"resolvers differ for A shop.example.test: 172.16.6.1 says 172.16.6.1, 172.16.6.2 says 172.16.6.2; programs take the first answer"},
			[]string{"makes"},
		},
		{
			"first resolver silent", func(t *testing.T, p *testhost.Pair) {
				testhost.Unbound(p.Server)
				p.Server.Filter("input", "ip daddr "+one+" meta l4proto { tcp, udp } th dport 53 drop")
			},
			[]string{"nameserver " + one, "nameserver " + two, "options timeout:2"},
			nil, testhost.NameServer,
			[]string{"the resolver 172.16.6.1 is silent: each question waits 2 s for it before 172.16.6.2 is asked"},
			[]string{"differ"},
		},
		{
			"UDP filtered", func(t *testing.T, p *testhost.Pair) {
				testhost.Unbound(p.Server)
				p.Server.Filter("input", "udp dport 53 drop")
			},
			[]string{"nameserver " + one},
			nil, testhost.NameServer,
			[]string{"the resolver 172.16.6.1 answers by TCP and is silent by UDP"},
			nil,
		},
		{
			"TCP filtered", func(t *testing.T, p *testhost.Pair) {
				testhost.Unbound(p.Server)
				p.Server.Filter("input", "tcp dport 53 drop")
			},
			[]string{"nameserver " + one},
			nil, testhost.NameLong,
			[]string{"the answer of 172.16.6.1 is too long for UDP, and by TCP it is no answer: let 53/tcp through", "answers by UDP and not by TCP"},
			nil,
		},
		{
			"long answer", func(t *testing.T, p *testhost.Pair) { testhost.Unbound(p.Server) },
			[]string{"nameserver " + one},
			nil, testhost.NameLong, nil,
			[]string{"too long", "differ", "no such"},
		},
		{
			"NXDOMAIN", func(t *testing.T, p *testhost.Pair) { testhost.Unbound(p.Server) },
			[]string{"nameserver " + one, "search cluster.test"},
			nil, testhost.NameMissing,
			[]string{"there is no such name: NXDOMAIN for no.example.test (and for 1 more by the search list: 4 questions in all)"},
			nil,
		},
		{
			"no address", func(t *testing.T, p *testhost.Pair) { testhost.Unbound(p.Server) },
			[]string{"nameserver " + one},
			nil, testhost.NameNoData,
			[]string{"mail.example.test exists, and has no address of either family"},
			nil,
		},
		{
			"SERVFAIL", func(t *testing.T, p *testhost.Pair) { testhost.Unbound(p.Server) },
			[]string{"nameserver " + one},
			nil, testhost.NameBroken,
			[]string{"SERVFAIL for www.broken.test"},
			nil,
		},
		{
			"REFUSED", func(t *testing.T, p *testhost.Pair) { testhost.Unbound(p.Server) },
			[]string{"nameserver " + one},
			nil, testhost.NameForeign,
			[]string{"REFUSED for www.elsewhere.test"},
			nil,
		},
		{
			"nothing listens", func(t *testing.T, p *testhost.Pair) {},
			[]string{"nameserver " + one},
			nil, testhost.NameServer,
			[]string{"nothing listens at port 53 of the resolver 172.16.6.1"},
			[]string{"silent"},
		},
		{
			"silent for AAAA", func(t *testing.T, p *testhost.Pair) {
				testhost.PythonUDP(p.Server, testhost.PortDNS, halfResolver, one)
			},
			[]string{"nameserver " + one},
			nil, testhost.NameServer,
			[]string{"answers for A and is silent for AAAA"},
			nil,
		},
		{
			"hosts hides", func(t *testing.T, p *testhost.Pair) { testhost.Unbound(p.Server) },
			[]string{"nameserver " + one},
			[]string{"127.0.0.1 localhost", "172.16.6.2 old irc.example.test # of last year"},
			testhost.NameServer,
			[]string{"/etc/hosts, line 2, has 172.16.6.2, and DNS has 172.16.6.1"},
			nil,
		},
		{
			"too many servers", func(t *testing.T, p *testhost.Pair) { testhost.Unbound(p.Server) },
			[]string{"nameserver " + one, "nameserver " + two, "nameserver fd00:6::1", "nameserver fd00:6::2"},
			nil, testhost.NameServer,
			[]string{"names one server more than are ever asked: fd00:6::2"},
			nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := testhost.NewPair(t)
			c.make(t, p)
			under := testhost.WithResolver(t, c.resolv...)
			if c.hosts != nil {
				under = append(under, testhost.WithHosts(t, c.hosts...)...)
			}
			doc := beyondIn(t, p.Client, under, "--timeout", "2s", "--sources", "none", "--path", "none", "--dns", "all", c.target+":9")
			n := doc.Beyond.Names
			if n == nil || len(n.Lookups) != 1 || n.Lookups[0].Name != c.target {
				t.Fatalf("%+v", n)
			}
			all := strings.Join(append(n.Words, n.Lookups[0].Words...), "\n")
			for _, want := range c.wants {
				if !strings.Contains(all, want) {
					t.Errorf("%s\nwant %q", all, want)
				}
			}
			for _, not := range c.without {
				if strings.Contains(all, not) {
					t.Errorf("%s\nwant nothing of %q", all, not)
				}
			}
			if len(c.wants) == 0 && len(all) > 0 {
				t.Errorf("want nothing, got %s", all)
			}
		})
	}
}

// TestProbeNamesAuto looks at names that fail by itself, at no more than four, and asks for no other.
func TestProbeNamesAuto(t *testing.T) {
	p := testhost.NewPair(t)
	testhost.Unbound(p.Server)
	args := []string{"--sources", "none", "--timeout", "1s", testhost.NameServer + ":9"}
	for i := range 6 {
		args = append(args, fmt.Sprintf("missing-%d.example.test:9", i))
	}
	doc := beyondIn(t, p.Client, testhost.WithResolver(t, "nameserver 172.16.6.1"), args...)
	if n := doc.Beyond.Names; n == nil || len(n.Lookups) != 4 || n.Lookups[0].Name != "missing-0.example.test" {
		t.Errorf("%+v", n)
	}
	doc = beyondIn(t, p.Client, testhost.WithResolver(t, "nameserver 172.16.6.1"), "--sources", "none", testhost.NameServer+":9")
	if n := doc.Beyond.Names; n != nil {
		t.Errorf("looked at what works: %+v", n)
	}
}
