package probe

import (
	"fmt"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"mail.example:25", "mail.example tcp [{25 25}]  "},
		{"Mail.Example.:25", "mail.example tcp [{25 25}]  "},
		{"192.0.2.1:22,80,81-90,443", "192.0.2.1 tcp [{22 22} {80 90} {443 443}]  "},
		{"[2001:db8::1]:443", "2001:db8::1 tcp [{443 443}]  "},
		{"[::ffff:192.0.2.1]:443", "192.0.2.1 tcp [{443 443}]  "},
		{"https://api.example/health?x=1#top", "api.example tcp [{443 443}] https /health?x=1"},
		{"https://[2001:db8::1]/", "2001:db8::1 tcp [{443 443}] https /"},
		{"mongodb://user:p@ss@db.example", "db.example tcp [{27017 27017}] mongodb "},
		{"udp://host:1-65535", "host udp [{1 65535}]  "},
		{"dns://192.0.2.53", "192.0.2.53 udp [{53 53}] dns "},
		{"SSH://h:2222", "h tcp [{2222 2222}] ssh "},
		{"h:65535,1-65534", "h tcp [{1 65535}]  "},
		{"_x.y-z:1", "_x.y-z tcp [{1 1}]  "},
	} {
		got, err := Parse(c.text)
		if s := fmt.Sprintf("%s %v %v %s %s", got.Name(), got.Protocol, got.Ports, got.Service, got.Path); err != nil || s != c.want {
			t.Errorf("%s: %q, %v, want %q", c.text, s, err, c.want)
		}
		if strings.Contains(got.Text, "p@ss") {
			t.Errorf("%s: keeps a password: %s", c.text, got.Text)
		}
	}
	common, err := Parse("h:common")
	if err != nil || len(common.Ports) != 21 { // 5671 and 5672 are neighbours
		t.Errorf("common: %v, %v", common.Ports, err)
	}
}

func TestParseBad(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "has no host",
		"host":                         "has no port: want host:PORT",
		"host:":                        "nothing after the colon",
		":25":                          "has no host",
		"host:0":                       "port 0 is out of range",
		"host:65536":                   "port 65536 is out of range",
		"host:99999999999999":          "is no port",
		"host:+1":                      "is no port",
		"host:08":                      "is no port",
		"host:90-80":                   "reversed: want 80-90",
		"host:1-":                      "is no port",
		"host:1,,2":                    "is no port",
		"2001:db8::1":                  "want brackets",
		"[2001:db8::1:443":             "has no ]",
		"[2001:db8::1]443":             "after ]",
		"[host]:1":                     "brackets are for IPv6",
		"300.1.1.1:80":                 "is no address",
		"10.1:80":                      "is no address",
		"0.0.0.0:80":                   "is no destination",
		"10.0.0.0/28":                  "has no port: want 10.0.0.0/28:PORT",
		"10.0.0.0/15:80":               "more than 65536 addresses: want /16 or longer",
		"[2001:db8::/111]:80":          "want /112 or longer",
		"10.0.0.0/33:80":               "is no prefix",
		"10.0.0/24:80":                 "is no prefix",
		"host/24:80":                   "is no prefix",
		"/:80":                         "is no prefix",
		"[::ffff:10.0.0.0/120]:80":     "is no prefix",
		"[::]:80":                      "is no destination",
		"a..b:1":                       "neither a name nor an address",
		"-a:1":                         "neither a name nor an address",
		"a b:1":                        "neither a name nor an address",
		"kafak://host":                 "did you mean kafka://?",
		"gopher+x://host":              "want one of amqp",
		"tcp://host":                   "has no port",
		"https://:443/":                "has no host",
		strings.Repeat("a", 64) + ":1": "neither",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestReadList(t *testing.T) {
	text := "\ufeffmail.example:25\r\n\r\n# a comment\r\nhost:80 # another\r\nbad\r\nhttps://x/#top\r\n" + strings.Repeat("x", 10000) + "\r\n\xff\nlast:1"
	var got []string
	for target, err := range ReadList("list", strings.NewReader(text)) {
		if err != nil {
			got = append(got, err.Error())
		} else {
			got = append(got, target.Text)
		}
	}
	want := []string{"mail.example:25", "host:80", `list:5: "bad" has no port: want bad:PORT, or bad:common for the ports that people ask about`, "https://x/#top", "list:7: is longer than 4096 bytes: want one target a line", "list:8: is no UTF-8 text: want one target a line", "last:1"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"mail.example:25", "https://u:p@[2001:db8::1]:8443/x", "h:1-1024,common"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		target, err := Parse(s)
		if err != nil {
			return
		}
		if len(target.Ports) == 0 || target.Host == "" && !target.Addr.IsValid() {
			t.Fatalf("%q: %+v", s, target)
		}
		last := 0
		for _, r := range target.Ports {
			if int(r.First) <= last || r.Last < r.First {
				t.Fatalf("%q: ports %v", s, target.Ports)
			}
			last = int(r.Last)
		}
	})
}
