package measure

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/attempt"

	"github.com/sallyport/sallyport/probe"
)

// badTimeout is that of a step; a handshake has maxSteps of them at most.
const badTimeout = 300 * time.Millisecond

// goodTimeout is for answers that come at once, on a busy machine too.
const goodTimeout = 5 * time.Second

func tryOf(service string, to netip.AddrPort, protocol attempt.Protocol) probe.Attempt {
	return probe.Attempt{
		Attempt: attempt.Attempt{Protocol: protocol, Destination: to},
		Target:  &probe.Target{Service: service, Text: service, Path: "/"}, Variant: "no bind",
	}
}

func protocolsOf(service string) []attempt.Protocol {
	switch service {
	case "ntp", "quic":
		return []attempt.Protocol{attempt.UDP}
	case "dns", "reflect":
		return []attempt.Protocol{attempt.UDP, attempt.TCP}
	}
	return []attempt.Protocol{attempt.TCP}
}

// run makes the attempts, all at a time, and returns what came of each by what its target's text is.
func run(t testing.TB, tries []probe.Attempt, timeout time.Duration) map[string]probe.Result {
	t.Helper()
	got := map[string]probe.Result{}
	for r := range Run(context.Background(), slices.Values(tries), Limits{Timeout: timeout, Concurrency: 1000, PerHost: -1, Rate: -1}, testGreeter(t).Meet) {
		got[r.Target.Text] = r
	}
	if len(got) != len(tries) {
		t.Fatalf("%d results of %d attempts", len(got), len(tries))
	}
	return got
}

// forever sends something again and again until the other end closes, or has been sent many times what it may read.
func forever(first, again string, sent *atomic.Int64) func(net.Conn) {
	return func(c net.Conn) {
		n, err := io.WriteString(c, first+again) // in one piece: a pause after the first would make it another server
		for all := n; err == nil && all < endless; all += n {
			sent.Add(int64(n))
			n, err = io.WriteString(c, again)
		}
		_, _ = io.Copy(io.Discard, c)
	}
}

const endless = 4 * maxTLS

func bomb() string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(make([]byte, 64<<20))
	_ = w.Close()
	return b.String()
}

// TestBadServers lets every handshake meet servers that are broken, or wish it ill: each ends in time, with an error or what is sure, and reads no more than it
// may.
func TestBadServers(t *testing.T) {
	var sent atomic.Int64
	zip := bomb()
	kilo := strings.Repeat("A", 1024)
	servers := map[string]func(net.Conn){
		"silence": func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
		"close":   func(net.Conn) {},
		"reset":   func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) },
		"reset after the question": func(c net.Conn) {
			_, _ = c.Read(make([]byte, 16))
			_ = c.(*net.TCPConn).SetLinger(0)
		},
		"close after the question": func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)) },
		"echo":                     func(c net.Conn) { _, _ = io.Copy(c, c) },
		"endless letters":          forever("", kilo, &sent),
		"endless zeros":            forever("", string(make([]byte, 4096)), &sent),
		"endless ones":             forever("", strings.Repeat("\xff", 4096), &sent),
		"endless short lines":      forever("", strings.Repeat("\r\n", 512), &sent),
		"endless greeting":         forever("220-mail.example ESMTP\r\n", strings.Repeat("220-more\r\n", 100), &sent),
		"endless notices":          forever("", strings.Repeat("NOTICE AUTH :x\r\n", 100), &sent),
		"endless head":             forever("HTTP/1.1 200 OK\r\n", strings.Repeat("X-Y: "+kilo[:100]+"\r\n", 40), &sent),
		"endless status":           forever("HTTP/1.1 200 ", kilo, &sent),
		"decompression bomb":       forever("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: text/html\r\n\r\n", zip, &sent),
		"endless TLS handshake":    forever("", "\x16\x03\x03\x40\x00\x02\xff\xff\xff"+strings.Repeat("\x00", 16380), &sent),
		"endless TLS alerts":       forever("", strings.Repeat("\x15\x03\x03\x00\x02\x01\x5a", 500), &sent),
		"TLS of nothing":           forever("", strings.Repeat("\x16\x03\x03\x00\x00", 500), &sent),
		"TLS hello cut":            func(c net.Conn) { _, _ = io.WriteString(c, "\x16\x03\x03\x00\x30\x02\x00\x00\x2c\x03\x03") },
		"large length": func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, "\x7f\xff\xff\xff\x7f\xff\xff\xff\x7f\xff\xff\xff")
			_, _ = io.Copy(io.Discard, c)
		},
		"tarpit": func(c net.Conn) {
			for i := 0; ; i++ {
				if _, err := c.Write([]byte{"SSH is what it might be"[i%23]}); err != nil {
					return
				}
				time.Sleep(badTimeout / 3)
			}
		},
		"tarpit of N": func(c net.Conn) {
			for {
				if _, err := c.Write([]byte("N")); err != nil {
					return
				}
				time.Sleep(badTimeout / 2)
			}
		},
		"tarpit of SOCKS": func(c net.Conn) {
			for _, b := range []byte("\x05\x02\x00\x02") {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(badTimeout / 3)
			}
			_, _ = io.Copy(io.Discard, c)
		},
	}
	var tries []probe.Attempt
	for name, serve := range servers {
		to := listen(t, serve)
		for service := range handshakes {
			a := tryOf(service, to, attempt.TCP)
			a.Target.Text = name + " / " + service
			tries = append(tries, a)
		}
	}
	flood := listenUDP(t, func(b []byte) [][]byte { return slices.Repeat([][]byte{{1, 2, 3}}, 64) })
	mirror := listenUDP(t, func(b []byte) [][]byte { return [][]byte{slices.Clone(b)} })
	empty := listenUDP(t, func([]byte) [][]byte { return [][]byte{{}} })
	for _, service := range []string{"", "dns", "ntp", "quic"} {
		for name, to := range map[string]netip.AddrPort{"flood": flood, "mirror": mirror, "empty datagram": empty} {
			a := tryOf(service, to, attempt.UDP)
			a.Target.Text = name + " / " + service
			tries = append(tries, a)
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := run(t, tries, badTimeout)
	runtime.ReadMemStats(&after)
	bound := (maxSteps+1)*badTimeout + 3*time.Second // and what a busy machine adds
	for name, r := range got {
		if r.Took > bound {
			t.Errorf("%s: took %v, want %v at most", name, r.Took, bound)
		}
		server, service, _ := strings.Cut(name, " / ")
		sure := r.Words == "" && r.Outcome.Kind == attempt.Connected
		claim := ""
		if r.Answer != nil {
			claim = r.Answer.Service
		}
		if sure && service != "" && claim == service && !mayBelieve(server, service) {
			t.Errorf("%s: claims to speak %s: %+v", name, service, r.Answer)
		}
		if !sure && r.Words == "" && r.Outcome.Kind == attempt.Connected {
			t.Errorf("%s: no words", name)
		}
		if testing.Verbose() {
			t.Logf("%-36s %v %v %v | %s", name, r.Outcome.Kind, r.Took.Round(time.Millisecond), brief(r.Answer), r.Words)
		}
	}
	if sent.Load() < 100*endless {
		t.Errorf("only %d bytes were sent: nothing was endless", sent.Load())
	}
	if each := int64(after.TotalAlloc-before.TotalAlloc) / int64(len(tries)); each > 2<<20 {
		t.Errorf("%d bytes were allocated for each attempt", each)
	}
}

// mayBelieve is for servers that do send a whole answer before they go wrong.
func mayBelieve(server, service string) bool {
	switch server {
	case "endless notices":
		return service == "irc"
	case "endless head", "decompression bomb":
		return service == "http"
	}
	return false
}

func brief(a *probe.Answer) string {
	if a == nil {
		return "-"
	}
	return fmt.Sprintf("%s %q %q %q", a.Service, a.Version, a.Detail, a.Banner)
}

// slices of a connection: each byte by itself, or a reset after some.
type splitConn struct {
	net.Conn
	cut  int // bytes until the reset; negative: none comes
	gone bool
}

func (c *splitConn) Write(b []byte) (int, error) {
	if c.cut < 0 {
		for i := range b {
			if _, err := c.Conn.Write(b[i : i+1]); err != nil {
				return i, err
			}
			runtime.Gosched()
		}
		return len(b), nil
	}
	if c.gone || len(b) >= c.cut {
		_, _ = c.Conn.Write(b[:min(len(b), c.cut)])
		c.gone = true
		_ = c.Conn.(*net.TCPConn).SetLinger(0)
		_ = c.Conn.Close()
		return 0, io.ErrClosedPipe
	}
	c.cut -= len(b)
	return c.Conn.Write(b)
}

// TestSplitAnswers lets each handshake meet its protocol, each byte sent by itself.
func TestSplitAnswers(t *testing.T) {
	for _, cut := range []int{1 << 30, -1} {
		var tries []probe.Attempt
		for name, p := range peers {
			for _, protocol := range protocolsOf(name) {
				to := netip.AddrPort{}
				if protocol == attempt.UDP {
					to = listenUDP(t, func(b []byte) [][]byte { return [][]byte{p.answers(b)} })
				} else {
					to = listen(t, func(c net.Conn) { p.serve(&splitConn{Conn: c, cut: cut}) })
				}
				a := tryOf(name, to, protocol)
				a.Target.Text = name + " " + protocol.String()
				tries = append(tries, a)
			}
		}
		for name, r := range run(t, tries, goodTimeout) {
			want, _, _ := strings.Cut(name, " ")
			if r.Words != "" || r.Answer == nil || r.Answer.Service != want || r.Verdict != probe.Allowed {
				t.Errorf("%s, split %v: %v, %s, %s", name, cut < 0, r.Verdict, brief(r.Answer), r.Words)
			} else if testing.Verbose() {
				t.Logf("%s: %s", name, brief(r.Answer))
			}
		}
	}
}

// TestResetAtEachByte lets each handshake meet its protocol, with a reset after each number of bytes.
func TestResetAtEachByte(t *testing.T) {
	for name, p := range peers {
		if name == "ntp" || name == "quic" {
			continue
		}
		total, step := len(strings.Join(p.says, "")), 1
		if p.tls {
			total, step = total+1000, 41
		}
		if p.answers != nil {
			total = 19
		}
		var tries []probe.Attempt
		for cut := 0; cut <= total; cut += step {
			a := tryOf(name, listen(t, func(c net.Conn) { p.serve(&splitConn{Conn: c, cut: cut}) }), attempt.TCP)
			a.Target.Text = fmt.Sprint(cut)
			tries = append(tries, a)
		}
		for cut, r := range run(t, tries, goodTimeout) {
			if r.Outcome.Kind == attempt.TimedOut {
				t.Errorf("%s, reset after %s bytes: %v: %s", name, cut, r.Outcome, r.Words)
			}
			if r.Answer != nil && r.Words == "" && r.Answer.Service != name {
				t.Errorf("%s, reset after %s bytes: claims %s", name, cut, brief(r.Answer))
			}
			if cut == "0" && (r.Words == "" && r.Outcome.Kind == attempt.Connected || r.Answer != nil && r.Answer.Service == name) {
				t.Errorf("%s, reset at once: %v, %s", name, r.Outcome, brief(r.Answer))
			}
		}
	}
}

// TestOtherProtocols lets each handshake meet each other protocol: none takes it for its own.
func TestOtherProtocols(t *testing.T) {
	// What is so near that the same answer is right for both.
	same := []string{"http meets http-proxy", "http-proxy meets http", "https-proxy meets https", "tls meets https", "tls meets h2", "amqp meets amqp1"}
	var tries []probe.Attempt
	for name, p := range peers {
		if p.answers != nil && name != "dns" {
			continue
		}
		to := listen(t, p.serve)
		for service := range handshakes {
			text := service + " meets " + name
			if service == name || service == "" || slices.Contains(same, text) {
				continue
			}
			a := tryOf(service, to, attempt.TCP)
			a.Target.Text = text
			tries = append(tries, a)
		}
	}
	for name, r := range run(t, tries, goodTimeout) { // all at a time, those that get no answer too
		service, other, _ := strings.Cut(name, " meets ")
		if r.Answer != nil && (r.Answer.Service == service || r.Words == "") {
			t.Errorf("%s: %s, %s", name, brief(r.Answer), r.Words)
		}
		if r.Words == "" && r.Outcome.Kind == attempt.Connected {
			t.Errorf("%s: no words", name)
		}
		if p := peers[other]; len(p.says) > 0 && p.says[0] != "" && (r.Answer == nil || r.Answer.Service != p.service) {
			t.Errorf("%s: %s, %s; want %s", name, brief(r.Answer), r.Words, p.service)
		}
		if testing.Verbose() {
			t.Logf("%-28s %v %s | %s", name, r.Outcome.Kind, brief(r.Answer), r.Words)
		}
	}
}

// TestEverySchemeHasAHandshake also finds handshakes that no target can ask for.
func TestEverySchemeHasAHandshake(t *testing.T) {
	asked := map[string]bool{"": true}
	for _, name := range probe.Schemes() {
		to, err := probe.Parse(name + "://192.0.2.1:1")
		if err != nil {
			t.Fatal(err)
		}
		if _, there := handshakes[to.Service]; !there {
			t.Errorf("%s: no handshake for %s", name, to.Service)
		}
		asked[to.Service] = true
	}
	for service := range handshakes {
		if !asked[service] {
			t.Errorf("%s: no scheme asks for it", service)
		}
	}
}
