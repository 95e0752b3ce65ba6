package profile

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/sallyport/sallyport/attempt"
)

// RuleRef names a rule of a profile.
type RuleRef struct {
	Profile string // the profile's name
	File    string // where it was read from; "" for one made by hand
	Section string // "bind" or "egress"
	Index   int    // counted from 1; 0 for the section's default
	Line    int    // in File; 0 where it is not written there
	Reason  string
}

// String is "openshift-v2-gear, bind rule 1 (line 12): the reason", or "openshift-v2-gear, bind default (line 9)".
func (r *RuleRef) String() string {
	s := r.Profile
	if s == "" {
		s = "unnamed profile"
	}
	s += ", " + r.Section
	if r.Index > 0 {
		s += fmt.Sprintf(" rule %d", r.Index)
	} else {
		s += " default"
	}
	if r.Line > 0 {
		s += fmt.Sprintf(" (line %d)", r.Line)
	}
	if r.Reason != "" {
		s += ": " + r.Reason
	}
	return s
}

// Decision is a verdict and what led to it.
type Decision struct {
	Verdict Verdict
	Rule    *RuleRef // the rule that decided; nil when the default did

	fallback *RuleRef // the default; set in every decision that a profile made
}

// Words says which rule or default decided, as [RuleRef.String] does; "" for a decision that no profile made.
func (d Decision) Words() string {
	switch {
	case d.Rule != nil:
		return d.Rule.String()
	case d.fallback != nil:
		return d.fallback.String()
	}
	return ""
}

// DecideBind decides what a bind to addr answers. It does not allocate.
func (p *Profile) DecideBind(proto attempt.Protocol, addr netip.AddrPort) Decision {
	c := p.load()
	pt := point{dimProtocol: protocolKey(proto)}
	known := dims(1<<dimProtocol | 1<<dimSource)
	if addr.IsValid() {
		pt[dimAddress], pt[dimPort] = addrKey(addr.Addr()), key{0, uint64(addr.Port())}
		known |= 1<<dimAddress | 1<<dimPort
	}
	return c.bind.decision(c.bindTable.first(&pt, known))
}

// DecideEgress decides what becomes of an attempt, by its protocol, source and destination. An attempt that names no
// destination is met only by rules that ask for none. It does not allocate.
func (p *Profile) DecideEgress(a attempt.Attempt) Decision {
	c := p.load()
	pt := point{dimProtocol: protocolKey(a.Protocol)}
	known := dims(1<<dimProtocol | 1<<dimSource)
	if a.Destination.IsValid() {
		pt[dimAddress] = addrKey(reached(a.Destination.Addr(), a.Source))
		pt[dimPort] = key{0, uint64(a.Destination.Port())}
		known |= 1<<dimAddress | 1<<dimPort
	}
	t := c.boundTable
	switch {
	case a.Source.Kind == attempt.SourceNone:
		t = c.noneTable
	case a.Source.Addr.IsValid():
		pt[dimSource] = addrKey(a.Source.Addr.Addr())
	default:
		pt[dimSource] = addrKey(netip.IPv4Unspecified())
	}
	return c.egress.decision(t.first(&pt, known))
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

// compiled is a profile made ready for decisions.
type compiled struct {
	bind, egress section
	bindTable    *table
	noneTable    *table // egress of sockets that were not bound
	boundTable   *table // egress of sockets that were
}

type section struct {
	verdicts []Verdict
	refs     []RuleRef
	def      Verdict
	defRef   RuleRef
}

func (s *section) decision(rule int32) Decision {
	if rule < 0 {
		return Decision{Verdict: s.def, fallback: &s.defRef}
	}
	return Decision{Verdict: s.verdicts[rule], Rule: &s.refs[rule], fallback: &s.defRef}
}

func (s *section) add(v Verdict, line int, reason string) {
	ref := s.defRef
	ref.Index, ref.Line, ref.Reason = len(s.refs)+1, line, reason
	s.verdicts, s.refs = append(s.verdicts, v), append(s.refs, ref)
}

func (p *Profile) load() *compiled {
	if c := p.compiled.Load(); c != nil {
		return c
	}
	p.compiled.CompareAndSwap(nil, p.compile())
	return p.compiled.Load()
}

func (p *Profile) compile() *compiled {
	c := &compiled{
		bind: section{def: p.Bind.Default, defRef: RuleRef{
			Profile: p.Name, File: p.File, Section: "bind", Line: p.Bind.Line,
		}},
		egress: section{def: p.Egress.Default, defRef: RuleRef{
			Profile: p.Name, File: p.File, Section: "egress", Line: p.Egress.Line,
		}},
	}
	var bind, none, bound []condition
	for i, r := range p.Bind.Rules {
		c.bind.add(r.Verdict, r.Line, r.Reason)
		cond := condition{index: int32(i)}
		cond.sets[dimAddress] = blockSet(r.Addresses)
		cond.sets[dimPort] = portSet(r.Ports)
		cond.sets[dimProtocol] = protocolSet(r.Protocols)
		bind = append(bind, cond)
	}
	for i, r := range p.Egress.Rules {
		c.egress.add(r.Verdict, r.Line, r.Reason)
		cond := condition{index: int32(i)}
		cond.sets[dimAddress] = blockSet(r.Destinations)
		cond.sets[dimPort] = portSet(r.Ports)
		cond.sets[dimProtocol] = protocolSet(r.Protocols)
		if r.Sources == nil || slices.ContainsFunc(r.Sources, func(b Block) bool { return b.Word == None }) {
			none = append(none, cond)
		}
		if cond.sets[dimSource] = blockSet(r.Sources); r.Sources == nil || len(cond.sets[dimSource]) > 0 {
			bound = append(bound, cond)
		}
	}
	c.bindTable, c.noneTable, c.boundTable = newTable(bind), newTable(none), newTable(bound)
	return c
}
