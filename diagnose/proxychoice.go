package diagnose

import (
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/proxy"
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
	return p.Host == unmap(a.Destination).String() || a.Name != "" && strings.EqualFold(p.Host, proxy.JoinHostPort(strings.TrimSuffix(a.Name, "."), strconv.Itoa(int(a.Destination.Port()))))
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
