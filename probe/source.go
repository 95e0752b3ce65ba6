package probe

import (
	"net/netip"

	"github.com/sallyport/sallyport/attempt"
)

// Variant is one way to choose the source of an attempt.
type Variant struct {
	Name   string // for people: "no bind", "any address", "10.0.0.7"
	Family attempt.Family
	Source attempt.Source
	Device string
	NoPort bool
}

// Place is what the sources of a place are made of.
type Place struct {
	Addresses []netip.Addr // of this host's devices, loopback apart
	Loopbacks []netip.Addr // addresses of loopback devices that are not 127.0.0.1 or ::1
	Devices   []string     // that are up, loopback first
}

// NotLocal are addresses that no host has: of the documentation's prefixes (RFC 5737, RFC 3849).
var NotLocal = [2]netip.Addr{netip.MustParseAddr("192.0.2.254"), netip.MustParseAddr("2001:db8::fffe")}

// lowPort is a port below 1024 that has no service (RFC 6335, reserved).
const lowPort = 1023

// Variants are the ways to choose a source in a place, for a family. Fixed is a port that was free a moment ago.
func (p *Place) Variants(family attempt.Family, fixed uint16) []Variant {
	wild, loop, foreign := netip.IPv4Unspecified(), netip.AddrFrom4([4]byte{127, 0, 0, 1}), NotLocal[0]
	if family == attempt.IPv6 {
		wild, loop, foreign = netip.IPv6Unspecified(), netip.IPv6Loopback(), NotLocal[1]
	}
	list := []Variant{{Name: noBind, Family: family}}
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
	add("not a local address, "+foreign.String(), foreign, 0)
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
	return Attempt{Attempt: attempt.Attempt{Protocol: protocol, Source: v.Source, Destination: to, Device: v.Device}, Variant: v.Name, NoPort: v.NoPort}
}

// LocalRow is what came of one way to choose the source, at a far end on loopback.
type LocalRow struct {
	Variant
	TCP, UDP Result
}
