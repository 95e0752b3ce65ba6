//go:build linux

package measure

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/probe"
)

// quicVersion is of those that are reserved, so that a server has to answer with the versions that it has (RFC 9000, sections 6 and 15).
const quicVersion = 0x1a2a3a4a

// quicSize is the least that a server answers to (RFC 9000, section 14.1).
const quicSize = 1200

// greetQUIC sends a packet of a version that there is not, and reads the versions that there are. No connection begins.
func greetQUIC(s *session) (*probe.Answer, error) {
	to, from := make([]byte, 8), make([]byte, 8)
	_, _ = rand.Read(to)
	_, _ = rand.Read(from)
	packet := binary.BigEndian.AppendUint32([]byte{0xc0}, quicVersion) // a long header: RFC 8999, section 5.1
	packet = append(append(append(append(packet, 8), to...), 8), from...)
	packet = append(packet, make([]byte, quicSize-len(packet))...)
	var a *probe.Answer
	_, err := s.ask(func() []byte { return packet }, func(b []byte) (ok bool) {
		a, ok = quicAnswer(b, to, from)
		return ok
	})
	return a, err
}

// quicAnswer reads a Version Negotiation packet (RFC 8999, section 6), which has the two connection ids the other way round.
func quicAnswer(b, to, from []byte) (*probe.Answer, bool) {
	r := &reader{b: b}
	if r.u8()&0x80 == 0 || r.u32() != 0 {
		return nil, false
	}
	dst := r.take(int(r.u8()))
	src := r.take(int(r.u8()))
	if r.bad || !bytes.Equal(dst, from) || !bytes.Equal(src, to) || len(r.b) < 4 || len(r.b)%4 != 0 {
		return nil, false
	}
	var names []string
	for len(r.b) > 0 {
		v := r.u32()
		switch {
		case v == 1:
			names = append(names, "1")
		case v == 0x6b3343cf: // RFC 9369
			names = append(names, "2")
		case v>>8 == 0xff0000:
			names = append(names, fmt.Sprintf("draft %d", v&0xff))
		case v&0x0f0f0f0f == 0x0a0a0a0a: // reserved: an exercise
		default:
			names = append(names, fmt.Sprintf("%#x", v))
		}
	}
	return &probe.Answer{Service: "quic", Version: "versions " + strings.Join(names[:min(len(names), 8)], ", ")}, true
}
