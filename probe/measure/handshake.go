//go:build linux

package measure

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/probe"
)

// handshake proves that the other end speaks a protocol, with a few bytes that leave nothing behind there.
type handshake struct {
	greet func(*session) (*probe.Answer, error)
	inTLS bool     // it is made inside of TLS, from the first byte on
	alpn  []string // that is offered
}

// handshakes are all of them, by the name of what they expect. Each has a file of its own.
var handshakes = map[string]handshake{
	"":             {greet: greetPlain},
	"amqp":         {greet: greetAMQP},
	"amqp1":        {greet: greetAMQP1},
	"amqps":        {greet: greetAMQP, inTLS: true},
	"dns":          {greet: greetDNS},
	"dot":          {greet: greetDNS, inTLS: true, alpn: []string{"dot"}}, // RFC 7858
	"h2":           {greet: greetHTTP2, inTLS: true, alpn: []string{"h2"}},
	"h2c":          {greet: greetHTTP2},
	"http":         {greet: greetHTTP},
	"https":        {greet: greetHTTP, inTLS: true, alpn: []string{"http/1.1"}},
	"http-proxy":   {greet: greetHTTPProxy},
	"https-proxy":  {greet: greetHTTPProxy, inTLS: true, alpn: []string{"http/1.1"}},
	"irc":          {greet: greetIRC},
	"ircs":         {greet: greetIRC, inTLS: true},
	"kafka":        {greet: greetKafka},
	"ldap":         {greet: greetLDAP},
	"ldaps":        {greet: greetLDAP, inTLS: true},
	"memcached":    {greet: greetMemcached},
	"mongodb":      {greet: greetMongoDB},
	"mqtt":         {greet: greetMQTT},
	"mqtts":        {greet: greetMQTT, inTLS: true},
	"mysql":        {greet: greetMySQL},
	"ntp":          {greet: greetNTP},
	"postgres":     {greet: greetPostgres},
	"quic":         {greet: greetQUIC},
	"reflect":      {greet: greetReflect},
	"reflect-http": {greet: greetReflectHTTP},
	"reflect-tls":  {greet: greetReflectTLS},
	"redis":        {greet: greetRedis},
	"rediss":       {greet: greetRedis, inTLS: true},
	"smtp":         {greet: greetSMTP},
	"smtps":        {greet: greetSMTP, inTLS: true},
	"socks5":       {greet: greetSOCKS5},
	"ssh":          {greet: greetSSH},
	"tls":          {greet: greetTLS, inTLS: true},
}

// Services are the names of what can be expected to answer.
func Services() []string {
	var names []string
	for name := range handshakes {
		if name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (h *handshake) with(s *session) (*probe.Answer, error) {
	if err := s.step(); err != nil {
		return nil, err
	}
	service := ""
	if s.a.Target != nil {
		service = s.a.Target.Service
	}
	if !h.inTLS {
		a, err := h.greet(s)
		return s.end(service, service, a, err)
	}
	found, err := s.secure(h.alpn...)
	if err != nil {
		var refused *tlsRefused
		if errors.As(err, &refused) {
			return &probe.Answer{Service: "tls"}, err
		}
		return s.end(service, "tls", nil, err)
	}
	a, err := h.greet(s)
	if words := alertOf(err); words != "" { // such as of TLS 1.3, whose server looks at the client's certificate after the handshake
		err = &tlsRefused{words}
	} else {
		a, err = s.end(service, plainOf(service), a, err)
	}
	if a == nil {
		a = &probe.Answer{}
	}
	if err == nil {
		a.Service = service
	} else if a.Service == "" {
		a.Service = "tls" // that much is sure
	}
	a.TLS = found
	bare := service == "tls"
	if bare {
		a.Version = found.Version
	}
	a.Detail = append(a.Detail, tlsWords(found, bare)...)
	return a, err
}

// otherProtocol tells that the other end speaks something else than was expected.
type otherProtocol struct{ wanted, words string }

func (e *otherProtocol) Error() string { return "does not speak " + e.wanted + ": " + e.words }

// errOther is for a handshake to return where what came is not its protocol. What it is, is found by its first bytes.
var errOther = errors.New("another protocol")

// failure is an error whose words are for people, and which still is what it was.
type failure struct {
	words string
	err   error
}

func (e *failure) Error() string { return e.words }
func (e *failure) Unwrap() error { return e.err }

// plainOf is the service that is spoken inside of TLS.
func plainOf(service string) string {
	switch service {
	case "dot":
		return "dns"
	case "h2":
		return "h2c"
	}
	return strings.TrimSuffix(service, "s")
}

// end makes of a handshake's error what is known of the other end. Own is the protocol that was to come, by the name that identify has for it.
func (s *session) end(service, own string, a *probe.Answer, err error) (*probe.Answer, error) {
	if err == nil || a != nil && a.Service != "" {
		return a, err
	}
	if service == "" {
		service = "any protocol known here"
	}
	var seen *probe.Answer
	if len(s.first) > 0 {
		seen = identify(s.first)
		if seen.Service == own {
			seen.Service = "" // it begins so, and goes on in another way
		}
	}
	if len(s.first) > 3 && bytes.HasPrefix(s.sent, s.first) && !errors.Is(err, os.ErrDeadlineExceeded) {
		return &probe.Answer{Banner: seen.Banner}, &otherProtocol{service, "sends back what it gets"}
	}
	if seen != nil && seen.Service != "" {
		return seen, fmt.Errorf("speaks %s, not %s", seen.Service, service) // however that ended
	}
	var other *otherProtocol
	var errno syscall.Errno
	errors.As(err, &errno)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) && s.read == 0:
		return a, &failure{"no answer within " + attempt.DurationText(s.timeout), err}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return seen, &failure{fmt.Sprintf("no complete answer: %d bytes came within the time", s.read), err}
	case errno == syscall.ECONNRESET && s.read == 0:
		return a, &failure{"reset the connection without an answer", err}
	case errno != 0 && s.read == 0:
		return a, err
	case errno != 0:
		return seen, &failure{fmt.Sprintf("%v after %d bytes", errno, s.read), err}
	case errors.As(err, &other):
		return seen, err
	case errors.Is(err, io.EOF) && s.read == 0:
		return a, &otherProtocol{service, "closed the connection without an answer"}
	case errors.Is(err, io.EOF):
		return seen, &otherProtocol{service, fmt.Sprintf("closed the connection after %d bytes", s.read)}
	case errors.Is(err, errOther):
		return seen, &otherProtocol{service, "sent " + printable(s.first)}
	}
	return seen, &otherProtocol{service, err.Error()}
}
