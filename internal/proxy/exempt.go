package proxy

import (
	"net/netip"
	"strconv"
	"strings"
)

// Client is a program or a library, as it reads the proxy variables. That each of them but Node reads them so was tried with the programs
// themselves (TestNoProxy, TestChoose). Node's way is that of its documentation (node:http, "NO_PROXY Format").
type Client uint8

// The clients.
const (
	Curl     Client = iota // libcurl since 7.86, lib/noproxy.c
	Wget                   // GNU wget 1.21, no_proxy_match in src/retr.c and sufmatch in src/host.c
	Urllib                 // Python's standard library, proxy_bypass_environment in urllib/request.py
	Requests               // Python's requests, should_bypass_proxies in requests/utils.py
	Go                     // golang.org/x/net/http/httpproxy, as in package net/http
	Node                   // with NODE_USE_ENV_PROXY=1, since 22.21 and 24.5
	Java                   // sun.net.spi.DefaultProxySelector of OpenJDK 17: its list is the property http.nonProxyHosts
)

// Clients are those that read the variables.
var Clients = []Client{Curl, Wget, Urllib, Requests, Go, Node}

func (c Client) String() string {
	return [...]string{"curl", "wget", "Python's urllib", "Python's requests", "Go", "Node", "Java"}[c]
}

// URL is what of a URL decides whether a proxy is used.
type URL struct {
	Scheme string
	Host   string // as it is written, an address without brackets
	Port   uint16
}

// usual reports whether the port need not be written, and is taken not to be.
func (u URL) usual() bool {
	return u.Scheme == "http" && u.Port == 80 || u.Scheme == "https" && u.Port == 443
}

// Exempting is the item of a no_proxy list that takes a URL out of the use of a proxy; "" where none does.
func (c Client) Exempting(list string, u URL) string {
	host := strings.ToLower(u.Host)
	addr, err := netip.ParseAddr(host)
	x := exemption{host: host, addr: addr, isAddr: err == nil, port: strconv.Itoa(int(u.Port)), written: !u.usual()}
	if list == "*" && c != Wget && c != Java { // for most of them the whole list alone
		return list
	}
	heeds := [...]func(*exemption, string) bool{(*exemption).curl, (*exemption).wget, (*exemption).urllib, (*exemption).requests, (*exemption).golang, (*exemption).node, (*exemption).java}[c]
	for _, item := range c.items(list) {
		if item != "" && heeds(&x, item) {
			return item
		}
	}
	return ""
}

// items takes a list apart.
func (c Client) items(list string) []string {
	switch c {
	case Curl: // spaces and commas
		return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
	case Java:
		return strings.Split(list, "|")
	case Requests: // no space is left, so that items divided by one grow together. urllib, which it asks as well, leaves them
		return strings.Split(strings.ReplaceAll(list, " ", ""), ",")
	}
	items := strings.Split(list, ",")
	for i := range items {
		if c != Wget {
			items[i] = strings.TrimSpace(items[i])
		} else if i > 0 { // spaces after a comma are skipped, others are a part of the item
			items[i] = strings.TrimLeft(items[i], " \t")
		}
	}
	return items
}

// exemption is a URL that is held against items.
type exemption struct {
	host    string // in lower case
	addr    netip.Addr
	isAddr  bool
	port    string
	written bool // the port stands in the URL
}

// curl: a name counts for what is below it, with a leading dot or without; an address or a prefix for IPv4 addresses. IPv6 addresses are texts like
// names, without brackets, since 7.88 looks for the brackets of a host that has none any more.
func (x *exemption) curl(item string) bool {
	if x.isAddr && x.addr.Is4() {
		text, bits, some := strings.Cut(item, "/")
		a, err := netip.ParseAddr(text)
		if err != nil || !a.Is4() {
			return false
		}
		n, err := strconv.Atoi(bits)
		if !some || err == nil && n == 0 { // no bits are all of them
			return a == x.addr
		}
		p, err := a.Prefix(n)
		return err == nil && p.Contains(x.addr)
	}
	domain := strings.TrimPrefix(strings.TrimSuffix(strings.ToLower(item), "."), ".")
	return domain != "" && within(strings.TrimSuffix(x.host, "."), domain)
}

// wget compares the ends of texts: a domain is above what ends with it after a dot, and an item that begins with one leaves the domain itself out. So
// "6.2" is above 172.16.6.2.
func (x *exemption) wget(item string) bool {
	item = strings.ToLower(item)
	if !strings.HasSuffix(x.host, item) {
		return false
	}
	rest := strings.TrimSuffix(x.host, item)
	return rest == "" || strings.HasSuffix(rest, ".") || strings.HasPrefix(item, ".")
}

// urllib compares the host as it stands in the URL, with its port and without. IPv6 has its brackets.
func (x *exemption) urllib(item string) bool {
	host := x.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	item = strings.ToLower(strings.TrimLeft(item, "."))
	return within(host, item) || x.written && within(host+":"+x.port, item)
}

// requests compares the ends of names, whether or not a dot comes before, and in the case in which the item is written; then it asks urllib, about
// the host alone.
func (x *exemption) requests(item string) bool {
	if x.isAddr && x.addr.Is4() {
		if p, err := netip.ParsePrefix(item); err == nil && p.Addr().Is4() && p.Bits() > 0 {
			if p.Contains(x.addr) {
				return true
			}
		} else if item == x.host {
			return true
		}
	} else if strings.HasSuffix(x.host, item) || x.written && strings.HasSuffix(x.host+":"+x.port, item) {
		return true
	}
	return within(x.host, strings.ToLower(strings.TrimLeft(item, ".")))
}

// golang knows prefixes, ports and brackets with a port; a leading dot, or "*.", leaves the domain itself out. Loopback is always direct.
func (x *exemption) golang(item string) bool {
	item = strings.ToLower(item)
	if item == "*" {
		return true
	}
	if p, err := netip.ParsePrefix(item); err == nil {
		return x.isAddr && p.Contains(x.addr)
	}
	name, port := item, ""
	if i := strings.LastIndexByte(item, ':'); i >= 0 && (strings.Count(item, ":") == 1 || strings.HasPrefix(item, "[") && i == strings.IndexByte(item, ']')+1) {
		name, port = strings.Trim(item[:i], "[]"), item[i+1:]
	}
	if port != "" && port != x.port {
		return false
	}
	if a, err := netip.ParseAddr(name); err == nil {
		return x.isAddr && a == x.addr
	}
	name = strings.TrimPrefix(name, "*")
	if !strings.HasPrefix(name, ".") {
		return name != "" && !x.isAddr && within(x.host, name)
	}
	return !x.isAddr && strings.HasSuffix(x.host, name)
}

// node has names for themselves alone, domains with a leading dot or "*.", addresses, ranges of them, and ports.
func (x *exemption) node(item string) bool {
	item = strings.ToLower(item)
	if item == "*" || item == x.host || item == x.host+":"+x.port {
		return true
	}
	if first, last, some := strings.Cut(item, "-"); some && x.isAddr && x.addr.Is4() {
		a, err := netip.ParseAddr(first)
		b, err2 := netip.ParseAddr(last)
		return err == nil && err2 == nil && a.Compare(x.addr) <= 0 && x.addr.Compare(b) <= 0
	}
	suffix := strings.TrimPrefix(item, "*")
	return strings.HasPrefix(suffix, ".") && !x.isAddr && strings.HasSuffix(x.host, suffix)
}

// java has texts with a star at their beginning or end. IPv6 has its brackets.
func (x *exemption) java(item string) bool {
	host := x.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	item = strings.ToLower(item)
	rest, first := strings.CutPrefix(item, "*")
	rest, last := strings.CutSuffix(rest, "*")
	switch {
	case first && last:
		return strings.Contains(host, rest)
	case first:
		return strings.HasSuffix(host, rest)
	case last:
		return strings.HasPrefix(host, rest)
	}
	return host == item
}

// within reports whether a host is a domain, or below it.
func within(host, domain string) bool {
	return domain != "" && (host == domain || strings.HasSuffix(host, "."+domain))
}

// Rule says how clients read an item of no_proxy, where they differ; "" where they don't.
func Rule(item string) string {
	_, notPrefix := netip.ParsePrefix(item)
	_, notAddr := netip.ParseAddr(strings.Trim(item, "[]"))
	_, notAddrPort := netip.ParseAddrPort(item)
	switch {
	case item == "*":
		return "it exempts everything, but for wget"
	case notPrefix == nil:
		return "curl since 7.86, Go and Python's requests heed a prefix there, where the URL names the address itself; wget and Python's urllib don't"
	case notAddr == nil && strings.Contains(item, ":"):
		return "an address there counts where the URL names the address itself: Python's urllib wants brackets around IPv6, curl, Go and wget none"
	case notAddr == nil:
		return "an address there counts where the URL names the address itself"
	case strings.HasPrefix(item, "*."):
		return "Go heeds \"*.\" there; curl, wget and Python want the domain alone, or with a leading dot"
	case strings.HasPrefix(item, "."):
		return "in Go and wget a leading dot leaves out the domain itself, in curl and Python it does not"
	case notAddrPort == nil, strings.Contains(item, ":"):
		return "Go looks at a port there, Python where the URL has it too (requests: with a name alone), curl and wget don't"
	case strings.HasSuffix(item, "."):
		return "curl leaves out the dot at the end, the others look for it in the URL"
	}
	return ""
}
