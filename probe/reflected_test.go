package probe

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/attempt"
)

func TestReflectTargets(t *testing.T) {
	for text, want := range map[string]string{
		"reflect://203.0.113.7":                          "reflect tcp 7531",
		"reflect+udp://203.0.113.7:1-65535":              "reflect udp 1-65535",
		"reflect+tls://host.example:443/www.example.org": "reflect-tls tcp 443 www.example.org + reflect+tls://host.example:443 + reflect://host.example:443",
		"reflect+http://[2001:db8::1]:80":                "reflect-http tcp 80 + reflect://[2001:db8::1]:80",
		"reflect+tls://me:secret@host.example:443/a.b":   "reflect-tls tcp 443 a.b + reflect+tls://host.example:443 + reflect://host.example:443",
		"reflect://203.0.113.7/name":                     "no name is said there",
		"reflect+tls://203.0.113.7/a b":                  "is no name that TLS or HTTP can say",
		"reflect+http://203.0.113.7/a\r\nX: y":           "is no name that TLS or HTTP can say",
		"reflec://203.0.113.7":                           "did you mean reflect://?",
	} {
		target, err := Parse(text)
		if err != nil {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want %s", text, err, want)
			}
			continue
		}
		got := fmt.Sprintf("%s %v %s", target.Service, target.Protocol, strings.Trim(strings.ReplaceAll(fmt.Sprint(target.Ports), " ", "-"), "[]{}"))
		if first, last, _ := strings.Cut(strings.Trim(fmt.Sprint(target.Ports), "[]{}"), " "); first == last {
			got = fmt.Sprintf("%s %v %s", target.Service, target.Protocol, first)
		}
		if target.SaidName() != "" {
			got += " " + target.SaidName()
		}
		for _, c := range target.Companions() {
			got += " + " + c.Text
			if again, err := Parse(c.Text); err != nil || again.Service != c.Service || !slices.Equal(again.Ports, c.Ports) || again.Path != c.Path {
				t.Errorf("%q: the companion %+v is no target: %v", text, c, err)
			}
		}
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// TestNameContrasts blames a name only where the same without it gets through, and a protocol only where another does.
func TestNameContrasts(t *testing.T) {
	const bare, tls, named, other = "reflect://192.0.2.1:443", "reflect+tls://192.0.2.1:443", "reflect+tls://192.0.2.1:443/a.example", "reflect+tls://192.0.2.1:443/b.example"
	for _, c := range []struct{ pass, fail, want string }{
		{bare + " " + tls, named, named + " name a.example by " + tls},
		{bare, tls + " " + named, tls + " name  by " + bare},
		{bare + " " + tls + " " + other, named, named + " name a.example by " + other},
		{tls + " " + named, bare, bare + " name  by " + named},
		{"", bare + " " + tls + " " + named, ""},
		{bare + " " + tls + " " + named, "", ""},
		{bare, "https://192.0.2.1:443", ""},
	} {
		m := &Matrix{}
		add := func(list string, answer *Answer, kind attempt.Kind) {
			for text := range strings.FieldsSeq(list) {
				target, err := Parse(text)
				if err != nil {
					t.Fatal(err)
				}
				r := Result{Answer: answer, Stage: StageHandshake, Outcome: attempt.Outcome{Kind: kind}}
				r.Attempt = Attempt{Attempt: attempt.Attempt{Protocol: attempt.TCP, Destination: netip.MustParseAddrPort("192.0.2.1:443")}, Target: &target, Variant: "no bind"}
				m.Add(&r)
			}
		}
		add(c.pass, &Answer{Service: "reflect", Reflected: &Reflected{Seen: netip.MustParseAddrPort("203.0.113.7:5")}}, attempt.Connected)
		add(c.fail, nil, attempt.Reset)
		var got []string
		for _, x := range m.NameContrasts() {
			got = append(got, fmt.Sprintf("%s name %s by %s", x.Target, x.Name, x.Other))
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%s fails, %s passes: %q, want %q", c.fail, c.pass, got, c.want)
		}
		if as := fmt.Sprint(m.SeenAs()); c.pass != "" && as != "[203.0.113.7]" || c.pass == "" && as != "[]" {
			t.Errorf("seen as %s", as)
		}
	}
}
