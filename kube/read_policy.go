package kube

import (
	"net/netip"
	"slices"

	"github.com/sallyport/sallyport/kube/internal/tree"
)

// The checks are those of the API server (pkg/apis/networking/validation of Kubernetes 1.37): what it refuses is
// nowhere in force, so that no meaning can be given to it.

func (r *reader) networkPolicy(m Meta, n *tree.Node) {
	p := &NetworkPolicy{Meta: m}
	r.meta = &p.Meta
	r.out.cluster.NetworkPolicies = append(r.out.cluster.NetworkPolicies, p)
	spec, _ := r.body(n)
	if spec == nil {
		r.warnf(n, "has no spec: it selects every pod of the namespace, and admits nothing in")
		p.PodSelector.Pos = r.pos(n)
		return
	}
	selector := false
	for k, v := range r.fields(spec) {
		switch k.Value {
		case "podSelector":
			selector = true
			r.push("podSelector", 0)
			p.PodSelector = r.selector(v)
			r.pop()
		case "policyTypes":
			p.PolicyTypesPos = r.pos(k)
			p.PolicyTypes = r.policyTypes(v)
		case "ingress":
			p.IngressPos = r.pos(k)
			p.Ingress = r.rules(v, "ingress rule", "from")
		case "egress":
			p.EgressPos = r.pos(k)
			p.Egress = r.rules(v, "egress rule", "to")
		default:
			r.unknown(k, "podSelector", "policyTypes", "ingress", "egress")
		}
	}
	if !selector {
		p.PodSelector.Pos = r.pos(spec)
		r.warnf(spec, "has no podSelector: it selects every pod of the namespace")
	}
	r.unusedRules(p)
}

// unusedRules warns of rules that have no part in anything, since policyTypes leaves their direction out.
func (r *reader) unusedRules(p *NetworkPolicy) {
	for _, d := range []Direction{Ingress, Egress} {
		if len(p.Rules(d)) > 0 && !p.Isolates(d) {
			r.problem(Warning, p.Rules(d)[0].Pos, d.String()+" rules have no effect: policyTypes does not name "+d.String())
		}
	}
}

func (r *reader) policyTypes(n *tree.Node) []Direction {
	r.push("policyTypes", 0)
	defer r.pop()
	list := r.list(n, "Ingress and Egress")
	if list == nil {
		return nil
	}
	out := make([]Direction, 0, len(list))
	for i := range list {
		switch s, ok := r.text(&list[i]); {
		case ok && s == "Ingress":
			out = append(out, Ingress)
		case ok && s == "Egress":
			out = append(out, Egress)
		default:
			r.errorf(&list[i], "%s: want Ingress or Egress", list[i].Describe())
		}
	}
	return out
}

// rules reads the rules of a direction. In lists of the API nothing stands for the empty value, which would be a rule that
// admits everything: nobody means that, so items refuses it.
func (r *reader) rules(n *tree.Node, name, peers string) []NetworkPolicyRule {
	if n.Kind != tree.Sequence {
		r.list(n, "rules")
		return nil
	}
	out := make([]NetworkPolicyRule, 0, len(n.Content))
	for _, item := range r.items(n, "rules", name) {
		rule := NetworkPolicyRule{Pos: r.pos(item)}
		for k, v := range r.fields(item) {
			switch k.Value {
			case peers:
				rule.Peers = r.peers(v, peers)
			case "ports":
				rule.Ports = r.policyPorts(v)
			default:
				r.unknown(k, peers, "ports")
			}
		}
		out = append(out, rule)
	}
	return out
}

func (r *reader) peers(n *tree.Node, name string) []NetworkPolicyPeer {
	if n.Kind != tree.Sequence {
		r.list(n, "peers")
		return nil
	}
	out := make([]NetworkPolicyPeer, 0, len(n.Content))
	for _, item := range r.items(n, "peers", name) {
		peer := NetworkPolicyPeer{Pos: r.pos(item)}
		for k, v := range r.fields(item) {
			switch k.Value {
			case "ipBlock":
				peer.IPBlock = r.ipBlock(v)
			case "namespaceSelector":
				peer.NamespaceSelector = r.selectorField(k, v)
			case "podSelector":
				peer.PodSelector = r.selectorField(k, v)
			default:
				r.unknown(k, "ipBlock", "namespaceSelector", "podSelector")
			}
		}
		selects := peer.NamespaceSelector != nil || peer.PodSelector != nil
		switch {
		case peer.IPBlock == nil && !selects:
			r.errorf(item, "is empty: want ipBlock, namespaceSelector or podSelector ({} selects all)")
		case peer.IPBlock != nil && selects:
			r.errorf(item, "has ipBlock and a selector: want one of them, or two peers")
		}
		out = append(out, peer)
	}
	return out
}

func (r *reader) ipBlock(n *tree.Node) *IPBlock {
	r.push("ipBlock", 0)
	defer r.pop()
	b := &IPBlock{Pos: r.pos(n)}
	given := false
	for k, v := range r.fields(n) {
		switch k.Value {
		case "cidr":
			given = true
			b.CIDR, _ = r.prefix(v)
		case "except":
			list := r.list(v, "CIDRs")
			for i := range list {
				if p, ok := r.prefix(&list[i]); ok {
					b.Except = append(b.Except, Except{r.pos(&list[i]), p})
				}
			}
		default:
			r.unknown(k, "cidr", "except")
		}
	}
	if !given {
		r.errorf(n, "has no cidr: want one such as 10.0.0.0/8")
		return b
	}
	if b.CIDR.IsValid() {
		r.excepts(b)
	}
	return b
}

// excepts checks that each exception takes away a part of the block, and warns of those that take away the same.
func (r *reader) excepts(b *IPBlock) {
	for _, e := range b.Except {
		if e.CIDR.Bits() <= b.CIDR.Bits() || !b.CIDR.Contains(e.CIDR.Addr()) {
			r.problem(Error, e.Pos, "except "+e.CIDR.String()+" is no part of "+b.CIDR.String()+": want a prefix within it, and smaller")
		}
	}
	sorted := slices.Clone(b.Except)
	slices.SortStableFunc(sorted, func(a, b Except) int { return comparePrefixes(a.CIDR, b.CIDR) })
	for i := 1; i < len(sorted); i++ {
		// Prefixes are within each other or apart, so the widest so far is the one that holds others.
		if sorted[i-1].CIDR.Overlaps(sorted[i].CIDR) {
			r.problem(Warning, sorted[i].Pos, "except "+sorted[i].CIDR.String()+" overlaps except "+sorted[i-1].CIDR.String()+": one of them has no effect")
			sorted[i] = sorted[i-1]
		}
	}
}

func comparePrefixes(a, b netip.Prefix) int {
	if c := a.Addr().Compare(b.Addr()); c != 0 {
		return c
	}
	return a.Bits() - b.Bits()
}

func (r *reader) policyPorts(n *tree.Node) []NetworkPolicyPort {
	if n.Kind != tree.Sequence {
		r.list(n, "ports")
		return nil
	}
	out := make([]NetworkPolicyPort, 0, len(n.Content))
	for _, item := range r.items(n, "ports", "port") {
		out = append(out, r.policyPort(item))
	}
	return out
}

func (r *reader) policyPort(n *tree.Node) NetworkPolicyPort {
	p := NetworkPolicyPort{Pos: r.pos(n)}
	ok := true
	for k, v := range r.fields(n) {
		good := true
		switch k.Value {
		case "protocol":
			p.Protocol, good = r.protocol(v)
		case "port":
			p.Port, good = r.portRef(v)
		case "endPort":
			p.EndPort, good = r.portNumber(v)
		default:
			r.unknown(k, "protocol", "port", "endPort")
		}
		ok = ok && good
	}
	switch {
	case p.EndPort == 0 || !ok:
	case p.Port.IsZero():
		r.errorf(n, "endPort without port: want the first port of the range as port")
	case p.Port.Name != "":
		r.errorf(n, "endPort with port %q, which is a name: want the number of the first port", p.Port.Name)
	case p.EndPort < p.Port.Number:
		r.errorf(n, "port range %d-%d is reversed: want %d-%d", p.Port.Number, p.EndPort, p.EndPort, p.Port.Number)
	}
	return p
}
