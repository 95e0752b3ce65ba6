//go:build linux

package measure

import (
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"github.com/sallyport/sallyport/probe"
)

// Requests that come before a login (PostgreSQL's manual, "Message Formats": SSLRequest, GSSENCRequest).
const (
	sslRequest = "\x00\x00\x00\x08\x04\xd2\x16\x2f"
	gssRequest = "\x00\x00\x00\x08\x04\xd2\x16\x30"
)

// greetPostgres asks for TLS, as clients do before they log in. The answer is one letter, which proves little: where it is yes the TLS handshake
// proves it; where it is no, a no to the same question about GSSAPI.
func greetPostgres(s *session) (*probe.Answer, error) {
	asked := time.Now()
	if err := s.say(sslRequest); err != nil {
		return nil, err
	}
	b, err := s.bytes(1)
	if err != nil {
		return nil, err
	}
	a := &probe.Answer{Service: "postgres"}
	switch b[0] {
	case 'S':
		found, err := s.secure("postgresql") // ALPN since PostgreSQL 17
		var refused *tlsRefused
		if errors.As(err, &refused) {
			return a, err
		}
		if err != nil {
			return nil, err
		}
		a.TLS, a.Detail = found, append([]string{"offers TLS"}, tlsWords(found, false)...)
		return a, nil
	case 'N':
		if s.in.Buffered() > 0 {
			return nil, errOther
		}
		if err := s.say(gssRequest); err != nil {
			return nil, err
		}
		if b, err = s.bytes(1); err != nil {
			return nil, err
		}
		a.Detail = []string{"offers no TLS"}
		if b[0] == 'E' { // before PostgreSQL 12
			return s.postgresError(a)
		}
		if b[0] != 'N' && b[0] != 'G' || !s.quiet(asked) {
			return nil, errOther
		}
		return a, nil
	case 'E':
		return s.postgresError(a)
	}
	return nil, errOther
}

// postgresError reads the rest of an ErrorResponse.
func (s *session) postgresError(a *probe.Answer) (*probe.Answer, error) {
	head, err := s.bytes(4)
	if err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head)
	if size < 6 || size > 16<<10 {
		return nil, errOther
	}
	body, err := s.bytes(int(size) - 4)
	if err != nil {
		return nil, err
	}
	words, ok := postgresWords(body)
	if !ok {
		return nil, errOther
	}
	a.Detail = append(a.Detail, "answers with an error: "+words)
	return a, nil
}

// postgresWords is the message of an error: fields of a letter and a text, the last a zero. Severity, code and message are always there.
func postgresWords(b []byte) (string, bool) {
	r := &reader{b: b}
	var severity, code, message string
	for !r.bad {
		kind := r.u8()
		if kind == 0 {
			break
		}
		text := string(r.until(0))
		switch kind {
		case 'S':
			severity = text
		case 'C':
			code = text
		case 'M':
			message = text
		}
	}
	if r.bad || len(r.b) > 0 || severity == "" || len(code) != 5 || message == "" {
		return "", false
	}
	return clean(strings.ToValidUTF8(message, ".")), true
}
