//go:build linux

package measure

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/probe"
)

// greetMySQL reads the greeting, which the server sends first (MySQL's internals manual, "Protocol::HandshakeV10"), and sends nothing.
//
// Servers count connections that end before a login, however they end, and bare connects too. After max_connect_errors of them (100) with no login in
// between they turn the host away, where they can resolve its name and have not been told skip-name-resolve.
func greetMySQL(s *session) (*probe.Answer, error) {
	head, err := s.bytes(4)
	if err != nil {
		return nil, err
	}
	size := int(head[0]) | int(head[1])<<8 | int(head[2])<<16
	if head[3] != 0 || size < 3 || size > 1024 {
		return nil, errOther
	}
	b, err := s.bytes(size)
	if err != nil {
		return nil, err
	}
	a, ok := mysqlGreeting(b)
	if !ok {
		return nil, errOther
	}
	return a, nil
}

// clientSSL is the capability to speak TLS.
const clientSSL = 0x0800

// mysqlGreeting reads the first packet: a greeting of version 10, or an error.
func mysqlGreeting(b []byte) (*probe.Answer, bool) {
	r := &reader{b: b}
	a := &probe.Answer{Service: "mysql"}
	switch r.u8() {
	case 10:
		version := string(r.until(0))
		r.take(4 + 8) // the connection's number, and the first part of the salt
		zero := r.u8()
		low := r.take(2)
		if r.bad || zero != 0 || version == "" || strings.ContainsFunc(version, func(c rune) bool { return c < ' ' || c > '~' }) {
			return nil, false
		}
		// MariaDB puts a version before its own that old replicas understand.
		a.Version = clean(strings.TrimPrefix(version, "5.5.5-"))
		a.Detail = []string{"offers no TLS"}
		if binary.LittleEndian.Uint16(low)&clientSSL != 0 {
			a.Detail = []string{"offers TLS"}
		}
		return a, true
	case 0xff:
		code := r.take(2)
		if r.bad {
			return nil, false
		}
		text := string(r.b)
		if strings.HasPrefix(text, "#") && len(text) > 6 { // the SQL state, which old servers leave out here
			text = text[6:]
		}
		number := binary.LittleEndian.Uint16(code)
		if number < 1000 || text == "" {
			return nil, false
		}
		a.Detail = []string{fmt.Sprintf("turns this host away: %s (error %d)", clean(strings.ToValidUTF8(text, ".")), number)}
		return a, true
	}
	return nil, false
}
