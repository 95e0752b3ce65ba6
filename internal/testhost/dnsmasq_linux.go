package testhost

import (
	"net/netip"
	"strings"
	"time"
)

// Dnsmasq starts Debian's dnsmasq as a resolver at one address of the host, with these options: "--address=/example.test/192.0.2.1". It asks no
// other server, and has no such name where no option says otherwise.
func Dnsmasq(h *Host, at netip.Addr, options ...string) *Server {
	h.t.Helper()
	bin := Need(h.t, "dnsmasq", "dnsmasq-base")
	dir := tempDir(h.t)
	argv := append([]string{
		bin, "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--no-poll", "--log-facility=-", "--pid-file=" + dir + "/pid",
		"--bind-interfaces", "--listen-address=" + at.String(), "--except-interface=lo", "--user=root",
	}, options...)
	if !strings.Contains(strings.Join(options, " "), "/#/") {
		argv = append(argv, "--local=/#/")
	}
	s := h.serve(nil, argv...)
	tick := time.NewTicker(listenPoll)
	defer tick.Stop()
	deadline := time.After(listenTimeout)
	for !strings.Contains(s.Output(), "started") { // another of the host may listen on the same port
		select {
		case <-tick.C:
		case <-s.done:
			h.t.Fatalf("%v ended: %v\n%s", argv, s.err, s.Output())
		case <-deadline:
			h.t.Fatalf("%v: not started after %v\n%s", argv, listenTimeout, s.Output())
		}
	}
	return s
}
