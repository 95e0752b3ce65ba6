package proxy

import (
	"net/netip"
	"strings"
	"testing"
)

func TestWithoutUser(t *testing.T) {
	for value, want := range map[string]string{
		"http://alice:secret@p:3128":   "http://p:3128",
		"http://alice:secret@p:3128/x": "http://p:3128/x",
		"alice:secret@p:3128":          "p:3128",
		"p:3128":                       "p:3128",
		"http://a:sec/ret@p":           "http://p",
		"localhost,.corp,10.0.0.0/8":   "localhost,.corp,10.0.0.0/8",
	} {
		if got := WithoutUser(value); got != want {
			t.Errorf("%s: %s, want %s", value, got, want)
		}
	}
}

func FuzzParseServer(f *testing.F) {
	for _, s := range []string{"http://u:p@[2001:db8::1]:3128/", "p", "socks5h://p", "://"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		s, err := ParseServer(value)
		if err != nil {
			return
		}
		if s.Host == "" || s.Port == 0 {
			t.Errorf("%q: %+v", value, s)
		}
		if len(s.Password) > 3 && !strings.Contains(s.Host, s.Password) && strings.Contains(s.String(), s.Password) && !strings.Contains(s.Scheme, s.Password) {
			t.Errorf("%q: shows a password: %s", value, s.String())
		}
	})
}

func FuzzExempting(f *testing.F) {
	f.Add("a.test,*.b, 10.0.0.0/8 [::1]:80|x*", "a.test", uint16(80))
	f.Fuzz(func(t *testing.T, list, host string, port uint16) {
		for _, c := range append([]Client{Java}, Clients...) {
			item := c.Exempting(list, URL{Scheme: "http", Host: host, Port: port})
			if item != "" && !strings.Contains(strings.ReplaceAll(list, " ", ""), strings.ReplaceAll(item, " ", "")) {
				t.Errorf("%v: %q is no item of %q", c, item, list)
			}
		}
		if a, err := netip.ParseAddr(host); err == nil && Go.Exempting(a.String(), URL{Scheme: "http", Host: a.String(), Port: port}) == "" && a.Zone() == "" {
			t.Errorf("Go does not heed an address itself: %s", host)
		}
	})
}
