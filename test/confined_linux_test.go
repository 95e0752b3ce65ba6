package test

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// TestConfined runs a program that confines itself by Landlock, once it is under watch: what sallyport does for it must not grant
// it more, and what the kernel denies it is found all the same.
func TestConfined(t *testing.T) {
	needLandlock(t)
	p := testhost.NewPair(t)
	testhost.Nginx(p.Server)
	curl := []string{build(t, "./testdata/landlock"), "curl", "-sS", "--max-time", "5", "--interface", source4, "http://" + server4 + "/"}

	argv, report := mode{}.wrap(t, curl...)
	got := p.Client.Run(clientTimeout, "", argv...)
	if got.Status != 45 || !strings.Contains(got.Stderr, "errno 13") {
		t.Errorf("%+v\nwant exit status 45 and errno 13", got)
	}
	if r := readReport(t, report); r.causes() != "bind-denied" {
		t.Errorf("findings %q, want bind-denied", r.causes())
	}

	argv, report = mode{withoutBind: true}.wrap(t, curl...)
	got = p.Client.Run(clientTimeout, "", argv...)
	if want := "peer 172.16.6.170 "; got.Status != 0 || !strings.Contains(got.Stdout, want) {
		t.Errorf("without bind: %+v\nwant exit status 0 and %q", got, want)
	}
	if r := readReport(t, report); r.causes() != "" {
		t.Errorf("without bind: findings %q, want none", r.causes())
	}
}
