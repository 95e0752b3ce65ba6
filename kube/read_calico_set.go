package kube

import (
	"encoding/json"
	"net/netip"
	"strings"

	"github.com/sallyport/sallyport/kube/internal/tree"
)

func (r *reader) calicoTier(m Meta, n *tree.Node) {
	t := &CalicoTier{Meta: m, DefaultAction: Deny}
	r.meta = &t.Meta
	r.out.cluster.CalicoTiers = append(r.out.cluster.CalicoTiers, t)
	spec, _ := r.body(n)
	if strings.Contains(t.Name, ".") {
		r.errorf(n, "name %q has a dot, which the name of a tier has not", t.Name)
	}
	if spec != nil {
		for k, v := range r.fields(spec) {
			switch k.Value {
			case "order":
				t.Order = r.float(v)
			case "defaultAction":
				switch s, _ := r.text(v); s {
				case "Deny":
				case "Pass":
					t.DefaultAction = Pass
				default:
					r.errorf(v, "defaultAction %q: want Deny or Pass", s)
				}
			default:
				r.unknown(k, "order", "defaultAction")
			}
		}
	}
	// Of those that Calico makes itself nothing may be changed (api/pkg/apis/projectcalico/v3/tier.go).
	if b := builtInTier(t.Name); b != nil && (t.Order == nil || *t.Order != *b.order || t.DefaultAction != b.action) {
		r.errorf(n, "is one of Calico's own tiers: want order: %.0f and defaultAction: %s", *b.order, map[Action]string{Deny: "Deny", Pass: "Pass"}[b.action])
	}
}

func (r *reader) networkSet(m Meta, n *tree.Node) {
	s := &NetworkSet{Meta: m}
	r.meta = &s.Meta
	r.out.cluster.NetworkSets = append(r.out.cluster.NetworkSets, s)
	r.storedLabels(n, &s.Meta)
	for k := range s.Labels {
		if k == calicoNamespaceLabel {
			r.errorf(n, "has the label %s, which Calico gives by itself", k)
		}
	}
	spec, _ := r.body(n)
	if spec == nil {
		return
	}
	for k, v := range r.fields(spec) {
		switch k.Value {
		case "nets":
			s.Nets = r.setNets(k, v)
		case "allowedEgressDomains":
			r.warnf(k, "allowedEgressDomains is of Calico Enterprise and Calico Cloud: the open source Calico does not know it")
			s.Domains = r.domainNames(v)
		default:
			r.unknown(k, "nets", "allowedEgressDomains")
		}
	}
}

// setNets reads addresses and CIDRs, which may have host bits in network sets.
func (r *reader) setNets(k, n *tree.Node) []Network {
	r.push(k.Value, 0)
	defer r.pop()
	var out []Network
	list := r.list(n, "CIDRs")
	for i := range list {
		n := &list[i]
		if n.Kind == tree.Scalar && n.Type() == tree.Text && !strings.Contains(n.Value, "/") {
			if a, ok := r.address(n); ok {
				out = append(out, Network{r.pos(n), netip.PrefixFrom(a, a.BitLen())})
			}
		} else if p, ok := r.prefix(n); ok {
			out = append(out, Network{r.pos(n), p})
		}
	}
	return out
}

func (r *reader) hostEndpoint(m Meta, n *tree.Node) {
	h := &HostEndpoint{Meta: m}
	r.meta = &h.Meta
	r.out.cluster.HostEndpoints = append(r.out.cluster.HostEndpoints, h)
	r.storedLabels(n, &h.Meta)
	spec, _ := r.body(n)
	if spec == nil {
		r.errorf(n, "has no spec: want one with node:")
		return
	}
	for k, v := range r.fields(spec) {
		switch k.Value {
		case "node":
			h.Node, _ = r.text(v)
		case "interfaceName":
			h.Interface, _ = r.text(v)
		case "expectedIPs":
			h.Addresses = r.addresses(v)
		case "profiles":
			h.Profiles = r.texts(v)
		case "ports": // names for ports of the machine: no port of a pod
		default:
			r.unknown(k, "node", "interfaceName", "expectedIPs", "profiles", "ports")
		}
	}
	if h.Node == "" {
		r.errorf(spec, "has no node: want the name of one")
	}
	if h.Interface == "" && len(h.Addresses) == 0 {
		r.errorf(spec, "has neither interfaceName nor expectedIPs: want one of them")
	}
}

// felixConfiguration reads the settings that change a verdict. The others change how rules are enforced, not which.
func (r *reader) felixConfiguration(m Meta, n *tree.Node) {
	f := &FelixConfiguration{Meta: m}
	r.meta = &f.Meta
	r.out.cluster.FelixConfigurations = append(r.out.cluster.FelixConfigurations, f)
	spec, _ := r.body(n)
	if spec == nil {
		return
	}
	for k, v := range r.fields(spec) {
		switch k.Value {
		case "defaultEndpointToHostAction":
			f.EndpointToHostP = r.pos(k)
			switch s, _ := r.text(v); strings.ToLower(s) {
			case "drop", "return", "accept":
				f.EndpointToHost = strings.ToUpper(s[:1]) + strings.ToLower(s[1:])
			default:
				r.errorf(v, "defaultEndpointToHostAction %q: want Drop, Return or Accept", s)
			}
		case "vxlanPort":
			f.VXLANPort, _ = r.portNumber(v)
		case "allowVXLANPacketsFromWorkloads":
			f.AllowVXLAN = r.tristate(v)
		}
	}
}

// serviceAccount reads the labels of one, by which Calico selects pods.
func (r *reader) serviceAccount(m Meta, _ *tree.Node) {
	a := &ServiceAccount{Meta: m}
	r.meta = &a.Meta
	r.out.cluster.ServiceAccounts = append(r.out.cluster.ServiceAccounts, a)
}

// storedMeta is the annotation in which crd.projectcalico.org/v1 keeps the labels of an object of projectcalico.org/v3
// (ConvertK8sResourceToCalicoResource in libcalico-go/lib/backend/k8s/resources).
const storedMeta = "projectcalico.org/metadata"

func (r *reader) storedLabels(n *tree.Node, m *Meta) {
	text, there := m.Annotations[storedMeta]
	if !there || m.APIVersion != "crd.projectcalico.org/v1" {
		return
	}
	var stored struct {
		Labels Labels `json:"labels"`
	}
	if err := json.Unmarshal([]byte(text), &stored); err != nil {
		r.errorf(n, "annotation %s, which holds its labels, is no JSON", storedMeta)
		return
	}
	m.Labels = stored.Labels
}
