package diagnose

import (
	"net/netip"

	"github.com/sallyport/sallyport/attempt"
)

// resolvedStub reports whether an address is one of those that systemd-resolved listens on, systemd-resolved.service(8).
func resolvedStub(a netip.Addr) bool {
	return a == netip.AddrFrom4([4]byte{127, 0, 0, 53}) || a == netip.AddrFrom4([4]byte{127, 0, 0, 54})
}

// dockerDNS is Docker's own resolver in containers of user-defined networks.
var dockerDNS = netip.AddrFrom4([4]byte{127, 0, 0, 11})

// behind tells how to look behind a resolver that passes questions on.
func (r *resolution) behind(e *explanation, l *attempt.Lookup) {
	switch addr := l.Server.Addr().Unmap(); {
	case resolvedStub(addr):
		e.advise("%v is systemd-resolved, which passes questions on: `resolvectl status` names its servers, `resolvectl query %s` tells what they say, `journalctl -u systemd-resolved` what went wrong", addr, l.Name)
	case addr == dockerDNS:
		e.advise("%v is Docker's own resolver, which passes questions on to the servers of the host's /etc/resolv.conf: `docker run --dns ADDRESS` gives it others", addr)
	}
}
