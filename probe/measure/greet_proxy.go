//go:build linux

package measure

import (
	"fmt"
	"strings"
	"time"

	"github.com/sallyport/sallyport/probe"
)

// nowhere is a destination that no proxy can reach: no name below "invalid" ever exists (RFC 6761, section 6.4).
const nowhere = "sallyport.invalid:443"

// greetHTTPProxy asks for a tunnel to where there is nothing (RFC 9110, section 9.3.6). What a proxy answers that has tried, or may not, or wants a
// login first, no other server does.
func greetHTTPProxy(s *session) (*probe.Answer, error) {
	now := time.Now()
	if err := s.say("CONNECT " + nowhere + " HTTP/1.1\r\nHost: " + nowhere + "\r\nUser-Agent: sallyport-probe\r\n\r\n"); err != nil {
		return nil, err
	}
	h, err := s.httpHead()
	if err != nil {
		return nil, err
	}
	a := h.answer(now)
	words, proxy := h.proxyWords()
	if !proxy || h.status/100 == 2 && (!h.ended || !s.quiet(now)) {
		return a, &otherProtocol{"http-proxy", fmt.Sprintf("answers CONNECT with %d, as a server may that is no proxy", h.status)}
	}
	a.Service = "http-proxy"
	a.Detail = append(a.Detail, words)
	return a, nil
}

// proxyWords is what an answer to CONNECT means; false where a server that is no proxy may give it.
func (h *httpHead) proxyWords() (string, bool) {
	failure, _, _ := strings.Cut(h.fields["x-squid-error"], " ")
	signed := failure != "" || h.fields["via"] != "" || h.fields["proxy-agent"] != "" || strings.HasPrefix(h.fields["server"], "tinyproxy/")
	switch {
	case h.status/100 == 2 && (h.fields["content-length"] != "" || h.fields["transfer-encoding"] != ""):
		return "", false // a page, where a tunnel has none
	case h.status/100 == 2:
		return "accepts everything: it claims to have reached a name that does not exist", true
	case h.status == 407:
		return "wants a login", true
	case h.status == 502, h.status == 504: // RFC 9110, sections 15.6.3 and 15.6.5: of gateways and proxies
		return "wants no login", true
	case !signed:
		return "", false
	case failure == "ERR_ACCESS_DENIED", h.status == 403:
		return "denies a tunnel", true
	case h.status/100 == 5:
		return "wants no login", true
	}
	return fmt.Sprintf("answers CONNECT with %d", h.status), true
}
