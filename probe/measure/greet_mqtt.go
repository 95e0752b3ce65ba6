//go:build linux

package measure

import (
	"fmt"

	"github.com/sallyport/sallyport/probe"
)

// mqttConnect is a CONNECT without a client's name, for a session that is to last. A server has to refuse that, by CONNACK with return code 2,
// and to close (MQTT 3.1.1, section 3.1.3.1), before it looks at any login. A protocol level that there is not would have to be refused too, but RabbitMQ
// closes without a word, and logs a crash.
const mqttConnect = "\x10\x0c" + "\x00\x04MQTT" + "\x04" + "\x00" + "\x00\x05" + "\x00\x00"

// greetMQTT asks for a connection that is refused.
func greetMQTT(s *session) (*probe.Answer, error) {
	if err := s.say(mqttConnect); err != nil {
		return nil, err
	}
	head, err := s.bytes(2)
	if err != nil {
		return nil, err
	}
	if head[0] != 0x20 || head[1] < 2 || head[1] >= 0x80 {
		return nil, errOther
	}
	b, err := s.bytes(int(head[1]))
	if err != nil {
		return nil, err
	}
	a, ok := mqttAnswer(b)
	if !ok {
		return nil, errOther
	}
	if b[1] == 0 { // against the rules it was let in
		_ = s.say("\xe0\x00") // DISCONNECT
	}
	return a, nil
}

// mqttAnswer reads the body of a CONNACK: flags, and a code (and properties, in 5.0).
func mqttAnswer(b []byte) (*probe.Answer, bool) {
	if len(b) < 2 || b[0]&^1 != 0 {
		return nil, false
	}
	a := &probe.Answer{Service: "mqtt"}
	switch code := b[1]; {
	case code == 2, code == 0x85: // identifier rejected: as was asked for
	case code == 1, code == 0x84:
		a.Detail = []string{"does not speak MQTT 3.1.1"}
	case code == 0:
		a.Detail = []string{"accepts a client without a name, and without a login"}
	case code <= 5, code >= 0x80 && code <= 0x9f:
		a.Detail = []string{fmt.Sprintf("refuses with code %d", code)}
	default:
		return nil, false
	}
	return a, len(b) == 2 || b[1] >= 0x80 || b[1] == 0
}
