package testhost

import "fmt"

// Where Redis listens, and the same inside of TLS.
const (
	PortRedis  = 6379
	PortRediss = 6380
)

// Redis starts Debian's redis-server, with a certificate of a's for these names.
func Redis(h *Host, a *Authority, names ...string) *Server {
	h.t.Helper()
	dir := tempDir(h.t)
	a.issue(h.t, dir, soonEnough(), names...)
	s := h.redis(dir, PortRedis, "--protected-mode", "no", "--tls-port", fmt.Sprint(PortRediss), "--tls-cert-file", dir+"/cert.pem", "--tls-key-file", dir+"/key.pem",
		"--tls-ca-cert-file", a.Path, "--tls-auth-clients", "no")
	h.AwaitListen(s, PortRediss)
	return s
}

// RedisOn starts one on another port, with more of redis.conf: "--requirepass", "secret".
func RedisOn(h *Host, port uint16, settings ...string) *Server {
	h.t.Helper()
	return h.redis(tempDir(h.t), port, settings...)
}

func (h *Host) redis(dir string, port uint16, settings ...string) *Server {
	h.t.Helper()
	argv := []string{Need(h.t, "redis-server", "redis-server"), "--port", fmt.Sprint(port), "--bind", "0.0.0.0", "--dir", dir, "--save", "", "--loglevel", "notice"}
	s := h.serve(nil, append(argv, settings...)...)
	h.AwaitListen(s, port)
	return s
}
