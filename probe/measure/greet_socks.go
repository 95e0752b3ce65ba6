//go:build linux

package measure

import (
	"time"

	"github.com/sallyport/sallyport/probe"
)

// greetSOCKS5 offers no login, and one by user and password, and reads which of them the proxy takes (RFC 1928, section 3). Nothing is asked for.
func greetSOCKS5(s *session) (*probe.Answer, error) {
	asked := time.Now()
	if err := s.say("\x05\x02\x00\x02"); err != nil {
		return nil, err
	}
	b, err := s.bytes(2)
	if err != nil {
		return nil, err
	}
	a, ok := socksAnswer(b)
	if !ok || b[1] != 0xff && !s.quiet(asked) { // the proxy waits for what is asked of it
		return nil, errOther
	}
	return a, nil
}

func socksAnswer(b []byte) (*probe.Answer, bool) {
	if len(b) != 2 || b[0] != 5 {
		return nil, false
	}
	a := &probe.Answer{Service: "socks5"}
	switch b[1] {
	case 0:
		a.Detail = []string{"wants no login"}
	case 2:
		a.Detail = []string{"wants a user and a password"}
	case 0xff:
		a.Detail = []string{"accepts neither no login nor a user and a password"}
	default:
		return nil, false
	}
	return a, true
}
