package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

func explainLoopback(x *examined, e *explanation) {
	source := x.Source.Addr.Addr()
	e.summary = fmt.Sprintf("%s sends from the loopback address %v to %s, and no answer can come back to a loopback address", x.who(), source, x.to())
	without := x.outcomeOf(changeNoBind)
	switch {
	case x.Outcome.Errno == attempt.EINVAL:
		e.summary = fmt.Sprintf("%s sends from the loopback address %v to %s, which the kernel refuses at once: %s", x.who(), source, x.to(), x.errno())
		e.summary += x.noBindHelps()
	case without.Kind == attempt.Connected:
		e.summary += x.noBindHelps()
	case without.Kind == attempt.TimedOut:
		e.saw("without the bind there was no answer either, so the destination may be out of reach as well: fix the source first, then look again")
	}
	switch {
	case x.Decided:
	case source.Unmap().Is4() && len(x.facts.RouteLocalnet) > 0 && x.Outcome.Errno != attempt.EINVAL:
		e.saw("route_localnet is set (%s), so the packets leave with a source that nobody can answer; without it the connect ends in EINVAL at once",
			strings.Join(slices.Compact(x.facts.RouteLocalnet), ", "))
	case !source.Unmap().Is4():
		e.saw("the kernel sends IPv6 packets from ::1 on their way, and every receiver drops them")
	}
	x.adviseNoBind(e, "the kernel then takes the address that the route says")
	e.advise("a loopback address is for a server's listen, or for a client of a server on the same machine; " +
		"variables such as OPENSHIFT_PYTHON_IP name where to listen, never where to connect from")
}

func explainFamily(x *examined, e *explanation) {
	socket := x.life.Family
	if x.Call == attempt.CallBind {
		addr := x.Source.Addr.Addr()
		e.summary = fmt.Sprintf("%s binds an %v socket to the %v address %v: %s", x.who(), socket, attempt.FamilyOf(addr), addr, x.errno())
		x.stopped(e)
		if socket == attempt.IPv6 {
			e.saw("an IPv6 socket takes IPv4 addresses only in their v4-mapped form (::ffff:a.b.c.d), and with IPV6_V6ONLY set not even so")
		}
	} else {
		from, to := x.Source.Addr.Addr(), attempt.FamilyOf(x.Destination.Addr())
		switch {
		case from.IsValid() && !x.Elided && attempt.FamilyOf(from) != to:
			e.summary = fmt.Sprintf("%s sends from the %v address %v to the %v destination %s, which can't be: %s",
				x.who(), attempt.FamilyOf(from), from, to, x.to(), x.errno())
		case x.Destination.Addr().Is4In6():
			e.summary = fmt.Sprintf("%s connects to %s with a socket that is for IPv6 only (IPV6_V6ONLY): %s", x.who(), x.to(), x.errno())
		default:
			e.summary = fmt.Sprintf("%s connects to the %v destination %s with an %v socket: %s", x.who(), to, x.to(), socket, x.errno())
		}
		e.summary += x.noBindHelps()
	}
	if x.Source.Kind != attempt.SourceNone && x.Protocol.Stream() {
		x.adviseNoBind(e, "the family of the destination then decides")
		e.advise("if the source matters: name one of the destination's family, or hold the destination to the source's family (curl -4 or -6, AF_INET in getaddrinfo, tcp4 in Go)")
		return
	}
	e.advise("make the socket of the family of the address that getaddrinfo gave: one socket for each address tried, never one for all")
	e.advise("to hold a program to one family: curl -4, ssh -4, AF_INET in getaddrinfo, -Djava.net.preferIPv4Stack=true, `tcp4` in Go")
}
