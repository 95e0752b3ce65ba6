package tlspeer

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Bounds of what is read from a server.
const (
	maxRecord  = 1<<14 + 256 // RFC 8446, section 5.2
	maxMessage = 1 << 17     // a long chain of large certificates has 20 kB
	maxRecords = 64          // a message may come in small pieces
)

var (
	errNotTLS = errors.New("the server's answer is not TLS")
	errGroup  = errors.New("the server agrees on no curve that is known here")
	errSyntax = errors.New("a message of the server's handshake is malformed")
	errLength = errors.New("the server's handshake is too long")
)

// AlertError is the server's refusal to make a handshake (RFC 8446, section 6).
type AlertError uint8

func (e AlertError) Error() string {
	if name := alerts[e]; name != "" {
		return "the server refused the handshake: " + name
	}
	return fmt.Sprintf("the server refused the handshake: alert %d", uint8(e))
}

var alerts = map[AlertError]string{
	0: "close_notify", 10: "unexpected_message", 40: "handshake_failure", 42: "bad_certificate", 47: "illegal_parameter", 70: "protocol_version",
	71: "insufficient_security", 80: "internal_error", 86: "inappropriate_fallback", 109: "missing_extension", 112: "unrecognized_name",
	116: "certificate_required", 120: "no_application_protocol",
}

// records reads handshake messages out of records.
type records struct {
	from  io.Reader
	count int
	left  []byte // of a message that has not come to its end

	aead cipher.AEAD // nil: records are in plain text
	iv   []byte
	seq  uint64
}

// message is the next handshake message, with its header of four bytes.
func (r *records) message() ([]byte, error) {
	const header = 4
	for {
		if len(r.left) >= header {
			n := header + int(r.left[1])<<16 + int(r.left[2])<<8 + int(r.left[3])
			if n > maxMessage {
				return nil, errLength
			}
			if len(r.left) >= n {
				out := r.left[:n:n]
				r.left = r.left[n:]
				return out, nil
			}
		}
		kind, content, err := r.next()
		if err != nil {
			return nil, err
		}
		switch kind {
		case recordHandshake:
			r.left = append(r.left, content...)
		case recordCCS:
		case recordAlert:
			const warning, unrecognizedName = 1, 112
			if len(content) < 2 {
				return nil, errSyntax
			}
			if content[0] == warning && content[1] == unrecognizedName {
				continue // the server goes on with another certificate (RFC 6066, section 3)
			}
			return nil, AlertError(content[1])
		default:
			return nil, errNotTLS
		}
	}
}

// next is the next record.
func (r *records) next() (kind byte, content []byte, err error) {
	if r.count++; r.count > maxRecords {
		return 0, nil, errLength
	}
	var header [5]byte
	if _, err := io.ReadFull(r.from, header[:]); err != nil {
		return 0, nil, fmt.Errorf("read the server's handshake: %w", err)
	}
	n := int(binary.BigEndian.Uint16(header[3:]))
	if header[0] < recordCCS || header[0] > recordApplication || header[1] != 3 || n > maxRecord {
		return 0, nil, errNotTLS
	}
	content = make([]byte, n)
	if _, err := io.ReadFull(r.from, content); err != nil {
		return 0, nil, fmt.Errorf("read the server's handshake: %w", err)
	}
	if header[0] != recordApplication {
		return header[0], content, nil
	}
	if r.aead == nil {
		return 0, nil, errNotTLS
	}
	nonce := append([]byte(nil), r.iv...)
	for i := range 8 {
		nonce[len(nonce)-1-i] ^= byte(r.seq >> (8 * i))
	}
	r.seq++
	if content, err = r.aead.Open(content[:0], nonce, content, header[:]); err != nil {
		return 0, nil, errors.New("the server's handshake can't be decrypted")
	}
	for len(content) > 0 && content[len(content)-1] == 0 { // padding (RFC 8446, section 5.4)
		content = content[:len(content)-1]
	}
	if len(content) == 0 {
		return 0, nil, errSyntax
	}
	return content[len(content)-1], content[:len(content)-1], nil
}
