package measure

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/sallyport/sallyport/probe"
)

func TestReadConf(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resolv.conf")
	text := "# a comment\n; another\r\nnameserver 10.0.0.10 # one\nnameserver fe80::1%eth0\nnameserver nonsense\nnameserver ::ffff:10.0.0.11\nnameserver 10.0.0.12\n" +
		"domain old.test\nsearch A.test. b.test\noptions ndots:99 timeout:0 attempts:9 rotate use-vc ndots:-1\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	c := readConf(file)
	var servers []string
	for _, s := range c.Servers {
		servers = append(servers, s.String())
	}
	if got := strings.Join(servers, " "); got != "10.0.0.10 fe80::1%eth0 10.0.0.11" || len(c.Ignored) != 1 {
		t.Errorf("servers %s, ignored %v", got, c.Ignored)
	}
	if strings.Join(c.Search, " ") != "a.test b.test" || c.Ndots != 15 || c.Timeout != time.Second || c.Attempts != 5 || !c.Rotate || !c.UseTCP || c.Missing {
		t.Errorf("%+v", c)
	}
	if c := readConf(file + ".not"); !c.Missing || len(c.Servers) != 1 || !c.Servers[0].IsLoopback() || c.Ndots != 1 || c.Timeout != 5*time.Second {
		t.Errorf("without a file: %+v", c)
	}
}

func TestReadHosts(t *testing.T) {
	dir := t.TempDir()
	hosts, order := filepath.Join(dir, "hosts"), filepath.Join(dir, "nsswitch.conf")
	if err := os.WriteFile(hosts, []byte("127.0.0.1 localhost\n\n10.0.0.1 db DB.example # db.example\n# 10.0.0.2 db.example\nfd00::1 db.example\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	got := readHosts(hosts, "db.example")
	if len(got) != 2 || got[0].Line != 3 || got[1].Line != 5 || got[1].Addr.String() != "fd00::1" {
		t.Errorf("%+v", got)
	}
	if err := os.WriteFile(order, []byte("passwd: files\nhosts:   files mdns4_minimal [NOTFOUND=return] dns # as Debian\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(readOrder(order), " "); got != "files mdns4_minimal dns" {
		t.Errorf("order %q", got)
	}
}

func FuzzDNSAnswer(f *testing.F) {
	q := dnsQuestion{name: "db.example", kind: dnsmessage.TypeA, edns: true}
	id, message, err := q.pack()
	if err != nil {
		f.Fatal(err)
	}
	answer := append([]byte{}, message...)
	answer[2] |= 0x80
	f.Add(answer)
	f.Add(message)
	var a probe.DNSAnswer
	if !q.read(id, answer, &a) || q.read(id, message, &a) || q.read(id+1, answer, &a) {
		f.Fatal("takes a question for an answer, or no answer for one")
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var a probe.DNSAnswer
		if q.read(id, b, &a) && len(a.Addrs) > maxDNSRecords {
			t.Errorf("%d addresses", len(a.Addrs))
		}
	})
}

func FuzzReadConf(f *testing.F) {
	f.Add([]byte("nameserver 10.0.0.1\nsearch a b\noptions ndots:5"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file := filepath.Join(t.TempDir(), "resolv.conf")
		if err := os.WriteFile(file, b, 0o644); err != nil {
			t.Fatal(err)
		}
		c := readConf(file)
		if len(c.Servers) == 0 || len(c.Servers) > maxServers || c.Ndots < 0 || c.Ndots > 15 || c.Timeout < time.Second || c.Timeout > 30*time.Second {
			t.Errorf("%+v", c)
		}
	})
}
