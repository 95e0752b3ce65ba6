package kube

import (
	"net/netip"
	"strings"

	"github.com/sallyport/sallyport/kube/internal/tree"
)

// portNumber reads a port.
func (r *reader) portNumber(n *tree.Node) (uint16, bool) {
	v, ok := r.integer(n)
	if ok && (v < 1 || v > 65535) {
		r.errorf(n, "port %d is out of range: want 1 to 65535", v)
		return 0, false
	}
	return uint16(v), ok
}

// portRef reads a port that is a number, or a name in text.
func (r *reader) portRef(n *tree.Node) (PortRef, bool) {
	if n.Kind == tree.Scalar && n.Type() == tree.Text {
		name, ok := r.portName(n)
		return PortRef{Name: name}, ok
	}
	number, ok := r.portNumber(n)
	return PortRef{Number: number}, ok
}

// portName reads the name of a port (IANA_SVC_NAME, RFC 6335 section 5.1, which the API server wants).
func (r *reader) portName(n *tree.Node) (string, bool) {
	s, ok := r.text(n)
	switch {
	case !ok:
	case tree.IsDecimal(s):
		r.errorf(n, "port %q is text, so a name, and no port has a number for a name: want the number without quotes", s)
		ok = false
	case !isServiceName(s):
		r.errorf(n, "%q is no name of a port: want at most 15 of a-z, 0-9 and -, a letter among them", s)
		ok = false
	}
	return s, ok
}

func isServiceName(s string) bool {
	letter := false
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z':
			letter = true
		case c >= '0' && c <= '9':
		case c == '-' && i > 0 && i < len(s)-1 && s[i-1] != '-':
		default:
			return false
		}
	}
	return letter && len(s) <= 15
}

func (r *reader) protocol(n *tree.Node) (Protocol, bool) {
	s, ok := r.text(n)
	if !ok {
		return TCP, n.IsNull()
	}
	switch s {
	case "TCP":
		return TCP, true
	case "UDP":
		return UDP, true
	case "SCTP":
		return SCTP, true
	}
	r.errorf(n, "protocol %q: want TCP, UDP or SCTP", s)
	return TCP, false
}

// address reads an IP address.
func (r *reader) address(n *tree.Node) (netip.Addr, bool) {
	s, ok := r.text(n)
	if !ok {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(s)
	switch {
	case err != nil:
		r.errorf(n, "%q is no IP address%s", s, addressHint(s))
	case a.Zone() != "":
		r.errorf(n, "%q has a zone, which is of one machine only: want the address without it", s)
	default:
		return a.Unmap(), true
	}
	return netip.Addr{}, false
}

func (r *reader) addresses(n *tree.Node) []netip.Addr {
	var out []netip.Addr
	list := r.list(n, "IP addresses")
	for i := range list {
		if a, ok := r.address(&list[i]); ok {
			out = append(out, a)
		}
	}
	return out
}

func addressHint(s string) string {
	for part := range strings.SplitSeq(s, ".") {
		if len(part) > 1 && part[0] == '0' && tree.IsDecimal(part[1:2]) {
			return ": a leading zero is octal to some programs and decimal to others"
		}
	}
	return ""
}

// prefix reads a CIDR. The API server lets one with host bits pass, with a warning, and the network plugins mask it.
func (r *reader) prefix(n *tree.Node) (netip.Prefix, bool) {
	s, ok := r.text(n)
	if !ok {
		if n.IsNull() {
			r.errorf(n, "is nothing: want a CIDR such as 10.0.0.0/8")
		}
		return netip.Prefix{}, false
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		switch {
		case strings.Contains(s, "%"):
			r.errorf(n, "%q has a zone: want a CIDR without it", s)
		case !strings.Contains(s, "/"):
			r.errorf(n, "%q is no CIDR: want a prefix length, as in 192.0.2.7/32%s", s, addressHint(s))
		default:
			r.errorf(n, "%q is no CIDR: want one such as 10.0.0.0/8%s", s, addressHint(s))
		}
		return netip.Prefix{}, false
	}
	if p.Addr().Is4In6() {
		r.errorf(n, "%s is an IPv4 address written as IPv6: network plugins differ in what they make of it, want it as IPv4", s)
		return netip.Prefix{}, false
	}
	if m := p.Masked(); m != p {
		r.warnf(n, "%s has bits beyond its prefix length: it is read as %s", s, m)
		p = m
	}
	return p, true
}

func (r *reader) prefixes(n *tree.Node) []netip.Prefix {
	var out []netip.Prefix
	list := r.list(n, "CIDRs")
	for i := range list {
		if p, ok := r.prefix(&list[i]); ok {
			out = append(out, p)
		}
	}
	return out
}

// domainName reads a DNS name that may begin with "*.".
func (r *reader) domainName(n *tree.Node) (string, bool) {
	s, ok := r.text(n)
	if !ok {
		return "", false
	}
	name := strings.ToLower(strings.TrimSuffix(s, "."))
	if !isDomain(strings.TrimPrefix(name, "*.")) {
		r.errorf(n, `%q is no DNS name: want one such as example.org, or "*." and one`, s)
		return "", false
	}
	return name, true
}

func isDomain(s string) bool {
	if len(s) == 0 || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

// isSubdomain reports whether a name has the form of RFC 1123 that the API server wants of most objects.
func isSubdomain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case (c == '-' || c == '.') && i > 0 && i < len(s)-1:
		default:
			return false
		}
	}
	return s != "" && len(s) <= 253
}
