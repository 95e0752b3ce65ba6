package test

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/testhost"
)

var clients = []client{
	{name: "irc-bot", source: anyAddress, argv: bot, want: ":banks.freenode.net NOTICE * :*** Looking up your hostname...", deniedStatus: 1, deniedSays: "Permission denied"},
	{name: "curl", argv: curl(page4)},
	{name: "curl-v6", v6: true, argv: curl(page6)},
	{name: "curl-interface", source: given, argv: curl("--interface", source4, page4), deniedStatus: 45, deniedSays: "bind failed with errno 13: Permission denied"},
	{name: "curl-interface-v6", v6: true, source: given, argv: curl("--interface", source6, page6), deniedStatus: 45, deniedSays: "bind failed with errno 13: Permission denied"},
	{name: "curl-local-port", source: anyAddressPort, argv: curl("--local-port", fmt.Sprint(sourcePort), page4), deniedStatus: 45, deniedSays: "Permission denied"},
	{name: "wget", argv: wget(page4)},
	{name: "wget-bind-address", source: given, argv: wget("--bind-address", source4, page4), deniedStatus: 4, deniedSays: "Permission denied"},
	{name: "ssh", argv: ssh()},
	{name: "ssh-b", source: given, argv: ssh("-b", source4), deniedStatus: 255, deniedSays: "Permission denied"},
	{name: "nc", argv: nc("-N"), stdin: getRequest},
	{name: "nc-s", source: given, argv: nc("-N", "-s", source4), stdin: getRequest, deniedStatus: 1, deniedSays: "Permission denied"},
	{name: "nc-p", source: anyAddressPort, argv: nc("-N", "-p", fmt.Sprint(sourcePort)), stdin: getRequest, deniedStatus: 1, deniedSays: "Permission denied"},
	{name: "nc-s-p", source: givenPort, argv: nc("-N", "-s", source4, "-p", fmt.Sprint(sourcePort)), stdin: getRequest, deniedStatus: 1, deniedSays: "Permission denied"},
	{name: "node", argv: node()},
	{name: "node-local-address", source: given, argv: node(source4), deniedStatus: 1, deniedSays: "EACCES"},
	{name: "node-local-any", source: anyAddress, argv: node("0.0.0.0"), deniedStatus: 1, deniedSays: "EACCES"},
	{name: "java", argv: java()},
	{name: "java-socket-4", source: given, argv: java(source4, "0"), deniedStatus: 1, deniedSays: "Permission denied"},
	{name: "java-socket-4-any", source: anyAddress, argv: java("any", "0"), deniedStatus: 1, deniedSays: "Permission denied"},
	{name: "asyncio", argv: asyncio()},
	{name: "asyncio-local-addr", source: given, argv: asyncio(source4, "0"), deniedStatus: 1, deniedSays: "permission denied"},
	{name: "asyncio-local-any", source: anyAddress, argv: asyncio("0.0.0.0", "0"), deniedStatus: 1, deniedSays: "permission denied"},
	{name: "go", argv: dialer(server4 + ":80")},
	{name: "go-local-addr", source: given, argv: dialer(server4+":80", source4+":0"), deniedStatus: 1, deniedSays: "errno EACCES"},
	{name: "go-local-any", source: anyAddress, argv: dialer(server4+":80", ":0"), deniedStatus: 1, deniedSays: "errno EACCES"},
	{name: "go-local-any-v6", v6: true, source: anyAddress, argv: dialer("["+server6+"]:80", ":0"), deniedStatus: 1, deniedSays: "errno EACCES"},
}

// clientTimeout is how long a client may take: Java compiles its source first, on cores that are shared.
const clientTimeout = 60 * time.Second

// TestClients runs each client in each mode: it connects, from the address that it asked for or that the kernel chose, or
// fails at its bind in its own words; and sallyport's report says which.
func TestClients(t *testing.T) {
	l := newLab(t)
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			for _, m := range modes {
				t.Run(m.name, func(t *testing.T) { runClient(t, l, c, m) })
			}
		})
	}
}

func newLab(t testing.TB) *lab {
	t.Helper()
	p := testhost.NewPair(t)
	testhost.Nginx(p.Server)
	l := &lab{Pair: p}
	// Where these are missing, their clients skip.
	if testhost.Have("inspircd") {
		testhost.InspIRCd(p.Server)
	}
	if testhost.Have("sshd", "ssh-keygen") {
		l.ssh = testhost.SSHD(p.Server)
	}
	// Clients ask for the same port one after the other: without TIME_WAIT, none finds it in use.
	p.Client.Sysctl("net.ipv4.tcp_max_tw_buckets", "0")
	return l
}

func runClient(t *testing.T, l *lab, c client, m mode) {
	argv, reportPath := m.wrap(t, c.argv(t, l)...)
	got := l.Client.With(t).Run(clientTimeout, c.stdin, argv...)
	if m.denies(c.source) {
		c.checkDenied(t, got)
	} else {
		c.checkConnected(t, l.Client, m, got)
	}
	if reportPath != "" {
		c.checkReport(t, m, got, readReport(t, reportPath))
	}
}

func (c client) checkDenied(t *testing.T, got testhost.Result) {
	t.Helper()
	if got.Status != c.deniedStatus || !strings.Contains(got.Stderr, c.deniedSays) {
		t.Errorf("exit status %d, stderr %q\nwant %d, and stderr to say %q", got.Status, got.Stderr, c.deniedStatus, c.deniedSays)
	}
	if peers := addresses(t, got.Stdout); len(peers) > 0 {
		t.Errorf("connected from %v, want no connection", peers)
	}
}

func (c client) checkConnected(t *testing.T, h *testhost.Host, m mode, got testhost.Result) {
	t.Helper()
	if got.Status != 0 || !strings.Contains(got.Stdout, c.want) {
		t.Fatalf("exit status %d, stdout %q, stderr %q\nwant 0, and stdout to say %q", got.Status, got.Stdout, got.Stderr, c.want)
	}
	addrs := h.V4
	if c.v6 {
		addrs = h.V6
	}
	want := addrs[0]
	if (c.source == given || c.source == givenPort) && !m.withoutBind {
		want = addrs[1]
	}
	wantPort := (c.source == anyAddressPort || c.source == givenPort) && !m.withoutBind
	seen := addresses(t, got.Stdout)
	if len(seen) == 0 {
		t.Errorf("stdout %q, want the client's address as the server or the client itself sees it", got.Stdout)
	}
	for _, a := range seen {
		if a.Addr().Unmap() != want || a != seen[0] {
			t.Errorf("local address %v, want %v, and the same for client and server: %v", a, want, seen)
		}
		if wantPort != (a.Port() == sourcePort) {
			t.Errorf("local port %d; was %d to be used: %v", a.Port(), sourcePort, wantPort)
		}
	}
}

func (c client) checkReport(t *testing.T, m mode, got testhost.Result, r report) {
	t.Helper()
	if r.ExitStatus != got.Status {
		t.Errorf("report's exit_status %d, sallyport's own %d, want the same", r.ExitStatus, got.Status)
	}
	if len(r.Lives) == 0 {
		t.Error("the report has no lives, want the client's socket")
	}
	if !m.denies(c.source) {
		if len(r.Findings) > 0 {
			t.Errorf("findings %q, want none", r.causes())
		}
		return
	}
	if len(r.Findings) == 0 || r.causes() != strings.TrimSpace(strings.Repeat("bind-denied ", len(r.Findings))) {
		t.Fatalf("findings %q, want bind-denied", r.causes())
	}
	f := r.Findings[0]
	// Java's sockets are IPv6 ones, and its IPv4 addresses v4-mapped.
	source := strings.TrimPrefix(f.Attempt.Source, "::ffff:")
	if want := c.sourceText(); source != want || f.Errno != "EACCES" || f.Outcome != "denied" || len(f.Remedy) == 0 {
		t.Errorf("finding %+v\nwant source %q, denied with EACCES, and a remedy", f, want)
	}
}

// sourceText is the source as reports have it.
func (c client) sourceText() string {
	addr := source4
	if c.v6 {
		addr = source6
	}
	switch c.source {
	case anyAddress:
		return "any"
	case anyAddressPort:
		return fmt.Sprintf("any port %d", sourcePort)
	case givenPort:
		return fmt.Sprintf("%s:%d", addr, sourcePort)
	case given:
		return addr
	}
	return "none"
}

// The client's address: as nginx saw it, as sshd saw it, and as getsockname told the client.
var addressLine = regexp.MustCompile(`(?m)^(?:peer |local |)([0-9a-f.:]+) (\d+)(?: \S+ 22)?\r?$`)

// addresses is the client's addresses in an output.
func addresses(t testing.TB, output string) []netip.AddrPort {
	t.Helper()
	var out []netip.AddrPort
	for _, m := range addressLine.FindAllStringSubmatch(output, -1) {
		a, err := netip.ParseAddrPort("[" + m[1] + "]:" + m[2])
		if strings.Count(m[1], ":") == 0 {
			a, err = netip.ParseAddrPort(m[1] + ":" + m[2])
		}
		if err != nil {
			t.Fatalf("%q: %v", m[0], err)
		}
		out = append(out, netip.AddrPortFrom(a.Addr().Unmap(), a.Port()))
	}
	return out
}
