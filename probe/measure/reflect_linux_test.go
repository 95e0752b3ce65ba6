package measure

import (
	"context"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/attempt"

	"github.com/sallyport/sallyport/probe"
	"github.com/sallyport/sallyport/probe/reflect"
)

const testToken = "a-token-for-tests-alone"

// testGreeter has a token.
func testGreeter(t testing.TB) *Greeter {
	t.Helper()
	k, err := reflect.ParseToken(testToken)
	if err != nil {
		t.Fatal(err)
	}
	return &Greeter{Reflection: &Reflection{Token: k}}
}

// reflector is a real one on loopback.
func reflector(t testing.TB) netip.AddrPort {
	t.Helper()
	s, err := reflect.Listen(reflect.Config{Token: testGreeter(t).Reflection.Token, Listen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { s.Serve(ctx); close(done) }()
	t.Cleanup(func() { stop(); <-done })
	return s.Addresses()[0]
}

// meddler passes connections on, and what comes back through change, which says whether it goes on.
func meddler(t testing.TB, to netip.AddrPort, change func(c net.Conn, back []byte)) netip.AddrPort {
	return listen(t, func(c net.Conn) {
		up, err := net.Dial("tcp", to.String())
		if err != nil {
			return
		}
		defer up.Close()
		go func() { _, _ = io.Copy(up, c) }()
		_ = up.SetReadDeadline(time.Now().Add(5 * time.Second))
		line := make([]byte, 64<<10)
		n := 0
		for n < len(line) { // all of the answer: its end is where nothing more comes for a while
			m, err := up.Read(line[n:])
			n += m
			if err != nil {
				break
			}
			_ = up.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		}
		change(c, line[:n])
	})
}

func TestReflectAnswers(t *testing.T) {
	at := reflector(t)
	for _, service := range []string{"reflect", "reflect-http", "reflect-tls"} {
		for _, protocol := range protocolsOf(service) {
			r := run(t, []probe.Attempt{tryOf(service, at, protocol)}, goodTimeout)[service]
			if r.Answer == nil || r.Answer.Service != service || r.Words != "" || r.Verdict != probe.Allowed {
				t.Fatalf("%s %v: %s %s", service, protocol, brief(r.Answer), r.Words)
			}
			x := r.Answer.Reflected
			if x == nil || x.Seen != r.Local || x.Local != r.Local || x.Reached != at || !x.Intact() || x.Between != "" || r.Answer.Skew.Abs() > time.Second {
				t.Errorf("%s %v: %+v, from %v, skew %v", service, protocol, x, r.Local, r.Answer.Skew)
			}
			if protocol == attempt.TCP && (x.Out.Sent != reflectBytes || x.Back.Came != reflectBytes) {
				t.Errorf("%s: %+v", service, x)
			}
		}
	}
}

// TestReflectClock finds out how far the clocks are apart, and proves again.
func TestReflectClock(t *testing.T) {
	at := reflector(t)
	for _, service := range []string{"reflect", "reflect-http", "reflect-tls"} {
		g := testGreeter(t)
		g.Reflection.ahead.Store(int64(-5 * time.Hour)) // as a clock that is so far off would have it
		for r := range Run(context.Background(), slices.Values([]probe.Attempt{tryOf(service, at, attempt.TCP)}), Limits{}, g.Meet) {
			if r.Answer == nil || r.Answer.Reflected == nil || r.Words != "" || time.Duration(g.Reflection.ahead.Load()).Abs() > time.Second {
				t.Errorf("%s: %s %s, %v ahead", service, brief(r.Answer), r.Words, time.Duration(g.Reflection.ahead.Load()))
			}
		}
	}
}

// TestReflectMeddled cuts and changes the answer at many of its bytes: it is never taken for one that came as it was sent.
func TestReflectMeddled(t *testing.T) {
	at := reflector(t)
	var tries []probe.Attempt
	add := func(name string, change func(c net.Conn, back []byte)) {
		a := tryOf("reflect", meddler(t, at, change), attempt.TCP)
		a.Target.Text = name
		tries = append(tries, a)
	}
	for _, n := range []int{0, 1, len(reflect.Prefix), len(reflect.Prefix) + 1, 60, 200, 300, 400, 401, 402, 403, 500, 4000, 4400} {
		add("cut", func(c net.Conn, b []byte) { _, _ = c.Write(b[:min(n, len(b)-1)]) })
		add("changed", func(c net.Conn, b []byte) {
			b[min(n, len(b)-1)] ^= 1
			_, _ = c.Write(b)
		})
		add("doubled", func(c net.Conn, b []byte) {
			n := min(n, len(b)-1)
			_, _ = c.Write(slices.Concat(b[:n], b[n:n+1], b[n:]))
		})
	}
	add("split", func(c net.Conn, b []byte) {
		for i := range b {
			_, _ = c.Write(b[i : i+1])
		}
	})
	split := 0
	for r := range Run(context.Background(), slices.Values(tries), Limits{Timeout: goodTimeout, Concurrency: 100, PerHost: -1, Rate: -1}, testGreeter(t).Meet) {
		intact := r.Answer != nil && r.Answer.Reflected != nil && r.Answer.Reflected.Intact()
		if intact {
			split++
		}
		if intact != (r.Target.Text == "split") {
			t.Errorf("%s: %s %s", r.Target.Text, brief(r.Answer), r.Words)
		}
		if !intact && r.Words == "" && (r.Answer == nil || !strings.Contains(strings.Join(r.Answer.Detail, " "), "on the way back")) {
			t.Errorf("%s: no words: %s", r.Target.Text, brief(r.Answer))
		}
	}
	if split != 1 {
		t.Errorf("%d came as they were sent", split)
	}
}

// TestReflectNoToken says what is missing.
func TestReflectNoToken(t *testing.T) {
	at := reflector(t)
	for r := range Run(context.Background(), slices.Values([]probe.Attempt{tryOf("reflect", at, attempt.TCP)}), Limits{}, Meet) {
		if !strings.Contains(r.Words, "SALLYPORT_REFLECT_TOKEN") || r.Answer != nil {
			t.Errorf("%s %s", brief(r.Answer), r.Words)
		}
	}
}

// TestReflectDatagrams finds an answer that was changed or cut, and takes none that was forged. No datagram is answered with a longer one.
func TestReflectDatagrams(t *testing.T) {
	at := reflector(t)
	for name, c := range map[string]struct {
		change  func([]byte) []byte
		verdict probe.Verdict
		words   string
	}{
		"as it is":    {func(b []byte) []byte { return b }, probe.Allowed, "bytes intact both ways"},
		"changed":     {func(b []byte) []byte { b[len(b)-1] ^= 1; return b }, probe.Allowed, "bytes changed on the way back"},
		"cut":         {func(b []byte) []byte { return b[:len(b)-10] }, probe.Allowed, "arrived on the way back"},
		"longer":      {func(b []byte) []byte { return append(b, 0) }, probe.Allowed, "more arrived on the way back"},
		"forged":      {func(b []byte) []byte { b[len(reflect.Prefix)+20] ^= 1; return b }, probe.Inconclusive, ""},
		"sent back":   {nil, probe.Inconclusive, ""},
		"out changed": {func(b []byte) []byte { return b }, probe.Allowed, "bytes changed on the way out, first at byte 256 of"},
	} {
		to := listenUDP(t, func(asked []byte) [][]byte {
			if c.change == nil {
				return [][]byte{asked}
			}
			up, err := net.Dial("udp", at.String())
			if err != nil {
				return nil
			}
			defer up.Close()
			if name == "out changed" {
				_, body, _ := reflect.CutLine(asked)
				body[255] ^= 1
			}
			_, _ = up.Write(asked)
			_ = up.SetReadDeadline(time.Now().Add(time.Second))
			b := make([]byte, 4096)
			n, err := up.Read(b)
			if err != nil {
				return nil
			}
			if n > len(asked) {
				t.Errorf("%d bytes are answered with %d", len(asked), n)
			}
			return [][]byte{c.change(b[:n])}
		})
		r := run(t, []probe.Attempt{tryOf("reflect", to, attempt.UDP)}, 1500*time.Millisecond)["reflect"]
		said := r.Answer != nil && strings.Contains(strings.Join(r.Answer.Detail, ", "), c.words)
		if r.Verdict != c.verdict || c.words != "" && !said || c.words == "" && r.Answer != nil && r.Answer.Reflected != nil {
			t.Errorf("%s: %v %s %s", name, r.Verdict, brief(r.Answer), r.Words)
		}
	}
}
