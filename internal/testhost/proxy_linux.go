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
