package calico

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	apiv3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/projectcalico/api/pkg/lib/numorstring"
	"github.com/projectcalico/calico/libcalico-go/lib/backend/model"
	"github.com/projectcalico/calico/libcalico-go/lib/backend/syncersv1/updateprocessors"
	cnet "github.com/projectcalico/calico/libcalico-go/lib/net"
	"github.com/projectcalico/calico/libcalico-go/lib/selector/parser"
	validator "github.com/projectcalico/calico/libcalico-go/lib/validator/v3"
	"github.com/sirupsen/logrus"
	"sigs.k8s.io/yaml"

	"github.com/sallyport/sallyport/kube"
)

// TestCalico makes policies at random. Whether Calico's validator refuses one has to be whether the reader does; where none is refused, the
// policies are asked as Calico converts them, for all pods and an address outside.
func TestCalico(t *testing.T) {
	logrus.SetLevel(logrus.PanicLevel)
	seeds := uint64(12_000)
	if testing.Short() {
		seeds = 600
	}
	policies, verdicts := map[string]int{}, map[kube.Verdict]int{}
	for seed := range seeds {
		g := generator{rand.New(rand.NewPCG(seed, 5)), seed%6 == 0}
		c := newCluster(t, g)
		c.text.WriteString("---\n{apiVersion: projectcalico.org/v3, kind: Tier, metadata: {name: empty}, spec: {order: 5}}\n") // even where all policies are of nobody
		var converted []*model.Policy
		for i := range 1 + g.IntN(3) {
			text, global := g.policy(i)
			p, err := convert(text, global)
			read, problems := kube.Read(kube.Stream("policy", strings.NewReader(text)))
			if broken := read.CalicoPolicies[0].Broken(); broken != (err != nil) {
				t.Fatalf("seed %d: Calico says %v, the reader %v\n%s", seed, err, problems, text)
			}
			if err != nil {
				policies["refused"]++
				converted = nil
				break
			}
			policies["taken"]++
			c.text.WriteString("---\n" + text)
			converted = append(converted, p)
		}
		if converted != nil {
			compare(t, g, c, converted, seed, verdicts)
		}
	}
	t.Logf("policies: %d taken and %d refused by both; verdicts agreed: %d allowed, %d denied", policies["taken"], policies["refused"], verdicts[kube.Allowed], verdicts[kube.Denied])
	if policies["refused"] < int(seeds)/20 || verdicts[kube.Allowed] < int(seeds) || verdicts[kube.Denied] < int(seeds) {
		t.Error("the policies are too much alike")
	}
}

// convert checks a policy, fills in its types, and converts it, with Calico's code.
func convert(text string, global bool) (*model.Policy, error) {
	if global {
		var p apiv3.GlobalNetworkPolicy
		if err := checked(text, &p); err != nil {
			return nil, err
		}
		p.Spec.Types = types(p.Spec.Types, p.Spec.Ingress, p.Spec.Egress)
		return processed(updateprocessors.NewGlobalNetworkPolicyUpdateProcessor().Process(&model.KVPair{
			Key: model.ResourceKey{Name: p.Name, Kind: apiv3.KindGlobalNetworkPolicy}, Value: &p,
		}))
	}
	var p apiv3.NetworkPolicy
	if err := checked(text, &p); err != nil {
		return nil, err
	}
	p.Spec.Types = types(p.Spec.Types, p.Spec.Ingress, p.Spec.Egress)
	return processed(updateprocessors.NewNetworkPolicyUpdateProcessor().Process(&model.KVPair{
		Key: model.ResourceKey{Name: p.Name, Namespace: p.Namespace, Kind: apiv3.KindNetworkPolicy}, Value: &p,
	}))
}

func checked(text string, to any) error {
	if err := yaml.UnmarshalStrict([]byte(text), to); err != nil {
		return err
	}
	return validator.Validate(to)
}

func processed(kvs []*model.KVPair, err error) (*model.Policy, error) {
	if err != nil {
		return nil, err
	}
	return kvs[0].Value.(*model.Policy), nil
}

// types is what the API says of types that are absent: the function of Calico that does it is not exported.
func types(given []apiv3.PolicyType, ingress, egress []apiv3.Rule) []apiv3.PolicyType {
	switch {
	case len(given) > 0:
		return given
	case len(egress) == 0:
		return []apiv3.PolicyType{apiv3.PolicyTypeIngress}
	case len(ingress) == 0:
		return []apiv3.PolicyType{apiv3.PolicyTypeEgress}
	}
	return []apiv3.PolicyType{apiv3.PolicyTypeIngress, apiv3.PolicyTypeEgress}
}

func compare(t *testing.T, g generator, c *cluster, policies []*model.Policy, seed uint64, verdicts map[kube.Verdict]int) {
	t.Helper()
	read, problems := kube.Read(kube.Stream("cluster", strings.NewReader(c.text.String())))
	for _, p := range problems {
		if p.Severity == kube.Error {
			t.Fatalf("seed %d: %v\n%s", seed, p, c.text.String())
		}
	}
	e := kube.Compile(read, kube.Assumptions{})
	outside := "198.51.100.7"
	for i := range c.pods {
		from := &c.pods[i]
		source, _ := read.Workload("Pod", from.namespace, from.name)
		for j := -1; j < len(c.pods); j++ {
			if i == j {
				continue
			}
			f := flow{c: c, src: from.nets[0].IP, dst: net.ParseIP(outside), protocol: g.IntN(3), port: []uint16{80, 81, 88}[g.IntN(3)]}
			to := kube.Destination{Addr: netip.MustParseAddr(outside)}
			if j >= 0 {
				to = kube.Destination{}
				to.Workload, _ = read.Workload("Pod", c.pods[j].namespace, c.pods[j].name)
				f.dst = c.pods[j].nets[0].IP
			}
			want := kube.Denied
			if f.passes(t, policies, from, "egress") && (j < 0 || f.passes(t, policies, &c.pods[j], "ingress")) {
				want = kube.Allowed
			}
			d := e.Decide(kube.Origin{Workload: source}, to, kube.Protocol(f.protocol), f.port)
			if d.Verdict != want {
				t.Fatalf("seed %d: %v to %v %v/%d: Calico says %v, package kube %v\n%v\n%v\n%s", seed, source, f.dst, kube.Protocol(f.protocol), f.port, want, d.Verdict, d.Chain, d.Reasons, c.text.String())
			}
			verdicts[want]++
		}
	}
}

// flow is a connection, and how Calico's rules are read for it, in the plainest way.
type flow struct {
	c        *cluster
	src, dst net.IP
	protocol int // as package kube numbers TCP, UDP and SCTP
	port     uint16
}

// passes asks the policies, which are in their order: there is one tier, so that Pass is left to the profile, which allows.
func (f *flow) passes(t *testing.T, policies []*model.Policy, self *endpoint, direction string) bool {
	t.Helper()
	applies := false
	for _, p := range policies {
		if !slices.Contains(p.Types, direction) || !meets(t, p.Selector, self.labels) {
			continue
		}
		applies = true
		rules := p.InboundRules
		if direction == "egress" {
			rules = p.OutboundRules
		}
		for i := range rules {
			if rules[i].Action != "log" && f.matches(t, &rules[i]) {
				return rules[i].Action != "deny"
			}
		}
	}
	return !applies
}

func meets(t *testing.T, selector string, labels map[string]string) bool {
	t.Helper()
	s, err := parser.Parse(selector)
	if err != nil {
		t.Fatal(err)
	}
	return s.Evaluate(labels)
}

func (f *flow) matches(t *testing.T, r *model.Rule) bool {
	t.Helper()
	if r.IPVersion != nil && *r.IPVersion != 4 {
		return false
	}
	for _, nets := range [][]*cnet.IPNet{r.SrcNets, r.NotSrcNets, r.DstNets, r.NotDstNets} {
		if slices.ContainsFunc(nets, func(n *cnet.IPNet) bool { return n.Version() == 6 }) {
			return false
		}
	}
	switch {
	case r.Protocol != nil && !f.is(r.Protocol), r.NotProtocol != nil && f.is(r.NotProtocol):
	case len(r.SrcNets) > 0 && !contain(r.SrcNets, f.src), len(r.DstNets) > 0 && !contain(r.DstNets, f.dst):
	case contain(r.NotSrcNets, f.src), contain(r.NotDstNets, f.dst):
	case r.SrcSelector != "" && !f.selected(t, r.SrcSelector, f.src), r.DstSelector != "" && !f.selected(t, r.DstSelector, f.dst):
	case r.NotSrcSelector != "" && f.selected(t, r.NotSrcSelector, f.src), r.NotDstSelector != "" && f.selected(t, r.NotDstSelector, f.dst):
	case len(r.DstPorts) > 0 && !f.at(r.DstPorts), f.at(r.NotDstPorts):
	default:
		return true
	}
	return false
}

func contain(nets []*cnet.IPNet, ip net.IP) bool {
	return slices.ContainsFunc(nets, func(n *cnet.IPNet) bool { return n.Contains(ip) })
}

// selected reports whether an address is one of what meets a selector, as Felix makes a set of addresses of each.
func (f *flow) selected(t *testing.T, selector string, ip net.IP) bool {
	t.Helper()
	for _, list := range [][]endpoint{f.c.pods, f.c.sets} {
		for i := range list {
			if list[i].has(ip) && meets(t, selector, list[i].labels) {
				return true
			}
		}
	}
	return false
}

func (f *flow) is(p *numorstring.Protocol) bool {
	if n, err := p.NumValue(); err == nil {
		return n == []uint8{6, 17, 132}[f.protocol]
	}
	return strings.EqualFold(p.StrVal, kube.Protocol(f.protocol).String())
}

func (f *flow) at(ports []numorstring.Port) bool {
	for _, p := range ports {
		if p.PortName == "" && p.MinPort <= f.port && f.port <= p.MaxPort {
			return true
		}
		for i := range f.c.pods {
			e := &f.c.pods[i]
			if p.PortName == "web" && e.has(f.dst) && e.port == f.port && e.protocol == kube.Protocol(f.protocol).String() {
				return true
			}
		}
	}
	return false
}
