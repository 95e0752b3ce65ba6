package testhost

import "fmt"

// PortMemcached is where Memcached listens.
const PortMemcached = 11211

// Memcached starts Debian's memcached, by TCP.
func Memcached(h *Host) *Server {
	h.t.Helper()
	s := h.serve(nil, Need(h.t, "memcached", "memcached"), "-u", "root", "-l", "0.0.0.0", "-p", fmt.Sprint(PortMemcached), "-U", "0", "-m", "8", "-t", "1")
	h.AwaitListen(s, PortMemcached)
	return s
}
