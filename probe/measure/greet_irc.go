//go:build linux

package measure

import (
	"strings"

	"github.com/sallyport/sallyport/probe"
)

// greetIRC waits for what servers say first: a notice that they look the client up. One that waits for its client is asked for a
// pong, which no registration is needed to be refused (RFC 2812, sections 3.7.2 and 5.2). No nickname is taken.
func greetIRC(s *session) (*probe.Answer, error) {
	timeout := s.timeout
	s.timeout = min(timeout, bannerTime)
	if err := s.step(); err != nil {
		return nil, err
	}
	_, err := s.in.Peek(1)
	s.timeout = timeout
	if err != nil {
		if len(s.first) > 0 {
			return nil, err
		}
		if err := s.say("PING :sallyport\r\n"); err != nil {
			return nil, err
		}
	}
	line, err := s.line()
	if err != nil {
		return nil, err
	}
	prefix, rest, command := "", line, ""
	if strings.HasPrefix(line, ":") {
		prefix, rest, _ = strings.Cut(line[1:], " ")
	}
	command, _, _ = strings.Cut(rest, " ")
	switch {
	case isIRC(line) && line != "PING :sallyport": // which an echo says
	case prefix != "" && (command == "PONG" || len(command) == 3 && digits(command)):
	case command == "PONG" && rest != command:
	default:
		return nil, errOther
	}
	return &probe.Answer{Service: "irc", Version: clean(prefix), Banner: clean(line)}, nil
}
