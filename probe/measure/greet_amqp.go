//go:build linux

package measure

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/probe"
)

// The headers that begin AMQP (AMQP 0-9-1, section 4.2.2; AMQP 1.0, section 2.2). A server that has another version than the one asked
// for answers with its own, and closes.
const (
	amqp091  = "AMQP\x00\x00\x09\x01"
	amqp10   = "AMQP\x00\x01\x00\x00"
	amqpSASL = "AMQP\x03\x01\x00\x00" // AMQP 1.0, section 5.3.1
)

// greetAMQP begins AMQP 0-9-1, and reads Connection.Start, with which a server introduces itself before any login.
func greetAMQP(s *session) (*probe.Answer, error) {
	if err := s.say(amqp091); err != nil {
		return nil, err
	}
	head, err := s.bytes(7)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(string(head), "AMQP") {
		last, err := s.bytes(1)
		if err != nil {
			return nil, err
		}
		if head = append(head, last...); string(head) == amqp091 { // nobody refuses what he asks for
			return nil, errOther
		}
		return amqpHeader(head)
	}
	size := binary.BigEndian.Uint32(head[3:])
	if head[0] != 1 || head[1] != 0 || head[2] != 0 || size < 12 || size > 32<<10 { // a method, on channel 0 (section 4.2.3)
		return nil, errOther
	}
	frame, err := s.bytes(int(size) + 1)
	if err != nil {
		return nil, err
	}
	return amqpStart(frame)
}

// greetAMQP1 begins AMQP 1.0, by way of SASL as brokers mostly want it, and reads the header of the server, and which logins it takes.
func greetAMQP1(s *session) (*probe.Answer, error) {
	if err := s.say(amqpSASL); err != nil {
		return nil, err
	}
	head, err := s.bytes(8)
	if err != nil {
		return nil, err
	}
	a, err := amqpHeader(head)
	if err != nil {
		return nil, err
	}
	if a.Version != "1.0" {
		return a, &otherProtocol{"amqp1", "wants AMQP " + a.Version}
	}
	a.Service = "amqp1"
	if string(head) != amqpSASL { // it wants to begin in another way
		return a, nil
	}
	if head, err = s.bytes(8); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head)
	if size < 11 || size > 4096 || head[4] != 2 || head[5] != 1 { // a SASL frame, without an extended header (section 2.3)
		return nil, errOther
	}
	body, err := s.bytes(int(size) - 8)
	if err != nil {
		return nil, err
	}
	words, ok := amqpMechanisms(body)
	if !ok {
		return nil, errOther
	}
	a.Detail = []string{"logins by " + words}
	return a, nil
}

// amqpMechanisms reads the body of sasl-mechanisms (AMQP 1.0, section 5.3.3.1): a described list of one symbol, or an array of symbols.
func amqpMechanisms(b []byte) (string, bool) {
	r := &reader{b: b}
	if r.u8() != 0 {
		return "", false
	}
	switch r.u8() { // the descriptor, 0x40, as a small or a whole ulong (section 1.6.10)
	case 0x53:
		if r.u8() != 0x40 {
			return "", false
		}
	case 0x80:
		if string(r.take(8)) != "\x00\x00\x00\x00\x00\x00\x00\x40" {
			return "", false
		}
	default:
		return "", false
	}
	var names []string
	for _, word := range strings.FieldsFunc(string(r.b), func(c rune) bool { // symbols are of these
		return (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_'
	}) {
		if len(word) > 2 {
			names = append(names, word)
		}
	}
	return clean(strings.Join(names, " ")), !r.bad && len(names) > 0
}

// amqpHeader reads the header that a server answers with.
func amqpHeader(b []byte) (*probe.Answer, error) {
	if len(b) != 8 || string(b[:4]) != "AMQP" {
		return nil, errOther
	}
	a := &probe.Answer{Service: "amqp"}
	switch id, version := b[4], [3]byte(b[5:]); {
	case version == [3]byte{1, 0, 0} && id == 0:
		a.Version = "1.0"
	case version == [3]byte{1, 0, 0} && id == 3:
		a.Version, a.Detail = "1.0", []string{"asks for SASL first"}
	case version == [3]byte{1, 0, 0} && id == 2:
		a.Version, a.Detail = "1.0", []string{"asks for TLS first"}
	case version == [3]byte{0, 9, 1} && id == 0:
		a.Version = "0-9-1"
	case id == 1: // 0-8 to 0-10 had a protocol class, an instance and a version here
		a.Version = fmt.Sprintf("0-%d", b[7])
	default:
		return nil, errOther
	}
	return a, nil
}

// amqpStart reads the arguments of Connection.Start, class 10, method 10 (AMQP 0-9-1, section 1.4.2.1), and the frame's end.
func amqpStart(b []byte) (*probe.Answer, error) {
	if len(b) < 13 || b[len(b)-1] != 0xce || binary.BigEndian.Uint32(b) != 10<<16|10 || b[4] != 0 {
		return nil, errOther
	}
	r := &reader{b: b[6 : len(b)-1]}
	table := &reader{b: r.take(int(r.u32()))}
	mechanisms := string(r.take(int(r.u32())))
	r.take(int(r.u32())) // locales
	if r.bad {
		return nil, errOther
	}
	a := &probe.Answer{Service: "amqp", Version: fmt.Sprintf("%d-%d", b[4], b[5])}
	if b[5] == 9 {
		a.Version = "0-9-1"
	}
	var product, version string
	for len(table.b) > 0 && !table.bad {
		name := string(table.take(int(table.u8())))
		value, isText := table.amqpValue()
		switch {
		case !isText:
		case name == "product":
			product = value
		case name == "version":
			version = value
		}
	}
	if product != "" {
		a.Version += ", " + clean(strings.TrimSpace(product+" "+version))
	}
	a.Detail = append(a.Detail, "logins by "+clean(mechanisms))
	return a, nil
}

// amqpValue reads a field of a table (section 4.2.5.5, as brokers have it: https://www.rabbitmq.com/amqp-0-9-1-errata).
func (r *reader) amqpValue() (text string, isText bool) {
	switch kind := r.u8(); kind {
	case 'S':
		return string(r.take(int(r.u32()))), true
	case 't', 'b', 'B':
		r.take(1)
	case 's', 'u', 'U':
		r.take(2)
	case 'I', 'i', 'f':
		r.take(4)
	case 'D':
		r.take(5)
	case 'L', 'l', 'd', 'T':
		r.take(8)
	case 'A', 'F', 'x':
		r.take(int(r.u32()))
	case 'V':
	default:
		r.bad = true
	}
	return "", false
}
