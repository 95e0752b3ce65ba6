package diagnose

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// where says where a proxy is named: "https_proxy", "https_proxy of /etc/environment".
func (p *Proxy) where() string {
	if p.From != "" {
		return p.Variable + " of " + p.From
	}
	return p.Variable
}

// at reports whether an attempt's destination is the proxy.
func (p *Proxy) at(a attempt.Attempt) bool {
	return p.Host == unmap(a.Destination).String() || a.Name != "" && strings.EqualFold(p.Host, hostPort(strings.TrimSuffix(a.Name, "."), strconv.Itoa(int(a.Destination.Port()))))
}

// socks reports whether it is a SOCKS5 proxy, as curl(1) spells it.
func (p *Proxy) socks() bool { return strings.HasPrefix(p.Scheme, "socks5") }

// proxyFor is the proxy that could carry a: of the program's environment, else of the machine's settings; nil where there is none. That
// no_proxy exempts the destination does not matter here: an exemption can be what is wrong. TLS to the proxy itself is not spoken here.
func proxyFor(a attempt.Attempt, f Facts) *Proxy {
	if !a.Protocol.Stream() || f.local(a.Destination.Addr()) {
		return nil
	}
	want := []string{"https_proxy", "all_proxy", "http_proxy"} // also for what is neither: CONNECT is what carries it
	if a.Destination.Port() == 80 {
		want = []string{"http_proxy", "all_proxy", "https_proxy"}
	}
	for _, list := range [][]Proxy{f.Proxies, f.MachineProxies} {
		for _, name := range append(want, "") {
			for i := range list {
				p := &list[i]
				if (p.Scheme == "http" || p.socks()) && !p.at(a) && (name == "" || strings.EqualFold(p.Variable, name)) {
					return p
				}
			}
		}
	}
	return nil
}

// exempting is the item of a no_proxy list that exempts a's destination, "" where none does: "*", an address, a prefix, or a domain
// with or without a leading dot, each with or without a port. Clients differ: an item that any of them heeds counts.
func exempting(list string, a attempt.Attempt) string {
	addr, name := a.Destination.Addr().Unmap(), strings.TrimSuffix(strings.ToLower(a.Name), ".")
	for item := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		host := strings.ToLower(item)
		if ap, err := netip.ParseAddrPort(host); err == nil {
			if ap == unmap(a.Destination) {
				return item
			}
			continue
		}
		if prefix, err := netip.ParsePrefix(host); err == nil {
			if prefix.Contains(addr) {
				return item
			}
			continue
		}
		domain := strings.TrimPrefix(strings.TrimPrefix(host, "*"), ".")
		if host == "*" || strings.Trim(host, "[]") == addr.String() ||
			domain != "" && name != "" && (name == domain || strings.HasSuffix(name, "."+domain)) {
			return item
		}
	}
	return ""
}

// exemption says which clients heed an item of no_proxy, where they differ.
func exemption(item string) string {
	_, notPrefix := netip.ParsePrefix(item)
	_, notAddr := netip.ParseAddr(item)
	switch {
	case item == "*":
		return "it exempts everything"
	case notPrefix == nil:
		return "curl since 7.86, Go and Python's requests heed a prefix there, where the URL names the address itself; wget and Python's urllib don't"
	case notAddr == nil:
		return "an address there counts where the URL names the address itself"
	case strings.HasPrefix(item, "*."):
		return "Go heeds \"*.\" there; curl and Python want the domain alone, or with a leading dot"
	case strings.HasPrefix(item, "."):
		return "in Go a leading dot leaves out the domain itself, in curl and Python it does not"
	case strings.Contains(item, ":"):
		return "Go and Python look at a port there, curl does not"
	}
	return ""
}
