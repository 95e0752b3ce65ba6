package diagnose

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// What a counterfactual changed about where an attempt is sent from.
const (
	changeNoDevice = "without the device"
	changeFrom     = "from " // and which address: the beginning alone
)

const maxOtherSources = 2 // of the machine's own addresses, tried where the kernel's choice got no answer

// otherSources are addresses of this machine that an attempt could be sent from as well.
func otherSources(a attempt.Attempt, f Facts) []netip.Addr {
	var out []netip.Addr
	for _, own := range f.Addresses {
		addr := own.Addr.Unmap()
		if addr.Is4() != a.Destination.Addr().Unmap().Is4() || addr.IsLoopback() || addr.IsLinkLocalUnicast() || own.Interface == "lo" {
			continue
		}
		if out = append(out, addr); len(out) > maxOtherSources { // the first is mostly the kernel's own choice
			break
		}
	}
	if len(out) < 2 {
		return nil // there is no other
	}
	return out
}

// failedAgain reports whether the same attempt, made again at the same time as those with one thing changed, failed as well: without that
// a server that was not ready then would look as if the change had helped.
func (x *examined) failedAgain() bool {
	k := x.outcomeOf(changeNothing).Kind
	return k != attempt.InProgress && k != attempt.Connected
}

// wrongInterface names the interface that an attempt was held to, where it is what is wrong.
func wrongInterface(x *examined) string {
	if x.Decided || x.Call == attempt.CallBind || !x.Destination.IsValid() || x.fromLoopback() || !x.failedAgain() {
		return ""
	}
	if x.Device != "" && x.outcomeOf(changeNoDevice).Kind == attempt.Connected {
		return WrongInterface
	}
	if !x.silentSource() && !(x.Outcome.Kind == attempt.Unreachable && x.here.route.asked && x.here.route.errno == 0) {
		return ""
	}
	given, plain := x.here.route.device, x.here.plain.device
	if x.Source.Kind == attempt.SourceGiven && !x.Elided && x.Device == "" && x.outcomeOf(changeNoBind).Kind == attempt.Connected &&
		given != "" && plain != "" && given != plain {
		return WrongInterface
	}
	return ""
}

// silentSource reports whether an attempt went unanswered, and nothing on this machine is known to drop it.
func (x *examined) silentSource() bool {
	return x.Outcome.Kind == attempt.TimedOut && x.here.leaves != No && x.here.filter.sure == nil
}

// silentNeighbour reports whether nobody answered the kernel's question for the neighbour. It is asked with the source of the packet that
// waits for it (arp_announce 0, ip-sysctl.rst), so that too can go unanswered for the source.
func (x *examined) silentNeighbour() bool {
	return x.Outcome.Errno == attempt.EHOSTUNREACH && x.waited >= neighbourFor && x.here.route.asked && x.here.route.errno == 0
}

// sourceUnanswered names a source address that gets no answer where another does.
func sourceUnanswered(x *examined) string {
	if x.Decided || !x.Destination.IsValid() || x.fromLoopback() || !x.silentSource() && !x.silentNeighbour() || !x.failedAgain() {
		return ""
	}
	if x.Source.Kind == attempt.SourceGiven && !x.Elided && x.outcomeOf(changeNoBind).Kind == attempt.Connected ||
		x.Source.Kind == attempt.SourceNone && x.answeredFrom() != "" {
		return SourceUnanswered
	}
	return ""
}

// answeredFrom is another address of this machine from which the same attempt connected; "" where there is none.
func (x *examined) answeredFrom() string {
	for _, c := range x.cfs {
		if s, ok := strings.CutPrefix(c.Change, changeFrom); ok && c.Outcome.Kind == attempt.Connected && c.Attempt.Source.Kind == attempt.SourceGiven {
			return s
		}
	}
	return ""
}

func explainWrongInterface(x *examined, e *explanation) {
	good := x.here.plain.device
	if x.Device != "" {
		e.summary = fmt.Sprintf("%s binds its socket to the network device %s, and %s can't be reached by it: %s; without the device it connected", x.who(), x.Device, x.to(), x.errno())
		if good != "" && good != x.Device {
			e.summary += ", by " + good
			e.saw("without the device the route leaves by %s (`ip route get %v`)", good, x.Destination.Addr().Unmap())
		}
		e.advise("leave the device out: the kernel then takes the one that the route says; look for a setting named interface or device (curl --interface, ping -I, SO_BINDTODEVICE)")
		e.advise("if the device is meant: give it a route there, `ip route add %v via GATEWAY dev %s` as root, and see that its network leads there: `ip route get %v oif %s`",
			x.Destination.Addr().Unmap(), x.Device, x.Destination.Addr().Unmap(), x.Device)
		return
	}
	source := x.Source.Addr.Addr().Unmap()
	e.summary = fmt.Sprintf("%s sends from %v, so its packets to %s leave by %s, and by that interface it can't be reached: %s", x.who(), source, x.to(), x.here.route.device, x.errno()) + x.noBindHelps()
	e.summary += ", by " + good
	e.saw("a routing rule for the source decides the interface: `%s` says %s, without the source %s", x.routeGet(), x.here.route.device, good)
	x.sawGateway(e)
	x.adviseNoBind(e, "the kernel then takes the interface that the route says, and its address")
	e.advise("if the source is meant: see the rule and its table, `ip rule`, `ip route show table all`, and whether the gateway there answers")
}

func explainSourceUnanswered(x *examined, e *explanation) {
	source := x.sourceWords()
	device := x.here.route.device
	if from := x.answeredFrom(); from != "" && x.Source.Kind == attempt.SourceNone {
		e.summary = fmt.Sprintf("%s gets no answer from %s, since none comes back to %s, the source address that the kernel chose; from %s the same attempt connected", x.who(), x.to(), source, from)
		e.advise("have the kernel choose that one: `src %s` on the route (`ip route change ... src %s`), or IPv6: which addresses are deprecated, `ip -6 addr`", from, from)
		e.advise("or let the program ask for it: a setting named source address, local address or bind address")
	} else {
		e.summary = fmt.Sprintf("%s sends to %s from %s, and no answer comes back to that address", x.who(), x.to(), source) + x.noBindHelps()
		if s := x.here.plain.source; s.IsValid() && x.here.plain.asked {
			e.saw("without the bind the kernel sends from %v", s)
		}
		x.adviseNoBind(e, "the kernel then takes the address that the route says")
	}
	if x.silentNeighbour() {
		e.saw("not even the neighbour on %s answers when the kernel asks for its hardware address from %s (ARP; net.ipv4.conf.%s.arp_announce)", device, source, device)
	}
	if device != "" {
		e.saw("the packets leave by %s; at which of these they end can't be told from here: the other end, or a router, has no route back to %s, a filter drops that "+
			"source (a router's reverse path filter, a cloud's source check, a firewall's list)", device, source)
	}
	e.advise("on %v: does the SYN arrive, `tcpdump -ni any host %s`, and where would the answer go, `ip route get %s`; the same on the routers between", x.Destination.Addr().Unmap(), source, source)
	e.advise("if that source is needed: have a route back to it added there, or have it allowed; or translate it (masquerade) where it leaves")
}
