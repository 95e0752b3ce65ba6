package testhost

import (
	"fmt"
	"os"
	"regexp"
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
	h.awaitUDP(s, PortNTP)
	return s
}

// awaitUDP returns when a UDP socket of the host has the local port.
func (h *Host) awaitUDP(s *Server, port uint16) {
	h.t.Helper()
	local := regexp.MustCompile(fmt.Sprintf(":%04X 0+:0000", port)) // as /proc/net/udp and udp6 write it
	deadline := time.After(listenTimeout)
	tick := time.NewTicker(listenPoll)
	defer tick.Stop()
	for {
		var table []byte
		h.Do(func() {
			four, _ := os.ReadFile("/proc/thread-self/net/udp")
			six, _ := os.ReadFile("/proc/thread-self/net/udp6")
			table = append(four, six...)
		})
		if local.Match(table) {
			return
		}
		select {
		case <-tick.C:
		case <-s.done:
			h.t.Fatalf("%v ended: %v\n%s", s.cmd.Args, s.err, s.Output())
		case <-deadline:
			h.t.Fatalf("%v: no socket of port %d after %v\n%s", s.cmd.Args, port, listenTimeout, s.Output())
		}
	}
}
