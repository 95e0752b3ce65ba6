package proxy

import "strings"

// Choice is what a client makes of its environment for one URL.
type Choice struct {
	Client   Client
	Variable string // that names the proxy; "" for none, so that it goes directly
	Value    string // of it, with what it has of a password
	Exempt   string // the item of no_proxy that exempts it; "" for none
	List     string // the variable that has it
	Why      string // what keeps it from a variable that others read; "" for nothing
}

// Direct reports whether it goes without a proxy.
func (c *Choice) Direct() bool { return c.Variable == "" || c.Exempt != "" || c.Why != "" }

// Choose tells which proxy a client takes for a URL, of an environment.
func (c Client) Choose(env map[string]string, u URL) Choice {
	x := Choice{Client: c}
	scheme := strings.ToLower(u.Scheme)
	if c == Java {
		return chooseJava(env, scheme, u)
	}
	cgi := env["REQUEST_METHOD"] != "" // a server may have made HTTP_PROXY of a client's header "Proxy:", CVE-2016-5385
	names := []string{scheme}
	if c == Curl || c == Requests {
		names = append(names, "all")
	}
	if c == Node && scheme == "https" {
		names = append(names, "http") // as undici's EnvHttpProxyAgent does
	}
	for _, name := range names {
		if x.Variable = c.variable(env, name+"_proxy"); x.Variable != "" {
			break
		}
	}
	x.Value = env[x.Variable]
	switch {
	case c == Go && cgi && scheme == "http" && x.Variable != "":
		x.Why = "refuses http_proxy where REQUEST_METHOD is set, as in CGI"
	case (c == Urllib || c == Requests) && cgi && x.Variable == "HTTP_PROXY":
		x.Variable, x.Value, x.Why = "", "", "leaves HTTP_PROXY out where REQUEST_METHOD is set, as in CGI"
	case c == Node && x.Variable != "" && env["NODE_USE_ENV_PROXY"] != "1":
		x.Why = "reads the proxy variables with NODE_USE_ENV_PROXY=1 alone (22.21, 24.5)"
	case c == Wget && x.Variable != "" && !strings.HasPrefix(strings.ToLower(x.Value), "http") && strings.Contains(x.Value, "://"):
		x.Why = "knows no SOCKS"
	case x.Variable == "" && env[strings.ToUpper(scheme)+"_PROXY"] != "":
		x.Why = "reads " + scheme + "_proxy in lower case alone"
	case x.Variable == "" && c != Curl && c != Requests && (env["all_proxy"] != "" || env["ALL_PROXY"] != ""):
		x.Why = "knows no all_proxy"
	}
	if c == Go && (u.Host == "localhost" || isLoopback(u.Host)) {
		x.Why = "never takes a proxy to loopback"
	}
	if x.Variable == "" || x.Why != "" {
		return x
	}
	x.List = c.variable(env, "no_proxy")
	x.Exempt = c.Exempting(env[x.List], u)
	return x
}

// defaultNonProxyHosts are what Java leaves out where nothing is said (java.net.doc-files/net-properties).
const defaultNonProxyHosts = "localhost|127.*|[::1]|0.0.0.0|[::0]"

// chooseJava reads the properties that the launcher and the virtual machine take from the environment. For https the list is that of http.
func chooseJava(env map[string]string, scheme string, u URL) Choice {
	x := Choice{Client: Java, Why: "reads no proxy variables, but -D" + scheme + ".proxyHost in JAVA_TOOL_OPTIONS"}
	list := defaultNonProxyHosts
	for _, name := range []string{"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS"} { // the latter, of the command line, wins
		for _, option := range strings.Fields(env[name]) {
			property, value, _ := strings.Cut(strings.TrimPrefix(option, "-D"), "=")
			switch property {
			case scheme + ".proxyHost":
				x.Variable, x.Value, x.Why = name, value, ""
			case "http.nonProxyHosts":
				list = strings.Trim(value, `"'`)
				if list != "" { // which leaves the machine itself out all the same
					list += "|" + defaultNonProxyHosts
				}
			}
		}
	}
	if x.Variable != "" {
		x.List, x.Exempt = "http.nonProxyHosts", Java.Exempting(list, u)
	}
	return x
}

func isLoopback(host string) bool {
	return strings.HasPrefix(host, "127.") || host == "::1"
}

// variable is how the variable that a client reads is spelled: "" where it has none that is set.
func (c Client) variable(env map[string]string, name string) string {
	upper := strings.ToUpper(name)
	order := []string{name, upper}
	switch {
	case c == Wget, c == Curl && name == "http_proxy":
		order = order[:1] // wget(1); curl(1): the upper case one may come of a request's header, in CGI
	case c == Go:
		order = []string{upper, name}
	}
	for _, n := range order {
		v, set := env[n]
		if v != "" {
			return n
		}
		if set && n == name && (c == Node || c == Urllib || c == Requests && name != "no_proxy") {
			return "" // set, and empty: none
		}
	}
	return ""
}
