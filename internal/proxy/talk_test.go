package proxy

import (
	"bytes"
	"strings"
	"testing"
)

// listen hears segments: what the client sends begins with ">", what the proxy sends with "<".
func listen(said ...string) *Talk {
	var t Talk
	up, down := uint32(1<<32-3), uint32(7) // sequence numbers wrap
	for _, s := range said {
		b := []byte(s[1:])
		switch s[0] {
		case '>':
			t.Up(up, b)
			t.Up(up, b) // the loopback device shows each twice
			up += uint32(len(b))
		case '<':
			t.Down(down, b)
			down += uint32(len(b))
		case '!': // the proxy's, unheard
			down += uint32(len(b))
		}
	}
	return &t
}

const (
	connect  = ">CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n"
	wantUser = "<HTTP/1.1 407 Proxy Authentication Required\r\nServer: squid/5.7\r\nProxy-Authenticate: Basic realm=\"x\"\r\nProxy-Authenticate: Negotiate\r\n\r\n"
	socksHi  = ">\x05\x01\x00"
)

func TestTalk(t *testing.T) {
	for _, tt := range []struct {
		name string
		said []string
		want []Ask
		over bool
	}{
		{
			"granted",
			[]string{connect, "<HTTP/1.1 200 Connection established\r\n\r\n", ">\x16\x03"},
			[]Ask{{Method: "CONNECT", Target: "example.org:443", Answer: Answer{Kind: Granted, Words: "200 Connection established"}}},
			true,
		},
		{"407", []string{connect, wantUser}, []Ask{{Method: "CONNECT", Target: "example.org:443", Answer: Answer{
			Kind: WantsUser, Words: "407 Proxy Authentication Required", Server: "squid/5.7", Offers: []string{"Basic", "Negotiate"},
		}}}, false},
		{
			"407, then a user",
			[]string{connect, wantUser, strings.Replace(connect, "\r\n\r\n", "\r\nProxy-Authorization: Basic eDp5\r\n\r\n", 1), "<HTTP/1.0 200 OK\r\n\r\n"},
			[]Ask{
				{Method: "CONNECT", Target: "example.org:443", Answer: Answer{
					Kind: WantsUser, Words: "407 Proxy Authentication Required", Server: "squid/5.7", Offers: []string{"Basic", "Negotiate"},
				}},
				{Method: "CONNECT", Target: "example.org:443", Offered: "Basic", Answer: Answer{Kind: Granted, Words: "200 OK"}},
			},
			true,
		},
		{
			"in pieces",
			[]string{">CONNECT a.test:443 HTTP/1.0\r\n", ">Host: a.test\r\n", ">\r\n", "<HTTP/1.0 403 Filtered\r\n", "<Server: tinyproxy/1.11.1\r\n", "<\r\n"},
			[]Ask{{Method: "CONNECT", Target: "a.test:443", Answer: Answer{Kind: Denied, Words: "403 Filtered", Server: "tinyproxy/1.11.1"}}},
			false,
		},
		{
			"the end of the request unheard",
			[]string{">CONNECT a.test:443 HTTP/1.0\r\nA: b", "<HTTP/1.0 403 Filtered\r\n\r\n"},
			[]Ask{{Method: "CONNECT", Target: "a.test:443", Answer: Answer{Kind: Denied, Words: "403 Filtered"}}},
			false,
		},
		{
			"the end of the answer unheard",
			[]string{connect, "<HTTP/1.0 403 Filtered\r\nA: b"},
			[]Ask{{Method: "CONNECT", Target: "example.org:443", Answer: Answer{Kind: Denied, Words: "403 Filtered"}}},
			false,
		},
		{
			"tinyproxy's 401",
			[]string{connect, "<HTTP/1.0 401 Unauthorized\r\n\r\n"},
			[]Ask{{Method: "CONNECT", Target: "example.org:443", Answer: Answer{Kind: WantsUser, Words: "401 Unauthorized"}}},
			false,
		},
		{
			"the origin's 401",
			[]string{">GET http://a.test/ HTTP/1.1\r\n\r\n", "<HTTP/1.1 401 Unauthorized\r\nVia: 1.1 t (tinyproxy/1.11.1)\r\n\r\n"},
			[]Ask{{Method: "GET", Target: "a.test:80", Answer: Answer{Kind: Granted, Words: "401 Unauthorized"}}},
			false,
		},
		{
			"the origin's 403",
			[]string{">GET http://u:p@a.test/x?y HTTP/1.1\r\n\r\n", "<HTTP/1.1 403 Forbidden\r\nServer: nginx\r\nVia: 1.1 tinyproxy (tinyproxy/1.11.1)\r\n\r\n"},
			[]Ask{{Method: "GET", Target: "a.test:80", Answer: Answer{Kind: Other, Words: "403 Forbidden", Server: "nginx"}}},
			false,
		},
		{
			"another tinyproxy's 403, passed on",
			[]string{">GET http://a.test/ HTTP/1.1\r\n\r\n", "<HTTP/1.1 403 Filtered\r\nServer: tinyproxy/1.11.1\r\nVia: 1.1 t (tinyproxy/1.11.1)\r\n\r\n"},
			[]Ask{{Method: "GET", Target: "a.test:80", Answer: Answer{Kind: Other, Words: "403 Filtered", Server: "tinyproxy/1.11.1"}}},
			false,
		},
		{
			"the origin's 502",
			[]string{">GET http://a.test/ HTTP/1.1\r\n\r\n", "<HTTP/1.1 502 Bad Gateway\r\n\r\n"},
			[]Ask{{Method: "GET", Target: "a.test:80", Answer: Answer{Kind: Other, Words: "502 Bad Gateway"}}},
			false,
		},
		{
			"the origin's 404",
			[]string{">GET http://[2001:db8::1]/ HTTP/1.1\r\n\r\n", "<HTTP/1.1 404 Not Found\r\n\r\n"},
			[]Ask{{Method: "GET", Target: "[2001:db8::1]:80", Answer: Answer{Kind: Granted, Words: "404 Not Found"}}},
			false,
		},
		{
			"squid's 503",
			[]string{connect, "<HTTP/1.1 503 Service Unavailable\r\nX-Squid-Error: ERR_DNS_FAIL 0\r\n\r\n"},
			[]Ask{{Method: "CONNECT", Target: "example.org:443", Answer: Answer{Kind: CannotReach, Words: "503 Service Unavailable", Details: "ERR_DNS_FAIL 0"}}},
			false,
		},
		{
			"a busy proxy's 503",
			[]string{connect, "<HTTP/1.1 503 Service Unavailable\r\n\r\n"},
			[]Ask{{Method: "CONNECT", Target: "example.org:443", Answer: Answer{Kind: Other, Words: "503 Service Unavailable"}}},
			false,
		},
		{
			"two requests, a body between them",
			[]string{">GET http://a.test/ HTTP/1.1\r\n\r\n", "<HTTP/1.1 200 OK\r\n\r\n", "!lowercase", "<HTML", ">GET http://b.test/ HTTP/1.1\r\n\r\n", wantUser},
			[]Ask{
				{Method: "GET", Target: "a.test:80", Answer: Answer{Kind: Granted, Words: "200 OK"}},
				{Method: "GET", Target: "b.test:80", Answer: Answer{
					Kind: WantsUser, Words: "407 Proxy Authentication Required", Server: "squid/5.7", Offers: []string{"Basic", "Negotiate"},
				}},
			},
			false,
		},
		{
			"an interim answer",
			[]string{">POST http://a.test/ HTTP/1.1\r\n\r\n", "<HTTP/1.1 100 Continue\r\n\r\n", "<HTTP/1.1 200 OK\r\n\r\n"},
			[]Ask{{Method: "POST", Target: "a.test:80", Answer: Answer{Kind: Granted, Words: "200 OK"}}},
			false,
		},
		{"no proxy's protocol", []string{">SSH-2.0-x\r\n\r\n", "<SSH-2.0-y\r\n"}, nil, false},
		{
			"socks granted",
			[]string{socksHi, "<\x05\x00", ">\x05\x01\x00\x03\x06a.test\x01\xbb", "<\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"},
			[]Ask{{Socks: true, Method: "CONNECT", Target: "a.test:443", Answer: Answer{Kind: Granted, Words: "succeeded"}}},
			true,
		},
		{
			"socks denied",
			[]string{socksHi, "<\x05\x00", ">\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x50", "<\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00"},
			[]Ask{{Socks: true, Method: "CONNECT", Target: "192.0.2.1:80", Answer: Answer{Kind: Denied, Words: "not allowed by its rules"}}},
			true,
		},
		{
			"socks wants a user",
			[]string{socksHi, "<\x05\xff"},
			[]Ask{{Socks: true, Method: "CONNECT", Answer: Answer{Kind: WantsUser, Words: noUser}}},
			true,
		},
		{
			"socks takes neither",
			[]string{">\x05\x02\x00\x02", "<\x05\xff"},
			[]Ask{{Socks: true, Method: "CONNECT", Answer: Answer{Kind: Other, Words: noMethod}}},
			true,
		},
		{
			"socks, a wrong password",
			[]string{">\x05\x02\x00\x02", "<\x05\x02", ">\x01\x01u\x02pw", "<\x01\x01"},
			[]Ask{{Socks: true, Method: "CONNECT", Offered: "password", Answer: Answer{Kind: WantsUser, Words: badPassword}}},
			true,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			talk := listen(tt.said...)
			if talk.Over() != tt.over {
				t.Errorf("over %v, want %v", talk.Over(), tt.over)
			}
			got := talk.Asks()
			if len(got) != len(tt.want) {
				t.Fatalf("\n got %+v\nwant %+v", got, tt.want)
			}
			for i := range got {
				if g, w := got[i], tt.want[i]; g.Socks != w.Socks || g.Method != w.Method || g.Target != w.Target || g.Offered != w.Offered ||
					g.Answer.Kind != w.Answer.Kind || g.Answer.Words != w.Answer.Words || g.Answer.Server != w.Answer.Server ||
					g.Answer.Details != w.Answer.Details || strings.Join(g.Answer.Offers, " ") != strings.Join(w.Answer.Offers, " ") {
					t.Errorf("\n got %+v\nwant %+v", g, w)
				}
			}
		})
	}
}

// FuzzTalk holds that nothing that passes can stop the listener, or make it keep much.
func FuzzTalk(f *testing.F) {
	f.Add([]byte(connect[1:]), []byte(wantUser[1:]), uint8(7))
	f.Add([]byte("\x05\x02\x00\x02\x01\x01u\x02pw\x05\x01\x00\x03\x06a.test\x01\xbb"), []byte("\x05\x02\x01\x00\x05\x02"), uint8(3))
	f.Add([]byte("\x05\x01\x00\x05\x01\x00\x04"), []byte("\x05\x00\x05"), uint8(1))
	f.Fuzz(func(t *testing.T, up, down []byte, step uint8) {
		var talk Talk
		n := int(step) + 1
		for i := 0; i < max(len(up), len(down)); i += n {
			if i < len(up) {
				talk.Up(uint32(i), up[i:min(i+n, len(up))])
			}
			if i < len(down) {
				talk.Down(uint32(i), down[i:min(i+n, len(down))])
			}
		}
		if asks := talk.Asks(); len(asks) > maxAsks+1 {
			t.Errorf("%d requests are kept", len(asks))
		}
	})
}

// peer answers each write with the next of its answers.
type peer struct {
	got     bytes.Buffer
	answers []string
	next    *strings.Reader
}

func (p *peer) Write(b []byte) (int, error) {
	p.got.Write(b)
	if len(p.answers) > 0 {
		p.next, p.answers = strings.NewReader(p.answers[0]), p.answers[1:]
	}
	return len(b), nil
}

func (p *peer) Read(b []byte) (int, error) { return p.next.Read(b) }

// TestAsk holds what we ask against what we hear.
func TestAsk(t *testing.T) {
	p := &peer{answers: []string{"HTTP/1.1 403 No\r\nServer: squid/6\r\n\r\nbody"}}
	a, err := AskHTTP(p, "CONNECT", "a.test:443", "x", "y")
	if err != nil || a.Kind != Denied || a.Words != "403 No" || a.Server != "squid/6" {
		t.Errorf("got %+v, %v", a, err)
	}
	heard := listen(">" + p.got.String()).Asks()
	if len(heard) != 1 || heard[0].Target != "a.test:443" || heard[0].Offered != "Basic" || strings.Contains(p.got.String(), "x:y") {
		t.Errorf("got %+v of %q", heard, p.got.String())
	}
	p = &peer{answers: []string{"\x05\x02", "\x01\x00", "\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00"}}
	if a, err := AskSocks(p, "[2001:db8::1]:443", "x", "y"); err != nil || a.Kind != CannotReach || a.Words != "connection refused" {
		t.Errorf("got %+v, %v", a, err)
	}
	if want := "\x05\x02\x00\x02\x01\x01x\x01y\x05\x01\x00\x04\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x01\xbb"; p.got.String() != want {
		t.Errorf("\n got %q\nwant %q", p.got.String(), want)
	}
	for _, answer := range []string{"SSH-2.0-x\r\n", "", "HTTP/2 200\r\n"} {
		if a, err := AskHTTP(&peer{answers: []string{answer}}, "CONNECT", "a.test:443", "", ""); err == nil {
			t.Errorf("%q is taken for %+v", answer, a)
		}
	}
}
