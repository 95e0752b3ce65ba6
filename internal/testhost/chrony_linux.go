package testhost

import (
	"os"
	"strings"
	"time"
)

// PortNTP is where Chrony listens, by UDP.
const PortNTP = 123

// Chrony starts Debian's chronyd as a server of stratum 10, which touches no clock.
func Chrony(h *Host) *Server {
	h.t.Helper()
	bin, dir := Need(h.t, "chronyd", "chrony"), tempDir(h.t)
	conf := writeFile(h.t, dir, "chrony.conf", 0o644,
		"local stratum 10", "allow all", "cmdport 0", "bindcmdaddress /", "pidfile "+dir+"/pid", "user root")
	s := h.serve(nil, bin, "-x", "-d", "-f", conf) // -x: the clock is left alone
	h.awaitUDP(s, ":007B")
	return s
}

// awaitUDP returns when a UDP socket of the host has the local port, as /proc/net/udp writes it: ":007B".
func (h *Host) awaitUDP(s *Server, port string) {
	h.t.Helper()
	deadline := time.After(listenTimeout)
	tick := time.NewTicker(listenPoll)
	defer tick.Stop()
	for {
		var table []byte
		h.Do(func() { table, _ = os.ReadFile("/proc/thread-self/net/udp") })
		if strings.Contains(string(table), port+" 00000000:0000") {
			return
		}
		select {
		case <-tick.C:
		case <-s.done:
			h.t.Fatalf("%v ended: %v\n%s", s.cmd.Args, s.err, s.Output())
		case <-deadline:
			h.t.Fatalf("%v: no socket of port %s after %v\n%s", s.cmd.Args, port, listenTimeout, s.Output())
		}
	}
}
