package cilium

import (
	"net/netip"
	"strings"
	"testing"

	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"sigs.k8s.io/yaml"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/kube/convert"
	"github.com/sallyport/sallyport/profile"
)

// TestConvert decodes what sallyport convert writes with Cilium's own types, and has it sanitized as Cilium's operator and agent do.
func TestConvert(t *testing.T) {
	block := func(s string) profile.Block { return profile.Block{Prefix: netip.MustParsePrefix(s)} }
	var many []profile.PortRange
	for i := range uint16(100) {
		many = append(many, profile.PortRange{First: 1000 + 10*i, Last: 1000 + 10*i + i%3})
	}
	drop := profile.Verdict{Kind: profile.Drop}
	rules := []profile.EgressRule{
		{},
		{Destinations: []profile.Block{block("10.0.0.0/8")}, Ports: many},
		{Destinations: []profile.Block{block("192.0.2.7/32"), block("2001:db8::/32")}, Protocols: []attempt.Protocol{attempt.TCP}},
		{Destinations: []profile.Block{{Prefix: netip.MustParsePrefix("10.0.0.0/8"), Except: []profile.Block{block("10.1.0.0/16")}}}},
		{Protocols: []attempt.Protocol{attempt.ICMP, attempt.ICMPv6, attempt.UDP}},
		{Ports: []profile.PortRange{{First: 0, Last: 1023}, {First: 65535, Last: 65535}}},
	}
	n := 0
	for _, def := range []profile.Verdict{{}, drop} {
		for i := range rules {
			for j := range rules {
				first, second := rules[i], rules[j]
				if first.Verdict = drop; def == drop {
					second.Verdict, first.Verdict = profile.Verdict{}, profile.Verdict{}
				} else {
					second.Verdict = drop
				}
				p := &profile.Profile{Name: "p", Egress: profile.Egress{Default: def, Rules: []profile.EgressRule{first, second}}}
				r, err := convert.To(convert.CiliumNetworkPolicy, p, convert.Options{Namespace: "shop", Labels: map[string]string{"app": "web"}})
				if err != nil {
					t.Fatal(err)
				}
				text, err := r.YAML()
				if err != nil {
					t.Fatal(err)
				}
				for doc := range strings.SplitSeq(string(text), "\n---\n") {
					var policy v2.CiliumNetworkPolicy
					if err := yaml.UnmarshalStrict([]byte(doc), &policy); err != nil {
						t.Fatalf("%v in\n%s", err, doc)
					}
					if policy.Spec == nil {
						t.Fatalf("no spec in\n%s", doc)
					}
					if err := policy.Spec.Sanitize(); err != nil {
						t.Errorf("%v in\n%s", err, doc)
					}
					n++
				}
			}
		}
	}
	t.Logf("%d policies", n)
}
