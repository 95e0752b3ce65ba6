package test

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// TestFamilyMismatch gives programs an IPv4 source for an IPv6 destination. Each fails in another call, and none says why.
func TestFamilyMismatch(t *testing.T) {
	p := testhost.NewPair(t)
	testhost.Nginx(p.Server)
	for _, tt := range []struct {
		name string
		argv func(testing.TB, *lab) []string
		says string
	}{
		// bind of a sockaddr_in to an AF_INET6 socket fails with EINVAL. (Node says the same without making a call at
		// all: there is nothing to see.)
		{"wget", wget("--bind-address", source4, page6), "Invalid argument"},
		// bind to the v4-mapped address works, and connect fails with EAFNOSUPPORT
		{"java", script("java", "default-jdk-headless", "Connect.java", server6, "80", source4, "0"), "Address family not supported"},
	} {
		for _, m := range []mode{{name: "bare", bare: true}, {name: "run"}, {name: "without-bind", withoutBind: true}} {
			t.Run(tt.name+"/"+m.name, func(t *testing.T) {
				argv, report := m.wrap(t, tt.argv(t, nil)...)
				got := p.Client.With(t).Run(clientTimeout, "", argv...)
				cause := "family-mismatch"
				if m.withoutBind {
					cause = ""
					if want := "peer fd00:6::170 "; got.Status != 0 || !strings.Contains(got.Stdout, want) {
						t.Errorf("%+v\nwant exit status 0 and %q", got, want)
					}
				} else if got.Status == 0 || !strings.Contains(got.Stderr, tt.says) {
					t.Errorf("%+v\nwant a failure that says %q", got, tt.says)
				}
				if report != "" {
					if r := readReport(t, report); r.causes() != cause {
						t.Errorf("findings %q, want %q", r.causes(), cause)
					}
				}
			})
		}
	}
}
