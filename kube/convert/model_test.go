package convert

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/profile/flowset"
)

// The structures that the targets' API servers read, as far as they are written, and what they mean for one packet that leaves the
// cluster. A field that is not here is an error.
type (
	written struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   struct {
			Name, Namespace string
			Annotations     map[string]string
		}
		Spec yaml.Node
	}
	cidrBlock struct {
		CIDR   string   `yaml:"cidr"`
		Except []string `yaml:"except"`
	}
	policySpec struct {
		PodSelector any      `yaml:"podSelector"`
		PolicyTypes []string `yaml:"policyTypes"`
		Egress      []struct {
			To []struct {
				IPBlock cidrBlock `yaml:"ipBlock"`
			}
			Ports []struct {
				Protocol string
				Port     int
				EndPort  int `yaml:"endPort"`
			}
		}
	}
	firewallSpec struct {
		Egress []struct {
			Type string
			To   struct {
				CIDRSelector string `yaml:"cidrSelector"`
			}
			Ports []struct {
				Protocol string
				Port     int
			}
		}
	}
	ciliumRule struct {
		ToCIDRSet  []cidrBlock `yaml:"toCIDRSet"`
		ToEntities []string    `yaml:"toEntities"`
		ToPorts    []struct {
			Ports []struct {
				Port, Protocol string
				EndPort        int `yaml:"endPort"`
			}
		} `yaml:"toPorts"`
		ICMPs []struct {
			Fields []struct {
				Family string
				Type   int
			}
		} `yaml:"icmps"`
	}
	ciliumSpec struct {
		EndpointSelector any `yaml:"endpointSelector"`
		Egress           []ciliumRule
		EgressDeny       []ciliumRule `yaml:"egressDeny"`
	}
	calicoSpec struct {
		Order    *float64
		Selector string
		Types    []string
		Egress   []struct {
			Action, Protocol string
			IPVersion        int `yaml:"ipVersion"`
			Destination      struct {
				Nets    []string
				NotNets []string `yaml:"notNets"`
				Ports   []string
			}
		}
	}
)

// packet is one packet.
type packet struct {
	to       netip.Addr
	protocol flowset.Protocol
	port     uint16
}

func inCIDR(t *testing.T, to netip.Addr, cidr string) bool {
	t.Helper()
	p, err := netip.ParsePrefix(cidr)
	if err != nil || p.Masked() != p {
		t.Fatalf("%q is no CIDR", cidr)
	}
	return p.Contains(to)
}

func (b *cidrBlock) has(t *testing.T, to netip.Addr) bool {
	t.Helper()
	out := !inCIDR(t, to, b.CIDR)
	for _, e := range b.Except {
		if p := netip.MustParsePrefix(e); p.Bits() <= netip.MustParsePrefix(b.CIDR).Bits() || !inCIDR(t, p.Addr(), b.CIDR) {
			t.Fatalf("except %s is no part of %s", e, b.CIDR)
		}
		out = out || inCIDR(t, to, e)
	}
	return !out
}

// models decodes what was written, and tells what it does with a packet.
func models(t *testing.T, target Target, text []byte) func(packet) bool {
	t.Helper()
	var specs []yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	for {
		var w written
		err := dec.Decode(&w)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		specs = append(specs, w.Spec)
	}
	switch target {
	case NetworkPolicy:
		all := decodeAll[policySpec](t, specs)
		return func(p packet) bool { return policyAllows(t, all, p) }
	case EgressFirewall:
		all := decodeAll[firewallSpec](t, specs)
		return func(p packet) bool { return firewallAllows(t, all[0], p) }
	case CiliumNetworkPolicy:
		all := decodeAll[ciliumSpec](t, specs)
		return func(p packet) bool { return ciliumAllows(t, all, p) }
	}
	all := decodeAll[calicoSpec](t, specs)
	return func(p packet) bool { return calicoAllows(t, all, p) }
}

func decodeAll[T any](t *testing.T, specs []yaml.Node) []T {
	t.Helper()
	var out []T
	for _, s := range specs {
		data, err := yaml.Marshal(&s)
		if err != nil {
			t.Fatal(err)
		}
		dec := yaml.NewDecoder(bytes.NewReader(data))
		dec.KnownFields(true)
		var v T
		if err := dec.Decode(&v); err != nil {
			t.Fatalf("%v in\n%s", err, data)
		}
		out = append(out, v)
	}
	return out
}

func policyAllows(t *testing.T, policies []policySpec, p packet) bool {
	t.Helper()
	for _, policy := range policies {
		for _, r := range policy.Egress {
			to := len(r.To) == 0
			for _, peer := range r.To {
				to = to || peer.IPBlock.has(t, p.to)
			}
			ports := len(r.Ports) == 0
			for _, q := range r.Ports {
				ports = ports || q.Protocol == upperOf(p) && inRange(p.port, q.Port, q.EndPort)
			}
			if to && ports {
				return true
			}
		}
	}
	return false
}

func upperOf(p packet) string {
	if p.protocol == flowset.Others {
		return "GRE"
	}
	return upper(p.protocol)
}

// inRange has every port where the first is 0.
func inRange(port uint16, first, last int) bool {
	return first == 0 || int(port) == first || int(port) >= first && int(port) <= last
}

func firewallAllows(t *testing.T, f firewallSpec, p packet) bool {
	t.Helper()
	for _, r := range f.Egress {
		ports := len(r.Ports) == 0
		for _, q := range r.Ports {
			ports = ports || q.Protocol == upperOf(p) && int(p.port) == q.Port
		}
		if ports && inCIDR(t, p.to, r.To.CIDRSelector) {
			return r.Type == "Allow"
		}
	}
	return true
}

func (r *ciliumRule) matches(t *testing.T, p packet) bool {
	t.Helper()
	to := len(r.ToEntities) > 0
	for _, b := range r.ToCIDRSet {
		to = to || b.has(t, p.to)
	}
	if len(r.ToCIDRSet) > 0 && len(r.ToEntities) > 0 || len(r.ToPorts) > 0 && len(r.ICMPs) > 0 {
		t.Fatal("fields of a Cilium rule exclude each other")
	}
	l4 := len(r.ToPorts) == 0 && len(r.ICMPs) == 0
	for _, x := range r.ToPorts {
		if len(x.Ports) > 40 {
			t.Fatalf("%d ports in one element of toPorts", len(x.Ports))
		}
		for _, q := range x.Ports {
			first, err := strconv.Atoi(q.Port)
			if err != nil {
				t.Fatal(err)
			}
			l4 = l4 || q.Protocol == upperOf(p) && inRange(p.port, first, q.EndPort)
		}
	}
	for _, x := range r.ICMPs {
		for _, f := range x.Fields {
			l4 = l4 || p.protocol == flowset.ICMP && f.Family == "IPv4" && f.Type == 8 || p.protocol == flowset.ICMPv6 && f.Family == "IPv6" && f.Type == 128
		}
	}
	return to && l4
}

func ciliumAllows(t *testing.T, policies []ciliumSpec, p packet) bool {
	t.Helper()
	allowed := false
	for _, policy := range policies {
		for i := range policy.Egress {
			allowed = allowed || policy.Egress[i].matches(t, p)
		}
		for i := range policy.EgressDeny {
			if policy.EgressDeny[i].matches(t, p) {
				return false
			}
		}
	}
	return allowed
}

func calicoAllows(t *testing.T, policies []calicoSpec, p packet) bool {
	t.Helper()
	if p.protocol == flowset.UDP && p.port == vxlanPort {
		return false
	}
	last := -1.0
	for _, policy := range policies {
		if policy.Order == nil && len(policies) > 1 || policy.Order != nil && *policy.Order <= last {
			t.Fatal("several policies are not in order")
		}
		if len(policy.Egress) > maxCalicoRules {
			t.Fatalf("%d rules in a policy", len(policy.Egress))
		}
		for _, r := range policy.Egress {
			d := r.Destination
			if r.Protocol != "" && r.Protocol != upperOf(p) || r.IPVersion == 4 && !p.to.Is4() || r.IPVersion == 6 && p.to.Is4() {
				continue
			}
			if len(d.Ports) > 0 && r.Protocol != "TCP" && r.Protocol != "UDP" && r.Protocol != "SCTP" || len(d.Ports) > 50 || len(d.Nets) > 256 {
				t.Fatalf("a rule that Calico does not take: %+v", r)
			}
			nets, ports := len(d.Nets) == 0, len(d.Ports) == 0
			for i, n := range d.Nets {
				if strings.Contains(n, ":") != strings.Contains(d.Nets[0], ":") {
					t.Fatalf("nets of both families: %v", d.Nets)
				}
				nets = nets || inCIDR(t, p.to, d.Nets[i])
			}
			for _, n := range d.NotNets {
				nets = nets && !inCIDR(t, p.to, n)
			}
			for _, s := range d.Ports {
				a, b, isRange := strings.Cut(s, ":")
				first, err := strconv.Atoi(a)
				if end, err2 := strconv.Atoi(b); isRange {
					ports, err = ports || int(p.port) >= first && int(p.port) <= end, errors.Join(err, err2)
				} else {
					ports = ports || int(p.port) == first
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if nets && ports {
				return r.Action == "Allow"
			}
		}
		if policy.Order != nil {
			last = *policy.Order
		}
	}
	return false
}

// packets are those at the edges of what rules of a profile name.
func (w world) packets(n int) (out []packet) {
	for range n {
		p := w.prefix()
		a := p.Addr()
		switch w.IntN(4) {
		case 0:
			a = a.Prev()
		case 1, 2:
			for _, last := range flowset.AddrsOf(p).Ranges() {
				if a = last; w.IntN(2) == 0 {
					a = a.Next()
				}
			}
		}
		a = a.Unmap()
		if !a.IsValid() || loopback.Contains(a) {
			continue
		}
		port := w.port() + uint16(w.IntN(3)) - 1
		out = append(out, packet{a, flowset.Protocol(w.IntN(6)), port})
	}
	return out
}

// TestPackets asks what was written about single packets, of protocols without ports too.
func TestPackets(t *testing.T) {
	for target := NetworkPolicy; target <= CalicoNetworkPolicy; target++ {
		allowed, denied, lost := 0, 0, 0
		for seed := range uint64(120) {
			w := newWorld(seed + 1000)
			p := w.profile()
			r, err := To(target, p, Options{})
			if err != nil {
				t.Fatal(err)
			}
			text, err := r.YAML()
			if err != nil {
				t.Fatal(err)
			}
			set := p.Flows(unbound)
			for _, l := range r.Lost {
				if l.Sources == "" && l.Kind != LostCluster {
					set = set.Subtract(l.Lost).Union(l.Gained)
				}
			}
			allows := models(t, target, text)
			for _, q := range w.packets(120) {
				if q.protocol == flowset.ICMP && !q.to.Is4() || q.protocol == flowset.ICMPv6 && q.to.Is4() {
					continue // there is no such thing
				}
				got, want := allows(q), set.Contains(q.to, q.protocol, q.port)
				if got != want {
					source, _ := p.Encode()
					t.Fatalf("seed %d: %s allows %v: %t, want %t\nprofile:\n%s\nwritten:\n%s", seed, target, q, got, want, source, text)
				}
				if want {
					allowed++
				} else {
					denied++
				}
				if want != p.Flows(unbound).Contains(q.to, q.protocol, q.port) {
					lost++
				}
			}
		}
		t.Logf("%s: %d packets allowed, %d denied, %d not as in the profile", target, allowed, denied, lost)
		if min(allowed, denied) < 2000 {
			t.Errorf("%s: %d packets allowed, %d denied: the test says little", target, allowed, denied)
		}
	}
}

// TestPacketsLarge is about rules that Calico has no room for in one policy.
func TestPacketsLarge(t *testing.T) {
	for target := NetworkPolicy; target <= CalicoNetworkPolicy; target++ {
		n := 2500
		p := newWorld(5).large(n, true)
		r, err := To(target, p, Options{})
		if err != nil {
			t.Fatal(err)
		}
		text, err := r.YAML()
		if err != nil {
			t.Fatal(err)
		}
		allows := models(t, target, text)
		w := newWorld(6)
		flows := p.Flows(unbound)
		hits := 0
		for range 60 {
			to := p.Egress.Rules[w.IntN(n)].Destinations[0].Prefix.Addr()
			q := packet{to, flowset.TCP, []uint16{22, 443, 5432, 5441}[w.IntN(4)]}
			want := flows.Contains(q.to, q.protocol, q.port)
			if got := allows(q); got != want {
				t.Fatalf("%s allows %v: %t, want %t", target, q, got, want)
			}
			if want {
				hits++
			}
		}
		if hits < 10 {
			t.Errorf("%s: %d of 60 allowed: the test says little", target, hits)
		}
	}
}

// TestFirewallTooLarge has no half a firewall.
func TestFirewallTooLarge(t *testing.T) {
	many := newWorld(5).large(12_000, false)
	wide := newWorld(5).large(2_000, false)
	for i := range wide.Egress.Rules {
		wide.Egress.Rules[i].Ports = []profile.PortRange{{First: 8000, Last: 8100}}
	}
	for want, p := range map[string]*profile.Profile{"8000 at most": many, "KiB": wide} {
		if _, err := To(EgressFirewall, p, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestObjectsHaveRoom has more than one object has room for.
func TestObjectsHaveRoom(t *testing.T) {
	p := &profile.Profile{Name: "wide", Egress: profile.Egress{Default: profile.Verdict{Kind: profile.Drop}}}
	for i := range 35_000 {
		a := netip.MustParseAddr(fmt.Sprintf("2001:db8:1111:2222:3333:4444:%x:%x", 0x1000+i/100, 0x1000+7*(i%100)))
		p.Egress.Rules = append(p.Egress.Rules, profile.EgressRule{
			Destinations: []profile.Block{{Prefix: netip.PrefixFrom(a, 128)}}, Protocols: []attempt.Protocol{attempt.TCP},
		})
	}
	for _, target := range []Target{NetworkPolicy, CiliumNetworkPolicy, CalicoNetworkPolicy} {
		r, err := To(target, p, Options{})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, o := range r.Objects {
			data, err := o.MarshalJSON()
			if err != nil || len(data) > maxBytes {
				t.Errorf("%s: an object of %d bytes: %v", target, len(data), err)
			}
			n += strings.Count(string(data), "2001:db8")
		}
		if len(r.Objects) < 2 || n != 35_000 {
			t.Errorf("%s: %d objects have %d prefixes, want all in more than one", target, len(r.Objects), n)
		}
	}
}
