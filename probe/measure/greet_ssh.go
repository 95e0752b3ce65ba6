//go:build linux

package measure

import (
	"strings"

	"github.com/sallyport/sallyport/probe"
)

// greetSSH reads the identification string, which may come after other lines (RFC 4253, section 4.2).
func greetSSH(s *session) (*probe.Answer, error) {
	for range 32 {
		line, err := s.line()
		if err != nil {
			return nil, err
		}
		if rest, ok := strings.CutPrefix(line, "SSH-"); ok {
			protocol, software, _ := strings.Cut(rest, "-")
			a := &probe.Answer{Service: "ssh", Version: clean(software)}
			if protocol != "2.0" && protocol != "1.99" {
				a.Detail = []string{"protocol " + clean(protocol)}
			}
			return a, nil
		}
		if !strings.HasPrefix(line, "SSH") && identify([]byte(line+"\n")).Service != "" {
			break
		}
	}
	return nil, errOther
}

// clean is text of the other end as one printable line of bearable length.
func clean(s string) string {
	if len(s) > 120 {
		s = s[:120] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfffd {
			return '.'
		}
		return r
	}, s)
}
