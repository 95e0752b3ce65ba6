package kube

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/attempt"
)

// TestProfileOfLayers holds that a profile has what an EgressFirewall denies, by which rule, and what else the objects say of sources.
func TestProfileOfLayers(t *testing.T) {
	e := evaluate(t, clusterYAML, networkYAML, firewallYAML(`  - {type: Allow, to: {cidrSelector: 203.0.113.0/24}}
  - {type: Deny, to: {cidrSelector: 0.0.0.0/0}}
`), egressIPYAML("out", "spec: {egressIPs: [203.0.113.50, 'fd00::50'], namespaceSelector: {}}\nstatus: {items: [{node: n1, egressIP: 203.0.113.50}, {node: n2, egressIP: 'fd00::50'}]}"))
	w, _ := e.cluster.Workload("Pod", "shop", "web")
	d, err := e.Profile(w)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		to   string
		want string
	}{
		{"203.0.113.7:80", "allow"},
		{"198.51.100.7:80", "drop by EgressFirewall shop/default rule 2"},
		{"10.128.2.6:80", "allow"},
		{"10.131.0.1:80", "allow"},
		{"[2001:db8::1]:80", "allow"},
	} {
		dec := d.Profile.DecideEgress(attempt.Attempt{Protocol: attempt.TCP, Destination: netip.MustParseAddrPort(c.to)})
		got := dec.Verdict.String()
		if dec.Verdict.Denies() {
			got += " by " + dec.By().From.Object
		}
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("to %s: %s, want %s", c.to, got, c.want)
		}
	}
	if want := addrs("203.0.113.50", "fd00::50"); !slices.Equal(d.Profile.Facts.SeenAs, want) {
		t.Errorf("seen as %v, want %v", d.Profile.Facts.SeenAs, want)
	}
	if b := d.Profile.Bind.Rules; len(b) != 1 || b[0].Ports[0].Last != 1023 || b[0].Verdict.Errno != attempt.EACCES || !strings.Contains(b[0].Reason, "ip_unprivileged_port_start") {
		t.Errorf("binds: %+v", b)
	}
}

// TestProfileOfMesh holds that what a sidecar resets is not taken for silence.
func TestProfileOfMesh(t *testing.T) {
	e := evaluate(t, meshYAML, meshConfigYAML(registryOnly))
	w, _ := e.cluster.Workload("Pod", "shop", "web")
	d, err := e.Profile(w)
	if err != nil {
		t.Fatal(err)
	}
	dec := d.Profile.DecideEgress(attempt.Attempt{Protocol: attempt.TCP, Destination: netip.MustParseAddrPort("198.51.100.7:22")})
	if dec.Verdict != reset || !strings.Contains(dec.By().Reason, "REGISTRY_ONLY") {
		t.Errorf("%v, %s", dec.Verdict, dec.By())
	}
	dec = d.Profile.DecideEgress(attempt.Attempt{Protocol: attempt.TCP, Destination: netip.MustParseAddrPort("10.96.0.9:5432")})
	if dec.Verdict != allow {
		t.Errorf("to a service: %v, %s", dec.Verdict, dec.By())
	}
}
