//go:build linux

package measure

import (
	"net"
	"net/netip"

	"github.com/sallyport/sallyport/probe"
)

// ReadPlace looks at the devices of this network namespace.
func ReadPlace() (*probe.Place, error) {
	devices, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	p := &probe.Place{}
	for _, d := range devices {
		if d.Flags&net.FlagUp == 0 {
			continue
		}
		p.Devices = append(p.Devices, d.Name)
		addrs, err := d.Addrs()
		if err != nil {
			return nil, err
		}
		for _, a := range addrs {
			prefix, err := netip.ParsePrefix(a.String())
			if err != nil {
				continue
			}
			addr := prefix.Addr().Unmap().WithZone("")
			switch {
			case addr == netip.AddrFrom4([4]byte{127, 0, 0, 1}) || addr == netip.IPv6Loopback():
			case d.Flags&net.FlagLoopback != 0:
				p.Loopbacks = append(p.Loopbacks, addr)
			default:
				p.Addresses = append(p.Addresses, addr)
			}
		}
	}
	return p, nil
}
