package report

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/kube"
)

// TestRemediesAreObjects reads what remedies have people paste, and compares it with what is meant.
func TestRemediesAreObjects(t *testing.T) {
	labels := func(l kube.Labels) *kube.LabelSelector {
		s := &kube.LabelSelector{}
		for k, v := range l {
			s.Requirements = append(s.Requirements, kube.Requirement{Key: k, Values: []string{v}})
		}
		return s
	}
	for _, value := range []string{"web", "", "true", "No", "1", "1.0", "0x1f", "1e3", "a_b", "2024-01-01", "null", "v1.2.3", "y", "0b1", "1_000"} {
		for _, direction := range []kube.Direction{kube.Egress, kube.Ingress} {
			rule := &kube.NetworkPolicyRule{
				Peers: []kube.NetworkPolicyPeer{
					{PodSelector: labels(kube.Labels{"app.kubernetes.io/name": value}), NamespaceSelector: labels(kube.Labels{kube.NamespaceNameLabel: "shop"})},
					{PodSelector: labels(nil)},
					{IPBlock: &kube.IPBlock{CIDR: netip.MustParsePrefix("2001:db8::/32"), Except: []kube.Except{{CIDR: netip.MustParsePrefix("2001:db8::1/128")}}}},
					{IPBlock: &kube.IPBlock{CIDR: netip.MustParsePrefix("192.0.2.0/24")}},
				},
				Ports: []kube.NetworkPolicyPort{{Protocol: kube.SCTP, Port: kube.PortRef{Number: 5432}}},
			}
			for name, r := range map[string]kube.Remedy{
				"new":  {Direction: direction, Namespace: "shop", Selector: kube.Labels{"app": value}, Rule: rule},
				"rule": {Direction: direction, Policy: &kube.NetworkPolicy{}, Object: "NetworkPolicy shop/web", Rule: rule},
				"port": {Direction: direction, Policy: &kube.NetworkPolicy{}, Object: "NetworkPolicy shop/web", Rule: rule, Widen: 1},
			} {
				_, paste := remedyWords(r)
				text := strings.Join(paste, "\n") + "\n"
				head := "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web, namespace: shop}\nspec:\n  podSelector: {}\n  policyTypes: [Ingress, Egress]\n  " + direction.String() + ":\n"
				switch name {
				case "rule":
					text = head + "  " + strings.Join(paste, "\n  ") + "\n"
				case "port":
					text = head + "  - ports:\n    " + strings.Join(paste, "\n    ") + "\n"
				}
				c, problems := kube.Read(kube.Stream("paste", strings.NewReader(text)))
				if len(problems) > 0 || len(c.NetworkPolicies) != 1 {
					t.Errorf("%s, value %q: %v\n%s", name, value, problems, text)
					continue
				}
				p := c.NetworkPolicies[0]
				got := p.Rules(direction)
				want := *rule
				if name == "port" {
					want.Peers = nil
				}
				if len(got) != 1 || ruleText(&got[0]) != ruleText(&want) {
					t.Errorf("%s, value %q: got %v, want %v\n%s", name, value, got, ruleText(&want), text)
				}
				if name == "new" && p.PodSelector.String() != labels(r.Selector).String() {
					t.Errorf("value %q: selects %v, want %v", value, p.PodSelector.String(), labels(r.Selector).String())
				}
				if !p.Isolates(direction) || name == "new" && p.Isolates(1-direction) {
					t.Errorf("%s: the policy is of the wrong directions: %v", name, p.PolicyTypes)
				}
			}
		}
	}
}

// ruleText is a rule without the places where it stands.
func ruleText(r *kube.NetworkPolicyRule) string {
	var s strings.Builder
	for _, p := range r.Peers {
		if b := p.IPBlock; b != nil {
			fmt.Fprint(&s, b.CIDR, " but")
			for _, x := range b.Except {
				fmt.Fprint(&s, " ", x.CIDR)
			}
		}
		for _, x := range []*kube.LabelSelector{p.NamespaceSelector, p.PodSelector} {
			if x != nil {
				fmt.Fprint(&s, " selects ", x.String())
			}
		}
		s.WriteString("; ")
	}
	for _, p := range r.Ports {
		fmt.Fprint(&s, p.Protocol, " ", p.Port.Number)
	}
	return s.String()
}
