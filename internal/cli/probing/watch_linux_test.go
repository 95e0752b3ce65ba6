package probing

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/cli/shell"
)

func TestWatchFlags(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--watch 0s 192.0.2.1:1", "--watch wants a time above 0"},
		{"--watch -1s 192.0.2.1:1", "--watch wants a time above 0"},
		{"--watch 30 192.0.2.1:1", "parse error"},
		{"--watch 4s 192.0.2.1:1", "rounds less than 5s apart want --rate too"},
		{"--watch 30s", "--watch has no targets"},
		{"--count 3 192.0.2.1:1", "--count is for --watch INTERVAL"},
		{"--for 3s 192.0.2.1:1", "--for is for --watch INTERVAL"},
		{"--metrics 9469 192.0.2.1:1", "--metrics is for --watch INTERVAL"},
		{"--watch 30s --count 0 192.0.2.1:1", "--count wants a number from 1"},
		{"--watch 30s --count -1 192.0.2.1:1", "--count wants a number from 1"},
		{"--watch 30s --for 0s 192.0.2.1:1", "--for a time above 0"},
		{"--watch 30s --metrics 127.0.0.1 192.0.2.1:1", "want 9469, or 0.0.0.0:9469"},
		{"--watch 30s --output yaml 192.0.2.1:1", "want --output text or json"},
		{"--watch 30s --expect x 192.0.2.1:1", "--expect is for a single round"},
		{"--watch 30s --sources none 192.0.2.1:1-65535 192.0.2.2:1-65535 192.0.2.3:1-65535 192.0.2.4:1-65535", "262,140 attempts in each round: want at most 200,000"},
	} {
		var out, errs strings.Builder
		if status := runProbe(strings.Fields(c.args), strings.NewReader(""), &out, &errs); status != shell.Usage || !strings.Contains(errs.String(), c.want) || out.Len() > 0 {
			t.Errorf("%s: status %d, %s%s", c.args, status, out.String(), errs.String())
		}
	}
}

// TestLookupError has errors be the same from round to round: the words of package net name a port that is another each time.
func TestLookupError(t *testing.T) {
	for want, err := range map[string]error{
		"no such host":                 &net.DNSError{Err: "no such host", Name: "a.test", Server: "127.0.0.1:53", IsNotFound: true},
		"the resolver does not answer": &net.DNSError{Err: "read udp 127.0.0.1:40001->127.0.0.1:53: i/o timeout", IsTimeout: true},
		"resolver: connection refused": &net.DNSError{Err: "read udp 127.0.0.1:40001->127.0.0.1:53: read: connection refused"},
		"resolver: server misbehaving": &net.DNSError{Err: "server misbehaving", IsTemporary: true},
		"what is no error of a lookup": errors.New("what is no error of a lookup"),
	} {
		if got := lookupError(err).Error(); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}

func TestProgressLine(t *testing.T) {
	begin := time.Now()
	for _, c := range []struct {
		p    *progress
		want string
	}{
		{&progress{total: 22_000, hosts: 1000, done: 1200, counts: [3]int{100, 300, 800}, finished: 40}, "1,200 of 22,000 attempts, 120/s; 300 allowed, 800 denied, 100 inconclusive; 960 hosts, 2 min 53 s left"},
		{&progress{done: 50, counts: [3]int{0, 50, 0}}, "50 attempts, 5/s; 50 allowed"},
		{&progress{total: 10}, "0 of 10 attempts, 0/s"},
		{&progress{total: 10, done: 10, hosts: 1, counts: [3]int{10, 0, 0}}, "10 of 10 attempts, 1/s; 10 inconclusive"},
	} {
		c.p.begin = begin
		if got := c.p.line(begin.Add(10 * time.Second)); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 65535: "65,535", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
