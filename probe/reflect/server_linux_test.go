package reflect

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// running is a reflector on loopback.
type running struct {
	*Server
	at    netip.AddrPort
	stop  func() Stats
	token *Token
}

func start(t testing.TB, limits Limits) *running {
	t.Helper()
	k := testToken(t, goodToken)
	s, err := Listen(Config{Token: k, Listen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}, Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan Stats, 1)
	go func() { done <- s.Serve(ctx) }()
	r := &running{Server: s, at: s.Addresses()[0], token: k}
	var stats Stats
	over := false
	r.stop = func() Stats {
		if !over {
			cancel()
			stats, over = <-done, true
		}
		return stats
	}
	t.Cleanup(func() { r.stop() })
	return r
}

func (r *running) dial(t testing.TB) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", r.at.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(15 * time.Second))
	return c
}

// ask makes one request, and returns what was seen.
func ask(c io.ReadWriter, k *Token, p Proof) (*Seen, []byte, error) {
	if _, err := c.Write(append([]byte(Line(k.Text(&p))), k.Body(&p, Out, p.Length)...)); err != nil {
		return nil, nil, err
	}
	in := bufio.NewReader(c)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return nil, nil, err
	}
	text, _, ok := CutLine(line)
	if !ok {
		return nil, nil, fmt.Errorf("answered %q", line)
	}
	s, err := k.Open(&p, text)
	if err != nil || s.Stale {
		return s, nil, err
	}
	back := make([]byte, p.Length)
	_, err = io.ReadFull(in, back)
	return s, back, err
}

func TestBare(t *testing.T) {
	r := start(t, Limits{})
	for _, n := range []int{0, 1, 512, 4096, MaxBody} {
		c := r.dial(t)
		p := NewProof(time.Now(), n)
		s, back, err := ask(c, r.token, p)
		if err != nil {
			t.Fatal(n, err)
		}
		if s.Peer.String() != c.LocalAddr().String() || s.Local != r.at || s.Protocol != "tcp" {
			t.Errorf("%d: %+v", n, s)
		}
		if n > 0 && (s.Bytes == nil || s.Bytes.Came != n || s.Bytes.Differ != -1) || Differ(r.token.Body(&p, Back, n), back) != -1 {
			t.Errorf("%d: %+v", n, s.Bytes)
		}
	}
}

// TestStrangers get nothing, whatever they send: not those with another token, nor with a proof that came before, nor with garbage.
func TestStrangers(t *testing.T) {
	r := start(t, Limits{})
	p := NewProof(time.Now(), 512)
	if _, _, err := ask(r.dial(t), r.token, p); err != nil {
		t.Fatal(err)
	}
	other := testToken(t, otherToken)
	fresh := func(k *Token) string { q := NewProof(time.Now(), 0); return k.Text(&q) }
	for name, say := range map[string]string{
		"another token":         Line(fresh(other)),
		"a proof again":         Line(r.token.Text(&p)) + string(r.token.Body(&p, Out, 512)),
		"a proof again by HTTP": "POST / HTTP/1.1\r\nHost: x\r\n" + ProofHeader + ": " + r.token.Text(&p) + "\r\n\r\n",
		"http":                  "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"another bearer":        "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + otherToken + "\r\n\r\n",
		"the token as Basic":    "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic " + goodToken + "\r\n\r\n",
		"the start of a token":  "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + goodToken[:18] + "\r\n\r\n",
		"garbage":               "\x00\x01\x02 hello\r\n\r\n",
		"a long line":           Prefix + strings.Repeat("A", 100<<10),
		"a long head":           "GET / HTTP/1.1\r\n" + strings.Repeat("X-A: b\r\n", 20<<10),
		"ssh":                   "SSH-2.0-OpenSSH_9.2\r\n",
	} {
		c := r.dial(t)
		began := time.Now()
		go func() { _, _ = c.Write([]byte(say)) }()
		b, _ := io.ReadAll(c)
		if len(b) > 0 {
			t.Errorf("%s: answered %q", name, b)
		}
		if d := time.Since(began); d > 2*time.Second {
			t.Errorf("%s: closed after %v", name, d)
		}
	}
	if s := r.stop(); s.Replayed != 2 || s.TCP != 1 || s.Unproven != 11 {
		t.Errorf("%+v", s)
	}
}

// TestIdle closes a connection that says nothing, or a byte at a time, after its time.
func TestIdle(t *testing.T) {
	t.Parallel()
	r := start(t, Limits{})
	began := time.Now()
	done := make(chan time.Duration)
	for _, say := range []string{"", Prefix + strings.Repeat("A", 200)} {
		c := r.dial(t)
		_ = c.SetDeadline(time.Now().Add(unprovenTime + 5*time.Second))
		go func() { // ends when the connection is closed
			for i := range say {
				if _, err := c.Write([]byte(say[i : i+1])); err != nil {
					break
				}
				<-time.After(100 * time.Millisecond)
			}
		}()
		go func() {
			b, err := io.ReadAll(c)
			if len(b) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%q: %q, %v", say, b, err)
			}
			done <- time.Since(began)
		}()
	}
	for range 2 {
		if d := <-done; d < unprovenTime-time.Second || d > unprovenTime+2*time.Second {
			t.Errorf("closed after %v", d)
		}
	}
}

// TestClocks that are far apart are told so by TCP, and get no answer by UDP.
func TestClocks(t *testing.T) {
	r := start(t, Limits{})
	c := r.dial(t)
	p := NewProof(time.Now().Add(-5*time.Hour), 512)
	s, _, err := ask(c, r.token, p)
	if err != nil || !s.Stale || s.Peer.IsValid() || time.Since(time.UnixMilli(s.Time)).Abs() > time.Minute {
		t.Fatal(s, err)
	}
	if s, _, err = ask(c, r.token, NewProof(time.Now(), 512)); err != nil || s.Stale || !s.Peer.IsValid() {
		t.Fatal(s, err)
	}
	p = NewProof(time.Now().Add(-5*time.Hour), 1000)
	if b := r.datagram(append([]byte(Line(r.token.Text(&p))), r.token.Body(&p, Out, 1000)...), r.at, r.at, time.Now()); b != nil {
		t.Errorf("an old datagram is answered: %q", b)
	}
}

// TestChanged says where bytes were changed, were taken away, and came too many.
func TestChanged(t *testing.T) {
	r := start(t, Limits{})
	for name, c := range map[string]struct {
		change       func([]byte) []byte
		came, differ int
	}{
		"changed":    {func(b []byte) []byte { b[300] ^= 1; return b }, 1000, 300},
		"taken away": {func(b []byte) []byte { return b[:700] }, 700, 700},
		"doubled":    {func(b []byte) []byte { return bytes.Replace(b, []byte{255}, []byte{255, 255}, 1) }, 1001, 256},
		"no 8th bit": {func(b []byte) []byte {
			for i := range b {
				b[i] &= 0x7f
			}
			return b
		}, 1000, 128},
	} {
		conn := r.dial(t)
		p := NewProof(time.Now(), 1000)
		_, _ = conn.Write(append([]byte(Line(r.token.Text(&p))), c.change(r.token.Body(&p, Out, 1000))...))
		line, err := bufio.NewReader(conn).ReadBytes('\n')
		text, _, _ := CutLine(line)
		s, bad := r.token.Open(&p, text)
		if err != nil || bad != nil || s.Bytes.Came != c.came || s.Bytes.Differ != c.differ {
			t.Errorf("%s: %+v %v %v", name, s, err, bad)
		}
	}
}

// TestHTTP answers curl's way: a bearer token, in plain and in TLS.
func TestHTTP(t *testing.T) {
	r := start(t, Limits{})
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true, ServerName: "some.example"},
		DisableKeepAlives: true,
	}}
	for _, scheme := range []string{"http", "https"} {
		req, _ := http.NewRequest(http.MethodPost, scheme+"://"+r.at.String()+"/path?q", strings.NewReader("hello"))
		req.Header.Set("Authorization", "Bearer "+goodToken)
		req.Header.Set("Via", "1.1 somebody")
		req.Host = "host.example"
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(scheme, err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		var s Seen
		if err := json.Unmarshal(body, &s); err != nil {
			t.Fatalf("%s: %v\n%s", scheme, err, body)
		}
		if bytes.Contains(body, []byte(goodToken)) {
			t.Errorf("%s: the answer has the token:\n%s", scheme, body)
		}
		if s.HTTP == nil || s.HTTP.Host != "host.example" || s.HTTP.Target != "/path?q" || !strings.Contains(fmt.Sprint(s.HTTP.Header), "[via 1.1 somebody]") || s.Bytes.Came != 5 {
			t.Errorf("%s: %s", scheme, body)
		}
		if (s.TLS != nil) != (scheme == "https") || s.TLS != nil && (s.TLS.ServerName != "some.example" || s.TLS.Certificate != Fingerprint(resp.TLS.PeerCertificates[0].Raw)) {
			t.Errorf("%s: %s", scheme, body)
		}
	}
}

// TestNoAmplifier gives datagrams of each size with a proof: an answer is never longer than what it answers.
func TestNoAmplifier(t *testing.T) {
	r := start(t, Limits{Datagrams: 1 << 20})
	v6 := netip.MustParseAddrPort("[2001:db8:1111:2222:3333:4444:5555:6666]:65535")
	answered := 0
	for size := range maxDatagram + 1 {
		p := NewProof(time.Now(), size)
		b := append([]byte(Line(r.token.Text(&p))), r.token.Body(&p, Out, size)...)
		b = b[:min(size, len(b))]
		got := r.datagram(b, v6, v6, time.Now())
		if len(got) > len(b) {
			t.Fatalf("%d bytes are answered with %d", len(b), len(got))
		}
		if got != nil {
			answered++
		}
		if size >= 500 && got == nil {
			t.Fatalf("%d bytes are not answered", size)
		}
	}
	if answered == 0 {
		t.Error("nothing is answered")
	}
}

// TestDatagramRate answers a source no more often than it should, and others all the same.
func TestDatagramRate(t *testing.T) {
	r := start(t, Limits{Datagrams: 10})
	now := time.Now()
	send := func(from string, at time.Time) bool {
		p := NewProof(now, 1000)
		return r.datagram(append([]byte(Line(r.token.Text(&p))), r.token.Body(&p, Out, 1000)...), netip.MustParseAddrPort(from), r.at, at) != nil
	}
	n := 0
	for i := range 100 {
		if send(fmt.Sprintf("[2001:db8::%x]:99", i), now) { // one network of 64 bits
			n++
		}
	}
	if n != 10 || !send("192.0.2.1:99", now) || !send("[2001:db8::1]:99", now.Add(time.Second)) {
		t.Errorf("%d answered", n)
	}
}

// TestFlood holds a good client's place against thousands who say nothing, of its own address and of others.
func TestFlood(t *testing.T) {
	r := start(t, Limits{Connections: 300, PerSource: 100})
	var opened atomic.Int64
	stop := make(chan struct{})
	var floods []chan struct{}
	for i := range 20 {
		done := make(chan struct{})
		floods = append(floods, done)
		go func() {
			defer close(done)
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+i%10))}}
			var held []net.Conn
			for {
				select {
				case <-stop:
					for _, c := range held {
						c.Close()
					}
					return
				default:
				}
				c, err := d.Dial("tcp", r.at.String())
				if err != nil {
					continue
				}
				opened.Add(1)
				if held = append(held, c); len(held) > 400 {
					held[0].Close()
					held = held[1:]
				}
			}
		}()
	}
	good, bad := 0, 0
	for opened.Load() < 5000 || good+bad < 50 {
		c := r.dial(t)
		if s, _, err := ask(c, r.token, NewProof(time.Now(), 4096)); err == nil && s.Bytes.Differ == -1 {
			good++
		} else {
			bad++
		}
		c.Close()
	}
	close(stop)
	for _, d := range floods {
		<-d
	}
	s := r.stop()
	t.Logf("%d opened, %d good clients answered, %d not; %+v", opened.Load(), good, bad, s)
	if bad*20 > good {
		t.Errorf("of good clients %d were not answered, %d were", bad, good)
	}
	if s.Evicted == 0 {
		t.Error("nobody made room")
	}
}

// TestNothingStays of a reflector that was stopped: no goroutine, no descriptor, also with connections in each state.
func TestNothingStays(t *testing.T) {
	descriptors := func() int {
		l, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(l)
	}
	before, fds := runtime.NumGoroutine(), descriptors()
	for range 3 {
		r := start(t, Limits{})
		var conns []net.Conn
		for _, say := range []string{"", Prefix, "GET / HTTP/1.1\r\n", "\x16\x03\x01\x02\x00", "half"} {
			for range 20 {
				c := r.dial(t)
				_, _ = io.WriteString(c, say)
				conns = append(conns, c)
			}
		}
		p := NewProof(time.Now(), 4096)
		half := r.dial(t)
		_, _ = io.WriteString(half, Line(r.token.Text(&p)))
		if _, _, err := ask(r.dial(t), r.token, NewProof(time.Now(), 10)); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		r.stop()
		if d := time.Since(began); d > stopTime+2*time.Second {
			t.Errorf("stopped after %v", d)
		}
		for _, c := range append(conns, half) {
			c.Close()
		}
	}
	deadline := time.Now().Add(10 * time.Second)
	for runtime.NumGoroutine() > before || descriptors() > fds+6 { // the poller's own, and those of t.Cleanup's last connections
		if time.Now().After(deadline) {
			b := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, before %d; %d descriptors, before %d\n%s", runtime.NumGoroutine(), before, descriptors(), fds, b[:runtime.Stack(b, true)])
		}
		runtime.Gosched()
	}
}

// TestPortTaken says what to do.
func TestPortTaken(t *testing.T) {
	r := start(t, Limits{})
	_, err := Listen(Config{Token: r.token, Listen: []netip.AddrPort{r.at}})
	if err == nil || !strings.Contains(err.Error(), "another program has this port") {
		t.Error(err)
	}
	_, err = Listen(Config{Token: r.token, Listen: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:7531")}})
	if err == nil || !strings.Contains(err.Error(), "does not have the address") {
		t.Error(err)
	}
}

// TestGarbage gives the server what mutation makes of good requests; none is answered, and each connection is closed.
func TestGarbage(t *testing.T) {
	r := start(t, Limits{})
	rng := rand.New(rand.NewPCG(1, 2))
	seeds := func() [][]byte {
		p, q := NewProof(time.Now(), 300), NewProof(time.Now(), 300)
		return [][]byte{
			append([]byte(Line(r.token.Text(&p))), r.token.Body(&p, Out, 300)...),
			[]byte("POST / HTTP/1.1\r\nHost: x\r\n" + ProofHeader + ": " + r.token.Text(&q) + "\r\nContent-Length: 0\r\n\r\n"),
			[]byte("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03"),
		}
	}
	for range 300 {
		for _, b := range seeds() {
			head := min(len(b), len(Prefix)+proofText)
			for range 1 + rng.IntN(4) { // within the first line, so that the proof is no longer one
				switch i := rng.IntN(head); rng.IntN(3) {
				case 0:
					b[i] = byte(rng.Uint32())
				case 1:
					b = append(b[:i], b[i+1:]...)
					head--
				case 2:
					b = append(b[:i], append([]byte{byte(rng.Uint32())}, b[i:]...)...)
				}
			}
			c := r.dial(t)
			_, _ = c.Write(b)
			_ = c.(*net.TCPConn).CloseWrite()
			got, err := io.ReadAll(c)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("not closed after %q", b)
			}
			if text, _, ok := CutLine(got); ok && len(text) > 0 && !provable(r.token, b) {
				t.Fatalf("%q is answered: %q", b, got)
			}
			c.Close()
		}
	}
}

// provable reports whether a proof is still in what mutation made.
func provable(k *Token, b []byte) bool {
	for i := range b {
		if i+proofText <= len(b) {
			if _, ok := k.Check(b[i : i+proofText]); ok {
				return true
			}
		}
	}
	return false
}

// FuzzDatagram never answers without a proof, nor with more than came.
func FuzzDatagram(f *testing.F) {
	k := testToken(f, goodToken)
	s := &Server{token: k, proofs: newProofs(1 << 10), pace: newPace(1 << 20), places: newPlaces(1, 1)}
	f.Add([]byte(Prefix), uint8(0))
	p := NewProof(time.Now(), 800)
	f.Add(append([]byte(Line(k.Text(&p))), k.Body(&p, Out, 800)...), uint8(1))
	at := netip.MustParseAddrPort("192.0.2.1:1")
	f.Fuzz(func(t *testing.T, b []byte, good uint8) {
		if good%2 == 1 {
			p := NewProof(time.Now(), len(b)%MaxBody)
			b = append([]byte(Line(k.Text(&p))), b...)
		}
		got := s.datagram(b, at, at, time.Now())
		if len(got) > len(b) {
			t.Fatalf("%d bytes answered with %d", len(b), len(got))
		}
		if got != nil && !provable(k, b) {
			t.Fatalf("%q is answered", b)
		}
	})
}
