package probe

import (
	"net/netip"
	"slices"

	"github.com/sallyport/sallyport/attempt"
)

// Variant is one way to choose the source of an attempt.
type Variant struct {
	Name    string // for people: "no bind", "any address", "10.0.0.7"
	Family  attempt.Family
	Source  attempt.Source
	Device  string
	NoPort  bool
	Foreign bool // the address is none of this host
}

// Place is what the sources of a place are made of.
type Place struct {
	Addresses []netip.Addr // of this host's devices, loopback apart
	Loopbacks []netip.Addr // addresses of loopback devices that are not 127.0.0.1 or ::1
	Devices   []string     // that are up, loopback first
}

// foreign are addresses that hardly a host has: of the documentation's prefixes (RFC 5737, RFC 3849).
var foreign = map[attempt.Family][]netip.Addr{
	attempt.IPv4: {netip.MustParseAddr("192.0.2.254"), netip.MustParseAddr("198.51.100.254"), netip.MustParseAddr("203.0.113.254")},
	attempt.IPv6: {netip.MustParseAddr("2001:db8::fffe"), netip.MustParseAddr("2001:db8:1::fffe"), netip.MustParseAddr("2001:db8:2::fffe")},
}

// foreign is an address that this place has not; not valid where it has them all.
func (p *Place) foreign(family attempt.Family) netip.Addr {
	for _, a := range foreign[family] {
		if !slices.Contains(p.Addresses, a) && !slices.Contains(p.Loopbacks, a) {
			return a
		}
	}
	return netip.Addr{}
}

// lowPort is a port below 1024 that has no service (RFC 6335, reserved).
const lowPort = 1023

// Variants are the ways to choose a source in a place, for a family. Fixed is a port that was free a moment ago.
func (p *Place) Variants(family attempt.Family, fixed uint16) []Variant {
	wild, loop := netip.IPv4Unspecified(), netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if family == attempt.IPv6 {
		wild, loop = netip.IPv6Unspecified(), netip.IPv6Loopback()
	}
	list := []Variant{{Name: "no bind", Family: family}}
	add := func(name string, a netip.Addr, port uint16) {
		src := attempt.SourceOf(netip.AddrPortFrom(a, port))
		list = append(list, Variant{Name: name, Family: family, Source: src})
		if port == 0 {
			list = append(list, Variant{Name: name + ", port at connect", Family: family, Source: src, NoPort: true})
		}
	}
	add("any address", wild, 0)
	for _, a := range p.Addresses {
		if attempt.FamilyOf(a) == family && !a.IsLinkLocalUnicast() {
			add(a.String(), a, 0)
		}
	}
	add(loop.String(), loop, 0)
	for _, a := range p.Loopbacks {
		if attempt.FamilyOf(a) == family {
			add(a.String(), a, 0)
		}
	}
	if a := p.foreign(family); a.IsValid() {
		first := len(list)
		add("not a local address, "+a.String(), a, 0)
		for i := range list[first:] {
			list[first+i].Foreign = true
		}
	}
	if fixed != 0 {
		add("a fixed port", wild, fixed)
	}
	add("a port below 1024", wild, lowPort)
	for _, d := range p.Devices {
		list = append(list, Variant{Name: "device " + d, Family: family, Device: d})
	}
	return list
}

// To is an attempt by this variant.
func (v *Variant) To(to netip.AddrPort, protocol attempt.Protocol) Attempt {
	return Attempt{Attempt: attempt.Attempt{Protocol: protocol, Source: v.Source, Destination: to, Device: v.Device}, Variant: v.Name, NoPort: v.NoPort, Foreign: v.Foreign}
}

// LocalRow is what came of one way to choose the source, at a far end on loopback.
type LocalRow struct {
	Variant
	TCP, UDP Result
}

// Ordinary reports whether both ends are those of any host: each source connects there, but an address that is not local, and a device that does
// not lead to loopback.
func (r *LocalRow) Ordinary() bool {
	for _, x := range []*Result{&r.TCP, &r.UDP} {
		row := &MatrixRow{Addr: x.Destination.Addr(), Device: r.Device, Foreign: r.Foreign}
		if x.Verdict != Allowed && !row.Ordinary(&End{Stage: x.Stage, Outcome: x.Outcome}) {
			return false
		}
		if x.Verdict == Allowed && r.Foreign {
			return false
		}
	}
	return true
}
