package profile

import (
	"net/netip"

	"github.com/sallyport/sallyport/attempt"
)

// Decision is a verdict and what led to it.
type Decision struct {
	Verdict Verdict
	Rule    *RuleRef // the rule that decided; nil when the default did

	fallback *RuleRef // the default; set in every decision that a profile made
}

// By names the rule or the default that decided; nil for a decision that no profile made.
func (d Decision) By() *RuleRef {
	if d.Rule != nil {
		return d.Rule
	}
	return d.fallback
}

// Words says which rule or default decided, as [RuleRef.String] does; "" for a decision that no profile made.
func (d Decision) Words() string {
	if by := d.By(); by != nil {
		return by.String()
	}
	return ""
}

// Decide decides about an attempt as a whole: the bind that its source asks for, where it does, and then the egress. It does not
// allocate.
func (p *Profile) Decide(a attempt.Attempt) Decision {
	if a.Source.Kind != attempt.SourceNone {
		if d := p.DecideBind(a.Protocol, bound(a)); d.Verdict.Denies() {
			return d
		}
	}
	return p.DecideEgress(a)
}

// bound is the address that an attempt's socket was bound to.
func bound(a attempt.Attempt) netip.AddrPort {
	switch {
	case a.Source.Addr.IsValid():
		return a.Source.Addr
	case attempt.FamilyOf(a.Destination.Addr()) == attempt.IPv6:
		return netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
	}
	return netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
}

// DecideBind decides what a bind to addr answers. It does not allocate.
func (p *Profile) DecideBind(proto attempt.Protocol, addr netip.AddrPort) Decision {
	c := p.load()
	pt := point{dimProtocol: protocolKey(proto)}
	known := dims(1<<dimProtocol | 1<<dimSource)
	if addr.IsValid() {
		pt[dimAddress], pt[dimPort] = addrKey(addr.Addr()), portKey(proto, addr.Port())
		known |= 1<<dimAddress | 1<<dimPort
	}
	return c.bind.decision(c.bindTable.first(&pt, known))
}

// DecideEgress decides what becomes of an attempt, by its protocol, source and destination. An attempt that names no
// destination is met only by rules that ask for none. It does not allocate. The rule of an attempt that is allowed is that of the
// first layer that has one for it; [Profile.Explain] tells of all.
func (p *Profile) DecideEgress(a attempt.Attempt) Decision {
	c := p.load()
	var pt point
	known := pt.egress(&a)
	var by *RuleRef
	for _, l := range c.gates {
		t := l.boundTable
		if a.Source.Kind == attempt.SourceNone {
			t = l.noneTable
		}
		rule := t.first(&pt, known)
		switch {
		case rule < 0 && (l.def.Kind == Allow || l.def.Kind == Abstain):
		case rule < 0 || l.verdicts[rule].Kind != Allow:
			return l.decision(rule)
		case by == nil:
			by = &l.refs[rule]
		}
	}
	return Decision{Rule: by, fallback: &c.layers[0].defRef}
}

// egress sets the point where an attempt is looked up, and returns the dimensions that it has.
func (pt *point) egress(a *attempt.Attempt) dims {
	pt[dimProtocol] = protocolKey(a.Protocol)
	switch {
	case a.Source.Kind == attempt.SourceNone:
	case a.Source.Addr.IsValid():
		pt[dimSource] = addrKey(a.Source.Addr.Addr())
	default:
		pt[dimSource] = addrKey(netip.IPv4Unspecified())
	}
	if !a.Destination.IsValid() {
		return 1<<dimProtocol | 1<<dimSource
	}
	pt[dimAddress] = addrKey(reached(a.Destination.Addr(), a.Source))
	pt[dimPort] = portKey(a.Protocol, a.Destination.Port())
	return 1<<dimCount - 1
}

// reached is the address that the kernel takes an attempt to. The wildcard address is no destination: IPv4 puts the
// socket's own address in its place and 127.0.0.1 where it has none (ip_route_output_key_hash_rcu in
// net/ipv4/route.c), IPv6 puts ::1 there, or ::ffff:127.0.0.1 on a socket bound to IPv4 (tcp_v6_connect in
// net/ipv6/tcp_ipv6.c).
func reached(dst netip.Addr, src attempt.Source) netip.Addr {
	dst = dst.Unmap().WithZone("")
	if !dst.IsUnspecified() {
		return dst
	}
	from := src.Addr.Addr().Unmap()
	bound4 := src.Kind == attempt.SourceGiven && from.Is4()
	switch {
	case dst.Is4() && bound4:
		return from
	case dst.Is4() || bound4:
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}
