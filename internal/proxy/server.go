package proxy

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Server is a proxy as a URL names it.
type Server struct {
	Scheme         string // "http", "https", "socks5", "socks5h"
	Host           string // a name or an address, without brackets
	Port           uint16
	User, Password string // for the proxy alone: they go into no report
}

// Schemes are those that are spoken here.
var Schemes = []string{"http", "https", "socks5", "socks5h"}

// ParseServer reads "http://user:password@proxy:3128", "proxy:3128", "proxy", as curl(1) takes them: without a scheme it is http. The error does
// not repeat what may be a password.
func ParseServer(value string) (Server, error) {
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	u, err := url.Parse(value)
	if err != nil || u.Hostname() == "" {
		return Server{}, errors.New("is no proxy: want http://HOST:PORT, https://, socks5:// or socks5h://")
	}
	s := Server{Scheme: strings.ToLower(u.Scheme), Host: u.Hostname(), User: u.User.Username()}
	s.Password, _ = u.User.Password()
	usual, known := map[string]uint16{"http": 80, "https": 443}[s.Scheme]
	if s.Port = usual; !known {
		s.Port = 1080 // SOCKS and curl's default
	}
	if u.Port() != "" {
		n, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil || n == 0 {
			return Server{}, fmt.Errorf("has the port %s: want 1 to 65535", u.Port())
		}
		s.Port = uint16(n)
	}
	return s, nil
}

// WithoutUser is a proxy's URL, with a scheme or without, less its user and password, however wrong it is.
func WithoutUser(value string) string {
	scheme, rest, some := strings.Cut(value, "://")
	if some {
		scheme += "://"
	} else {
		scheme, rest = "", value
	}
	authority, path, slash := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(rest, '@'); i > len(authority) { // a password with a slash in it, which ought to be %2F
		authority, path, slash = rest[i+1:], "", false
	}
	if slash {
		path = "/" + path
	}
	return scheme + authority[strings.LastIndexByte(authority, '@')+1:] + path
}

// Socks reports whether it is a SOCKS5 proxy, as curl(1) spells it.
func (s *Server) Socks() bool { return strings.HasPrefix(s.Scheme, "socks5") }

// Address is host:port.
func (s *Server) Address() string { return JoinHostPort(s.Host, strconv.Itoa(int(s.Port))) }

// String is its URL without a user and a password.
func (s *Server) String() string { return s.Scheme + "://" + s.Address() }

// Resolves reports whether the proxy looks up the names of its targets, rather than its client. curl(1) has socks5h for that; HTTP proxies always do.
func (s *Server) Resolves() bool { return s.Scheme != "socks5" }

// JoinHostPort joins a host and a port; an IPv6 address is put in brackets.
func JoinHostPort(host, port string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + port
}

// SplitHostPort takes host:port apart; an IPv6 address loses its brackets, and port is "" where there is none.
func SplitHostPort(target string) (host, port string) {
	i := strings.LastIndexByte(target, ':')
	if i < 0 || i < strings.LastIndexByte(target, ']') {
		return strings.Trim(target, "[]"), ""
	}
	return strings.Trim(target[:i], "[]"), target[i+1:]
}

// Target is what to ask a proxy for: the name where there is one, since a proxy may allow by name only.
func Target(name string, to netip.AddrPort) string {
	host := name
	if host == "" {
		host = to.Addr().Unmap().WithZone("").String()
	}
	return JoinHostPort(host, strconv.Itoa(int(to.Port())))
}
