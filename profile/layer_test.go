package profile_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
)

const layered = `  bind:
    rules:
    - {addresses: [any], verdict: {errno: EACCES}}
  egress:
    rules:
    - {destinations: [10.0.0.1], verdict: refuse}
    - {destinations: [10.0.0.2], verdict: allow}
  layers:
  - name: tiers
    from: {object: "NetworkPolicy shop/db", file: np.yaml, line: 4}
    rules:
    - {destinations: [10.0.0.0/29], ports: [80], verdict: allow, reason: the web}
    - {destinations: [10.0.0.0/29], verdict: drop, from: {object: "NetworkPolicy shop/web", file: np.yaml, line: 40}}
  - name: firewall
    default: unreachable
    rules:
    - {destinations: [10.0.0.0/30], verdict: allow}
    - {destinations: [10.0.0.9], verdict: allow}
`

func TestLayers(t *testing.T) {
	p := spec(t, layered)
	for _, test := range []struct{ attempt, want, chain string }{
		{
			"tcp none 10.0.0.1:81", "refuse by test, egress rule 1 (line 11)",
			"egress refuse rule 1; tiers drop rule 2; firewall allow rule 1",
		},
		{
			"tcp none 10.0.0.2:80", "allow by test, egress rule 2 (line 12)",
			"egress allow rule 2; tiers allow rule 1; firewall allow rule 1",
		},
		{
			"tcp none 10.0.0.3:80", "allow by test, layer tiers rule 1 (line 17), from NetworkPolicy shop/db (np.yaml:4): the web",
			"egress allow default; tiers allow rule 1; firewall allow rule 1",
		},
		{
			"tcp none 10.0.0.3:81", "drop by test, layer tiers rule 2 (line 18), from NetworkPolicy shop/web (np.yaml:40)",
			"egress allow default; tiers drop rule 2; firewall allow rule 1",
		},
		{
			"tcp none 10.0.0.5:80", "unreachable by test, layer firewall default (line 19)",
			"egress allow default; tiers allow rule 1; firewall unreachable default",
		},
		{
			"tcp none 10.0.0.9:81", "allow by test, layer firewall rule 2 (line 23)",
			"egress allow default; tiers abstain default; firewall allow rule 2",
		},
		{ // a rule with ports is none for a protocol without
			"icmp none 10.0.0.3:80", "drop by test, layer tiers rule 2 (line 18), from NetworkPolicy shop/web (np.yaml:40)",
			"egress allow default; tiers drop rule 2; firewall allow rule 1",
		},
		{
			"tcp 0.0.0.0:0 10.0.0.1:80", "EACCES by test, bind rule 1 (line 8)",
			"bind EACCES rule 1; egress refuse rule 1; tiers allow rule 1; firewall allow rule 1",
		},
	} {
		a := try(t, test.attempt)
		d := p.Decide(a)
		if got := d.Verdict.String() + " by " + d.Words(); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.attempt, got, test.want)
		}
		var chain []string
		for _, c := range p.Explain(a) {
			by := "default"
			if c.Rule != nil {
				by = fmt.Sprint("rule ", c.Rule.Index)
			}
			chain = append(chain, fmt.Sprint(c.Layer, " ", c.Verdict, " ", by))
		}
		if got := strings.Join(chain, "; "); got != test.chain {
			t.Errorf("%s:\n got %s\nwant %s", test.attempt, got, test.chain)
		}
	}
	if !p.Denies() || spec(t, "  layers: [{name: a}, {name: b, default: allow}]\n").Denies() || !spec(t, "  layers: [{name: a, default: refuse}]\n").Denies() {
		t.Error("Denies does not look at the layers")
	}
}

// TestLayersByHand are those of the zero value, and of none at all.
func TestLayersByHand(t *testing.T) {
	p := &profile.Profile{Name: "by-hand", Layers: []profile.Layer{{Name: "a"}, {Name: "b", Default: profile.Verdict{Kind: profile.Abstain}}}}
	a := attempt.Attempt{Protocol: attempt.TCP, Destination: netip.MustParseAddrPort("10.0.0.1:1")}
	if d := p.DecideEgress(a); d.Verdict.Denies() || d.Words() != "by-hand, egress default" {
		t.Errorf("got %v by %s", d.Verdict, d.Words())
	}
	if n := len(p.Explain(a)); n != 3 {
		t.Errorf("%d layers were considered, want egress and 2", n)
	}
}
