package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/testhost"
)

// portEnds is the ports of a probe's cells that a reflector answered, and those that it did not, by how they ended.
func portEnds(doc *probeDoc) map[string]string {
	out := map[string]string{}
	for _, r := range doc.Rows {
		for _, e := range r.Ends {
			how := e.Outcome
			if e.Answer != nil && e.Answer.Service != "" {
				how = e.Answer.Service
			}
			for _, p := range e.Ports {
				for port := p[0]; port <= p[1]; port++ {
					out[fmt.Sprintf("%s %s %d", r.Address, r.Protocol, port)] = how
				}
			}
		}
	}
	return out
}

// banner says a line on a port, by both families, and echoes datagrams.
const banner = `
import socket, sys, threading
port = int(sys.argv[1])
def udp():
    u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    u.bind(("::", port))
    while True:
        d, a = u.recvfrom(2048)
        u.sendto(b"echo", a)
threading.Thread(target=udp, daemon=True).start()
s = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    c, _ = s.accept()
    c.sendall(b"SSH-2.0-Test_1.0\r\n")
    c.close()
`

// TestReflectAllPorts answers on all ports of two addresses, by TCP and UDP, but those that something else has, also when it came later, that are left
// alone, or that a filter drops on either side; and leaves nothing behind, whatever ends it. The host's own clients go on.
func TestReflectAllPorts(t *testing.T) {
	p := testhost.NewPair(t)
	testhost.Need(t, "nft", "nftables")
	testhost.Python(p.Server, 22, banner, "22")
	p.Server.Filter("input", "tcp dport 81 drop", "udp dport 82 drop")
	p.Client.Filter("output", "tcp dport 83 reject with tcp reset")
	s := testhost.Reflect(p.Server, sallyport(t), nil, "--all-ports", "172.16.6.1", "--all-ports", "fd00:6::1", "--except", "90-92")
	awaitRules(t, p.Server, "tproxy ip6 to")
	testhost.Python(p.Server, 2222, banner, "2222") // comes later
	const ports = ":20-24,78-95,2221-2223,33000,65535"
	var doc *probeDoc
	argv := []string{"/usr/bin/env", "SALLYPORT_REFLECT_TOKEN=" + testhost.ReflectToken, sallyport(t), "probe", "--sources", "none", "--timeout", "2s", "--output", "json"}
	doc = probeIn(t, p.Client, append(argv, "reflect://172.16.6.1"+ports, "reflect+udp://172.16.6.1"+ports, "reflect://[fd00:6::1]"+ports, "reflect+udp://[fd00:6::1]"+ports)...)
	ends := portEnds(doc)
	if len(ends) != 4*28 {
		t.Errorf("%d ends", len(ends))
	}
	for at, got := range ends {
		var addr, protocol string
		var port int
		_, _ = fmt.Sscanf(at, "%s %s %d", &addr, &protocol, &port)
		want := "reflect"
		switch {
		case (port == 22 || port == 2222) && protocol == "tcp":
			want = "ssh"
		case port == 22, port == 2222:
			want = "connected" // the echo is no answer of a reflector
		case port >= 90 && port <= 92, port == 83 && protocol == "tcp":
			want = "refused"
		case port == 81 && protocol == "tcp", port == 82 && protocol == "udp":
			want = "timed out"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", at, got, want)
		}
	}

	// What this host itself asks elsewhere is answered to it: by TCP, and to a UDP socket that is not connected.
	testhost.Python(p.Client, 7000, banner, "7000")
	for _, dest := range []string{"172.16.6.170", "fd00:6::170"} {
		got := p.Server.Run(probeTimeout, "", "/usr/bin/python3", "-c", `
import socket, sys
family, kind, _, _, to = socket.getaddrinfo(sys.argv[1], 7000)[0]
print(socket.create_connection((sys.argv[1], 7000), 5).recv(100))
u = socket.socket(family, socket.SOCK_DGRAM)
u.settimeout(5)
u.sendto(b"x", to)
print(u.recvfrom(100)[0])
`, dest)
		if got.Status != 0 || !strings.Contains(got.Stdout, "SSH-2.0") || !strings.Contains(got.Stdout, "echo") {
			t.Errorf("%s: status %d\n%s%s", dest, got.Status, got.Stdout, got.Stderr)
		}
	}

	s.Stop()
	awaitNoRules(t, p.Server)
	wants(t, s.Output(), "requests answered by tcp:")
	killed := testhost.Reflect(p.Server, sallyport(t), nil, "--all-ports", "172.16.6.1")
	awaitRules(t, p.Server, "tproxy ip to")
	killed.Signal(syscall.SIGKILL)
	awaitNoRules(t, p.Server)
}

func rulesOf(t *testing.T, h *testhost.Host) string {
	t.Helper()
	return h.Run(probeTimeout, "", testhost.Need(t, "nft", "nftables"), "list", "ruleset").Stdout
}

func awaitRules(t *testing.T, h *testhost.Host, want string) {
	t.Helper()
	for until := time.Now().Add(30 * time.Second); !strings.Contains(rulesOf(t, h), want); {
		if time.Now().After(until) {
			t.Fatalf("no %q among the rules:\n%s", want, rulesOf(t, h))
		}
	}
}

func awaitNoRules(t *testing.T, h *testhost.Host) {
	t.Helper()
	for until := time.Now().Add(10 * time.Second); strings.Contains(rulesOf(t, h), "sallyport"); {
		if time.Now().After(until) {
			t.Fatalf("rules are left:\n%s", rulesOf(t, h))
		}
	}
}

// TestReflectDNAT lets be what the host passes on elsewhere: a port that containers publish is not the reflector's.
func TestReflectDNAT(t *testing.T) {
	row := testhost.NewRow(t)
	testhost.Python(row.Server, 22, banner, "22")
	row.Router.NFT(`table ip publish { chain pre { type nat hook prerouting priority -100; ip daddr 172.16.7.1 tcp dport 8022 dnat to 172.16.8.2:22; } ; }`)
	testhost.Reflect(row.Router, sallyport(t), nil, "--all-ports", "172.16.7.1")
	awaitRules(t, row.Router, "tproxy ip to")
	argv := []string{"/usr/bin/env", "SALLYPORT_REFLECT_TOKEN=" + testhost.ReflectToken, sallyport(t), "probe", "--sources", "none", "--output", "json"}
	ends := portEnds(probeIn(t, row.Client, append(argv, "reflect://172.16.7.1:8021-8023")...))
	for port, want := range map[int]string{8021: "reflect", 8022: "ssh", 8023: "reflect"} {
		if got := ends[fmt.Sprintf("172.16.7.1 tcp %d", port)]; got != want {
			t.Errorf("%d: %s, want %s", port, got, want)
		}
	}
}

// TestReflectUnprivileged says what is missing: the right, the address, the flag.
func TestReflectUnprivileged(t *testing.T) {
	p := testhost.NewPair(t)
	bin := sallyport(t)
	for _, c := range []struct {
		argv   []string
		status int
		want   string
	}{
		{[]string{"setpriv", "--bounding-set", "-net_admin,-net_raw", bin, "reflect", "--all-ports", "172.16.6.1"}, 125, "CAP_NET_ADMIN"},
		{[]string{"setpriv", "--bounding-set", "-net_bind_service", bin, "reflect", "--all-ports", "172.16.6.1"}, 125, "CAP_NET_BIND_SERVICE beside"},
		{[]string{bin, "reflect", "--all-ports", "203.0.113.7"}, 125, "ip addr add 203.0.113.7/32 dev lo adds it"},
		{[]string{bin, "reflect", "--all-ports", "everything"}, 2, "want one address of this host"},
		{[]string{bin, "reflect", "--listen", "host.example:80"}, 2, "is no address"},
		{[]string{bin, "reflect", "--listen", "80"}, 2, "want ADDR:PORT"},
		{[]string{bin, "reflect", "--except", "22"}, 2, "--all-ports alone, which is not given"},
		{[]string{bin, "reflect", "--all-ports", "172.16.6.1", "--except", "22-x"}, 2, "is no port or range"},
		{[]string{bin, "reflect", "--token-file", "/nowhere"}, 2, "read the token"},
		{[]string{"/usr/bin/env", "SALLYPORT_REFLECT_TOKEN=short", bin, "reflect"}, 2, "has 5 characters: want 16 at least"},
		{[]string{bin, "reflect", "token"}, 2, "is no flag"},
	} {
		got := p.Server.Run(10*time.Second, "", c.argv...)
		if got.Status != c.status || !strings.Contains(got.Stderr, c.want) {
			t.Errorf("%v: status %d, %s\nwant %d, %s", c.argv, got.Status, got.Stderr, c.status, c.want)
		}
	}
}

// TestReflectTyped types what a person is told to type at the other end.
func TestReflectTyped(t *testing.T) {
	p := testhost.NewPair(t)
	s := testhost.Start(p.Server, sallyport(t), "reflect")
	p.Server.AwaitListen(s, testhost.PortReflect)
	var command string
	for until := time.Now().Add(10 * time.Second); command == "" && time.Now().Before(until); {
		for line := range strings.Lines(s.Output()) {
			if strings.HasPrefix(line, "  SALLYPORT_REFLECT_TOKEN=") {
				command = strings.TrimSpace(line)
			}
		}
	}
	command = strings.Replace(command, "sallyport probe", sallyport(t)+" probe --sources none", 1)
	got := p.Client.Run(probeTimeout, "", "/bin/sh", "-c", command)
	if got.Status != 0 || strings.Count(got.Stdout, "unchanged, bytes intact both ways") != 2 {
		t.Errorf("%s\nstatus %d\n%s%s", command, got.Status, got.Stdout, got.Stderr)
	}
}

// TestReflectTokenFile has the token in a file at both ends, one of them from a system whose lines end otherwise.
func TestReflectTokenFile(t *testing.T) {
	p := testhost.NewPair(t)
	dir := t.TempDir()
	for name, text := range map[string]string{"there": testhost.ReflectToken + "\n", "here": testhost.ReflectToken + "\r\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := testhost.Start(p.Server, sallyport(t), "reflect", "--token-file", filepath.Join(dir, "there"))
	p.Server.AwaitListen(s, testhost.PortReflect)
	got := p.Client.Run(probeTimeout, "", sallyport(t), "probe", "--sources", "none", "--reflect-token-file", filepath.Join(dir, "here"), "reflect://172.16.6.1")
	if got.Status != 0 || !strings.Contains(got.Stdout, "unchanged, bytes intact both ways") {
		t.Errorf("status %d\n%s%s", got.Status, got.Stdout, got.Stderr)
	}
	if strings.Contains(s.Output(), testhost.ReflectToken) || !strings.Contains(s.Output(), "--reflect-token-file FILE") {
		t.Errorf("it says %s", s.Output())
	}
}

// TestReflectFewDescriptors answers a good client also where a flood could use up all descriptors.
func TestReflectFewDescriptors(t *testing.T) {
	p := testhost.NewPair(t)
	s := testhost.Start(p.Server, "/usr/bin/env", "SALLYPORT_REFLECT_TOKEN="+testhost.ReflectToken, "/bin/sh", "-c", `ulimit -n 100; exec "$0" reflect`, sallyport(t))
	p.Server.AwaitListen(s, testhost.PortReflect)
	flood := testhost.Python(p.Client, 7000, `
import socket
held = [socket.create_connection(("172.16.6.1", 7531)) for _ in range(500)]
l = socket.create_server(("0.0.0.0", 7000))
l.accept()
`)
	wants(t, reflectProbe(t, p.Client, "reflect://172.16.6.1", "reflect+udp://172.16.6.1"), "connected, reflect, seen as 172.16.6.170:", "answered, reflect, seen as 172.16.6.170:")
	flood.Stop()
}
