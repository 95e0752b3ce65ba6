package measure

import (
	"context"
	"io"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// canned is a far end that has said all that it will say.
type canned struct{ rest []byte }

func (c *canned) Read(b []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func (c *canned) Write(b []byte) (int, error) { return len(b), nil }
func (c *canned) SetDeadline(time.Time) error { return nil }

// FuzzHandshakes gives the same bytes to each handshake as all that the other end says.
func FuzzHandshakes(f *testing.F) {
	for _, p := range peers {
		all := ""
		for _, s := range p.says {
			all += s
		}
		f.Add([]byte(all))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		speak := map[string]bool{}
		for service, h := range handshakes {
			for _, protocol := range protocolsOf(service) {
				a := tryOf(service, netip.MustParseAddrPort("192.0.2.1:1"), protocol)
				s := newSession(&a, nil, time.Second)
				s.reflect = testGreeter(t).Reflection
				end := &canned{rest: b}
				s.conn, s.socket = end, end
				answer, err := h.with(s)
				if err == nil && answer == nil {
					t.Fatalf("%s: neither an answer nor an error", service)
				}
				if err != nil && err.Error() == "" {
					t.Fatalf("%s: an error without words", service)
				}
				if err == nil && service != "" {
					speak[service] = true
					if got := answer.Service; got != service && service != "amqp1" {
						t.Fatalf("%s: claims %s", service, got)
					}
					if service != "irc" && (answer.Version+answer.Banner) != clean(answer.Version+answer.Banner) && len(answer.Version) < 100 {
						t.Fatalf("%s: not clean: %+v", service, answer)
					}
				}
			}
		}
		delete(speak, "http-proxy") // an HTTP server too
		delete(speak, "amqp1")      // which greetAMQP knows too
		if len(speak) > 1 {
			t.Fatalf("%q is taken for %v", b, speak)
		}
	})
}

// FuzzDatagrams gives an answer of any bytes to the handshakes that know theirs by what they asked.
func FuzzDatagrams(f *testing.F) {
	f.Add([]byte("\x00\x00\x81\x80\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01"))
	f.Add(append([]byte{0x80, 0, 0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8, 8, 1, 2, 3, 4, 5, 6, 7, 8}, 0, 0, 0, 1))
	f.Add(make([]byte, 48))
	f.Fuzz(func(t *testing.T, b []byte) {
		now := time.Unix(1_800_000_000, 0)
		_, _ = ntpAnswer(b, now, now)
		_, _ = dnsAnswer([]byte{0, 0}, b)
		id := []byte{1, 2, 3, 4, 5, 6, 7, 8}
		_, _ = quicAnswer(b, id, id)
		_ = identify(b)
		_, _ = amqpStart(b)
		_, _ = amqpMechanisms(b)
		_, _ = mongoAnswer(b)
		_, _ = mysqlGreeting(b)
		_, _ = kafkaAnswer(b)
		_, _ = ldapAnswer(b)
		_, _ = mqttAnswer(b)
		_, _ = postgresWords(b)
		_, _ = socksAnswer(b)
	})
}

// TestUnknownService has no handshake to make.
func TestUnknownService(t *testing.T) {
	a := tryOf("gopher", netip.MustParseAddrPort("192.0.2.1:1"), attempt.TCP)
	if _, err := Meet(context.Background(), &a, (*os.File)(nil), time.Second); err == nil {
		t.Error("no error")
	}
}
