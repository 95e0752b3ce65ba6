package measure

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/attempt"

	"github.com/sallyport/sallyport/probe"
)

// TestTLSServers meets what TLS servers do, beside what their certificates are.
func TestTLSServers(t *testing.T) {
	page := func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
	}
	version := func(v uint16) *tls.Config {
		return &tls.Config{MinVersion: v, MaxVersion: v, CipherSuites: allSuites()}
	}
	wantsClient := func(v uint16) *tls.Config {
		c := version(v)
		c.ClientAuth = tls.RequireAnyClientCert
		return c
	}
	for _, c := range []struct {
		about, service string
		config         *tls.Config
		want           []string // in the answer and the words
	}{
		{"1.0", "https", version(tls.VersionTLS10), []string{"https HTTP/1.1 200 OK", "TLS 1.0"}},
		{"1.1", "https", version(tls.VersionTLS11), []string{"https HTTP/1.1 200 OK", "TLS 1.1"}},
		{"1.2", "https", version(tls.VersionTLS12), []string{"https HTTP/1.1 200 OK", "TLS 1.2"}},
		{"1.3", "https", version(tls.VersionTLS13), []string{"https HTTP/1.1 200 OK", "TLS 1.3"}},
		{"wants a client's certificate, 1.2", "https", wantsClient(tls.VersionTLS12), []string{"tls", "refuses this client by a TLS alert: "}},
		{"wants a client's certificate, 1.3", "https", wantsClient(tls.VersionTLS13), []string{"tls", "refuses this client by a TLS alert: ", "asks for a client's certificate"}},
		{"asks for a client's certificate", "https", &tls.Config{ClientAuth: tls.RequestClientCert}, []string{"https HTTP/1.1 200 OK", "asks for a client's certificate"}},
		{"another ALPN", "h2", &tls.Config{NextProtos: []string{"http/1.1"}}, []string{"tls", "refuses this client by a TLS alert: no application protocol"}},
		{"no ALPN, and no HTTP/2", "h2", &tls.Config{}, []string{"http", "speaks http, not h2"}},
		{"refuses the name", "https", &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, io.EOF }}, []string{"tls", "refuses this client by a TLS alert: internal error"}},
	} {
		t.Run(c.about, func(t *testing.T) {
			c.config.Certificates = []tls.Certificate{testCertificate()}
			to := listen(t, func(conn net.Conn) { page(tls.Server(conn, c.config)) })
			r := run(t, []probe.Attempt{tryOf(c.service, to, attempt.TCP)}, goodTimeout)[c.service]
			got := brief(r.Answer) + " " + r.Words
			got = strings.ReplaceAll(got, `"`, "")
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("got %s\nwant %s", got, want)
				}
			}
			if r.Verdict != probe.Allowed || r.Answer == nil || r.Answer.Service != strings.Fields(c.want[0])[0] {
				t.Errorf("%v, %s", r.Verdict, got)
			}
		})
	}
}

// TestPostgresTLS follows a yes with TLS, and takes no other server's S for one.
func TestPostgresTLS(t *testing.T) {
	good := &tls.Config{Certificates: []tls.Certificate{testCertificate()}, NextProtos: []string{"postgresql"}}
	for _, c := range []struct {
		about, want string
		serve       func(net.Conn)
	}{
		{"with TLS", `postgres "" ["offers TLS" "TLS 1.3" "ALPN postgresql"`, func(c net.Conn) { _ = tls.Server(c, good).Handshake(); _, _ = io.Copy(io.Discard, c) }},
		{"refused", `postgres "" [] "" refuses this client by a TLS alert: `, func(c net.Conn) { _ = tls.Server(c, &tls.Config{}).Handshake() }},
		{"a letter alone", `"" [] "S" no complete answer: 1 bytes`, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }},
		{"more letters", `"SMTP is not what this is.." does not speak postgres: sent SMTP`, func(c net.Conn) { _, _ = io.WriteString(c, "MTP is not what this is\r\n") }},
		{"ssh", `ssh "" [] "SSH-2.0-x.." speaks ssh, not postgres`, func(c net.Conn) { _, _ = io.WriteString(c, "SH-2.0-x\r\n") }},
	} {
		t.Run(c.about, func(t *testing.T) {
			to := listen(t, func(conn net.Conn) {
				_, _ = io.ReadFull(conn, make([]byte, 8))
				_, _ = io.WriteString(conn, "S")
				c.serve(conn)
			})
			r := run(t, []probe.Attempt{tryOf("postgres", to, attempt.TCP)}, 1500*time.Millisecond)["postgres"]
			if got := brief(r.Answer) + " " + r.Words; !strings.Contains(got, c.want) {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestServerName asks for the target's name, and for none where the target is an address.
func TestServerName(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	config := &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, h.ServerName)
		return nil, nil
	}, Certificates: []tls.Certificate{testCertificate()}}
	to := listen(t, func(c net.Conn) { _ = tls.Server(c, config).Handshake() })
	for _, name := range []string{"test.example", ""} {
		a := tryOf("tls", to, attempt.TCP)
		a.Name = name
		r := run(t, []probe.Attempt{a}, goodTimeout)["tls"]
		if r.Answer == nil || r.Answer.TLS == nil || r.Answer.TLS.Version != "TLS 1.3" {
			t.Fatalf("%s: %s", brief(r.Answer), r.Words)
		}
		wrong := false
		for _, f := range r.Answer.TLS.Faults {
			wrong = wrong || f.Kind == probe.WrongName
		}
		if wrong != (name == "") {
			t.Errorf("%q: %+v", name, r.Answer.TLS.Faults)
		}
	}
	if got := strings.Join(asked, ","); got != "test.example," {
		t.Errorf("asked for %q", got)
	}
}

// TestStandsBefore says what answered in the place of the server where that is sure, and nothing where it is not.
func TestStandsBefore(t *testing.T) {
	for _, c := range []struct{ about, service, path, answer, want string }{
		{"status 511", "http", "/", "HTTP/1.1 511 Network Authentication Required\r\n\r\n", "a captive portal: status 511"},
		{"an empty page redirected", "http", "/generate_204", "HTTP/1.1 302 Found\r\nLocation: http://login.hotel.example/?u=1\r\n\r\n", "a captive portal: the empty page is redirected to login.hotel.example"},
		{"an empty page with content", "http", "/generate_204?x", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "a captive portal, or a block page"},
		{"an empty page", "http", "/generate_204", "HTTP/1.1 204 No Content\r\n\r\n", ""},
		{"an empty page to https of the same host", "http", "/generate_204", "HTTP/1.1 301 Moved\r\nLocation: https://test.example/generate_204\r\n\r\n", ""},
		{"an empty page missing", "http", "/generate_204", "HTTP/1.1 404 Not Found\r\n\r\n", ""},
		{"any redirect", "http", "/", "HTTP/1.1 302 Found\r\nLocation: https://www.other.example/\r\n\r\n", ""},
		{"a login page of the server", "http", "/", "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\r\n", ""},
		{"forbidden", "http", "/", "HTTP/1.1 403 Forbidden\r\n\r\n", ""},
		{"a proxy's login", "http", "/", "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n", "a proxy, which wants a login"},
		{"squid", "http", "/", "HTTP/1.1 403 Forbidden\r\nServer: squid/5.7\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\n\r\n", "squid answered in the place of the server: ERR_ACCESS_DENIED"},
		{"legal reasons", "http", "/", "HTTP/1.1 451 Unavailable For Legal Reasons\r\n\r\n", "blocked for legal reasons"},
		{"a wrong clock", "http", "/", "HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2001 00:00:00 GMT\r\n\r\n", "this host's clock is "},
		{"a page of a cache", "http", "/", "HTTP/1.1 200 OK\r\nAge: 100\r\nDate: Mon, 01 Jan 2001 00:00:00 GMT\r\n\r\n", ""},
		{"a proxy that accepts everything", "http-proxy", "/", "HTTP/1.1 200 Connection established\r\n\r\n", "accepts everything: it claims to have reached a name that does not exist"},
		{"a proxy's login, asked for a tunnel", "http-proxy", "/", "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "wants a login"},
		{"a proxy that denies", "http-proxy", "/", "HTTP/1.1 403 Forbidden\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\n\r\n", "denies a tunnel"},
		{"a server, asked for a tunnel", "http-proxy", "/", "HTTP/1.1 405 Not Allowed\r\nServer: nginx\r\n\r\n", "does not speak http-proxy: answers CONNECT with 405, as a server may that is no proxy"},
		{"a server that answers a page", "http-proxy", "/", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "does not speak http-proxy"},
		{"a server that answers a page without its length", "http-proxy", "/", "HTTP/1.1 200 OK\r\n\r\nok", "does not speak http-proxy"},
	} {
		t.Run(c.about, func(t *testing.T) {
			to := listen(t, func(conn net.Conn) {
				_, _ = conn.Read(make([]byte, 4096))
				_, _ = io.WriteString(conn, c.answer)
				_, _ = io.Copy(io.Discard, conn)
			})
			a := tryOf(c.service, to, attempt.TCP)
			a.Name, a.Target.Path = "test.example", c.path
			r := run(t, []probe.Attempt{a}, goodTimeout)[c.service]
			if r.Answer == nil {
				t.Fatal(r.Words)
			}
			said := ""
			for _, d := range r.Answer.Detail {
				if !strings.HasPrefix(d, "location: ") && !strings.HasPrefix(d, "server: ") && !strings.HasPrefix(d, "proxy-authenticate: ") {
					said += d + " "
				}
			}
			said += r.Words
			if c.want == "" && said != "" || !strings.Contains(said, c.want) {
				t.Errorf("got %q, want %q", said, c.want)
			}
		})
	}
}
