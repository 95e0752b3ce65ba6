package proxy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
)

// Ask is one thing that a client asked a proxy for.
type Ask struct {
	Socks   bool   // by SOCKS5; else by HTTP
	Method  string // CONNECT, GET, ...
	Target  string // host:port
	Offered string // the scheme of the credentials that the client sent, "Basic", "password"; "" for none
	Answer  Answer
}

// Exchange is what was asked on one connection to a proxy.
type Exchange struct {
	Netns uint64         // of the client's network namespace, SO_NETNS_COOKIE
	Local netip.AddrPort // the client's end
	Proxy netip.AddrPort
	Asks  []Ask
}

// maxAsks is how many requests of one connection are followed.
const maxAsks = 8

// Talk reads one connection from its segments. The zero value waits for the first.
type Talk struct {
	asks []Ask
	up   half
	down half
	bad  bool // it is neither protocol, or a part of it was missed
}

// half is one direction.
type half struct {
	begun bool
	next  uint32 // the sequence number that comes next
	buf   []byte // what is not read yet
}

// take adds a segment. Segments that were seen before, as on the loopback device each is, are left out; where others were left
// out in between, what is buffered is of no more use.
func (h *half) take(seq uint32, b []byte) bool {
	if h.begun && int32(seq-h.next) < 0 {
		return false
	}
	if h.begun && seq != h.next {
		h.buf = nil
	}
	h.begun, h.next = true, seq+uint32(len(b))
	if len(h.buf) < maxHead {
		h.buf = append(h.buf, b...)
	}
	return true
}

// Up takes a segment that the client sent.
func (t *Talk) Up(seq uint32, b []byte) {
	if !t.up.take(seq, b) || t.Over() {
		return
	}
	if t.socks() {
		t.readSocks()
		return
	}
	if !request(t.up.buf) {
		t.up.buf = nil // a body
		return
	}
	if bytes.Contains(t.up.buf, headEnd) {
		t.asked()
	}
}

// Down takes a segment that the proxy sent.
func (t *Talk) Down(seq uint32, b []byte) {
	if !t.down.take(seq, b) || t.Over() {
		return
	}
	if t.socks() {
		t.readSocks()
		return
	}
	if len(t.up.buf) > 0 && bytes.Contains(t.up.buf, []byte("\r\n")) {
		t.asked() // it answers what has not been seen to its end
	}
	if !bytes.HasPrefix(t.down.buf, []byte("HTTP/1.")) {
		t.down.buf = nil // a body
		return
	}
	if bytes.Contains(t.down.buf, headEnd) || len(t.down.buf) >= maxHead {
		t.answered()
	}
}

var headEnd = []byte("\r\n\r\n")

// Over reports whether nothing more is to be learnt from the connection.
func (t *Talk) Over() bool {
	if t.bad || len(t.asks) > maxAsks {
		return true
	}
	if len(t.asks) == 0 {
		return false
	}
	last := t.asks[len(t.asks)-1]
	return last.Answer.Kind != None && (last.Socks || last.Method == "CONNECT" && last.Answer.Kind == Granted)
}

// Asks is what was asked, and answered, so far. Nothing of what is not read yet is kept.
func (t *Talk) Asks() []Ask {
	if !t.socks() && len(t.down.buf) > 0 {
		t.answered() // an answer whose end was not seen
	}
	t.up.buf, t.down.buf = nil, nil
	return t.asks
}

// request reports whether b can begin with a request line, RFC 9112 section 3.
func request(b []byte) bool {
	method, _, _ := bytes.Cut(b, []byte(" "))
	return len(method) < 20 && len(method) > 0 && len(bytes.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")) == 0
}

// asked reads a request.
func (t *Talk) asked() {
	line, rest, _ := strings.Cut(string(t.up.buf), "\r\n")
	t.up.buf = nil
	f := strings.Fields(line)
	if len(f) != 3 || !strings.HasPrefix(f[2], "HTTP/1.") {
		t.bad = t.bad || len(t.asks) == 0
		return
	}
	a := Ask{Method: f[0], Target: f[1]}
	if a.Method != "CONNECT" {
		a.Target = authority(f[1])
	}
	for field := range strings.SplitSeq(rest, "\r\n") {
		name, value, _ := strings.Cut(field, ":")
		if strings.EqualFold(name, "Proxy-Authorization") {
			a.Offered, _, _ = strings.Cut(strings.TrimSpace(value), " ")
		}
	}
	t.asks = append(t.asks, a)
}

// authority is the host:port of an absolute URL, without user and password; "" for anything else.
func authority(url string) string {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		return ""
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	if strings.LastIndexByte(rest, ':') <= strings.LastIndexByte(rest, ']') {
		rest += map[bool]string{true: ":443", false: ":80"}[strings.EqualFold(scheme, "https")]
	}
	return rest
}

// answered reads an answer. One that says that the last word is still to come (1xx) is none.
func (t *Talk) answered() {
	head, _, _ := bytes.Cut(t.down.buf, headEnd)
	t.down.buf = nil
	for i := range t.asks {
		ask := &t.asks[i]
		if ask.Answer.Kind != None {
			continue
		}
		if a, ok := HTTP(ask.Method, head); ok && !strings.HasPrefix(a.Words, "1") {
			ask.Answer = a
		}
		return
	}
}

// socks reports whether the client speaks SOCKS5.
func (t *Talk) socks() bool {
	return len(t.asks) == 0 && len(t.up.buf) > 0 && t.up.buf[0] == 5 || len(t.asks) > 0 && t.asks[0].Socks
}

// readSocks reads both directions from their beginnings: they take turns, and each message is short.
func (t *Talk) readSocks() {
	up, down := t.up.buf, t.down.buf
	a := Ask{Socks: true, Method: "CONNECT"}
	if len(up) < 2 || len(up) < 2+int(up[1]) || len(down) < 2 {
		return
	}
	methods := up[2 : 2+int(up[1])]
	up = up[2+int(up[1]):]
	method := down[1]
	down = down[2:]
	switch method {
	case 0:
	case 2: // user and password, RFC 1929
		if len(down) < 2 || len(up) < 2 || len(up) < 3+int(up[1]) || len(up) < 3+int(up[1])+int(up[2+int(up[1])]) {
			return
		}
		a.Offered = "password"
		up = up[3+int(up[1])+int(up[2+int(up[1])]):]
		status := down[1]
		down = down[2:]
		if status != 0 {
			a.Answer = Answer{Kind: WantsUser, Words: badPassword}
			t.end(a)
			return
		}
	case 0xff:
		a.Answer = Answer{Kind: Other, Words: noMethod}
		if bytes.IndexByte(methods, 2) < 0 { // else the client offered what most of them want
			a.Answer.Kind, a.Answer.Words = WantsUser, noUser
		}
		t.end(a)
		return
	default:
		t.bad = true // GSSAPI: what follows can't be read
		return
	}
	target, ok := socksTarget(up)
	if len(down) < 2 || !ok {
		return
	}
	a.Target, a.Answer = target, Socks(down[1])
	t.end(a)
}

func (t *Talk) end(a Ask) {
	t.asks = []Ask{a}
	t.up.buf, t.down.buf = nil, nil
}

// socksTarget is the destination of a request, RFC 1928 section 4.
func socksTarget(b []byte) (string, bool) {
	if len(b) < 5 {
		return "", false
	}
	var host string
	n := map[byte]int{1: 4, 4: 16, 3: 1 + int(b[4])}[b[3]]
	if n == 0 || len(b) < 4+n+2 {
		return "", false
	}
	switch addr := b[4 : 4+n]; b[3] {
	case 3:
		host = string(addr[1:])
	default:
		ip, _ := netip.AddrFromSlice(addr)
		host = ip.String()
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + fmt.Sprintf(":%d", binary.BigEndian.Uint16(b[4+n:])), true
}
