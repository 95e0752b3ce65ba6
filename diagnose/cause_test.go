package diagnose

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

var ordinary = Facts{
	Addresses:       []Address{{"lo", netip.MustParseAddr("127.0.0.1")}, {"eth0", netip.MustParseAddr("10.0.0.5")}},
	DefaultRoute4:   Yes,
	AnyRoute4:       Yes,
	DefaultRoute6:   No,
	AnyRoute6:       No,
	UnprivilegedMin: 1024,
	CapBindService:  No,
}

func TestCauses(t *testing.T) {
	const dst = "192.0.2.1:8001"
	connected := attempt.Outcome{Kind: attempt.Connected}
	timedOut := attempt.Outcome{Kind: attempt.TimedOut}
	for _, tt := range []struct {
		name    string
		life    *attempt.Life
		by      map[string]attempt.Outcome
		want    string
		summary string // what it must contain
		remedy  string // what the first remedy must contain
	}{
		{
			"any address denied", tcp4(0, bind("0.0.0.0:0", attempt.EACCES)), nil, BindDenied,
			"python3 (pid 123) may not bind its client socket to 0.0.0.0 (any address): EACCES (permission denied); a client needs no bind", "--without-bind -- CMD",
		},
		{"EPERM", tcp4(0, bind("10.0.0.5:0", attempt.EPERM)), nil, BindDenied, "to 10.0.0.5: EPERM", "--without-bind"},
		{"by a profile", tcp4(0, decided("gear, bind rule 1", bind("0.0.0.0:80", attempt.EACCES))), nil, BindDenied, "port 80", "--without-bind"},
		{"privileged port", tcp4(0, bind("0.0.0.0:80", attempt.EACCES)), nil, BindPrivilegedPort, "ports below 1024", "port 0"},
		{"high port", tcp4(0, bind("0.0.0.0:8080", attempt.EACCES)), nil, BindDenied, "port 8080", "--without-bind"},
		{"not local", tcp4(0, bind("192.0.2.7:0", attempt.EADDRNOTAVAIL)), nil, BindAddressNotLocal, "no address of this machine", "--without-bind"},
		{"in use", tcp4(0, bind("0.0.0.0:6000", attempt.EADDRINUSE)), nil, BindAddressInUse, "another socket has that port", "ss -tanp 'sport = :6000'"},
		{"no port left", tcp4(0, bind("0.0.0.0:0", attempt.EADDRINUSE)), nil, BindAddressInUse, "no port of the ephemeral range", "--without-bind"},
		{"same pair", tcp4(0, bind("0.0.0.0:6000", 0), connect(dst, attempt.EADDRNOTAVAIL)), nil, BindAddressInUse, "still exists", "--without-bind"},
		{"loopback, EINVAL", tcp4(0, bind("127.3.4.5:0", 0), connect(dst, attempt.EINVAL)), nil, BindLoopbackSource, "refuses at once", "--without-bind"},
		{
			"loopback, timeout", tcp4(0, bind("127.3.4.5:0", 0), connect(dst, attempt.ETIMEDOUT, 127*time.Second)),
			map[string]attempt.Outcome{"tcp to " + dst: connected},
			BindLoopbackSource, "without the bind it connected", "--without-bind",
		},
		{
			"loopback, and a blackhole route", tcp4(0, bind("127.3.4.5:0", 0), connect(dst, attempt.EINVAL)),
			map[string]attempt.Outcome{"tcp to " + dst: {Kind: attempt.Failed, Errno: attempt.EINVAL}},
			UnknownCause, "could not connect", "ip route get",
		},
		{"loopback to the machine itself, which a profile has stand in for a host", tcp4(0, bind("127.0.0.1:0", 0), decided("gear, egress rule 1", connect("10.0.0.5:81", attempt.ETIMEDOUT, 2*time.Second))), nil, BindLoopbackSource, "no answer can come back", "--without-bind"},
		{"loopback to loopback, by a profile", tcp4(0, bind("127.0.0.1:0", 0), decided("gear, egress rule 1", connect("127.0.0.2:81", attempt.ETIMEDOUT, 2*time.Second))), nil, TimedOut, "no answer", ""},
		{"UDP client denied", life(1, attempt.UDP, attempt.IPv4, 0, bind("0.0.0.0:0", attempt.EACCES)), nil, BindDenied, "0.0.0.0 (any address)", "run it without the bind (a socket that is not bound needs no permission to be): `sallyport run --without-udp-bind -- CMD"},
		{"UDP with a port denied", life(1, attempt.UDP, attempt.IPv4, 0, bind("0.0.0.0:5353", attempt.EACCES)), nil, BindDenied, "port 5353", "if this is a client: run it without the bind"},
		{"loopback to the machine itself", tcp4(0, bind("127.0.0.1:0", 0), connect("10.0.0.5:81", attempt.ECONNREFUSED)), nil, Refused, "nothing listens there", "ss -tlnp"},
		{"::1", life(1, attempt.TCP, attempt.IPv6, 0, bind("[::1]:0", 0), connect("[2001:db8::2]:80", attempt.ETIMEDOUT, time.Minute)), nil, BindLoopbackSource, "::1", "--without-bind"},
		{"v4 socket to v6", tcp4(0, connect("[2001:db8::2]:80", attempt.EAFNOSUPPORT)), nil, FamilyMismatch, "with an IPv4 socket", "one socket for each"},
		{"v4 source to v6", tcp4(0, bind("10.0.0.5:0", 0), connect("[2001:db8::2]:80", attempt.EAFNOSUPPORT)), nil, FamilyMismatch, "IPv4 address 10.0.0.5 to the IPv6", "--without-bind"},
		{
			"v6 source to mapped v4", life(1, attempt.TCP, attempt.IPv6, 0, bind("[2001:db8::1]:0", 0), connect("[::ffff:192.0.2.1]:80", attempt.ENETUNREACH)),
			map[string]attempt.Outcome{"tcp to [::ffff:192.0.2.1]:80": connected},
			FamilyMismatch, "without the bind it connected", "--without-bind",
		},
		{
			"v6 only", life(1, attempt.TCP, attempt.IPv6, 0, connect("[::ffff:192.0.2.1]:80", attempt.ENETUNREACH)),
			map[string]attempt.Outcome{"tcp to 192.0.2.1:80": connected, "tcp to [::ffff:192.0.2.1]:80": {Kind: attempt.Unreachable}},
			FamilyMismatch, "IPV6_V6ONLY", "one socket",
		},
		{
			"mapped v4 without a route", life(1, attempt.TCP, attempt.IPv6, 0, connect("[::ffff:192.0.2.1]:80", attempt.ENETUNREACH)),
			map[string]attempt.Outcome{"tcp to 192.0.2.1:80": {Kind: attempt.Unreachable}},
			Unreachable, "can't reach", "ip route get 192.0.2.1",
		},
		{"sockaddr_in on a v6 socket", life(1, attempt.TCP, attempt.IPv6, 0, bind("10.0.0.5:0", attempt.EINVAL)), nil, FamilyMismatch, "IPv6 socket to the IPv4 address", "--without-bind"},
		{"connect denied", tcp4(0, connect(dst, attempt.EACCES)), nil, ConnectDenied, "may not connect to", "ip route get"},
		{"send denied", life(1, attempt.UDP, attempt.IPv4, 0, attempt.Step{Call: attempt.CallSendto, Address: ap(dst), Errno: attempt.EPERM}), nil, ConnectDenied, "may not send to", "nft list ruleset"},
		{"broadcast", life(1, attempt.UDP, attempt.IPv4, 0, attempt.Step{Call: attempt.CallSendto, Address: ap("255.255.255.255:9"), Errno: attempt.EACCES}), nil, ConnectDenied, "may not send to", "SO_BROADCAST"},
		{"refused", tcp4(0, connect(dst, attempt.ECONNREFUSED)), nil, Refused, "a firewall rejects in its name", "check the port"},
		{"refused once", tcp4(0, connect(dst, attempt.ECONNREFUSED)), map[string]attempt.Outcome{"tcp to " + dst: connected}, Refused, "made again connected", "try again"},
		{"other localhost", tcp4(0, connect("127.0.0.1:80", attempt.ECONNREFUSED)), map[string]attempt.Outcome{
			"tcp to 127.0.0.1:80": {Kind: attempt.Refused}, "tcp to [::1]:80": connected,
		}, Refused, "listens on the other family only", "connect to [::1]:80"},
		{"timed out", tcp4(0, connect(dst, attempt.ETIMEDOUT, 127*time.Second)), map[string]attempt.Outcome{"tcp to " + dst: timedOut}, TimedOut, "no answer from " + dst + " in 2 min 7 s", "firewalls"},
		{
			"given up", tcp4(0, connect(dst, attempt.EINPROGRESS), attempt.Step{Call: attempt.CallClose, How: attempt.Inferred, Errno: attempt.ECANCELED, Took: 5 * time.Second}),
			nil, TimedOut, "in 5 s, and gave up", "firewalls",
		},
		{
			"given up, the neighbour is missing", tcp4(0, connect(dst, attempt.EINPROGRESS), attempt.Step{Call: attempt.CallClose, How: attempt.Inferred, Errno: attempt.ECANCELED, Took: 2 * time.Second}),
			map[string]attempt.Outcome{"tcp to " + dst: {Kind: attempt.Unreachable, Errno: attempt.EHOSTUNREACH}},
			Unreachable, "gave up on " + dst + " after 2 s; made again", "ip route get",
		},
		{
			"timed out from a source", tcp4(0, bind("10.0.0.5:0", 0), connect(dst, attempt.ETIMEDOUT, time.Minute)),
			map[string]attempt.Outcome{"tcp to " + dst: connected},
			TimedOut, "without the bind it connected", "--without-bind",
		},
		{"unreachable", tcp4(0, connect(dst, attempt.ENETUNREACH)), nil, Unreachable, "can't reach", "ip route get"},
		{"no IPv6", life(1, attempt.TCP, attempt.IPv6, 0, connect("[2001:db8::2]:80", attempt.ENETUNREACH)), nil, Unreachable, "no IPv6 network here", "ip route get"},
		{"reset", tcp4(0, connect(dst, attempt.ECONNRESET)), nil, UnknownCause, "cut off", "--verbose"},
		{"second bind", tcp4(0, bind("0.0.0.0:0", 0), bind("0.0.0.0:0", attempt.EINVAL)), nil, UnknownCause, "could not bind", "--without-bind"},
		{"elided", tcp4(0, attempt.Step{Call: attempt.CallBind, How: attempt.Elided, Address: ap("127.0.0.1:0")}, connect(dst, attempt.ETIMEDOUT, time.Minute)), nil, TimedOut, "no answer", "firewalls"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			findings, _ := investigate(t, &outcomes{by: tt.by}, ordinary, Options{}, time.Hour, tt.life)
			if got := causesOf(findings); got != tt.want {
				t.Fatalf("causes\n got %s\nwant %s\n%+v", got, tt.want, findings)
			}
			f := findings[0]
			if !strings.Contains(f.Summary, tt.summary) {
				t.Errorf("summary\n got %s\nwant it to contain %s", f.Summary, tt.summary)
			}
			if len(f.Remedy) == 0 || !strings.Contains(f.Remedy[0], tt.remedy) {
				t.Errorf("remedy\n got %q\nwant the first to contain %s", f.Remedy, tt.remedy)
			}
			if strings.HasSuffix(f.Summary, ".") || strings.Contains(strings.Join(f.Evidence, ""), "%!") {
				t.Errorf("badly written: %q %q", f.Summary, f.Evidence)
			}
		})
	}
}

func TestDecidedNamesTheRule(t *testing.T) {
	findings, _ := investigate(t, nil, ordinary, Options{}, time.Hour,
		tcp4(0, decided("openshift-v2-gear, bind rule 1", bind("0.0.0.0:0", attempt.EACCES))))
	f := findings[0]
	if f.Rule != "openshift-v2-gear, bind rule 1" || !strings.Contains(f.Evidence[0], "decided by openshift-v2-gear, bind rule 1") {
		t.Errorf("rule %q, evidence %q", f.Rule, f.Evidence)
	}
	if last := f.Remedy[len(f.Remedy)-1]; !strings.Contains(last, "what the profile openshift-v2-gear denies here") {
		t.Errorf("the remedy does not speak of the real environment: %q", last)
	}
}

func TestPrivilegedPortWithTheCapability(t *testing.T) {
	f := ordinary
	f.CapBindService = Yes
	findings, _ := investigate(t, nil, f, Options{}, time.Hour, tcp4(0, bind("0.0.0.0:80", attempt.EACCES)))
	if got := causesOf(findings); got != BindDenied {
		t.Errorf("EACCES with CAP_NET_BIND_SERVICE: got %s, want %s", got, BindDenied)
	}
}
