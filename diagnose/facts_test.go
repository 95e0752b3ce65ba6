package diagnose

import (
	"testing"

	"github.com/sallyport/sallyport/attempt"
)

func TestParseProxy(t *testing.T) {
	for value, want := range map[string]Proxy{
		"http://user:secret@proxy.corp:3128/": {Scheme: "http", Host: "proxy.corp:3128", user: "user", password: "secret"},
		"proxy.corp:3128":                     {Scheme: "http", Host: "proxy.corp:3128"},
		"http://proxy.corp":                   {Scheme: "http", Host: "proxy.corp:80"},
		"socks5h://[2001:db8::1]":             {Scheme: "socks5h", Host: "[2001:db8::1]:1080"},
	} {
		if got, ok := parseProxy(value); !ok || got != want {
			t.Errorf("parseProxy(%q) = %+v, %v, want %+v", value, got, ok, want)
		}
	}
	for _, value := range []string{"", "http://", "://", "http://%zz"} {
		if got, ok := parseProxy(value); ok {
			t.Errorf("parseProxy(%q) = %+v, want none", value, got)
		}
	}
}

func TestProxyFor(t *testing.T) {
	f := Facts{Proxies: []Proxy{
		{Variable: "https_proxy", Scheme: "http", Host: "s:1"},
		{Variable: "http_proxy", Scheme: "http", Host: "h:1"},
		{Variable: "all_proxy", Scheme: "socks5", Host: "a:1"},
	}}
	for _, tt := range []struct{ to, name, want string }{
		{"192.0.2.1:443", "", "s:1"},
		{"192.0.2.1:80", "", "h:1"},
		{"192.0.2.1:6667", "", "s:1"},
		{"10.1.2.3:443", "", "s:1"}, // exempted, which is another matter
		{"127.0.0.1:80", "", ""},
	} {
		got := ""
		if p := proxyFor(attempt.Attempt{Protocol: attempt.TCP, Destination: ap(tt.to), Name: tt.name}, f); p != nil {
			got = p.Host
		}
		if got != tt.want {
			t.Errorf("proxyFor(%s %s) = %q, want %q", tt.to, tt.name, got, tt.want)
		}
	}
}

func TestExempting(t *testing.T) {
	const list = "localhost,.corp.example, 10.0.0.0/8,192.0.2.7:443"
	for _, tt := range []struct{ to, name, want string }{
		{"10.1.2.3:443", "", "10.0.0.0/8"},
		{"192.0.2.1:443", "git.corp.example", ".corp.example"},
		{"192.0.2.1:443", "notcorp.example", ""},
		{"192.0.2.7:443", "", "192.0.2.7:443"},
		{"192.0.2.7:80", "", ""},
	} {
		if got := clientOther.exempting(list, attempt.Attempt{Protocol: attempt.TCP, Destination: ap(tt.to), Name: tt.name}); got != tt.want {
			t.Errorf("exempting(%s %s) = %q, want %q", tt.to, tt.name, got, tt.want)
		}
	}
}

func TestCommandLine(t *testing.T) {
	got := CommandLine([]string{"sh", "-c", "echo 'a b'", "", "x=1", "'$a'"})
	want := `sh -c "echo 'a b'" '' x=1 ''\''$a'\'''`
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}
