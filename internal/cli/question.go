package cli

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
)

// question is what check was asked.
func question(to, source string) (q profile.Question, err error) {
	if to == "" {
		return q, errors.New("want --to DEST, such as --to 192.0.2.1:443")
	}
	if q, err = destination(to); err != nil {
		return q, err
	}
	switch source {
	case "none":
	case "any":
		q.Source = attempt.SourceOf(netip.AddrPortFrom(netip.IPv4Unspecified(), 0))
		if q.To.Addr().Is6() {
			q.Source = attempt.SourceOf(netip.AddrPortFrom(netip.IPv6Unspecified(), 0))
		}
	default:
		at, err := netip.ParseAddrPort(source)
		if err != nil {
			a, err := netip.ParseAddr(source)
			if err != nil {
				return q, fmt.Errorf("--source %q: want none, any or an address, with a port or without", source)
			}
			at = netip.AddrPortFrom(a, 0)
		}
		q.Source = attempt.SourceOf(netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port()))
	}
	if a := q.Source.Addr.Addr(); q.Source.Kind == attempt.SourceGiven && a.Is4() != q.To.Addr().Is4() {
		return q, fmt.Errorf("--source %s and --to %s are of different families: want both of one", a, q.To.Addr())
	}
	return q, nil
}

// destination reads ADDRESS or PREFIX, [ADDRESS] before a port where it is IPv6, then :PORT, then /PROTOCOL.
func destination(s string) (q profile.Question, err error) {
	const want = "want an address or a prefix, then :PORT, then /PROTOCOL, such as 192.0.2.1:443 or [2001:db8::1]:53/udp"
	rest := s
	q.Port = profile.EveryPort
	if i := strings.LastIndexByte(rest, '/'); i >= 0 && strings.Trim(rest[i+1:], "0123456789:") != "" {
		name := rest[i+1:]
		if err := q.Protocol.UnmarshalText([]byte(name)); err != nil {
			return q, fmt.Errorf("--to %s: unknown protocol %q: want tcp, udp, sctp, icmp or icmpv6", s, name)
		}
		rest = rest[:i]
	}
	host := rest
	if inner, after, ok := strings.Cut(strings.TrimPrefix(rest, "["), "]"); ok && strings.HasPrefix(rest, "[") {
		host = inner
		switch bits, port, _ := strings.Cut(after, ":"); {
		case strings.HasPrefix(bits, "/"): // [2001:db8::]/32:443
			host += bits
		case bits != "":
			return q, fmt.Errorf("--to %s: %s", s, want)
		case strings.HasPrefix(after, ":") && port == "":
			return q, fmt.Errorf("--to %s: the port is missing: %s", s, want)
		}
		_, port, hasPort := strings.Cut(after, ":")
		rest = ""
		if hasPort {
			rest = port
		}
	} else if strings.Count(rest, ":") == 1 {
		host, rest, _ = strings.Cut(rest, ":")
		if rest == "" {
			return q, fmt.Errorf("--to %s: the port is missing: %s", s, want)
		}
	} else {
		rest = ""
	}
	if rest != "" {
		port, err := strconv.ParseUint(rest, 10, 16)
		if err != nil {
			return q, fmt.Errorf("--to %s: bad port %q: want 0 to 65535", s, rest)
		}
		q.Port = int(port)
		if q.Protocol == 0 {
			q.Protocol = attempt.TCP
		}
		if !profile.FlowProtocol(q.Protocol).HasPorts() {
			return q, fmt.Errorf("--to %s: %s has no ports: want no port, or tcp, udp or sctp", s, q.Protocol)
		}
	}
	a, err := netip.ParseAddr(host)
	if err == nil {
		a = a.Unmap().WithZone("")
		q.To = netip.PrefixFrom(a, a.BitLen())
		return q, nil
	}
	p, err := netip.ParsePrefix(host)
	if err == nil && p.Masked() != p {
		return q, fmt.Errorf("--to %s: prefix %s has host bits set: want %s", s, p, p.Masked())
	}
	if err != nil {
		if strings.Trim(host, "0123456789.:/abcdefABCDEF[]") != "" {
			return q, fmt.Errorf("--to %s: %q is a name, and profiles know addresses: want one, such as those of `getent ahosts %s`", s, host, host)
		}
		return q, fmt.Errorf("--to %s: bad address %q: %s", s, host, want)
	}
	q.To = p
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		q.To = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return q, nil
}
