package diagnose

import (
	"net/netip"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// reader is one way to read no_proxy. That each reads so was tried with the programs themselves, see the test.
type reader uint8

// The ways that differ.
const (
	readsCurl     reader = iota // libcurl since 7.86
	readsWget                   // GNU wget 1.21
	readsUrllib                 // Python's standard library
	readsRequests               // Python's requests, which asks urllib as well
	readsGo                     // golang.org/x/net/http/httpproxy, as in package net/http
)

// readers are the ways in which a kind of client may read it.
func (c client) readers() []reader {
	switch c {
	case clientCurl, clientGit:
		return []reader{readsCurl}
	case clientWget:
		return []reader{readsWget}
	case clientPython:
		return []reader{readsUrllib, readsRequests}
	case clientGo:
		return []reader{readsGo}
	}
	return []reader{readsCurl, readsWget, readsUrllib, readsRequests, readsGo}
}

// exempting is the item of a no_proxy list that exempts a's destination for a client, "" where none does. Where the client may read it in
// several ways, an item that any of them heeds counts. An attempt without a name is taken for one whose URL has the address.
func (c client) exempting(list string, a attempt.Attempt) string {
	host := strings.TrimSuffix(strings.ToLower(a.Name), ".")
	if host == "" {
		host = a.Destination.Addr().Unmap().String()
	}
	for _, r := range c.readers() {
		if item := r.exempting(list, host, a.Destination.Port()); item != "" {
			return item
		}
	}
	return ""
}

// exempting is the item of a list that exempts a URL's host and port. Spaces separate items for curl alone.
func (r reader) exempting(list, host string, port uint16) string {
	for item := range strings.FieldsFuncSeq(list, func(x rune) bool { return x == ',' || x == ' ' && r == readsCurl }) {
		if item = strings.TrimSpace(item); r.heeds(item, host, port) {
			return item
		}
	}
	return ""
}

// heeds reports whether an item exempts a URL's host: a name in lower case, or an address. A port that is not the scheme's own stands
// in the URL; whether another does is not known, and taken for yes.
func (r reader) heeds(item, host string, port uint16) bool {
	item = strings.ToLower(item)
	addr, err := netip.ParseAddr(host)
	named := err != nil
	if item == "*" {
		return r != readsWget
	}
	if ap, err := netip.ParseAddrPort(item); err == nil {
		return (r == readsUrllib || r == readsGo) && ap == netip.AddrPortFrom(addr, port)
	}
	if prefix, err := netip.ParsePrefix(item); err == nil {
		return !named && prefix.Contains(addr) && r != readsWget && r != readsUrllib
	}
	if a, err := netip.ParseAddr(strings.Trim(item, "[]")); err == nil {
		return a == addr
	}
	if name, text := splitTarget(item); text != "" {
		return (r == readsUrllib || r == readsRequests || r == readsGo) && text == portText(netip.AddrPortFrom(addr, port)) && r.heeds(name, host, port)
	}
	if r == readsCurl {
		item = strings.TrimSuffix(item, ".")
	}
	domain := strings.TrimPrefix(item, ".")
	if r == readsGo && strings.HasPrefix(item, "*.") {
		domain = strings.TrimPrefix(item, "*.")
	}
	if domain == "" || !named {
		return false
	}
	switch below := strings.HasSuffix(host, "."+domain); {
	case below:
		return true
	case host == domain:
		return domain == item || r != readsGo && r != readsWget
	}
	return r == readsRequests && domain == item && strings.HasSuffix(host, domain)
}

// exemption says which clients heed an item of no_proxy, where they differ.
func exemption(item string) string {
	_, notPrefix := netip.ParsePrefix(item)
	_, notAddr := netip.ParseAddr(strings.Trim(item, "[]"))
	_, notAddrPort := netip.ParseAddrPort(item)
	switch {
	case item == "*":
		return "it exempts everything, but for wget"
	case notPrefix == nil:
		return "curl since 7.86, Go and Python's requests heed a prefix there, where the URL names the address itself; wget and Python's urllib don't"
	case notAddr == nil:
		return "an address there counts where the URL names the address itself"
	case strings.HasPrefix(item, "*."):
		return "Go heeds \"*.\" there; curl, wget and Python want the domain alone, or with a leading dot"
	case strings.HasPrefix(item, "."):
		return "in Go and wget a leading dot leaves out the domain itself, in curl and Python it does not"
	case notAddrPort == nil, strings.Contains(item, ":"):
		return "Go looks at a port there, Python where the URL has it too (requests: with a name alone), curl and wget don't"
	}
	return ""
}
