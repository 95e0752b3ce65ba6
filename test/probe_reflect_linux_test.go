package test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// reflectProbe probes with the token of testhost.Reflect, and returns what was written.
func reflectProbe(t *testing.T, h *testhost.Host, args ...string) string {
	t.Helper()
	return reflectProbeAs(t, h, testhost.ReflectToken, args...)
}

func reflectProbeAs(t *testing.T, h *testhost.Host, token string, args ...string) string {
	t.Helper()
	argv := append([]string{"/usr/bin/env", "SALLYPORT_REFLECT_TOKEN=" + token, sallyport(t), "probe", "--sources", "none", "--timeout", "3s"}, args...)
	got := h.Run(probeTimeout, "", argv...)
	if got.Status != 0 {
		t.Fatalf("%v: status %d\n%s%s", args, got.Status, got.Stdout, got.Stderr)
	}
	return got.Stdout
}

// wants checks that lines of a text have what they should.
func wants(t *testing.T, got string, want ...string) {
	t.Helper()
	if testing.Verbose() {
		t.Log(got)
	}
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("it does not say %q:\n%s", w, got)
		}
	}
}

// TestReflectNAT has a router translate sources to one address and other ports, and a destination, of both families.
func TestReflectNAT(t *testing.T) {
	row := testhost.NewRow(t)
	testhost.Reflect(row.Server, sallyport(t), []uint16{testhost.PortReflect})
	targets := []string{"reflect://172.16.8.2", "reflect+udp://172.16.8.2", "reflect://[fd00:8::2]", "reflect+udp://[fd00:8::2]"}
	wants(t, reflectProbe(t, row.Client, targets...),
		"reflect, seen as 172.16.7.2:", "unchanged, bytes intact both ways", "reflect, seen as [fd00:7::2]:")
	row.Router.NFT(`table inet nat { chain pre { type nat hook prerouting priority -100;
		meta nfproto ipv4 meta l4proto { tcp, udp } th dport 8080 dnat ip to 172.16.8.2:7531; } ;
		chain post { type nat hook postrouting priority 100; oif eth1 meta l4proto { tcp, udp } masquerade to :20000-20999; } ; }`)
	out := reflectProbe(t, row.Client, append(targets, "reflect://172.16.7.1:8080", "reflect+udp://172.16.7.1:8080", "reflect://172.16.8.2:7530-7532")...)
	wants(t, out,
		"reflect, seen as 172.16.8.1:20", " instead of 172.16.7.2:", "reflect, seen as [fd00:8::1]:20", " instead of [fd00:7::2]:",
		"arrived at 172.16.8.2:7531 instead, by NAT or a proxy",
		"reflect, seen as 172.16.8.1 instead of 172.16.7.2, from another port than its own, by NAT or a proxy, bytes intact both ways",
	)
	if n := strings.Count(out, "arrived at"); n != 2 {
		t.Errorf("%d destinations are translated:\n%s", n, out)
	}
	yaml := reflectProbe(t, row.Client, append([]string{"--output", "yaml"}, targets...)...)
	wants(t, yaml, "seenAs: [172.16.8.1, 'fd00:8::1']")

	var doc struct {
		Rows []struct {
			Protocol, Address string
			Ends              []struct {
				Answer *struct {
					Reflected *struct {
						Seen, Local, Reached string
						Out, Back            struct {
							Sent, Came int
							Differ     *int
						}
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(reflectProbe(t, row.Client, append([]string{"--output", "json"}, targets...)...)), &doc); err != nil {
		t.Fatal(err)
	}
	for _, r := range doc.Rows {
		x := r.Ends[0].Answer.Reflected
		if x == nil || x.Out.Sent == 0 || x.Out.Came != x.Out.Sent || x.Out.Differ != nil || x.Back.Differ != nil || x.Local == x.Seen || !strings.HasSuffix(x.Reached, ":7531") {
			t.Errorf("%s %s: %+v", r.Protocol, r.Address, x)
		}
	}
}

// relay passes on what comes to a port. What it does with the first bytes, or all of them, is the code "change", of d, the bytes, and back, whether
// they come from the server.
func relay(h *testhost.Host, port uint16, to, change string) *testhost.Server {
	host, toPort, _ := strings.Cut(to, " ")
	return testhost.Python(h, port, fmt.Sprintf(`
import socket, struct, threading
def change(d, back):
    %s
    return d
def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
def pump(a, b, back):
    try:
        while True:
            d = a.recv(65536)
            if not d: break
            d = change(d, back)
            if d is None:
                reset(a); reset(b)
                return
            b.sendall(d)
        b.shutdown(socket.SHUT_WR)
    except OSError: pass
def serve(c):
    s = socket.create_connection(("%s", %s))
    threading.Thread(target=pump, args=(s, c, True), daemon=True).start()
    pump(c, s, False)
l = socket.create_server(("0.0.0.0", %d))
while True: threading.Thread(target=serve, args=(l.accept()[0],), daemon=True).start()
`, change, host, toPort, port))
}

// TestReflectChanged has something on the way change bytes.
func TestReflectChanged(t *testing.T) {
	row := testhost.NewRow(t)
	testhost.Reflect(row.Server, sallyport(t), []uint16{7531, 7532, 7533}, "--listen", ":7531", "--listen", ":7532", "--listen", ":7533")
	relay(row.Router, 9001, "172.16.8.2 7531", `d = d if back else d.replace(b"\xff", b"\xfe")`)
	relay(row.Router, 9002, "172.16.8.2 7532", `d = d.replace(b"\x80", b"\x00") if back else d`)
	relay(row.Router, 9003, "172.16.8.2 7533", `d = d if back else d.replace(b"\n", b"\r\n")`)
	row.Router.NFT(`table ip take { chain pre { type nat hook prerouting priority -100;
		iif eth0 tcp dport 7531 redirect to :9001; iif eth0 tcp dport 7532 redirect to :9002; iif eth0 tcp dport 7533 redirect to :9003; } ; }`)
	wants(t, reflectProbe(t, row.Client, "reflect://172.16.8.2:7531", "reflect://172.16.8.2:7532", "reflect://172.16.8.2:7533"),
		"bytes changed on the way out, first at byte 256 of 4096", "bytes changed on the way back, first at byte 129 of 4096",
		"bytes changed on the way out, first at byte 11 of 4096", "seen as 172.16.8.1:")
}

// TestReflectHTTP has a squid take over HTTP: it lets everything through, and signs.
func TestReflectHTTP(t *testing.T) {
	row := testhost.NewRow(t)
	testhost.Reflect(row.Server, sallyport(t), []uint16{80}, "--listen", ":80")
	hosts := filepath.Join(binaries.dir, "squid-hosts") // which squid's own user can read
	if err := os.WriteFile(hosts, []byte("172.16.8.2 www.blocked.example\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	testhost.Squid(row.Router, "http_port 3129 intercept", "hosts_file "+hosts, // squid looks the Host up before it answers
		"acl blocked req_header Host -i blocked.example", "http_access deny blocked", "http_access allow all")
	row.Router.NFT(`table ip take { chain pre { type nat hook prerouting priority -100; iif eth0 tcp dport 80 redirect to :3129; } ; }`)
	out := reflectProbe(t, row.Client, "reflect+http://172.16.8.2:80", "reflect+http://172.16.8.2:80/www.blocked.example")
	wants(t, out,
		"reflect-http, seen as 172.16.8.1:", "bytes intact both ways", "via: 1.1 proxy.test (squid/5.7) was added", "x-forwarded-for: 172.16.7.2 was added",
		"www.blocked.example in HTTP's Host does not get through to 172.16.8.2 port 80: connected, and no answer of the reflector came; without that name it does",
		"bytes of no known protocol do not get through to 172.16.8.2 port 80", "by reflect+http://172.16.8.2:80 it does",
		"something else than the reflector answers",
	)
}

// TestReflectNames finds a filter that reads names in TLS's hello, and one that lets no TLS through at all.
func TestReflectNames(t *testing.T) {
	row := testhost.NewRow(t)
	testhost.Reflect(row.Server, sallyport(t), []uint16{443, 444}, "--listen", ":443", "--listen", ":444")
	relay(row.Router, 9001, "172.16.8.2 443", `d = None if b"blocked.example" in d else d`)
	relay(row.Router, 9002, "172.16.8.2 444", `d = None if d[0] == 0x16 else d`)
	row.Router.NFT(`table ip take { chain pre { type nat hook prerouting priority -100; iif eth0 tcp dport 443 redirect to :9001; iif eth0 tcp dport 444 redirect to :9002; } ; }`)
	out := reflectProbe(t, row.Client, "reflect+tls://172.16.8.2:443/www.blocked.example", "reflect+tls://172.16.8.2:443/www.other.example", "reflect+tls://172.16.8.2:444")
	wants(t, out,
		"www.blocked.example in TLS's hello (SNI) does not get through to 172.16.8.2 port 443: connected, then ECONNRESET; without that name it does",
		"TLS does not get through to 172.16.8.2 port 444: connected, then ECONNRESET; by reflect://172.16.8.2:444 it does",
		"reflect-tls, asked for www.other.example, seen as 172.16.8.1", "TLS is the reflector's own",
	)
	if strings.Contains(out, "other.example in TLS") || strings.Count(out, "does not get through") != 2 {
		t.Errorf("it finds more:\n%s", out)
	}
}

// inspection takes TLS off, and puts another around it.
const inspection = `
import socket, ssl, threading
outer = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
outer.load_cert_chain("@CERT@", "@KEY@")
inner = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
inner.check_hostname = False
inner.verify_mode = ssl.CERT_NONE
def pump(a, b):
    try:
        while True:
            d = a.recv(4096)
            if not d: break
            b.sendall(d)
    except OSError: pass
    finally:
        for s in (a, b):
            try: s.shutdown(socket.SHUT_RDWR)
            except OSError: pass
def serve(c):
    try: c = outer.wrap_socket(c, server_side=True)
    except OSError: return
    s = inner.wrap_socket(socket.create_connection(("172.16.8.2", 443)), server_hostname="www.example")
    threading.Thread(target=pump, args=(s, c), daemon=True).start()
    pump(c, s)
l = socket.create_server(("0.0.0.0", 3130))
while True: threading.Thread(target=serve, args=(l.accept()[0],), daemon=True).start()
`

// TestReflectIntercepted finds who reads TLS on the way, though he passes on all that is inside.
func TestReflectIntercepted(t *testing.T) {
	row := testhost.NewRow(t)
	office := testhost.NewAuthority(t, "Office Inspection")
	testhost.Reflect(row.Server, sallyport(t), []uint16{443}, "--listen", ":443")
	cert, key := office.Issue(t, "www.example")
	testhost.Python(row.Router, 3130, strings.NewReplacer("@CERT@", cert, "@KEY@", key).Replace(inspection))
	row.Router.NFT(`table ip take { chain pre { type nat hook prerouting priority -100; iif eth0 tcp dport 443 redirect to :3130; } ; }`)
	wants(t, reflectProbe(t, row.Client, "reflect+tls://172.16.8.2:443/www.example"),
		"TLS intercepted on the way: the certificate is not the reflector's, but issued by Office Inspection")
}

// TestReflectToken gets nothing with another token, and says what that may be; without one it says how to get it.
func TestReflectToken(t *testing.T) {
	p := testhost.NewPair(t)
	s := testhost.Reflect(p.Server, sallyport(t), []uint16{testhost.PortReflect})
	out := reflectProbeAs(t, p.Client, "another-token-altogether", "--timeout", "1s", "reflect://172.16.6.1", "reflect+udp://172.16.6.1", "reflect+http://172.16.6.1", "reflect+tls://172.16.6.1")
	wants(t, out, "a reflector that has another token", "or it has another token")
	if strings.Contains(out, "seen as") {
		t.Errorf("another token is answered:\n%s", out)
	}
	got := p.Client.Run(probeTimeout, "", sallyport(t), "probe", "reflect://172.16.6.1")
	if got.Status != 2 || !strings.Contains(got.Stderr, "wants the token of its reflector: set SALLYPORT_REFLECT_TOKEN") {
		t.Errorf("status %d: %s", got.Status, got.Stderr)
	}
	s.Stop()
	wants(t, s.Output(), "requests answered by tcp: 0, by udp: 0")
}
