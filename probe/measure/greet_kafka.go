//go:build linux

package measure

import (
	"encoding/binary"
	"fmt"

	"github.com/sallyport/sallyport/probe"
)

// kafkaID is the correlation id of the one request.
const kafkaID = 0x5a11

// kafkaRequest is ApiVersions, key 18, in its version 0, which brokers answer before a login (https://kafka.apache.org/protocol).
var kafkaRequest = func() string {
	const client = "sallyport"
	b := binary.BigEndian.AppendUint32([]byte{0, 18, 0, 0}, kafkaID)
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(client))), client...)
	return string(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...))
}()

// greetKafka asks for the requests that a broker knows.
func greetKafka(s *session) (*probe.Answer, error) {
	if err := s.say(kafkaRequest); err != nil {
		return nil, err
	}
	head, err := s.bytes(4)
	if err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head)
	if size < 10 || size > 16<<10 {
		return nil, errOther
	}
	b, err := s.bytes(int(size))
	if err != nil {
		return nil, err
	}
	return kafkaAnswer(b)
}

// kafkaAnswer reads the answer: the id, an error, and the lowest and highest version of each request.
func kafkaAnswer(b []byte) (*probe.Answer, error) {
	r := &reader{b: b}
	id, code, count := r.u32(), r.u16(), r.u32()
	if r.bad || id != kafkaID || count > 1000 || int(count)*6 > len(r.b) {
		return nil, errOther
	}
	a := &probe.Answer{Service: "kafka"}
	if code != 0 {
		a.Detail = []string{fmt.Sprintf("answers with error %d", code)}
		return a, nil
	}
	own := false
	for range count {
		key, low, high := r.u16(), r.u16(), r.u16()
		if low > high {
			return nil, errOther
		}
		own = own || key == 18
	}
	if !own { // it has just answered this one
		return nil, errOther
	}
	a.Detail = []string{fmt.Sprintf("knows %d kinds of requests", count)}
	return a, nil
}
