package diagnose

import (
	"debug/buildinfo"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// client is what a kind of program knows of proxies.
type client string

// The kinds that differ.
const (
	clientJava   client = "java"
	clientNode   client = "node"
	clientPython client = "python"
	clientCurl   client = "curl"
	clientWget   client = "wget"
	clientGit    client = "git"
	clientSSH    client = "ssh"
	clientApt    client = "apt"
	clientDotnet client = "dotnet"
	clientGo     client = "go"
	clientOther  client = ""
)

// programs are the beginnings of file names by which a client is known.
var programs = []struct {
	prefix string
	client client
}{
	{"java", clientJava},
	{"node", clientNode},
	{"python", clientPython},
	{"pypy", clientPython},
	{"curl", clientCurl},
	{"wget", clientWget},
	{"git-remote-http", clientGit},
	{"git", clientGit},
	{"ssh", clientSSH},
	{"http", clientApt},
	{"apt", clientApt},
	{"dotnet", clientDotnet},
}

// client tells the kind of the program by the file that runs; a Go program by what the compiler left in it.
func (x *examined) client() client {
	p := x.life.Process
	if p == nil {
		return clientOther
	}
	exe := p.Exe
	if exe == "" && len(p.Command) > 0 {
		exe = p.Command[0]
	}
	base := filepath.Base(exe)
	for _, known := range programs {
		if rest, ok := strings.CutPrefix(base, known.prefix); ok && strings.Trim(rest, "0123456789.-sm") == "" {
			if known.client == clientApt && !strings.Contains(exe, "apt") {
				continue // apt's methods are named http and https
			}
			return known.client
		}
	}
	for _, file := range []string{"/proc/" + strconv.Itoa(p.PID) + "/exe", p.Exe} { // the file may be replaced, the process gone
		if _, err := buildinfo.ReadFile(file); err == nil {
			return clientGo
		}
	}
	return clientOther
}

// ignores says why a client may not heed the variable that names the proxy.
func (c client) ignores(p *Proxy, port int) []string {
	upper := p.Variable == strings.ToUpper(p.Variable)
	switch c {
	case clientJava:
		return []string{"java reads no proxy variables: only its own properties"}
	case clientNode:
		return []string{"node reads no proxy variables, unless NODE_USE_ENV_PROXY=1 (24.0 and later, 22.21 and later) or its library does"}
	case clientPython:
		if strings.EqualFold(p.Variable, "all_proxy") {
			return []string{"in Python requests and httpx heed all_proxy; urllib, http.client and plain sockets don't"}
		}
		return []string{"in Python urllib, requests and httpx heed it; http.client, plain sockets and aiohttp without trust_env=True don't"}
	case clientGo:
		if strings.EqualFold(p.Variable, "all_proxy") {
			return []string{"Go's net/http reads http_proxy and https_proxy, and all_proxy not"}
		}
		return []string{"in Go http.DefaultTransport heeds it; a Transport without Proxy, and net.Dial, don't"}
	case clientCurl:
		if upper && strings.EqualFold(p.Variable, "http_proxy") && port == 80 {
			return []string{"curl reads http_proxy in lower case only, curl(1)"}
		}
		return []string{"curl heeds it by the scheme of the URL, unless --noproxy, --proxy \"\" or ~/.curlrc say otherwise"}
	case clientWget:
		if upper {
			return []string{"wget reads http_proxy, https_proxy and no_proxy in lower case only, wget(1)"}
		}
		if p.socks() || strings.EqualFold(p.Variable, "all_proxy") {
			return []string{"wget knows neither SOCKS nor all_proxy"}
		}
	case clientApt:
		if p.socks() {
			return []string{"apt reads http_proxy and https_proxy, and all_proxy not"}
		}
	case clientSSH:
		return []string{"ssh reads no proxy variables"}
	}
	return nil
}

// remedies say how to make a client use a proxy.
func (c client) remedies(p *Proxy) []string {
	host, port := p.Host, ""
	if i := strings.LastIndexByte(p.Host, ':'); i >= 0 {
		host, port = strings.Trim(p.Host[:i], "[]"), p.Host[i+1:]
	}
	url := p.Scheme + "://" + p.Host
	one := func(format string, a ...any) []string { return []string{fmt.Sprintf(format, a...)} }
	switch c {
	case clientJava:
		if p.socks() {
			return one("let java use it: `JAVA_TOOL_OPTIONS='-DsocksProxyHost=%s -DsocksProxyPort=%s'`", host, port)
		}
		return one("let java use it: `JAVA_TOOL_OPTIONS='-Dhttps.proxyHost=%[1]s -Dhttps.proxyPort=%[2]s -Dhttp.proxyHost=%[1]s -Dhttp.proxyPort=%[2]s'`; "+
			"exceptions: -Dhttp.nonProxyHosts='localhost|*.example.org', for both. A plain java.net.Socket heeds only -DsocksProxyHost", host, port)
	case clientNode:
		return one("let node use it: `NODE_USE_ENV_PROXY=1 https_proxy=%[1]s` (24.0 and later, 22.21 and later); before: `setGlobalDispatcher(new EnvHttpProxyAgent())` "+
			"of undici for fetch, an agent of the package https-proxy-agent for http and https", url)
	case clientPython:
		if p.socks() {
			return one("let Python use it: `https_proxy=%s` with requests[socks] (PySocks) or httpx[socks] installed; urllib knows no SOCKS", url)
		}
		return one("let Python use it: `https_proxy=%[1]s http_proxy=%[1]s` with requests, urllib or httpx; aiohttp: ClientSession(trust_env=True); http.client: HTTPSConnection(%[2]q, %[3]s).set_tunnel(HOST, 443)", url, host, port)
	case clientGo:
		return one("let it use the proxy: Transport{Proxy: http.ProxyFromEnvironment}, and `https_proxy=%s`; for what is no HTTP: golang.org/x/net/proxy (SOCKS5)", url)
	case clientCurl:
		return one("let curl use it: `curl --proxy %s ...`, or `https_proxy` and `http_proxy`, the latter in lower case", url)
	case clientWget:
		if p.socks() {
			return one("wget knows no SOCKS: use `curl --proxy %s`", url)
		}
		return one("let wget use it: `https_proxy=%[1]s http_proxy=%[1]s wget ...`, in lower case", url)
	case clientGit:
		return one("let git use it: `git config --global http.proxy %s`", url)
	case clientApt:
		return one("let apt use it: `Acquire::http::Proxy \"%[1]s\"; Acquire::https::Proxy \"%[1]s\";` in /etc/apt/apt.conf.d/80proxy", url)
	case clientSSH:
		kind := "connect"
		if p.socks() {
			kind = "5"
		}
		return one("let ssh use it: `ssh -o 'ProxyCommand=nc -X %s -x %s %%h %%p' ...`", kind, p.Host)
	case clientDotnet:
		return one("let .NET use it: HttpClient reads `HTTPS_PROXY=%s` where UseProxy is on and Proxy not set; sockets read nothing", url)
	}
	return one("let it use the proxy, by a setting of its own, or `https_proxy=%[1]s http_proxy=%[1]s` if it heeds them; a program that makes plain connections needs a wrapper such as proxychains4", url)
}
