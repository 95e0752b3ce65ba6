//go:build linux

package measure

import (
	"strings"

	"github.com/sallyport/sallyport/probe"
)

// greetMemcached asks for the version (memcached's doc/protocol.txt).
func greetMemcached(s *session) (*probe.Answer, error) {
	if err := s.say("version\r\n"); err != nil {
		return nil, err
	}
	line, err := s.line()
	if err != nil {
		return nil, err
	}
	version, ok := strings.CutPrefix(line, "VERSION ")
	switch {
	case ok && version != "":
		return &probe.Answer{Service: "memcached", Version: clean(version)}, nil
	case line == "CLIENT_ERROR unauthenticated":
		return &probe.Answer{Service: "memcached", Detail: []string{"wants a login"}}, nil
	}
	return nil, errOther
}
