//go:build linux

package measure

import (
	"encoding/binary"
	"fmt"

	"github.com/sallyport/sallyport/probe"
)

// preface begins HTTP/2, with a frame of no settings (RFC 9113, section 3.4).
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// goAway ends HTTP/2 without an error (RFC 9113, section 6.8).
const goAway = "\x00\x00\x08\x07\x00\x00\x00\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00"

// greetHTTP2 sends the preface, and reads the server's, which is a frame of its settings. Nothing is asked for.
func greetHTTP2(s *session) (*probe.Answer, error) {
	if err := s.say(preface); err != nil {
		return nil, err
	}
	head, err := s.bytes(9)
	if err != nil {
		return nil, err
	}
	size, ok := http2Settings(head)
	if !ok {
		return nil, errOther
	}
	body, err := s.bytes(size)
	if err != nil {
		return nil, err
	}
	a := &probe.Answer{Service: "h2c", Version: "HTTP/2"}
	for ; len(body) >= 6; body = body[6:] {
		switch binary.BigEndian.Uint16(body) {
		case 3:
			a.Detail = append(a.Detail, fmt.Sprintf("%d streams at a time", binary.BigEndian.Uint32(body[2:])))
		case 8:
			a.Detail = append(a.Detail, "takes extended CONNECT") // RFC 8441: WebSockets
		}
	}
	_ = s.say(goAway)
	return a, nil
}

// http2Settings is the length of a SETTINGS frame, whose head this is (RFC 9113, sections 4.1 and 6.5).
func http2Settings(head []byte) (size int, ok bool) {
	if len(head) < 9 {
		return 0, false
	}
	size = int(head[0])<<16 | int(head[1])<<8 | int(head[2])
	return size, size%6 == 0 && size <= 6*64 && head[3] == 4 && head[4]&1 == 0 && binary.BigEndian.Uint32(head[5:]) == 0
}
