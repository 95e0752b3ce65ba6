package probe

import (
	"fmt"
	"strings"
)

// greetSMTP reads the greeting, says EHLO, and leaves with QUIT (RFC 5321): no mail is begun.
func greetSMTP(s *session) (*Answer, error) {
	code, lines, err := s.reply()
	if err != nil {
		return nil, err
	}
	if code != 220 && code != 554 && code != 421 {
		return nil, &otherProtocol{"smtp", fmt.Sprintf("greeted with %d %s", code, clean(lines[0]))}
	}
	a := &Answer{Service: "smtp", Version: clean(lines[0])}
	if code != 220 {
		a.Detail = append(a.Detail, fmt.Sprintf("turns clients away: %d", code))
		return a, nil
	}
	if strings.Contains(strings.ToUpper(lines[0]), "FTP") && !strings.Contains(strings.ToUpper(lines[0]), "SMTP") {
		return nil, &otherProtocol{"smtp", "greeted as an FTP server: " + clean(lines[0])}
	}
	if err := s.say("EHLO sallyport.invalid\r\n"); err != nil {
		return nil, err
	}
	if code, lines, err = s.reply(); err != nil {
		return a, fmt.Errorf("after EHLO: %w", err)
	}
	if code != 250 {
		a.Detail = append(a.Detail, fmt.Sprintf("answers EHLO with %d %s", code, clean(lines[0])))
	}
	tls := "offers no STARTTLS"
	for _, l := range lines[1:] {
		if strings.EqualFold(strings.TrimSpace(l), "STARTTLS") {
			tls = "offers STARTTLS"
		}
	}
	a.Detail = append(a.Detail, tls)
	_ = s.say("QUIT\r\n")
	return a, nil
}

// reply reads an answer of one or more lines (RFC 5321, section 4.2.1).
func (s *session) reply() (code int, lines []string, err error) {
	for range 128 {
		line, err := s.line()
		if err != nil {
			return 0, nil, err
		}
		if len(line) < 3 || line[0] < '2' || line[0] > '5' || !digits(line[:3]) || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
			return 0, nil, &otherProtocol{"smtp", "sent " + clean(line)}
		}
		n := int(line[0]-'0')*100 + int(line[1]-'0')*10 + int(line[2]-'0')
		if code != 0 && n != code {
			return 0, nil, &otherProtocol{"smtp", "sent " + clean(line)}
		}
		code = n
		lines = append(lines, strings.TrimSpace(line[min(4, len(line)):]))
		if len(line) == 3 || line[3] == ' ' {
			return code, lines, nil
		}
	}
	return 0, nil, errTooMuch
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }
