package testhost

import "fmt"

// PortProxy is where Tinyproxy and Microsocks listen.
const PortProxy = 3128

// Tinyproxy starts an HTTP proxy on PortProxy, IPv4, with more lines of tinyproxy.conf(5): BasicAuth, Filter, ConnectPort.
func Tinyproxy(h *Host, lines ...string) *Server {
	h.t.Helper()
	bin := Need(h.t, "tinyproxy", "tinyproxy-bin")
	conf := writeFile(h.t, tempDir(h.t), "tinyproxy.conf", 0o644, append([]string{
		fmt.Sprintf("Port %d", PortProxy), "Timeout 60", "MaxClients 32", "LogLevel Connect",
	}, lines...)...)
	s := h.serve(nil, bin, "-d", "-c", conf)
	h.AwaitListen(s, PortProxy)
	return s
}

// Microsocks starts a SOCKS5 proxy on PortProxy.
func Microsocks(h *Host) *Server {
	h.t.Helper()
	s := h.serve(nil, Need(h.t, "microsocks", "microsocks"), "-p", fmt.Sprint(PortProxy))
	h.AwaitListen(s, PortProxy)
	return s
}

// Python starts a server of a few lines that listens on port.
func Python(h *Host, port uint16, script string, args ...string) *Server {
	h.t.Helper()
	NeedFile(h.t, "/usr/bin/python3", "python3")
	s := h.serve(nil, append([]string{"/usr/bin/python3", "-u", "-c", script}, args...)...)
	h.AwaitListen(s, port)
	return s
}

// PythonUDP starts a script that takes datagrams on port.
func PythonUDP(h *Host, port uint16, script string, args ...string) *Server {
	h.t.Helper()
	NeedFile(h.t, "/usr/bin/python3", "python3")
	s := h.serve(nil, append([]string{"/usr/bin/python3", "-u", "-c", script}, args...)...)
	h.awaitUDP(s, port)
	return s
}

// The user that SquidUsers and MicrosocksUsers know.
const (
	ProxyUser     = "alice"
	ProxyPassword = "secret"
)

// Squid starts Debian's squid on PortProxy, with more lines of squid.conf, the http_access lines among them.
func Squid(h *Host, lines ...string) *Server {
	h.t.Helper()
	bin := Need(h.t, "squid", "squid")
	dir := tempDir(h.t)
	conf := writeFile(h.t, dir, "squid.conf", 0o644, append([]string{
		fmt.Sprintf("http_port %d", PortProxy), "pid_filename none", "netdb_filename none", "cache deny all", "access_log none",
		"cache_log stdio:/dev/stderr", "coredump_dir " + dir, "visible_hostname proxy.test", "shutdown_lifetime 0 seconds",
		"cache_effective_user proxy", "pinger_enable off", "connect_timeout 2 seconds", "forward_timeout 3 seconds", "max_filedescriptors 1024",
	}, lines...)...)
	s := h.serve(nil, bin, "-N", "-f", conf)
	h.AwaitListen(s, PortProxy)
	return s
}

// SquidUsers is Squid for nobody but ProxyUser.
func SquidUsers(h *Host) *Server {
	h.t.Helper()
	NeedFile(h.t, "/usr/lib/squid/basic_ncsa_auth", "squid")
	users := writeFile(h.t, tempDir(h.t), "users", 0o644, ProxyUser+":$apr1$sallypor$3xM2NAlaul5F9egE1EufC.")
	return Squid(h, "auth_param basic program /usr/lib/squid/basic_ncsa_auth "+users, "auth_param basic children 1",
		"acl known proxy_auth REQUIRED", "http_access allow known", "http_access deny all")
}

// MicrosocksUsers is Microsocks for nobody but ProxyUser.
func MicrosocksUsers(h *Host) *Server {
	h.t.Helper()
	s := h.serve(nil, Need(h.t, "microsocks", "microsocks"), "-p", fmt.Sprint(PortProxy), "-u", ProxyUser, "-P", ProxyPassword)
	h.AwaitListen(s, PortProxy)
	return s
}

// TinyproxyFilter is Tinyproxy that lets these hosts pass, regular expressions, and no others.
func TinyproxyFilter(h *Host, hosts ...string) *Server {
	h.t.Helper()
	filter := writeFile(h.t, tempDir(h.t), "filter", 0o644, hosts...)
	return Tinyproxy(h, fmt.Sprintf("Filter %q", filter), "FilterDefaultDeny Yes")
}
