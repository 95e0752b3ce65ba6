package testhost

import (
	"fmt"
	"testing"
)

// PortDNS is where Unbound listens, by UDP and TCP.
const PortDNS = 53

// Names that Unbound answers for.
const (
	NameServer  = "irc.example.test"   // the server's own addresses
	NameAlias   = "alias.example.test" // a CNAME of NameServer, whose address does not come with it
	NameMissing = "no.example.test"    // NXDOMAIN, as all else in example.test
	NameNoData  = "mail.example.test"  // has an MX record, and no address
	NameBroken  = "www.broken.test"    // SERVFAIL: its own servers may not be asked
	NameForeign = "www.elsewhere.test" // REFUSED
	NameLong    = "long.example.test"  // 300 addresses, the last the server's: too long for a datagram
	NameSix     = "six.example.test"   // has an IPv6 address only
	NameFour    = "four.example.test"  // has an IPv4 address only
	NameTwin    = "twin.example.test"  // has the addresses of NameServer
	NameQuiet   = "www.quiet.test"     // no answer at all, as all names below quiet.test
	NameWild    = "sub.wild.test"      // as every name below wild.test: the server's second address
)

// Unbound starts Debian's unbound as a resolver.
func Unbound(h *Host, under ...string) *Server {
	h.t.Helper()
	lines := []string{
		`  local-zone: "elsewhere.test." refuse`,
		`  local-zone: "example.test." static`,
		`  local-zone: "wild.test." redirect`,
		fmt.Sprintf(`  local-data: "wild.test. A %v"`, h.V4[1]),
		fmt.Sprintf(`  local-data: "%s. A %v"`, NameServer, h.V4[0]),
		fmt.Sprintf(`  local-data: "%s. AAAA %v"`, NameServer, h.V6[0]),
		`  local-zone: "quiet.test." deny`,
		fmt.Sprintf(`  local-data: "%s. AAAA %v"`, NameSix, h.V6[0]),
		fmt.Sprintf(`  local-data: "%s. A %v"`, NameFour, h.V4[0]),
		fmt.Sprintf(`  local-data: "%s. A %v"`, NameTwin, h.V4[0]),
		fmt.Sprintf(`  local-data: "%s. AAAA %v"`, NameTwin, h.V6[0]),
		fmt.Sprintf(`  local-data: "%s. CNAME %s."`, NameAlias, NameServer),
		fmt.Sprintf(`  local-data: "%s. MX 10 %s."`, NameNoData, NameServer),
		// What nothing is known about has no such name, at once.
		`  local-zone: "." static`, `  local-data: ". SOA a.test. b.test. 1 1 1 1 1"`, `  local-zone: "broken.test." transparent`,
		fmt.Sprintf(`  local-data: "%s. A %v"`, NameLong, h.V4[0]),
	}
	for i := range 299 {
		lines = append(lines, fmt.Sprintf(`  local-data: "%s. A 198.18.%d.%d"`, NameLong, i/256, i%256))
	}
	lines = append(lines, "forward-zone:", `  name: "broken.test."`, "  forward-addr: 127.0.0.1") // do-not-query-localhost forbids it: SERVFAIL at once
	return h.unbound(under, lines)
}

// UnboundRefusing starts one that looks names up for itself alone.
func UnboundRefusing(h *Host) *Server {
	h.t.Helper()
	return h.unbound(nil, []string{"  access-control: 172.16.0.0/12 refuse"})
}

// PortDoT is where UnboundTLS listens too.
const PortDoT = 853

// UnboundTLS starts it with DNS over TLS too, and a certificate of a's for these names.
func UnboundTLS(h *Host, a *Authority, names ...string) *Server {
	h.t.Helper()
	dir := tempDir(h.t)
	a.issue(h.t, dir, soonEnough(), names...)
	s := h.unbound(nil, []string{
		fmt.Sprintf("  interface: 0.0.0.0@%d", PortDoT), fmt.Sprintf("  tls-port: %d", PortDoT), "  tls-service-key: " + dir + "/key.pem",
		"  tls-service-pem: " + dir + "/cert.pem", `  local-zone: "." static`, `  local-data: ". SOA a.test. b.test. 1 1 1 1 1"`, `  local-data: ". NS a.test."`,
	})
	h.AwaitListen(s, PortDoT)
	return s
}

// unbound starts it with these lines beside what it always has.
func (h *Host) unbound(under, lines []string) *Server {
	h.t.Helper()
	bin, dir := Need(h.t, "unbound", "unbound"), tempDir(h.t)
	lines = append([]string{
		"server:",
		`  chroot: ""`, `  username: ""`, "  directory: " + dir, `  pidfile: ""`, "  use-syslog: no", "  do-daemonize: no",
		"  num-threads: 1", "  module-config: iterator", "  interface: 0.0.0.0", "  interface: ::0", "  access-control: 0.0.0.0/0 allow",
		"  access-control: ::/0 allow",
	}, lines...)
	s := h.serve(under, bin, "-d", "-p", "-c", writeFile(h.t, dir, "unbound.conf", 0o644, lines...))
	h.AwaitListen(s, PortDNS)
	return s
}

// WithResolver is a command line to put before a program's, for it to see these lines as its /etc/resolv.conf.
func WithResolver(t testing.TB, lines ...string) []string {
	t.Helper()
	return withEtc(t, "resolv.conf", lines)
}

// WithHosts is the same for /etc/hosts.
func WithHosts(t testing.TB, lines ...string) []string {
	t.Helper()
	return withEtc(t, "hosts", lines)
}

func withEtc(t testing.TB, name string, lines []string) []string {
	t.Helper()
	path := writeFile(t, tempDir(t), name, 0o644, lines...)
	return []string{
		Need(t, "unshare", "util-linux"), "--mount", "--propagation", "private", "sh", "-c",
		`mount --bind "$0" /etc/` + name + ` && exec "$@"`, path,
	}
}
