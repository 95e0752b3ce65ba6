package sheet

import (
	"net/netip"
	"testing"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
)

// TestServicesAgreeWithDecisions asks the profile about single attempts to what the sheet speaks of as a whole.
func TestServicesAgreeWithDecisions(t *testing.T) {
	const text = `{apiVersion: sallyport.dev/v1alpha1, kind: EgressProfile, metadata: {name: x}, spec: {egress: {default: {errno: EACCES}, rules: [
		{destinations: [10.0.0.0/8], ports: [22, 25], verdict: allow},
		{destinations: ["2001:db8::/32"], ports: [22], verdict: refuse},
		{ports: [443], verdict: allow},
		{protocols: [udp], ports: [53], verdict: allow},
		{destinations: [{cidr: 0.0.0.0/0, except: [192.0.2.0/24]}], ports: [80], verdict: allow},
		{ports: [80], verdict: drop}]}}}`
	p, err := profile.Parse("x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var probes []netip.Addr
	for _, a := range []string{"0.0.0.1", "9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0", "192.0.2.0", "192.0.2.255", "192.0.3.0", "255.255.255.255", "2001:db7:ffff::", "2001:db8::1", "2001:db9::", "ffff::"} {
		probes = append(probes, netip.MustParseAddr(a))
	}
	seen := map[Verdict]bool{}
	for _, s := range Of(p).Services {
		allowed, denied := 0, 0
		for _, a := range probes {
			if p.DecideEgress(attempt.Attempt{Protocol: s.Protocol, Destination: netip.AddrPortFrom(a, s.Port)}).Verdict.Kind == profile.Allow {
				allowed++
			} else {
				denied++
			}
		}
		want := Partly
		switch 0 {
		case denied:
			want = Yes
		case allowed:
			want = No
		}
		if s.Verdict != want {
			t.Errorf("%s: %s (%s), want %s", s.Name, s.Verdict, s.Text, want)
		}
		seen[s.Verdict] = true
		if len(s.From) == 0 {
			t.Errorf("%s comes from no rule", s.Name)
		}
	}
	if len(seen) != 3 {
		t.Errorf("only %v came up: the test shows little", seen)
	}
}

func TestSourceThatIsDropped(t *testing.T) {
	p, _ := profile.Builtin("openshift-v2-gear")
	want := map[string]Verdict{"no bind": Yes, "any address": No, "its own address": Yes, "loopback": No, "$OPENSHIFT_PYTHON_IP, 127.6.26.1": No, "any address, port below 1024": No}
	s := Of(p)
	for _, x := range s.Sources {
		if v, ok := want[x.Asked]; !ok || v != x.Verdict {
			t.Errorf("%s: %s (%s), want %q", x.Asked, x.Verdict, x.Text, v)
		}
	}
	if len(s.Sources) != len(want) {
		t.Errorf("%d sources, want %d", len(s.Sources), len(want))
	}
	if len(s.Denials) != 1 || s.Denials[0].What != "dropped" {
		t.Errorf("denials %+v, want what is dropped alone", s.Denials)
	}
}

func TestWithoutPassword(t *testing.T) {
	for in, want := range map[string]string{
		"http://me:se@cret@10.0.0.1:3128/": "http://...@10.0.0.1:3128/",
		"me:secret@proxy:3128":             "...@proxy:3128",
		"http://proxy:3128":                "http://proxy:3128",
	} {
		if got := WithoutPassword(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

// TestManyRules has more rules than a page can put into words.
func TestManyRules(t *testing.T) {
	p := &profile.Profile{Name: "x", Egress: profile.Egress{Default: profile.Verdict{Kind: profile.Drop}}}
	for i := range 2000 {
		a := netip.AddrFrom4([4]byte{20, byte(i >> 8), byte(i), 0})
		p.Egress.Rules = append(p.Egress.Rules, profile.EgressRule{
			Destinations: []profile.Block{{Prefix: netip.PrefixFrom(a, 24)}}, Protocols: []attempt.Protocol{attempt.TCP},
			Ports: []profile.PortRange{{First: uint16(i + 1), Last: uint16(i + 1)}},
		})
	}
	if got, want := Of(p).Answers[0].Text, "only to addresses and ports that are too many to list here; all else is dropped"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
