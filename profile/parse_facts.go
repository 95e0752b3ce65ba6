package profile

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

func (r *reader) facts(n *yaml.Node, p *Profile) {
	at, _ := r.fields(n, "facts", "addresses", "seenAs", "resolver", "environment")
	if v := at["addresses"]; v != nil {
		p.Facts.Addresses = r.addresses(v, "facts: addresses")
	}
	if v := at["seenAs"]; v != nil {
		p.Facts.SeenAs = r.addresses(v, "facts: seenAs")
	}
	if v := at["resolver"]; v != nil {
		r.resolver(v, &p.Facts.Resolver)
	}
	if v := at["environment"]; v != nil {
		r.environment(v, p)
	}
}

// addresses is a list of addresses, each given once.
func (r *reader) addresses(n *yaml.Node, where string) []netip.Addr {
	var out []netip.Addr
	items, _ := r.list(n, where, "IP addresses")
	for _, item := range items {
		if a, ok := r.address(item, where); ok && slices.Contains(out, a) {
			r.problemf(item, where, "%s is given twice: want it once", a)
		} else if ok {
			out = append(out, a)
		}
	}
	return out
}

func (r *reader) resolver(n *yaml.Node, to *Resolver) {
	const where = "facts: resolver"
	at, _ := r.fields(n, where, "servers", "search", "ndots")
	if v := at["servers"]; v != nil {
		to.Servers = r.addresses(v, where+": servers")
	}
	if v := at["search"]; v != nil {
		items, _ := r.list(v, where+": search", "domains")
		for _, item := range items {
			s, ok := r.text(item, where+": search")
			switch {
			case !ok:
			case !isName(s):
				r.problemf(item, where, "search %q: want a domain in lower-case letters, digits, - and .", s)
			case slices.Contains(to.Search, s):
				r.problemf(item, where, "search %s is given twice: want it once", s)
			default:
				to.Search = append(to.Search, s)
			}
		}
	}
	if v := at["ndots"]; v != nil {
		const want = "want a number from 0 to 15"
		s, ok := r.scalar(v, where, want)
		n, err := strconv.ParseUint(s, 10, 8)
		switch {
		case !ok:
		case err != nil || n > maxNdots || strconv.FormatUint(n, 10) != s:
			r.problemf(v, where, "bad ndots %q: %s", s, want)
		default:
			k := int(n)
			to.Ndots = &k
		}
	}
}

// maxNdots is what resolvers take the option for at most (resolv.conf(5)).
const maxNdots = 15

func (r *reader) address(n *yaml.Node, where string) (netip.Addr, bool) {
	const want = "want an IP address such as 172.16.6.170"
	s, ok := r.scalar(n, where, want)
	if !ok {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(s)
	switch {
	case err != nil:
		r.problemf(n, where, "bad address %q: %s", s, want)
	case a.Zone() != "":
		r.problemf(n, where, "%s has a zone: want %s, profiles have no zones", s, a.WithZone(""))
	case a.Unmap().IsUnspecified():
		r.problemf(n, where, "%s is the wildcard address: want an address that a socket can have", s)
	default:
		return a.Unmap(), true
	}
	return netip.Addr{}, false
}

func (r *reader) environment(n *yaml.Node, p *Profile) {
	const where = "facts: environment"
	if n.Kind != yaml.MappingNode {
		r.wrong(n, where, "want a mapping of names to values")
		return
	}
	p.Facts.Environment = map[string]string{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Kind != yaml.ScalarNode || k.Value == "" || strings.ContainsAny(k.Value, "=\x00") {
			r.problemf(k, where, "%s is no name of a variable: want a name without =", describe(k))
			continue
		}
		if _, twice := p.Facts.Environment[k.Value]; twice {
			r.problemf(k, where, "%s is given twice: want it once", k.Value)
			continue
		}
		p.Facts.Environment[k.Value] = ""
		if v.Kind == yaml.ScalarNode && v.ShortTag() == "!!null" {
			r.problemf(k, where, `%s has no value: want one, "" for the empty one`, k.Value)
			continue
		}
		s, ok := r.text(v, fmt.Sprintf("%s: %s", where, k.Value))
		if ok && strings.Contains(s, "\x00") {
			r.problemf(v, where, "%s holds the character U+0000: want a value without it", k.Value)
		}
		p.Facts.Environment[k.Value] = s
	}
}
