package probe

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// greetHTTP asks for a page by GET, and reads the head of the answer (RFC 9112).
func greetHTTP(s *session) (*Answer, error) {
	path := "/"
	if s.a.Target != nil && strings.HasPrefix(s.a.Target.Path, "/") {
		path = s.a.Target.Path
	}
	if err := s.say("GET " + path + " HTTP/1.1\r\nHost: " + s.authority() + "\r\nUser-Agent: sallyport-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n"); err != nil {
		return nil, err
	}
	line, err := s.line()
	if err != nil {
		return nil, err
	}
	version, rest, _ := strings.Cut(line, " ")
	status, reason, _ := strings.Cut(rest, " ")
	code, err := strconv.Atoi(status)
	if !strings.HasPrefix(version, "HTTP/") || err != nil || len(status) != 3 {
		return nil, &otherProtocol{"http", "sent " + clean(line)}
	}
	a := &Answer{Service: "http", Version: clean(version + " " + status + " " + reason)}
	for range 256 {
		line, err := s.line()
		if err != nil || line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ":")
		switch strings.ToLower(name) {
		case "server", "via", "location", "proxy-authenticate":
			a.Detail = append(a.Detail, strings.ToLower(name)+": "+clean(strings.TrimSpace(value)))
		}
	}
	if code == 407 || code == 511 { // RFC 6585, section 6: a captive portal
		a.Detail = append(a.Detail, fmt.Sprintf("status %d: not the server, but what stands before it", code))
	}
	return a, nil
}

// authority is the target's name, with the port where that is not the scheme's.
func (s *session) authority() string {
	host := s.a.Destination.Addr().String()
	if s.a.Destination.Addr().Is6() {
		host = "[" + host + "]"
	}
	if s.a.Name != "" {
		host = s.a.Name
	}
	if p := s.a.Destination.Port(); p != 80 && p != 443 || s.a.Protocol != attempt.TCP {
		host += ":" + strconv.Itoa(int(p))
	}
	return host
}
