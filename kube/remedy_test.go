package kube

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// TestRemedies makes the changes that a denied decision names, on clusters made at random, and asks again.
func TestRemedies(t *testing.T) {
	seeds := uint64(600)
	if testing.Short() {
		seeds = 60
	}
	tried, widened, added, made := 0, 0, 0, 0
	for seed := range seeds {
		g := generator{rand.New(rand.NewPCG(seed, 7))}
		c := g.cluster()
		e := Compile(c, Assumptions{})
		work := e.Workloads()
		from := Origin{Workload: work[g.IntN(len(work))]}
		to := Destination{Workload: work[g.IntN(len(work))]}
		if g.IntN(3) == 0 {
			to = Destination{Addr: netip.MustParseAddr("203.0.113.7")}
		}
		protocol, port := Protocol(g.IntN(3)), uint16(80+g.IntN(3))
		d := e.Decide(from, to, protocol, port)
		if d.Verdict != Denied || len(d.Parts) > 0 || len(d.Remedies) == 0 {
			continue
		}
		if slices.ContainsFunc(d.Remedies, func(r Remedy) bool { return r.Rule == nil }) {
			continue // an admin policy, which no rule can overrule
		}
		for i, r := range d.Remedies {
			switch {
			case r.Widen > 0:
				rules := r.Policy.Rules(r.Direction)
				rules[r.Widen-1].Ports = append(slices.Clone(rules[r.Widen-1].Ports), r.Rule.Ports...)
				widened++
			case r.Policy != nil:
				if r.Direction == Egress {
					r.Policy.Egress = append(r.Policy.Egress, *r.Rule)
				} else {
					r.Policy.Ingress = append(r.Policy.Ingress, *r.Rule)
				}
				added++
			default:
				p := &NetworkPolicy{Meta: Meta{Kind: "NetworkPolicy", Namespace: r.Namespace, Name: fmt.Sprint("new", i)}, PolicyTypes: []Direction{r.Direction}}
				for k, v := range r.Selector {
					p.PodSelector.Requirements = append(p.PodSelector.Requirements, Requirement{Key: k, Op: In, Values: []string{v}})
				}
				if r.Direction == Egress {
					p.Egress = []NetworkPolicyRule{*r.Rule}
				} else {
					p.Ingress = []NetworkPolicyRule{*r.Rule}
				}
				c.NetworkPolicies = append(c.NetworkPolicies, p)
				made++
			}
		}
		tried++
		if after := Compile(c, Assumptions{}).Decide(from, to, protocol, port); after.Verdict != Allowed && after.Verdict != Undecidable {
			t.Errorf("seed %d: %v to %v %v/%d: still %v after %d changes\n%v\n%v", seed, from.Workload, to, protocol, port, after.Verdict, len(d.Remedies), d.Chain, after.Chain)
		} else if after.Verdict == Undecidable && to.Workload == nil && len(e.layers) == 0 { // layers beside the tiers may leave it open
			t.Errorf("seed %d: undecidable: %v", seed, after.Reasons)
		}
	}
	t.Logf("%d denied: %d rules widened, %d added, %d policies made", tried, widened, added, made)
	if min(widened, added, made) < int(seeds)/60 {
		t.Error("some kind of remedy was hardly tried")
	}
}
