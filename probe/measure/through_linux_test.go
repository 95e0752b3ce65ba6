package measure

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/proxy"

	"github.com/sallyport/sallyport/probe"
)

// byProxy makes one attempt by way of a proxy at an address, at a target whose address nobody has.
func byProxy(scheme string, at netip.AddrPort, service string, all bool) probe.Result {
	via := &probe.Via{Server: proxy.Server{Scheme: scheme, Host: at.Addr().String(), Port: at.Port()}, Addr: at, AcceptsAll: func() bool { return all }}
	a := probe.Attempt{
		Attempt: attempt.Attempt{Protocol: attempt.TCP, Destination: netip.MustParseAddrPort("192.0.2.1:25")},
		Target:  &probe.Target{Text: "t", Service: service}, Variant: "no bind",
	}.By(via)
	for r := range Run(context.Background(), slices.Values([]probe.Attempt{a}), Limits{Timeout: 500 * time.Millisecond, Rate: -1}, Meet) {
		return r
	}
	return probe.Result{}
}

// says is a proxy that reads once before each of these, and then the far end, which is mute.
func says(t *testing.T, texts ...string) netip.AddrPort {
	return listen(t, func(c net.Conn) {
		for _, text := range texts {
			if _, err := c.Read(make([]byte, 4096)); err != nil {
				return
			}
			_, _ = io.WriteString(c, text)
		}
		_, _ = io.Copy(io.Discard, c)
	})
}

const banner = "220 mail.example ESMTP Test\r\n"

func TestThrough(t *testing.T) {
	const granted = "\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50"
	for _, c := range []struct {
		name, scheme string
		texts        []string
		service      string
		all          bool
		want         string
	}{
		{"banner with the answer", "http", []string{"HTTP/1.1 200 OK\r\n\r\n" + banner, "250-mail.example\r\n250 STARTTLS\r\n", "221 bye\r\n"}, "smtp", true, "done connected allowed, smtp"},
		{"banner after", "http", []string{"HTTP/1.0 200 OK\r\nVia: 1.1 x\r\n\r\n"}, "", false, "done connected allowed, "},
		{"mute, of one that says yes", "http", []string{"HTTP/1.0 200 OK\r\n\r\n"}, "", true, "proxy connected inconclusive"},
		{"mute in a handshake, of one that says yes", "http", []string{"HTTP/1.0 200 OK\r\n\r\n"}, "smtp", true, "proxy connected inconclusive"},
		{"mute in a handshake", "http", []string{"HTTP/1.0 200 OK\r\n\r\n"}, "smtp", false, "handshake timed out inconclusive"},
		{"forbidden", "http", []string{"HTTP/1.1 403 Forbidden\r\n\r\n"}, "smtp", true, "proxy denied denied"},
		{"login", "http", []string{"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Negotiate\r\n\r\n"}, "smtp", true, "proxy denied denied"},
		{"bad gateway", "http", []string{"HTTP/1.1 502 Bad Gateway\r\n\r\n"}, "smtp", true, "proxy failed inconclusive"},
		{"gateway timeout", "http", []string{"HTTP/1.1 504 Gateway Timeout\r\n\r\n"}, "smtp", true, "proxy timed out inconclusive"},
		{"unavailable", "http", []string{"HTTP/1.1 503 Service Unavailable\r\n\r\n"}, "smtp", true, "proxy failed inconclusive"},
		{"web server", "http", []string{"HTTP/1.1 405 Method Not Allowed\r\nServer: nginx\r\n\r\n"}, "smtp", true, "proxy failed inconclusive"},
		{"ssh server", "http", []string{"SSH-2.0-x\r\n"}, "smtp", true, "proxy failed inconclusive"},
		{"page by GET", "http", []string{"HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\n"}, "http", true, "done connected allowed, http"},
		{"403 by GET, of whom is not known", "http", []string{"HTTP/1.1 403 Forbidden\r\n\r\n"}, "http", true, "proxy failed inconclusive"},
		{"403 by GET, of squid", "http", []string{"HTTP/1.1 403 Forbidden\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\n\r\n"}, "http", true, "proxy denied denied"},
		{"404 by GET", "http", []string{"HTTP/1.1 404 Not Found\r\n\r\n"}, "http", true, "done connected allowed, http"},
		{"socks", "socks5h", []string{"\x05\x00", granted + banner, "250 mail.example\r\n", "221 bye\r\n"}, "smtp", true, "done connected allowed, smtp"},
		{"socks, a name as its own address", "socks5", []string{"\x05\x00", "\x05\x00\x00\x03\x03abc\x00\x50" + banner, "250 mail.example\r\n", "221 bye\r\n"}, "smtp", true, "done connected allowed, smtp"},
		{"socks, rules", "socks5", []string{"\x05\x00", "\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00"}, "smtp", true, "proxy denied denied"},
		{"socks, net", "socks5", []string{"\x05\x00", "\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00"}, "smtp", true, "proxy unreachable inconclusive"},
		{"socks, refused", "socks5", []string{"\x05\x00", "\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00"}, "smtp", true, "proxy refused inconclusive"},
		{"socks, TTL", "socks5", []string{"\x05\x00", "\x05\x06\x00\x01\x00\x00\x00\x00\x00\x00"}, "smtp", true, "proxy timed out inconclusive"},
		{"socks, general", "socks5", []string{"\x05\x00", "\x05\x01\x00\x01\x00\x00\x00\x00\x00\x00"}, "smtp", true, "proxy failed inconclusive"},
		{"socks, login", "socks5", []string{"\x05\xff"}, "smtp", true, "proxy denied denied"},
		{"socks, http", "socks5", []string{"HTTP/1.1 400 Bad Request\r\n\r\n"}, "smtp", true, "proxy failed inconclusive"},
		{"endless head", "http", []string{"HTTP/1.1 200 OK\r\n" + strings.Repeat("x: y\r\n", 20000)}, "", false, ""},
		{"endless line", "http", []string{"HTTP/1.1 200 " + strings.Repeat("x", 100000)}, "smtp", true, "proxy failed inconclusive"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := byProxy(c.scheme, says(t, c.texts...), c.service, c.all)
			got := fmt.Sprintf("%v %v %v", r.Stage, r.Outcome.Kind, r.Verdict)
			if r.Answer != nil && r.Stage == probe.StageDone {
				got += ", " + r.Answer.Service
			}
			if c.want != "" && got != c.want {
				t.Errorf("got %s (%s), want %s", got, r.Words, c.want)
			}
			if strings.ContainsFunc(r.Words, func(x rune) bool { return x < ' ' }) {
				t.Errorf("words have control characters: %q", r.Words)
			}
		})
	}
}

// TestThroughCut ends the conversation with a proxy after each byte: nothing of it is taken for what it is not.
func TestThroughCut(t *testing.T) {
	for _, c := range []struct {
		scheme string
		before []string
		last   string
	}{
		{"http", nil, "HTTP/1.1 200 OK\r\nVia: x\r\n\r\n"},
		{"socks5", []string{"\x05\x00"}, "\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50"},
		{"socks5", nil, "\x05\x00"},
	} {
		for n := range len(c.last) {
			for _, reset := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %d %d %v", c.scheme, len(c.before), n, reset), func(t *testing.T) {
					t.Parallel()
					at := listen(t, func(conn net.Conn) {
						for _, text := range append(slices.Clone(c.before), c.last[:n]) {
							if _, err := conn.Read(make([]byte, 4096)); err != nil {
								return
							}
							_, _ = io.WriteString(conn, text)
						}
						if reset {
							_ = conn.(*net.TCPConn).SetLinger(0)
						}
					})
					r := byProxy(c.scheme, at, "", false)
					if r.Verdict != probe.Inconclusive || r.Words == "" || r.Answer != nil && r.Answer.Service != "" {
						t.Errorf("%v %v %v %q %+v", r.Stage, r.Outcome, r.Verdict, r.Words, r.Answer)
					}
				})
			}
		}
	}
}

// TestThroughSlowly has each byte of the answers come by itself.
func TestThroughSlowly(t *testing.T) {
	at := listen(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		defer func() { _, _ = io.WriteString(c, "250 mail.example\r\n"); _, _ = io.Copy(io.Discard, c) }()
		for _, b := range []byte("HTTP/1.1 200 OK\r\nVia: x\r\n\r\n" + banner) {
			_, _ = c.Write([]byte{b})
			time.Sleep(time.Millisecond)
		}
		_, _ = c.Read(make([]byte, 4096))
	})
	if r := byProxy("http", at, "smtp", true); r.Answer == nil || r.Answer.Service != "smtp" {
		t.Errorf("%v %v %q %+v", r.Stage, r.Outcome, r.Words, r.Answer)
	}
}
