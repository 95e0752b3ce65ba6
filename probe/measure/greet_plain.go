//go:build linux

package measure

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/sallyport/sallyport/attempt"

	"github.com/sallyport/sallyport/probe"
)

// bannerTime is how long a server that speaks first may take. One that waits for its client is silent anyhow.
const bannerTime = 500 * time.Millisecond

// greetPlain listens for a banner. Silence is an answer too: the connection came about.
func greetPlain(s *session) (*probe.Answer, error) {
	if s.a.Protocol == attempt.UDP {
		return greetDatagram(s)
	}
	if err := s.within(min(s.timeout, bannerTime)); err != nil {
		return nil, err
	}
	_, err := s.in.Peek(1)
	switch {
	case err == nil:
		return identify(s.first), nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &probe.Answer{}, nil
	case errors.Is(err, io.EOF):
		return &probe.Answer{Detail: []string{"closed the connection at once"}}, nil
	}
	return nil, err
}

// greetDatagram sends an empty datagram, and waits for any answer.
func greetDatagram(s *session) (*probe.Answer, error) {
	if _, err := s.conn.Write(nil); err != nil {
		return nil, err
	}
	if _, err := s.in.Peek(1); err != nil {
		return nil, err
	}
	return identify(s.first), nil
}
