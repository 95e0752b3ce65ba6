// Package proxy reads what clients and proxies say to each other before any data flows: an HTTP proxy's requests and answers
// (RFC 9110, RFC 9112), and SOCKS5 (RFC 1928, RFC 1929). It reads bytes that others carried, and tells what was asked for and
// whether it was granted. Passwords go through it and are not kept.
package proxy

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Kind is what an answer means for who asked.
type Kind uint8

// The kinds. Other is an answer that may be the origin's own, or says something else: nothing follows from it.
const (
	None Kind = iota // no answer was seen
	Granted
	WantsUser   // the proxy lets nobody through without a user, or not with that password
	Denied      // its rules forbid it
	CannotReach // it tried, and had no connection
	Other
)

// Answer is a proxy's answer.
type Answer struct {
	Kind    Kind
	Words   string   // "407 Proxy Authentication Required", "not allowed by its rules"
	Offers  []string // the schemes of Proxy-Authenticate, RFC 9110 section 11.7.1
	Server  string   // what the proxy says it is: "squid/5.7"; "" where it doesn't
	Details string   // its own name for the error, "ERR_ACCESS_DENIED 0"; "" where it has none
}

// maxHead bounds what is kept of one request's or answer's head.
const maxHead = 8 << 10

// HTTP reads the head of an answer to a request of that method. ok is false where it does not begin with a status line.
func HTTP(method string, head []byte) (a Answer, ok bool) {
	line, rest, _ := bytes.Cut(head, []byte("\n"))
	version, after, _ := strings.Cut(strings.TrimRight(string(line), "\r"), " ")
	code, reason, _ := strings.Cut(after, " ")
	status, err := strconv.Atoi(code)
	if err != nil || !strings.HasPrefix(version, "HTTP/1.") || status < 100 || status > 999 {
		return Answer{}, false
	}
	via := false
	for field := range strings.SplitSeq(string(rest), "\n") {
		name, value, _ := strings.Cut(field, ":")
		value = strings.TrimSpace(value)
		switch strings.ToLower(name) {
		case "":
		case "server":
			a.Server = value
		case "via":
			via = true
		case "x-squid-error":
			a.Details = value
		case "proxy-authenticate":
			scheme, _, _ := strings.Cut(value, " ")
			a.Offers = append(a.Offers, scheme)
		}
		if field == "" || field == "\r" {
			break
		}
	}
	a.Words = strings.TrimSpace(fmt.Sprintf("%d %s", status, reason))
	// An answer to CONNECT that is no success is the proxy's own (RFC 9110 section 9.3.6). One to any other request may be
	// the origin's, unless the proxy says that it is its own: squid names the error, and tinyproxy signs answers that it
	// passes on with Via, but not those that it makes.
	own := method == "CONNECT" || a.Details != "" || !via && strings.HasPrefix(a.Server, "tinyproxy")
	a.Kind = kindOf(status, own, &a)
	return a, true
}

func kindOf(status int, own bool, a *Answer) Kind {
	failure, _, _ := strings.Cut(a.Details, " ")
	unreached := failure == "ERR_CONNECT_FAIL" || failure == "ERR_DNS_FAIL" || failure == "ERR_CANNOT_FORWARD"
	switch {
	case status/100 == 2:
		return Granted
	case status == 407, status == 401 && own: // only a proxy says 407, RFC 9110 section 15.5.8; tinyproxy says 401 to a wrong password
		return WantsUser
	case status == 403 && own && (failure == "" || failure == "ERR_ACCESS_DENIED"):
		return Denied
	case own && (status == 502 || status == 504 || unreached || status == 500 && strings.HasSuffix(a.Words, "Unable to connect")):
		return CannotReach // tinyproxy says 500
	case own || status == 403 || status/100 == 5:
		return Other
	}
	return Granted // the origin's answer: it was let through
}

// socksReplies are the replies of RFC 1928 section 6.
var socksReplies = map[byte]Answer{
	0: {Kind: Granted, Words: "succeeded"},
	1: {Kind: Other, Words: "general failure"},
	2: {Kind: Denied, Words: "not allowed by its rules"},
	3: {Kind: CannotReach, Words: "network unreachable"},
	4: {Kind: CannotReach, Words: "host unreachable"},
	5: {Kind: CannotReach, Words: "connection refused"},
	6: {Kind: CannotReach, Words: "TTL expired"},
	7: {Kind: Other, Words: "command not supported"},
	8: {Kind: Other, Words: "address type not supported"},
}

// Socks is the meaning of a SOCKS5 reply.
func Socks(reply byte) Answer {
	if a, known := socksReplies[reply]; known {
		return a
	}
	return Answer{Kind: Other, Words: fmt.Sprintf("code %d", reply)}
}
