//go:build linux

package measure

import (
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/probe"
)

// greetSMTP reads the greeting, says EHLO, and leaves with QUIT (RFC 5321): no mail is begun.
func greetSMTP(s *session) (*probe.Answer, error) {
	code, lines, err := s.reply()
	if err != nil {
		return nil, err
	}
	a := &probe.Answer{Service: "smtp", Version: clean(lines[0])}
	names := strings.Contains(strings.ToUpper(lines[0]), "SMTP")
	switch {
	case code == 554, code == 421 && names: // FTP has 421 too
		a.Detail = []string{fmt.Sprintf("turns this host away: %d", code)}
		return a, nil
	case code != 220:
		return nil, errOther
	}
	if err := s.say("EHLO sallyport.invalid\r\n"); err != nil {
		return nil, err
	}
	if code, lines, err = s.reply(); err != nil {
		if !names {
			return nil, err
		}
		a.Detail = []string{"greets, and does not answer EHLO"}
		return a, nil
	}
	defer func() { _ = s.say("QUIT\r\n") }()
	if code != 250 {
		if !names { // FTP greets with 220 too
			return nil, errOther
		}
		a.Detail = []string{fmt.Sprintf("answers EHLO with %d %s", code, clean(lines[0]))}
		return a, nil
	}
	if s.plain() {
		tls := "offers no STARTTLS"
		for _, l := range lines[1:] {
			if strings.EqualFold(strings.TrimSpace(l), "STARTTLS") {
				tls = "offers STARTTLS"
			}
		}
		a.Detail = []string{tls}
	}
	return a, nil
}

// reply reads an answer of one or more lines (RFC 5321, section 4.2.1).
func (s *session) reply() (code int, lines []string, err error) {
	for range 128 {
		line, err := s.line()
		if err != nil {
			return 0, nil, err
		}
		n, text, last := parseReply(line)
		if n == 0 || code != 0 && n != code {
			return 0, nil, errOther
		}
		code = n
		lines = append(lines, text)
		if last {
			return code, lines, nil
		}
	}
	return 0, nil, errTooMuch
}

// parseReply reads one line of an answer; code is 0 where it is none.
func parseReply(line string) (code int, text string, last bool) {
	if len(line) < 3 || line[0] < '2' || line[0] > '5' || !digits(line[:3]) || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
		return 0, "", false
	}
	code = int(line[0]-'0')*100 + int(line[1]-'0')*10 + int(line[2]-'0')
	return code, strings.TrimSpace(line[min(4, len(line)):]), len(line) == 3 || line[3] == ' '
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }
