package kube

import (
	"fmt"
	"strings"
	"testing"
)

func TestMentions(t *testing.T) {
	c, problems := Read(Path("testdata/mentions"))
	for _, p := range problems {
		if p.Severity == Error {
			t.Error(p)
		}
	}
	e := Compile(c, Assumptions{})
	from, err := e.Find("shop/web")
	if err != nil {
		t.Fatal(err)
	}
	list, left := e.Mentions(from.Workload)
	var got []string
	for _, m := range list {
		got = append(got, fmt.Sprintf("%s://%s %v %v, line %d: %s", m.Scheme, m.Host, m.Ports, m.Protocol, m.Line, m.By))
	}
	want := []string{
		"://cache.shop.svc [6379] TCP, line 5: CACHE_HOST of container app",
		"://kafka-0.kafka.example [9092] TCP, line 8: BROKERS of container app",
		"://kafka-1.kafka.example [9092] TCP, line 8: BROKERS of container app",
		"postgres://db.shop.svc [5432] TCP, line 15: DATABASE_URL of container app",
		"https://api.example.org [] TCP, line 53: arguments of container app",
		"://irc.example.org [6667] TCP, line 53: arguments of container app",
		"://pay.example.org [443] TCP, line 59: PAY_HOST of container app",
		"mysql://old.example.org [3306] TCP, line 61: JDBC of container app",
		"://192.0.2.10 [8443] TCP, line 72: NetworkPolicy shop/out",
		"://192.0.2.10 [53] UDP, line 72: NetworkPolicy shop/out",
		"://files.example.org [443] TCP, line 80: EgressFirewall shop/default",
		"tls://maps.example.org [443] TCP, line 83: ServiceEntry shop/ext",
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
	if g := strings.Join(left, "\n"); g != "testdata/mentions/app.yaml:60: MAIL_HOST of container app names mail.example.org and no port\n"+
		"testdata/mentions/app.yaml:63: ConfigMap absent was not read, so that GONE is not known" && len(left) != 2 {
		t.Errorf("left out:\n%s", g)
	}
	if all := fmt.Sprint(list, left); strings.Contains(all, "hunter2") || strings.Contains(all, "swordfish") {
		t.Errorf("tells a secret: %s", all)
	}
	if list, _ = e.Mentions(nil); len(list) != 15 { // and the three Services themselves
		t.Errorf("%d of all, want 15", len(list))
	}
}

// FuzzMentions reads any text as a variable of a Secret: what it names is a host, and no more of it is told.
func FuzzMentions(f *testing.F) {
	for _, s := range []string{"postgres://u:pass@db.shop:5432/x", "a.b:1,c.d:2", "jdbc:x://[::1]:80", "--x=$(Y)"} {
		f.Add(s)
	}
	c, _ := Read(Path("testdata/mentions"))
	e := Compile(c, Assumptions{})
	from, err := e.Find("shop/web")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m := &mentions{e: e, from: from.Workload}
		for _, secret := range []bool{false, true} {
			m.text(from.Workload, Pos{File: "f", Line: 1}, "X", text, secret, true)
		}
		for _, x := range m.list {
			if x.Host == "" || strings.ContainsAny(x.Host, "@/ ") || x.Scheme == "" && len(x.Ports) == 0 {
				t.Errorf("%q: %+v", text, x)
			}
		}
	})
}
