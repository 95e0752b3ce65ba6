package testhost

import "fmt"

// PortSOCKS is where Danted listens.
const PortSOCKS = 1080

// Danted starts Debian's dante-server, a SOCKS5 proxy, with a way to log in of its own: "none", "username".
func Danted(h *Host, method string) *Server {
	h.t.Helper()
	bin, dir := Need(h.t, "danted", "dante-server"), tempDir(h.t)
	conf := writeFile(h.t, dir, "danted.conf", 0o644,
		"logoutput: stderr", fmt.Sprintf("internal: 0.0.0.0 port = %d", PortSOCKS), "external: eth0", "socksmethod: "+method, "clientmethod: none",
		"user.privileged: root", "user.unprivileged: nobody",
		"client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }", "socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }")
	s := h.serve(nil, bin, "-f", conf, "-p", dir+"/pid", "-N", "1")
	h.AwaitListen(s, PortSOCKS)
	return s
}
