package diagnose

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// dnsPort is where a resolver of /etc/resolv.conf listens.
const dnsPort = 53

// askAboutHosts asks the process's resolver for the name that its /etc/hosts has for the address.
func (v *Investigation) askAboutHosts(ctx context.Context, x *examined, o *origin) {
	if o.hosts.Resolver == nil || len(o.hosts.Resolver.Servers) == 0 || !differs(x) || elsewhere(x.life) {
		return
	}
	o.asked = netip.AddrPortFrom(o.hosts.Resolver.Servers[0], dnsPort)
	o.dns = v.askAddresses(ctx, x.life.Process, o.asked, x.Name)
	if len(o.dns.addrs) > 0 && !overlap(o.dns.addrs, []netip.Addr{x.Destination.Addr()}) {
		o.direct = v.toOwn(ctx, x, o.dns.addrs, "the address of "+x.Name+" by DNS")
	}
}

// sawHosts says what /etc/hosts has to do with the address. That the program took it from there is likely, and not seen: it may have been given
// the address itself.
func (x *examined) sawHosts(e *explanation) {
	h, dns := x.origin.hosts, x.origin.dns
	also := ""
	if more := slices.DeleteFunc(slices.Clone(h.Names), func(n string) bool { return n == x.Name }); len(more) > 0 {
		also = ", and for " + strings.Join(more, ", ")
	}
	e.saw("/etc/hosts, line %d, has this address for %s%s", h.Line, x.Name, also)
	const from = "in Docker such lines come from --add-host or extra_hosts, in a pod from hostAliases"
	switch {
	case overlap(dns.addrs, []netip.Addr{x.Destination.Addr()}):
	case len(dns.addrs) > 0:
		e.saw("the resolver %v has another for %s: %s", x.origin.asked.Addr(), x.Name, list(dns.addrs))
		say := fmt.Sprintf("if the program asks for %s: line %d of /etc/hosts hides that address, and may be out of date; correct it or take it out (%s)", x.Name, h.Line, from)
		if c := x.origin.direct; c != nil && c.Outcome.Kind == attempt.Connected {
			e.remedy = slices.Insert(e.remedy, 0, say)
		} else {
			e.advise("%s", say)
		}
	case dns.missing:
		e.saw("the resolver %v has no such name: %s is known by /etc/hosts alone", x.origin.asked.Addr(), x.Name)
	}
}
