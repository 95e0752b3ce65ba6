package test

import (
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
	"github.com/sallyport/sallyport/probe/measure"
)

// The names and the address that the servers' certificates are for.
const (
	serverName = "server.example.test"
	trustTLS   = `TLS 1\.3, .*certificate for server\.example\.test, 172\.16\.6\.1, issued by Example CA, valid until 20`
)

// realPort is where a real server listens, and which handshakes are right there: by their names, what a person then reads, a regular
// expression. Every other handshake must fail, and may call it only by one of the names of these, or of also.
type realPort struct {
	port  uint16
	udp   bool
	right map[string]string
	also  []string
}

// realServers are groups that run together.
var realServers = []struct {
	name  string
	start func(testing.TB, *testhost.Host, *testhost.Authority)
	ports []realPort
}{
	{
		"web", func(t testing.TB, h *testhost.Host, a *testhost.Authority) {
			testhost.NginxTLS(h, a, serverName, server4)
			testhost.UnboundTLS(h, a, serverName)
			testhost.Squid(h, "http_access allow all", "dns_nameservers 127.0.0.1")
			testhost.Memcached(h)
		}, []realPort{
			{port: testhost.PortHTTP, right: map[string]string{"http": `^connected, http HTTP/1\.1 200 OK, server: nginx/1`}},
			{port: testhost.PortH2C, right: map[string]string{"h2c": `^connected, h2c HTTP/2, 128 streams at a time`}},
			{port: testhost.PortTLS, right: map[string]string{
				"https": `^connected, https HTTP/1\.1 200 OK, server: nginx/1.*` + trustTLS,
				"h2":    `^connected, h2 HTTP/2, 128 streams at a time, TLS 1\.3, ALPN h2, certificate for`,
				"tls":   `^connected, tls TLS 1\.3, certificate for .* issued by Example CA`,
			}, also: []string{"http"}}, // for a page that says that it wants TLS
			{port: testhost.PortProxy, right: map[string]string{
				"http":       `^connected, http HTTP/1\.1 400 Bad Request, server: squid/5.*squid answered in the place of the server: ERR_INVALID_URL`,
				"http-proxy": `^connected, http-proxy HTTP/1\.1 50[03] [A-Z].*, server: squid/5.*wants no login`,
			}},
			{port: testhost.PortMemcached, right: map[string]string{"memcached": `^connected, memcached 1\.6\.`}},
		},
	},
	{
		"mail and talk", func(t testing.TB, h *testhost.Host, a *testhost.Authority) {
			testhost.OpenSMTPD(h, a, serverName, server4)
			testhost.TLSFront(h, a, testhost.PortSMTPS, testhost.PortSMTPPlain, serverName, server4)
			testhost.InspIRCdTLS(h, a, serverName, server4)
			testhost.SSHD(h)
			testhost.VSFTPD(h)
			testhost.Tinyproxy(h, "Allow 0.0.0.0/0")
		}, []realPort{
			{port: testhost.PortSMTP, right: map[string]string{"smtp": `^connected, smtp mail\.example\.test ESMTP OpenSMTPD, offers STARTTLS$`}},
			{port: testhost.PortSMTPPlain, right: map[string]string{"smtp": `^connected, smtp mail\.example\.test ESMTP OpenSMTPD, offers no STARTTLS$`}},
			{port: testhost.PortSMTPS, right: map[string]string{"smtps": `^connected, smtps mail\.example\.test ESMTP OpenSMTPD, ` + trustTLS, "tls": trustTLS}, also: []string{"smtp"}},
			{port: testhost.PortIRC, right: map[string]string{"irc": `^connected, irc banks\.freenode\.net$`}},
			{port: testhost.PortIRCS, right: map[string]string{"ircs": `^connected, ircs banks\.freenode\.net, ` + trustTLS, "tls": trustTLS}, also: []string{"irc"}},
			{port: testhost.PortSSH, right: map[string]string{"ssh": `^connected, ssh OpenSSH_9`}},
			{port: testhost.PortFTP, right: map[string]string{}, also: []string{"ftp"}},
			{port: testhost.PortProxy, right: map[string]string{
				"http":       `^connected, http HTTP/1\.[01] 500 Unable to connect, .*tinyproxy answered in the place of the server`,
				"http-proxy": `^connected, http-proxy HTTP/1\.[01] 500 Unable to connect, server: tinyproxy/1.*wants no login`,
			}},
		},
	},
	{
		"data", func(t testing.TB, h *testhost.Host, a *testhost.Authority) {
			testhost.Postgres(h, nil)
			testhost.Redis(h, a, serverName, server4)
			testhost.RedisOn(h, portRedisLocked, "--requirepass", "secret", "--protected-mode", "no")
			testhost.RedisOn(h, portRedisProtected, "--protected-mode", "yes")
			testhost.MariaDB(h, nil)
			testhost.Slapd(h, a, []string{serverName, server4})
		}, []realPort{
			{port: testhost.PortPostgres, right: map[string]string{"postgres": `^connected, postgres, offers no TLS$`}},
			{port: testhost.PortRedis, right: map[string]string{"redis": `^connected, redis [78]\.\d+\.\d+$`}},
			{port: testhost.PortRediss, right: map[string]string{"rediss": `^connected, rediss [78]\.\d+\.\d+, ` + trustTLS, "tls": trustTLS}, also: []string{"redis"}},
			{port: portRedisLocked, right: map[string]string{"redis": `^connected, redis, wants a login$`}},
			{port: portRedisProtected, right: map[string]string{"redis": `^connected, redis, denies other hosts: protected mode$`}},
			{port: testhost.PortMySQL, right: map[string]string{"mysql": `^connected, mysql 10\.11\.\d+-MariaDB.*, offers no TLS$`}},
			{port: testhost.PortLDAP, right: map[string]string{"ldap": `^connected, ldap, LDAP 3, has dc=example,dc=test$`}},
			{port: testhost.PortLDAPS, right: map[string]string{"ldaps": `^connected, ldaps, LDAP 3, has dc=example,dc=test, ` + trustTLS, "tls": trustTLS}, also: []string{"ldap"}},
		},
	},
	{
		"postgres with TLS", func(t testing.TB, h *testhost.Host, a *testhost.Authority) {
			testhost.Postgres(h, a, serverName, server4)
		}, []realPort{{port: testhost.PortPostgres, right: map[string]string{"postgres": `^connected, postgres, offers TLS, ` + trustTLS}}},
	},
	{
		"brokers", func(t testing.TB, h *testhost.Host, a *testhost.Authority) {
			testhost.RabbitMQ(h, a, serverName, server4)
			testhost.Mosquitto(h, a, serverName, server4)
			testhost.Chrony(h)
			testhost.UnboundTLS(h, a, serverName, server4)
			testhost.Danted(h, "none")
		}, []realPort{
			{port: testhost.PortAMQP, right: map[string]string{
				"amqp":  `^connected, amqp 0-9-1, RabbitMQ 3\.\d+\.\d+, logins by .*PLAIN`,
				"amqp1": `^connected, amqp1 1\.0, logins by .*PLAIN`,
			}},
			{port: testhost.PortAMQPS, right: map[string]string{
				"amqps": `^connected, amqps 0-9-1, RabbitMQ 3\.\d+\.\d+, logins by .*PLAIN.*, ` + trustTLS, "tls": trustTLS,
			}, also: []string{"amqp"}},
			{port: testhost.PortRabbitMQTT, right: map[string]string{"mqtt": `^connected, mqtt$`}},
			{port: testhost.PortMQTT, right: map[string]string{"mqtt": `^connected, mqtt$`}},
			{port: testhost.PortMQTTS, right: map[string]string{"mqtts": `^connected, mqtts, ` + trustTLS, "tls": trustTLS}, also: []string{"mqtt"}},
			{port: testhost.PortNTP, udp: true, right: map[string]string{"ntp": `^connected, ntp NTPv4, stratum 10, this host's clock agrees within a second$`}},
			{port: testhost.PortDNS, udp: true, right: map[string]string{"dns": `^connected, dns, looks names up$`}},
			{port: testhost.PortDNS, right: map[string]string{"dns": `^connected, dns, looks names up$`}},
			{port: testhost.PortDoT, right: map[string]string{"dot": `^connected, dot, looks names up, ` + trustTLS, "tls": trustTLS}, also: []string{"dns"}},
			{port: testhost.PortSOCKS, right: map[string]string{"socks5": `^connected, socks5, wants no login$`}},
		},
	},
	{
		"Kafka and QUIC", func(t testing.TB, h *testhost.Host, a *testhost.Authority) {
			testhost.Kafka(h, filepath.Join("peers", "peers"))
			testhost.QUIC(h, filepath.Join("peers", "peers"))
		}, []realPort{
			{port: testhost.PortKafka, right: map[string]string{"kafka": `^connected, kafka, knows \d\d kinds of requests$`}},
			{port: testhost.PortQUIC, udp: true, right: map[string]string{"quic": `^connected, quic versions 1, 2$`}},
		},
	},
	{
		"FerretDB", func(t testing.TB, h *testhost.Host, a *testhost.Authority) {
			testhost.FerretDB(h, filepath.Join("ferretdb", "ferretdb"))
		}, []realPort{{port: testhost.PortMongoDB, right: map[string]string{"mongodb": `^connected, mongodb FerretDB as MongoDB 7\.0\.\d+, wire version 21`}}},
	},
}

const (
	portRedisLocked    = 6381
	portRedisProtected = 6382
)

// TestProbeServers lets every handshake meet every real server: its own says the right service and version, and every other one that it is another.
func TestProbeServers(t *testing.T) {
	for _, group := range realServers {
		t.Run(group.name, func(t *testing.T) {
			p := testhost.NewPair(t)
			a := testhost.NewAuthority(t, "Example CA")
			group.start(t, p.Server, a)
			var tries []try
			for _, at := range group.ports {
				for _, service := range append(measure.Services(), "") {
					if onlyUDP := service == "ntp" || service == "quic"; onlyUDP && !at.udp || at.udp && !onlyUDP && service != "dns" && service != "" {
						continue
					}
					tries = append(tries, try{service, serverName, netip.AddrPortFrom(netip.MustParseAddr(server4), at.port), at.udp, a.Path})
				}
			}
			for _, r := range makeTries(t, p.Client, tries) {
				i := slices.IndexFunc(group.ports, func(at realPort) bool { return at.port == r.To.Port() && at.udp == r.UDP })
				group.ports[i].check(t, &r)
			}
		})
	}
}

// TestProbeRefused is of servers that let nobody in, and so prove what they are.
func TestProbeRefused(t *testing.T) {
	for _, c := range []struct {
		name, service, want string
		port                uint16
		udp                 bool
		start               func(*testhost.Host)
	}{
		{"dante with users", "socks5", `^connected, socks5, wants a user and a password$`, testhost.PortSOCKS, false, func(h *testhost.Host) { testhost.Danted(h, "username") }},
		{"microsocks with users", "socks5", `^connected, socks5, wants a user and a password$`, testhost.PortProxy, false, func(h *testhost.Host) { testhost.MicrosocksUsers(h) }},
		{"squid with users", "http-proxy", `^connected, http-proxy HTTP/1\.1 407 .*wants a login$`, testhost.PortProxy, false, func(h *testhost.Host) { testhost.SquidUsers(h) }},
		{"tinyproxy with a filter", "http-proxy", `^connected, http-proxy HTTP/1\.[01] 403 .*denies a tunnel$`, testhost.PortProxy, false, func(h *testhost.Host) { testhost.TinyproxyFilter(h, "only.example") }},
		{"unbound, UDP", "dns", `^connected, dns, refuses to look names up for this host$`, testhost.PortDNS, true, func(h *testhost.Host) { testhost.UnboundRefusing(h) }},
		{"unbound, TCP", "dns", `^connected, dns, refuses to look names up for this host$`, testhost.PortDNS, false, func(h *testhost.Host) { testhost.UnboundRefusing(h) }},
		{"slapd that wants a bind", "ldap", `^connected, ldap, refuses with result 53: authentication required$`, testhost.PortLDAP, false, func(h *testhost.Host) {
			testhost.Slapd(h, testhost.NewAuthority(t, "Example CA"), []string{serverName}, "require authc")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := testhost.NewPair(t)
			c.start(p.Server)
			one := []try{{c.service, "", netip.AddrPortFrom(netip.MustParseAddr(server4), c.port), c.udp, ""}}
			if r := makeTries(t, p.Client, one)[0]; r.Words != "" || r.Verdict != "allowed" || !regexp.MustCompile(c.want).MatchString(r.text()) {
				t.Errorf("%s %s\nwant %s", r.Verdict, r.text(), c.want)
			}
		})
	}
}

// TestProbeLeavesNothing reads the logs of servers after the handshakes that are theirs.
func TestProbeLeavesNothing(t *testing.T) {
	p := testhost.NewPair(t)
	a := testhost.NewAuthority(t, "Example CA")
	servers := []struct {
		server   *testhost.Server
		services map[string]uint16
		never    string // in the log
	}{
		{testhost.OpenSMTPD(p.Server, a, serverName), map[string]uint16{"smtp": testhost.PortSMTP}, `message|envelope|failed|error|reason=[^q]`},
		{testhost.Postgres(p.Server, a, serverName), map[string]uint16{"postgres": testhost.PortPostgres}, `FATAL|ERROR|invalid|could not|unsupported`},
		{testhost.Mosquitto(p.Server, a, serverName), map[string]uint16{"mqtt": testhost.PortMQTT, "mqtts": testhost.PortMQTTS}, `New client connected`},
		{testhost.Redis(p.Server, a, serverName), map[string]uint16{"redis": testhost.PortRedis, "rediss": testhost.PortRediss}, `(?i)attack|error|DB 0:`},
		{testhost.Squid(p.Server, "http_access deny all"), map[string]uint16{"http-proxy": testhost.PortProxy}, `FATAL|ERROR`},
	}
	var tries []try
	for _, s := range servers {
		for service, port := range s.services {
			tries = append(tries, try{service, serverName, netip.AddrPortFrom(netip.MustParseAddr(server4), port), false, a.Path})
		}
	}
	for _, r := range makeTries(t, p.Client, tries) {
		if r.Words != "" || r.Verdict != "allowed" {
			t.Errorf("%s: %s", r.Service, r.text())
		}
		if r.Service == "http-proxy" && !strings.HasSuffix(r.text(), "denies a tunnel") {
			t.Errorf("squid that denies: %s", r.text())
		}
	}
	for _, s := range servers {
		s.server.Stop()
		if said := regexp.MustCompile(".*(" + s.never + ").*").FindString(s.server.Output()); said != "" {
			t.Errorf("%v: the server's log says %q", s.services, said)
		}
	}
}

// TestProbeTurnedAway is of a server that counts connections without a login, as MySQL and MariaDB do by default up to 100.
func TestProbeTurnedAway(t *testing.T) {
	p := testhost.NewPair(t)
	testhost.MariaDB(p.Server, testhost.WithHosts(t, p.Client.V4[0].String()+" client.test"), "--max-connect-errors=1")
	one := []try{{"mysql", "", netip.AddrPortFrom(netip.MustParseAddr(server4), testhost.PortMySQL), false, ""}}
	for i, want := range []string{`^connected, mysql 10\.`, `^connected, mysql, turns this host away: Host '172\.16\.6\.170' is blocked because of many connection errors.* \(error 1129\)$`} {
		if r := makeTries(t, p.Client, one)[0]; r.Words != "" || !regexp.MustCompile(want).MatchString(r.text()) {
			t.Errorf("%d: %s\nwant %s", i, r.text(), want)
		}
	}
}

func (at *realPort) check(t *testing.T, r *tried) {
	t.Helper()
	want, right := at.right[r.Service]
	t.Logf("%5d %-12s %s", at.port, r.Service, r.text())
	switch {
	case right && r.Verdict == "allowed" && r.Words == "" && regexp.MustCompile(want).MatchString(r.text()):
	case right:
		t.Errorf("port %d, %s: %s %s\nwant %s", at.port, r.Service, r.Verdict, r.text(), want)
	case r.Service == "":
		if r.Words != "" && r.Verdict == "allowed" || r.Answer != nil && !at.maybe(r.Answer.Service) {
			t.Errorf("port %d, no handshake: %s %s", at.port, r.Verdict, r.text())
		}
	case r.Words == "" && r.Outcome == "connected":
		t.Errorf("port %d, %s: succeeds: %s", at.port, r.Service, r.text())
	case r.Answer != nil && !at.maybe(r.Answer.Service):
		t.Errorf("port %d, %s: names another protocol: %s", at.port, r.Service, r.text())
	case strings.Contains(r.Words, "unknown error"):
		t.Errorf("port %d, %s: %s", at.port, r.Service, r.Words)
	}
}

// maybe reports whether a name is right for what is at a port, as far as it goes.
func (at *realPort) maybe(name string) bool {
	if _, right := at.right[name]; right || name == "" {
		return true
	}
	return slices.Contains(at.also, name)
}
