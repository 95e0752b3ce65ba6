//go:build linux

package measure

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/attempt"

	"github.com/sallyport/sallyport/probe"
)

// greetHTTP asks for a page by GET, and reads the head of the answer (RFC 9112). No content is read but what came with it, and none is decompressed.
func greetHTTP(s *session) (*probe.Answer, error) {
	path := "/"
	if s.a.Target != nil && strings.HasPrefix(s.a.Target.Path, "/") {
		path = s.a.Target.Path
	}
	now := time.Now()
	if err := s.say("GET " + s.absolute + path + " HTTP/1.1\r\nHost: " + s.authority() + "\r\n" + s.credentials + "User-Agent: sallyport-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n"); err != nil {
		return nil, err
	}
	h, err := s.httpHead()
	if err != nil {
		return nil, err
	}
	a := h.answer(now)
	if s.absolute != "" {
		return a, s.passedOn(h)
	}
	if h.status == 400 && s.plain() && s.wantsTLS() {
		a.Service = "https"
		return a, errors.New("speaks https, not http: it wants TLS on this port")
	}
	if words := h.standsBefore(path, s.a.Name); words != "" {
		a.Detail = append(a.Detail, words)
	}
	return a, nil
}

// httpHead is the head of an answer.
type httpHead struct {
	version string // "HTTP/1.1"
	status  int
	reason  string
	ended   bool
	fields  map[string]string // by their names in lower case; of several with one name, the first
}

// httpHead reads one. An end of the connection, or silence, after the status line is an end of the head.
func (s *session) httpHead() (*httpHead, error) {
	line, err := s.line()
	if err != nil {
		return nil, err
	}
	h := parseStatus(line)
	if h == nil {
		return nil, errOther
	}
	for range 256 {
		line, err := s.line()
		if err != nil || line == "" {
			h.ended = err == nil
			break
		}
		name, value, found := strings.Cut(line, ":")
		name = strings.ToLower(name)
		if _, there := h.fields[name]; found && !there {
			h.fields[name] = strings.TrimSpace(value)
		}
	}
	return h, nil
}

// parseStatus reads a status line (RFC 9112, section 4); nil where it is none.
func parseStatus(line string) *httpHead {
	version, rest, _ := strings.Cut(line, " ")
	status, reason, _ := strings.Cut(rest, " ")
	if version != "HTTP/1.0" && version != "HTTP/1.1" || len(status) != 3 || !digits(status) || status < "100" {
		return nil
	}
	code, _ := strconv.Atoi(status)
	return &httpHead{version: version, status: code, reason: reason, fields: map[string]string{}}
}

// bigSkew is how far a clock may be off before TLS fails of it, as a rule; a Date has whole seconds, and may come out of a cache.
const bigSkew = 5 * time.Minute

func (h *httpHead) answer(now time.Time) *probe.Answer {
	a := &probe.Answer{Service: "http", Version: clean(strings.TrimSpace(fmt.Sprintf("%s %d %s", h.version, h.status, h.reason)))}
	for _, name := range []string{"server", "via", "location", "proxy-authenticate"} {
		if v, there := h.fields[name]; there {
			a.Detail = append(a.Detail, name+": "+clean(strings.ToValidUTF8(v, ".")))
		}
	}
	_, cached := h.fields["age"]
	if date, err := time.Parse("Mon, 02 Jan 2006 15:04:05 GMT", h.fields["date"]); err == nil && !cached && date.Sub(now).Abs() > bigSkew {
		skew := date.Sub(now)
		a.Skew = &skew
		a.Detail = append(a.Detail, skewWords(skew)+", if the server's is right")
	}
	return a
}

// wantsTLS reports whether a page that came with the head says so, in the words of nginx, Apache and Go.
func (s *session) wantsTLS() bool {
	if s.within(quietTime) != nil {
		return false
	}
	_, _ = s.in.Peek(1)
	page, _ := s.in.Peek(s.in.Buffered())
	page = bytes.ToLower(page)
	for _, words := range []string{"plain http request was sent to https port", "speaking plain http to an ssl-enabled server port", "client sent an http request to an https server"} {
		if bytes.Contains(page, []byte(words)) {
			return true
		}
	}
	return false
}

// authority is the target's name, with the port where that is not the scheme's.
func (s *session) authority() string {
	host := s.a.Destination.Addr().WithZone("").String()
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
