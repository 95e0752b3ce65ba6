//go:build linux

package measure

import (
	"net/url"
	"strings"
)

// emptyPages are paths that answer 204, No Content, wherever they are there: systems ask for them to find out whether something stands before the
// internet.
var emptyPages = []string{"/generate_204", "/gen_204"}

// standsBefore says what answered in the place of the server; "" where nothing tells for sure.
func (h *httpHead) standsBefore(path, name string) string {
	path, _, _ = strings.Cut(path, "?")
	for _, p := range emptyPages {
		if path != p || h.status == 204 {
			continue
		}
		if to, err := url.Parse(h.fields["location"]); err == nil && h.status/100 == 3 && to.Hostname() != "" && !strings.EqualFold(to.Hostname(), name) {
			return "a captive portal: the empty page is redirected to " + clean(to.Hostname())
		}
		if h.status == 200 {
			return "a captive portal, or a block page: the empty page has content"
		}
	}
	switch {
	case h.status == 511: // RFC 6585, section 6
		return "a captive portal: status 511"
	case h.status == 407: // RFC 9110, section 15.5.8
		return "a proxy, which wants a login"
	case h.status == 451: // RFC 7725
		return "blocked for legal reasons"
	}
	if word, _, _ := strings.Cut(h.fields["x-squid-error"], " "); word != "" {
		return "squid answered in the place of the server: " + clean(word)
	}
	if h.fields["via"] == "" && strings.HasPrefix(h.fields["server"], "tinyproxy/") { // it signs what it passes on by Via
		return "tinyproxy answered in the place of the server"
	}
	return ""
}
