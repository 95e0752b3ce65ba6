package diagnose

import "github.com/sallyport/sallyport/internal/proxy"

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

// parseProxy reads a proxy variable's value.
func parseProxy(value string) (Proxy, bool) {
	s, err := proxy.ParseServer(value)
	if value == "" || err != nil {
		return Proxy{}, false
	}
	return Proxy{Scheme: s.Scheme, Host: s.Address(), user: s.User, password: s.Password}, true
}
