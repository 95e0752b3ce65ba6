package profile_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
)

// spec is a profile with the given spec, which begins on line 6.
func spec(t testing.TB, body string) *profile.Profile {
	t.Helper()
	head := "apiVersion: sallyport.dev/v1alpha1\nkind: EgressProfile\nmetadata:\n  name: test\nspec:\n"
	p, err := profile.Parse("test.yaml", []byte(head+body))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// try is an attempt by its text: "tcp none 192.0.2.1:80", "udp [::]:0 [2001:db8::1]:53".
func try(t testing.TB, s string) attempt.Attempt {
	t.Helper()
	f := strings.Fields(s)
	var a attempt.Attempt
	if err := a.Protocol.UnmarshalText([]byte(f[0])); err != nil {
		t.Fatal(err)
	}
	if f[1] != "none" {
		a.Source = attempt.SourceOf(netip.MustParseAddrPort(f[1]))
	}
	if f[2] != "-" {
		a.Destination = netip.MustParseAddrPort(f[2])
	}
	return a
}

func TestDecideBind(t *testing.T) {
	const body = `  bind:
    default: {errno: EPERM}
    rules:
    - addresses: [any]
      ports: ["1-1023"]
      verdict: {errno: EACCES}
      reason: privileged
    - addresses: [any, loopback, 10.0.0.0/8, "2001:db8::/32", {cidr: 192.168.0.0/16, except: [192.168.7.0/24]}]
      protocols: [tcp]
      verdict: allow
    - addresses: ["::/0"]
      protocols: [udp]
      verdict: {errno: EINVAL}
`
	p := spec(t, body)
	for _, test := range []struct {
		proto attempt.Protocol
		addr  string
		want  string
	}{
		{attempt.TCP, "0.0.0.0:0", "allow by test, bind rule 2 (line 13)"},
		{attempt.TCP, "0.0.0.0:1023", "EACCES by test, bind rule 1 (line 9): privileged"},
		{attempt.TCP, "0.0.0.0:1024", "allow by test, bind rule 2 (line 13)"},
		{attempt.TCP, "[::]:1", "EACCES by test, bind rule 1 (line 9): privileged"},
		{attempt.TCP, "[::ffff:0.0.0.0]:22", "EACCES by test, bind rule 1 (line 9): privileged"},
		{attempt.TCP, "127.255.255.255:22", "allow by test, bind rule 2 (line 13)"},
		{attempt.TCP, "[::1]:0", "allow by test, bind rule 2 (line 13)"},
		{attempt.TCP, "[::ffff:127.0.0.1]:0", "allow by test, bind rule 2 (line 13)"},
		{attempt.TCP, "[::ffff:10.1.2.3]:0", "allow by test, bind rule 2 (line 13)"},
		{attempt.MPTCP, "10.1.2.3:0", "allow by test, bind rule 2 (line 13)"},
		{attempt.SCTP, "10.1.2.3:0", "EPERM by test, bind default (line 7)"},
		{attempt.TCP, "9.255.255.255:0", "EPERM by test, bind default (line 7)"},
		{attempt.TCP, "11.0.0.0:0", "EPERM by test, bind default (line 7)"},
		{attempt.TCP, "192.168.6.255:0", "allow by test, bind rule 2 (line 13)"},
		{attempt.TCP, "192.168.7.0:0", "EPERM by test, bind default (line 7)"},
		{attempt.TCP, "[2001:db8:ffff::1%eth0]:0", "allow by test, bind rule 2 (line 13)"},
		{attempt.TCP, "[2001:db9::]:0", "EPERM by test, bind default (line 7)"},
		{attempt.UDP, "[2001:db8::1]:0", "EINVAL by test, bind rule 3 (line 16)"},
		{attempt.UDP, "[::]:0", "EINVAL by test, bind rule 3 (line 16)"},
		{attempt.UDP, "0.0.0.0:0", "EPERM by test, bind default (line 7)"},
		{attempt.UDP, "[::ffff:10.1.2.3]:0", "EPERM by test, bind default (line 7)"}, // IPv4, so not in ::/0
	} {
		d := p.DecideBind(test.proto, netip.MustParseAddrPort(test.addr))
		if got := d.Verdict.String() + " by " + d.Words(); got != test.want {
			t.Errorf("%v bind to %v:\n got %s\nwant %s", test.proto, test.addr, got, test.want)
		}
	}
	if d := p.DecideBind(attempt.TCP, netip.AddrPort{}); d.Verdict.Errno != attempt.EPERM {
		t.Errorf("bind to no address: got %v, want the default", d.Verdict)
	}
}

func TestDecideEgress(t *testing.T) {
	const body = `  egress:
    default: drop
    timeout: 3s
    rules:
    - {sources: [any], destinations: [192.0.2.1], verdict: refuse}
    - {sources: [none], destinations: [192.0.2.2], verdict: unreachable}
    - {sources: [none, {except: [loopback]}], destinations: [192.0.2.3], verdict: allow}
    - {destinations: [loopback], protocols: [tcp], verdict: allow}
    - {destinations: [{cidr: "::/0", except: ["2001:db8::/32"]}], ports: [443, 8000-8999], verdict: {errno: EACCES}}
    - {protocols: [icmp], verdict: {errno: EPERM}}
`
	p := spec(t, body)
	const def = "drop, timed out after 3s by test, egress default (line 7)"
	for _, test := range []struct{ attempt, want string }{
		{"tcp 0.0.0.0:0 192.0.2.1:80", "refuse by test, egress rule 1 (line 10)"},
		{"tcp [::]:0 [::ffff:192.0.2.1]:80", "refuse by test, egress rule 1 (line 10)"},
		{"tcp none 192.0.2.1:80", def},
		{"tcp 10.0.0.1:0 192.0.2.1:80", def},
		{"tcp none 192.0.2.2:80", "unreachable by test, egress rule 2 (line 11)"},
		{"tcp 0.0.0.0:0 192.0.2.2:80", def},
		{"udp none 192.0.2.3:80", "allow by test, egress rule 3 (line 12)"},
		{"udp 10.0.0.1:0 192.0.2.3:80", "allow by test, egress rule 3 (line 12)"},
		{"udp 127.0.0.1:0 192.0.2.3:80", def},
		{"udp [::ffff:127.0.0.1]:0 192.0.2.3:80", def},
		{"tcp none 127.0.0.1:80", "allow by test, egress rule 4 (line 13)"},
		{"mptcp none [::1]:80", "allow by test, egress rule 4 (line 13)"},
		{"udp none 127.0.0.1:80", def},
		{"tcp none 0.0.0.0:80", "allow by test, egress rule 4 (line 13)"},         // goes to 127.0.0.1
		{"tcp 127.6.26.1:0 0.0.0.0:80", "allow by test, egress rule 4 (line 13)"}, // goes to 127.6.26.1
		{"tcp 10.0.0.1:0 0.0.0.0:80", def},                                        // goes to 10.0.0.1
		{"tcp none [::]:443", "allow by test, egress rule 4 (line 13)"},           // goes to ::1
		{"udp [::ffff:10.0.0.1]:0 [::]:443", def},                                 // goes to ::ffff:127.0.0.1
		{"udp none [::]:443", "EACCES by test, egress rule 5 (line 14)"},          // goes to ::1
		{"udp none [2001:db9::1]:443", "EACCES by test, egress rule 5 (line 14)"},
		{"udp none [2001:db9::1]:8999", "EACCES by test, egress rule 5 (line 14)"},
		{"udp none [2001:db9::1]:9000", def},
		{"udp none [2001:db8::1]:443", def},
		{"udp none [::ffff:198.51.100.1]:443", def},
		{"icmp none -", "EPERM by test, egress rule 6 (line 15)"},
		{"tcp none -", def},
	} {
		d := p.DecideEgress(try(t, test.attempt))
		if got := d.Verdict.String() + " by " + d.Words(); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.attempt, got, test.want)
		}
	}
}

func TestSourceAnyWithoutAddress(t *testing.T) {
	p := spec(t, "  egress: {rules: [{sources: [any], verdict: refuse}]}\n")
	a := try(t, "tcp none 192.0.2.1:80")
	a.Source = attempt.Source{Kind: attempt.SourceAny}
	if d := p.DecideEgress(a); d.Verdict.Kind != profile.Refuse {
		t.Errorf("got %v, want refuse", d.Verdict)
	}
}

func TestBuiltins(t *testing.T) {
	want := "[connect-only-landlock openshift-v2-gear]"
	if got := fmt.Sprint(profile.Builtins()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, name := range profile.Builtins() {
		p, ok := profile.Builtin(name)
		if !ok || p.Name != name || p.Description == "" || !p.Denies() {
			t.Errorf("%s: got name %q, description %q, denies %t", name, p.Name, p.Description, p.Denies())
		}
	}
	if _, ok := profile.Builtin("no-such"); ok {
		t.Error("no-such is built in")
	}
}

func TestGear(t *testing.T) {
	p, _ := profile.Builtin("openshift-v2-gear")
	ip := p.Facts.Environment["OPENSHIFT_PYTHON_IP"]
	if len(p.Facts.Addresses) != 1 || p.Facts.Addresses[0] != netip.MustParseAddr("172.16.6.170") || ip != "127.6.26.1" {
		t.Errorf("facts are %+v", p.Facts)
	}
	for addr, want := range map[string]attempt.Errno{
		"0.0.0.0:0": attempt.EACCES, "[::]:8080": attempt.EACCES, "127.6.26.1:0": 0, "172.16.6.170:0": 0,
	} {
		if d := p.DecideBind(attempt.TCP, netip.MustParseAddrPort(addr)); d.Verdict.Errno != want {
			t.Errorf("bind to %s: got %v, want errno %d", addr, d.Verdict, want)
		}
	}
	for a, want := range map[string]profile.Verdict{
		"tcp 127.6.26.1:0 192.0.2.1:8001":   {Kind: profile.Drop, Timeout: 2 * time.Second},
		"tcp 127.6.26.1:0 127.0.0.1:8001":   {},
		"tcp none 192.0.2.1:8001":           {},
		"tcp 172.16.6.170:0 192.0.2.1:8001": {},
	} {
		if d := p.DecideEgress(try(t, a)); d.Verdict != want {
			t.Errorf("%s: got %v, want %v", a, d.Verdict, want)
		}
	}
}

func TestConnectOnlyLandlock(t *testing.T) {
	p, _ := profile.Builtin("connect-only-landlock")
	for _, addr := range []string{"0.0.0.0:0", "[::1]:80", "10.0.0.1:65535"} {
		ap := netip.MustParseAddrPort(addr)
		if d := p.DecideBind(attempt.TCP, ap); d.Verdict.Errno != attempt.EACCES {
			t.Errorf("tcp bind to %s: got %v, want EACCES", addr, d.Verdict)
		}
		if d := p.DecideBind(attempt.UDP, ap); d.Verdict.Kind != profile.Allow {
			t.Errorf("udp bind to %s: got %v, want allow", addr, d.Verdict)
		}
	}
	if d := p.DecideEgress(try(t, "tcp none 192.0.2.1:80")); d.Verdict.Kind != profile.Allow {
		t.Errorf("connect: got %v, want allow", d.Verdict)
	}
}

func TestZeroProfile(t *testing.T) {
	var p profile.Profile
	d := p.DecideEgress(try(t, "tcp none 192.0.2.1:80"))
	if p.Denies() || d.Verdict.Kind != profile.Allow || d.Rule != nil || d.Words() != "unnamed profile, egress default" {
		t.Errorf("got %v by %q", d.Verdict, d.Words())
	}
	if got := (profile.Decision{}).Words(); got != "" {
		t.Errorf("words of no decision: %q", got)
	}
}

func TestDenies(t *testing.T) {
	for body, want := range map[string]bool{
		"  {}\n":                                         false,
		"  bind: {rules: [{verdict: allow}]}\n":          false,
		"  bind: {default: {errno: EACCES}}\n":           true,
		"  bind: {rules: [{verdict: {errno: EPERM}}]}\n": true,
		"  egress: {rules: [{verdict: drop}]}\n":         true,
		"  egress: {default: refuse}\n":                  true,
	} {
		if got := spec(t, body).Denies(); got != want {
			t.Errorf("%s: got %t, want %t", body, got, want)
		}
	}
}
