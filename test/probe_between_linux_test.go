package test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/testhost"
)

// TestProbeCertificates lets the handshake tell a real server's faults, by the authorities that a host trusts.
func TestProbeCertificates(t *testing.T) {
	p := testhost.NewPair(t)
	known := testhost.NewAuthority(t, "Example CA")
	day := 24 * time.Hour
	for _, c := range []struct {
		name  string
		until time.Duration
		names []string
		roots string
		want  string
	}{
		{"right", 90 * day, []string{serverName}, known.Path, "certificate for " + serverName + ", issued by Example CA, valid until 20"},
		{"expires soon", 3*day + time.Hour, []string{serverName}, known.Path, "issued by Example CA, expires in 3 days"},
		{"expired", -30 * time.Hour, []string{serverName}, known.Path, "certificate for " + serverName + ", issued by Example CA, certificate expired on 20"}, // and nothing else
		{"another name", 90 * day, []string{"other.example.test"}, known.Path, "certificate not for " + serverName + ", but for other.example.test"},
		{"nobody's", 90 * day, []string{serverName}, "", "certificate issued by Example CA, which this host does not trust"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := testhost.TLSServer(p.Server.With(t), known, "TLSv1.2 TLSv1.3", time.Now().Add(c.until), c.names...)
			defer s.Stop()
			for _, r := range makeTries(t, p.Client, []try{{"https", serverName, netip.AddrPortFrom(netip.MustParseAddr(server4), testhost.PortTLS), false, c.roots}}) {
				if strings.Count(r.text(), "expired on") > 1 || r.Words != "" || r.Verdict != "allowed" || !strings.Contains(r.text(), c.want) {
					t.Errorf("%s %s\nwant %s", r.Verdict, r.text(), c.want)
				}
			}
		})
	}
}

// TestProbeIntercepted finds what stands between: a squid that takes over port 80, one that takes TLS off on 443, and a port of the
// router that takes every other connection, wherever it leads.
func TestProbeIntercepted(t *testing.T) {
	row := testhost.NewRow(t)
	public, office := testhost.NewAuthority(t, "Public CA"), testhost.NewAuthority(t, "Office Inspection")
	testhost.NginxTLS(row.Server, public, serverName)
	testhost.Memcached(row.Server)
	testhost.Squid(row.Router, "http_port 3129 intercept", "http_access allow all", "connect_timeout 1 second", "forward_timeout 2 seconds")
	testhost.TLSFront(row.Router, office, 3130, 3128, serverName)
	testhost.Python(row.Router, 3131, acceptAll)
	row.Router.IP("route", "add", "unreachable", testhost.RowAbsentFar) // squid finds out at once
	row.Router.NFT(`table ip take { chain pre { type nat hook prerouting priority -100;
		iif eth0 tcp dport 80 redirect to :3129; iif eth0 tcp dport 443 redirect to :3130; iif eth0 tcp dport 11211 redirect to :3131; } ; }`)
	at := func(addr string, port uint16) netip.AddrPort {
		return netip.AddrPortFrom(netip.MustParseAddr(addr), port)
	}
	tries := map[try]string{
		{"http", "", at(testhost.RowServer4, 80), false, ""}:                              "connected, http HTTP/1.1 200 OK, server: nginx/1.22.1, via: 1.1 proxy.test (squid/5.7)",
		{"http", "", at(testhost.RowAbsentFar, 80), false, ""}:                            "squid answered in the place of the server: ERR_CONNECT_FAIL",
		{"https", serverName, at(testhost.RowServer4, 443), false, public.Path}:           "certificate issued by Office Inspection, which this host does not trust",
		{"memcached", "", at(testhost.RowServer4, 11211), false, ""}:                      "does not speak memcached: closed the connection without an answer",
		{"memcached", "", at(testhost.RowAbsentFar, 11211), false, ""}:                    "does not speak memcached: closed the connection without an answer",
		{"h2c", "", at(testhost.RowServer4, testhost.PortH2C), false, ""}:                 "connected, h2c HTTP/2",
		{"quic", serverName, at(testhost.RowServer4, testhost.PortTLS), true, ""}:         "refused",
		{"ntp", "", at(testhost.RowServer4, testhost.PortNTP), true, ""}:                  "refused",
		{"dns", "", netip.AddrPortFrom(at(testhost.RowServer4, 53).Addr(), 53), true, ""}: "refused",
	}
	var list []try
	for x := range tries {
		list = append(list, x)
	}
	for _, r := range makeTries(t, row.Client, list) {
		want := tries[r.try]
		if !strings.Contains(r.text(), want) {
			t.Errorf("%s %v: %s\nwant %s", r.Service, r.To, r.text(), want)
		}
		if r.UDP && r.Verdict != "inconclusive" {
			t.Errorf("%s %v: %s without an answer", r.Service, r.To, r.Verdict)
		}
	}
}

// acceptAll accepts connections, and closes them once something came.
const acceptAll = `
import socket
l = socket.create_server(("0.0.0.0", 3131))
while True:
    c = l.accept()[0]
    c.recv(4096)
    c.close()
`
