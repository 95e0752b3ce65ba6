package test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

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
}

func beyondIn(t *testing.T, h *testhost.Host, under []string, args ...string) *beyondDoc {
	t.Helper()
	argv := append(append(slices.Clone(under), sallyport(t)+"-probe", "--output", "json"), args...)
	got := h.With(t).Run(probeTimeout, "", argv...)
	var doc beyondDoc
	if err := json.Unmarshal([]byte(got.Stdout), &doc); err != nil {
		t.Fatalf("%v: %v\n%s%s", argv, err, got.Stdout, got.Stderr)
	}
	return &doc
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
