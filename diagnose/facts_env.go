package diagnose

import (
	"net/url"
	"strings"
)

// proxyVariables in the order that clients look: curl reads http_proxy in lower case only
// (curl(1), ENVIRONMENT), Go and Python both cases.
var proxyVariables = []string{"https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"}

// environment reads the proxy variables.
func environment(f *Facts, getenv func(string) string) {
	for _, name := range proxyVariables {
		if p, ok := parseProxy(getenv(name)); ok {
			p.Variable = name
			f.Proxies = append(f.Proxies, p)
		}
	}
	if f.NoProxy = getenv("no_proxy"); f.NoProxy == "" {
		f.NoProxy = getenv("NO_PROXY")
	}
}

// parseProxy reads a proxy variable's value: "http://user:pw@proxy:3128", "proxy:3128", "proxy".
func parseProxy(value string) (Proxy, bool) {
	if value == "" {
		return Proxy{}, false
	}
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	u, err := url.Parse(value)
	if err != nil || u.Hostname() == "" {
		return Proxy{}, false
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	if port == "" {
		port = "1080" // SOCKS and curl's default
	}
	p := Proxy{Scheme: u.Scheme, Host: hostPort(u.Hostname(), port), user: u.User.Username()}
	p.password, _ = u.User.Password()
	return p, true
}

// hostPort joins a host and a port; an IPv6 address is put in brackets.
func hostPort(host, port string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + port
}
