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

// TestWatchMariaDB watches a server that turns hosts away after twenty connections without a login, for many more rounds and from every source.
func TestWatchMariaDB(t *testing.T) {
	p := testhost.NewPair(t)
	const most = 20
	testhost.MariaDB(p.Server, testhost.WithHosts(t, p.Client.V4[0].String()+" client.test", p.Client.V4[1].String()+" second.test"), fmt.Sprint("--max-connect-errors=", most))
	w := watch(t, p.Client, nil, nil, "--watch", "100ms", fast, "--sources", "all", "--count", "30", "--timeout", "300ms", "mysql://"+server4)
	states := 0
	sum := watchLine{}
	for line := range w.lines {
		switch line.Type {
		case "state":
			states++
			if line.Source == "no bind" && line.After.Service != "mysql" {
				t.Errorf("%+v", line)
			}
		case "change", "flapping", "settled":
			t.Errorf("%+v", line)
		case "summary":
			sum = line
		}
	}
	_ = w.cmd.Wait()
	if sum.Attempts < 30*5 || states < 8 {
		t.Errorf("%d attempts, %d states\n%s", sum.Attempts, states, w.stderr.String())
	}
	if n := strings.Count(w.stderr.String(), "mysql: asked who it is 10 times at most, since it turns a host away after max_connect_errors"); n != 1 {
		t.Errorf("told %d times: %s", n, w.stderr.String())
	}
	// The host is not turned away: one handshake was counted, and this is the second.
	one := []try{{"mysql", "", netip.AddrPortFrom(netip.MustParseAddr(server4), testhost.PortMySQL), false, ""}}
	if r := makeTries(t, p.Client, one)[0]; !regexp.MustCompile(`^connected, mysql 10\.`).MatchString(r.text()) {
		t.Errorf("after the watch: %s", r.text())
	}
	// That so many would have been turned away shows that they would be counted: without it, this test could not fail.
	var last string
	for range most + 2 {
		last = makeTries(t, p.Client, one)[0].text()
	}
	if !strings.Contains(last, "turns this host away") {
		t.Errorf("the server counts nothing: %s", last)
	}
}

// TestWatchSSH watches a server that logs each connection: it is asked once, and its program sees nothing of the others.
func TestWatchSSH(t *testing.T) {
	p := testhost.NewPair(t)
	server := testhost.SSHD(p.Server)
	w := watch(t, p.Client, nil, nil, "--watch", "100ms", fast, "--sources", "all", "--count", "20", "--timeout", "300ms", "ssh://"+server4)
	sum := w.until("summary")
	w.status()
	if sum.Attempts < 20*5 || sum.Changes != 0 {
		t.Errorf("%+v", sum)
	}
	time.Sleep(time.Second) // what sshd logs comes late, if it comes
	if n := len(regexp.MustCompile(`(?m)^.*(Connection from|Connection closed|Did not receive|Connection reset|exchange_identification).*$`).FindAllString(server.Output(), -1)); n == 0 || n > 3 {
		t.Errorf("%d lines of the server's log:\n%s", n, server.Output())
	}
}
