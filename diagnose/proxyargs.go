package diagnose

import (
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/proxy"
)

// commandLine is where a proxy of the command line is named.
const commandLine = "the command line"

// proxyFlags are the options that name a proxy, as curl(1) and nc(1) have them, and the scheme of a value that has none.
var proxyFlags = map[string]string{
	"-x": "http", "--proxy": "http", "--socks5": "socks5", "--socks5-hostname": "socks5h",
}

// argumentProxies are the proxies that a command line names: by an option, git's http.proxy, wget's -e, or a property of Java's, which
// JAVA_TOOL_OPTIONS may have too.
func argumentProxies(command []string, env map[string]string) (out []Proxy) {
	var user, password string
	add := func(option, scheme, value string) {
		if scheme != "http" && !strings.Contains(value, "://") {
			value = scheme + "://" + value
		}
		if p, ok := parseProxy(value); ok {
			p.Variable, p.From = option, commandLine
			out = append(out, p)
		}
	}
	netcat := len(command) > 0 && strings.HasPrefix(filepath.Base(command[0]), "nc")
	for i, arg := range command {
		next := ""
		if i+1 < len(command) {
			next = command[i+1]
		}
		name, value, joined := strings.Cut(arg, "=")
		if !joined {
			value = next
		}
		switch scheme, known := proxyFlags[name]; {
		case known && netcat && !(contains(command, "-X", "connect") || contains(command, "-Xconnect", "")):
			add(name, "socks5", value)
		case known:
			add(name, scheme, value)
		case name == "-U" || name == "--proxy-user":
			user, password = userOf(value)
		case name == "http.proxy" && joined:
			add(name, "http", value)
		case strings.HasSuffix(strings.ToLower(name), "_proxy") && joined && i > 0 && (command[i-1] == "-e" || command[i-1] == "--execute"):
			add(name, "http", value)
		}
	}
	out = append(out, javaProxies(append(strings.Fields(env["JAVA_TOOL_OPTIONS"]), command...))...)
	for i := range out {
		if out[i].user == "" {
			out[i].user, out[i].password = user, password
		}
	}
	return out
}

func contains(command []string, option, value string) bool {
	for i, arg := range command {
		if arg == option && i+1 < len(command) && command[i+1] == value || value == "" && arg == option {
			return true
		}
	}
	return false
}

// userOf reads "user:password"; nothing where it is overwritten, as curl does with its own command line.
func userOf(s string) (user, password string) {
	if strings.Trim(s, " *\x00") == "" {
		return "", ""
	}
	user, password, _ = strings.Cut(s, ":")
	return user, password
}

// javaProxies reads Java's networking properties.
func javaProxies(options []string) (out []Proxy) {
	properties := make(map[string]string)
	for _, o := range options {
		if name, value, ok := strings.Cut(strings.TrimPrefix(o, "-D"), "="); ok && strings.HasPrefix(o, "-D") {
			properties[name] = value
		}
	}
	for _, kind := range []struct{ host, port, scheme, usual string }{
		{"https.proxyHost", "https.proxyPort", "http", "443"},
		{"http.proxyHost", "http.proxyPort", "http", "80"},
		{"socksProxyHost", "socksProxyPort", "socks5", "1080"},
	} {
		host, port := properties[kind.host], properties[kind.port]
		if port == "" {
			port = kind.usual
		}
		if host != "" {
			out = append(out, Proxy{Variable: "-D" + kind.host, Scheme: kind.scheme, Host: proxy.JoinHostPort(host, port)})
		}
	}
	return out
}

// hostAndPort takes host:port apart; an IPv6 address loses its brackets.
func (p *Proxy) hostAndPort() (host, port string) { return proxy.SplitHostPort(p.Host) }

func portText(a netip.AddrPort) string { return strconv.Itoa(int(a.Port())) }
