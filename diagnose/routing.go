package diagnose

import (
	"fmt"
	"net/netip"

	"github.com/sallyport/sallyport/attempt"
)

// routing is what the kernel's routing said of a failed attempt, in the program's own network namespace.
type routing struct {
	asked   bool
	errno   attempt.Errno // what the kernel answers to a route request for it; 0: there is a route
	kind    routeKind     // of the route that was found
	device  string        // that it leaves by; "" without a route
	gateway netip.Addr    // next hop; not valid where there is none
	source  netip.Addr    // that the kernel would choose; not valid where there is none
	culprit culprit       // what denies; the zero value where it could not be picked out

	anyRoute, defaultRoute Answer // of the destination's family; loopback's, and those that lead nowhere, do not count
	disabled               string // the sysctl that switches IPv6 off; "" where it is on
}

// culprit is a route or a routing rule that leads nowhere.
type culprit struct {
	text   string // as ip(8) shows it: "prohibit 192.0.2.0/24 table main"
	isRule bool
	remove string // the command that takes it away
}

// routeKind is the type of a route, RTN_* in <linux/rtnetlink.h>; those of a rule (FR_ACT_*) that deny are numbered alike.
type routeKind uint8

const (
	routeUnicast     routeKind = 1
	routeLocal       routeKind = 2
	routeBroadcast   routeKind = 3
	routeBlackhole   routeKind = 6
	routeUnreachable routeKind = 7
	routeProhibit    routeKind = 8
	routeThrow       routeKind = 9
)

var routeKindNames = map[routeKind]string{
	routeBlackhole: "blackhole", routeUnreachable: "unreachable", routeProhibit: "prohibit",
}

// errno is how a route of this kind ends a call (fib_props in net/ipv4/fib_semantics.c; IPv6's in net/ipv6/route.c);
// 0: not at all.
func (k routeKind) errno() attempt.Errno {
	switch k {
	case routeBlackhole:
		return attempt.EINVAL
	case routeUnreachable:
		return attempt.EHOSTUNREACH
	case routeProhibit:
		return attempt.EACCES
	}
	return 0
}

// ruleErrno is the same for a rule of policy routing: an unreachable one says ENETUNREACH (fib4_rule_action in
// net/ipv4/fib_rules.c, fib6_rule_action in net/ipv6/fib6_rules.c).
func (k routeKind) ruleErrno() attempt.Errno {
	if k == routeUnreachable {
		return attempt.ENETUNREACH
	}
	return k.errno()
}

// byRouting reports whether the attempt ended as the kernel's routing says it must.
func (x *examined) byRouting() bool {
	return x.Call != attempt.CallBind && x.Destination.IsValid() && !x.Decided && x.here.route.asked &&
		x.here.route.errno != 0 && x.here.route.errno == x.Outcome.Errno
}

// routeCause names what is wrong with the way out, where the kernel's own routing says so.
func routeCause(x *examined) string {
	r := &x.here.route
	switch {
	case x.Outcome.Errno == attempt.EACCES && r.asked && r.errno == 0 && r.kind == routeBroadcast && !x.Decided:
		return BroadcastDenied
	case x.Outcome.Errno == attempt.EADDRNOTAVAIL && x.Source.Kind == attempt.SourceNone && r.disabled != "" && r.anyRoute == No &&
		r.kind != routeLocal && attempt.FamilyOf(x.Destination.Addr()) == attempt.IPv6:
		return NoIPv6 // no address to send from, rather than no route
	case !x.byRouting() || x.mismatched():
		return ""
	case r.errno == attempt.EACCES, r.culprit.text != "": // nothing but a prohibit route makes a route request EACCES
		return DeniedByRoute
	case r.errno != attempt.ENETUNREACH:
		return ""
	case r.anyRoute == No && attempt.FamilyOf(x.Destination.Addr()) == attempt.IPv6:
		return NoIPv6
	case r.anyRoute == No:
		return NoIPv4
	case r.anyRoute == Yes:
		return NoRoute
	}
	return ""
}

func explainDeniedByRoute(x *examined, e *explanation) {
	r, to := &x.here.route, x.Destination.Addr().Unmap()
	what, list, tell := "route", "route show table all", ""
	if r.culprit.isRule {
		what, list = "routing rule", "rule show"
	}
	if r.culprit.text != "" {
		tell = ", `" + r.culprit.text + "`"
	}
	e.summary = fmt.Sprintf("%s may not reach %s: a %s of this machine denies it%s: %s", x.who(), x.to(), what, tell, x.errno()) + x.noBindHelps()
	e.saw("the kernel answers %s to a route request for %v: nothing was sent, and no server is involved", r.errno.Name(), to)
	e.advise("see it: `%s` (the answer is the same error), `%s`", x.routeGet(), ipCommand(to)+" "+list)
	if r.culprit.remove != "" {
		e.advise("if it is not wanted, as root: `%s`; a network manager, a VPN's kill switch or a script that added it will add it again", r.culprit.remove)
	}
	e.advise("if it is wanted: connect to an address that it leaves out, or have a more specific route added for %v", to)
}

func explainBroadcast(x *examined, e *explanation) {
	e.summary = fmt.Sprintf("%s may not send to %s: it is a broadcast address, and the socket has no SO_BROADCAST: %s", x.who(), x.to(), x.errno())
	e.saw("the kernel's routing says that %v is a broadcast address (`%s`)", x.Destination.Addr().Unmap(), x.routeGet())
	if x.Protocol.Stream() {
		e.advise("correct the address: a connection can't be made to a broadcast address; check the netmask (`ip -4 addr`) if %v should be one host", x.Destination.Addr().Unmap())
		return
	}
	e.advise("set SO_BROADCAST before sending: `s.setsockopt(SOL_SOCKET, SO_BROADCAST, 1)`; socat: `broadcast`; ping: `-b`; no right is needed for it")
	e.advise("if %v should be one host: check the netmask, `ip -4 addr`", x.Destination.Addr().Unmap())
}

func explainNoFamily(x *examined, e *explanation) {
	family, other := attempt.IPv4, attempt.IPv6
	if attempt.FamilyOf(x.Destination.Addr()) == attempt.IPv6 {
		family, other = other, family
	}
	e.summary = fmt.Sprintf("%s can't reach %s: there is no %v network here: %s", x.who(), x.to(), family, x.errno()) + x.noBindHelps()
	o := &x.origin
	if o.otherNone {
		e.summary = fmt.Sprintf("%s can't reach %s: that name has %v addresses only, and there is no %v network here: %s", x.who(), x.to(), family, family, x.errno()) + x.noBindHelps()
	}
	e.saw("there is no %v route but loopback's", family)
	x.adviseProxy(e)
	if x.here.route.disabled != "" {
		e.saw("IPv6 is switched off: %s", x.here.route.disabled)
	}
	hold := fmt.Sprintf("if the name has an %v address as well, hold the program to it", other)
	switch {
	case o.otherNone:
		e.saw("%s has no %v address, as the resolver says", x.Name, other)
		e.advise("no setting of the program helps: have an %v address (%s record) added to %s, or use a name of the server that has one, or a proxy that has %v", other, recordOf(other), x.Name, family)
	case len(o.otherAddrs) > 0:
		e.saw("%s has %v addresses too: %s", x.Name, other, list(o.otherAddrs))
		hold = fmt.Sprintf("hold the program to %v", other)
	}
	switch {
	case o.otherNone:
	case family == attempt.IPv6:
		e.advise("%s: curl -4, AF_INET in getaddrinfo, -Djava.net.preferIPv4Stack=true, `tcp4` in Go", hold)
	default:
		e.advise("%s: curl -6, AF_INET6 in getaddrinfo, -Djava.net.preferIPv6Addresses=true, `tcp6` in Go", hold)
	}
	switch {
	case x.here.route.disabled != "":
		e.advise("to have IPv6: `sysctl net.ipv6.conf.all.disable_ipv6=0` as root, then bring the interface up again for its address; in Docker: a network with --ipv6")
	default:
		e.advise("to have %v: give the machine an address and a route (`%s addr`, `%s route`); in a container its network must have %v", family,
			ipCommand(x.Destination.Addr()), ipCommand(x.Destination.Addr()), family)
	}
}

// recordOf is the type of DNS record that has addresses of a family.
func recordOf(f attempt.Family) string {
	if f == attempt.IPv6 {
		return "AAAA"
	}
	return "A"
}

func explainNoRoute(x *examined, e *explanation) {
	to := x.Destination.Addr().Unmap()
	e.summary = fmt.Sprintf("%s can't reach %s: no route leads there: %s", x.who(), x.to(), x.errno()) + x.noBindHelps()
	if x.here.route.defaultRoute == No {
		e.saw("there is no %v default route", attempt.FamilyOf(to))
	}
	if x.Source.Kind == attempt.SourceGiven && x.outcomeOf(changeNoBind).Kind == attempt.Connected {
		e.saw("a routing rule for the source %v leads to a table without a way there", x.Source.Addr.Addr())
	}
	x.adviseProxy(e)
	e.advise("see the routes: `%s route`, and whether the network came up: `ip addr`", ipCommand(to))
	if x.here.route.defaultRoute == No {
		e.advise("add the route that is missing, as root: `%s route add default via GATEWAY` (DHCP or the network manager should have); a Docker network made "+
			"with --internal has none on purpose", ipCommand(to))
	}
}

// ipCommand is ip(8) for an address's family.
func ipCommand(a netip.Addr) string {
	if to4(a) {
		return "ip"
	}
	return "ip -6"
}

// routeGet is the command that asks what was asked here.
func (x *examined) routeGet() string {
	s := "ip route get " + x.Destination.Addr().Unmap().String()
	if x.Source.Kind == attempt.SourceGiven && !x.Elided {
		s += " from " + x.Source.Addr.Addr().Unmap().String()
	}
	return s
}
