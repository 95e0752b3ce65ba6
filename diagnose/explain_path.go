package diagnose

import (
	"fmt"
	"strings"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// refinePath names what the look at the path showed.
func refinePath(x *examined) string {
	if x.Decided || !x.path.known || x.Call == attempt.CallBind || x.again(attempt.Connected) {
		return ""
	}
	switch x.plainCause() {
	case Refused:
		if x.noEndpoints() {
			return "" // its address is no host's: whoever answers for it is not on the way
		}
		if x.path.by.nearer {
			return RejectedOnTheWay
		}
		if e := x.path.same; e.Outcome.Kind == attempt.Refused && e.From.IsValid() && e.From != x.Destination.Addr().Unmap() && !x.own(e.From) {
			return RejectedOnTheWay
		}
	case Unreachable, TimedOut:
		if x.neighbourMissing() && !x.path.hop.Gateway.IsValid() {
			return HostDown
		}
		if x.plainCause() == TimedOut && x.portAlone() {
			return PortFiltered
		}
	}
	return ""
}

// neighbourMissing reports whether the kernel asked for the first neighbour on the way, and the failure can be that nobody answered.
func (x *examined) neighbourMissing() bool {
	if !x.path.hop.Silent {
		return false
	}
	return x.Outcome.Errno == attempt.EHOSTUNREACH || x.Outcome.Kind != attempt.Unreachable && x.waited >= neighbourFor
}

// portAlone reports whether the host is up, and was silent on this port before and when tried again.
func (x *examined) portAlone() bool {
	if x.path.same.Outcome.Kind != attempt.InProgress && x.path.same.Outcome.Kind != attempt.TimedOut || !x.again(attempt.TimedOut) {
		return false
	}
	if x.path.hop.Local || x.rec.everConnected(x.made) {
		return false // a server that is there, and was too busy, is as silent
	}
	return x.path.alive(x.Destination.Addr()) != 0 || x.openNow()
}

// openNow reports whether another port of the host was open in this run, and not long ago.
func (x *examined) openNow() bool {
	o := x.rec.connectedTo(x.made)
	if o == nil || o.Destination.Port() == 80 {
		return false
	}
	if x.rec.ended.Sub(o.End) < freshness {
		return true
	}
	return x.outcomeOf(changeOpenPort(o)).Kind == attempt.Connected
}

// changeOpenPort names the counterfactual of knownOpen.
func changeOpenPort(o *made) string {
	return "to " + o.Destination.String() + ", which was open in this run"
}

// everConnected reports whether anything in the run connected to the same destination.
func (rec *record) everConnected(m *made) bool {
	for i := range rec.all {
		if o := &rec.all[i]; o.connected() && o.Protocol == m.Protocol && same(o.Destination, m.Destination) {
			return true
		}
	}
	return false
}

func explainPortFiltered(x *examined, e *explanation) {
	addr, port := x.Destination.Addr().Unmap(), x.Destination.Port()
	e.summary = fmt.Sprintf("%s got no answer from %s, and that host is up: packets to its port %d, or the answers, are dropped, by a firewall there, on the way or here, or by a server with more connections waiting than it takes",
		x.who(), x.to(), port)
	x.openPort(e)
	x.sawPorts(e)
	x.sawRouters(e)
	if x.facts.inPod() {
		x.advisePolicies(e)
	} else {
		e.advise("have %s allowed in the firewalls and security groups on the way, out of here and into there", x.destinationRule())
	}
	x.sawMesh(e)
	e.advise("check that %d is the right port; on %v: `ss -tln 'sport = :%d'` shows whether something listens, and a Recv-Q above Send-Q that it is too busy to accept", port, addr, port)
	e.advise("on %v see whether the SYN arrives: `tcpdump -ni any tcp port %d`: if not, the firewall is on the way; if so, it is the host's own (`nft list ruleset`)", addr, port)
	x.adviseProxy(e)
}

func explainHostDown(x *examined, e *explanation) {
	addr := x.Destination.Addr().Unmap()
	ask := "ARP"
	if addr.Is6() {
		ask = "NDP"
	}
	e.summary = fmt.Sprintf("%s can't reach %s: nobody on this network answers to that address (%s), so the host is off, unplugged, or elsewhere", x.who(), x.to(), ask)
	e.saw("the route says that %v is on the link, not behind a router; the kernel asked for its hardware address and got no answer", addr)
	e.advise("check the address (a typing error, an old DNS or /etc/hosts entry), and whether the host is up")
	e.advise("look at the neighbour: `ip neigh show %v`: FAILED or INCOMPLETE; ask again with `arping %v` as root (NDP: `ndisc6`)", addr, addr)
	e.advise("if the host is on another network: the route is wrong, mostly a prefix that is too short: `ip route get %v`, `ip -br addr`", addr)
}

func explainRejectedOnTheWay(x *examined, e *explanation) {
	if x.path.by.nearer {
		explainResetOnTheWay(x, e)
		return
	}
	by := x.path.same.From
	e.summary = fmt.Sprintf("%s was refused, not by %s but by %v on the way to it: a firewall there rejects the connection", x.who(), x.to(), by)
	e.saw("the SYN sent again was answered by %v: ICMP %s; a host on which nothing listens answers with a TCP reset, and itself", by, x.path.same.ICMP())
	e.advise("have %s allowed at %v", x.destinationRule(), by)
	if x.facts.inPod() {
		e.advise("in Kubernetes: %v may be the node, where kube-proxy rejects for a Service without ready endpoints: `%s get endpointslices -A`", by, x.facts.command())
	}
	e.advise("on %v, if it is Linux: `nft list ruleset` or `iptables -S FORWARD`, and look for reject", by)
	x.adviseProxy(e)
}

// explainResetOnTheWay is for a reset in the host's name, whose sender has no address of its own.
func explainResetOnTheWay(x *examined, e *explanation) {
	by := &x.path.by
	e.summary = fmt.Sprintf("%s was refused, not by %s but by something nearer that answers in its name: a firewall on the way that rejects with a TCP reset, or a transparent proxy that is down", x.who(), x.to())
	e.saw("the host is %d hops away: a UDP packet with so many hops reached it, and with one less a router said that they were used up", by.distance)
	if by.hops < by.distance {
		e.saw("a SYN with %d %s was refused all the same", by.hops, plural(by.hops, "hop", "hops"))
	} else {
		e.saw("the reset came with more hops left than the host's answer at port %d, which has just as many as it should: so its sender is nearer", by.other)
	}
	if at, hops := router(x.path.tcp); hops > 0 {
		e.saw("the last router that the SYN is known to have come to is %v, hop %d", at, hops)
		e.advise("have %s allowed on the way: at %v, or where that one sends it on", x.destinationRule(), at)
		e.advise("on %v, if it is Linux: `nft list ruleset` or `iptables -S FORWARD`, and look for reject", at)
	} else {
		e.advise("have %s allowed in the firewalls on the way", x.destinationRule())
	}
	x.adviseProxy(e)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// sawRefusal says what is known of who refused, where no cause is.
func (x *examined) sawRefusal(e *explanation) {
	to, by := x.Destination.Addr().Unmap(), &x.path.by
	switch {
	case x.Decided || !x.path.known || x.path.hop.Local || !reset(&x.path.same):
		return
	case by.host && !x.path.hop.Gateway.IsValid():
		e.saw("%v is on this network, with no router between: the reset is its own", to)
	case by.host:
		e.saw("the reset came from as far as %v is, %d hops: it is its own, and of nobody on the way", to, by.distance)
	default:
		e.saw("undecided: a firewall on the way, or the host's own, that rejects with a reset looks the same as a port on which nothing listens")
	}
	if by.host {
		e.saw("undecided: a firewall of the host's own that rejects with a reset looks the same as a port on which nothing listens")
	}
	e.advise("to decide it, on %v: `ss -tln 'sport = :%d'` shows whether something listens; if so, `nft list ruleset` or `iptables -S INPUT` who rejects; and "+
		"`tcpdump -ni any tcp port %d` whether the SYN arrives at all", to, x.Destination.Port(), x.Destination.Port())
}

// sawSender says who sent the ICMP error, for causes that don't name it in their summary.
func (x *examined) sawSender(e *explanation) {
	s := x.path.same
	if !s.From.IsValid() || x.Decided || s.Outcome.Kind != x.Outcome.Kind {
		return
	}
	switch words := s.ICMP(); {
	case words == "":
	case x.own(s.From):
		e.saw("this machine said so itself (ICMP %s from %v): its routes, its neighbours or its packet filter", words, s.From)
	case s.From == x.Destination.Addr().Unmap() && x.Outcome.Kind == attempt.Refused:
		e.saw("the SYN sent again was answered by ICMP %s, in the host's name: that is a firewall's; a port on which nothing listens answers with a TCP reset", words)
	default:
		e.saw("the SYN sent again was answered by %v: ICMP %s", s.From, words)
		if s.Prohibited() {
			e.advise("%v forbids it: have %s allowed there", s.From, x.destinationRule())
		}
	}
}

// sawGateway says that the gateway itself is missing.
func (x *examined) sawGateway(e *explanation) {
	if gw := x.path.hop.Gateway; gw.IsValid() && x.neighbourMissing() && !x.Decided {
		e.saw("the gateway to it, %v, does not answer when the kernel asks for its hardware address (ARP, NDP)", gw)
		e.advise("check the gateway: `ip neigh show %v`, `ip route get %v`", gw, x.Destination.Addr().Unmap())
	}
}

// sawPorts says what other ports of the host answered.
func (x *examined) sawPorts(e *explanation) {
	var says []string
	for _, port := range otherPorts {
		echo, tried := x.path.ports[port]
		if !tried || echo.Outcome.Kind == attempt.Cancelled { // a profile does not allow to ask
			continue
		}
		says = append(says, fmt.Sprintf("port %d %s", port, inWords(echo)))
	}
	if len(says) > 0 {
		e.saw("other ports of the same host: %s", strings.Join(says, ", "))
	}
}

func inWords(e attempt.Echo) string {
	took := " after " + attempt.DurationText(e.Took.Round(100*time.Microsecond))
	switch {
	case e.Outcome.Kind == attempt.InProgress || e.Outcome.Kind == attempt.TimedOut:
		return "silent"
	case e.Outcome.Kind == attempt.Connected:
		return "connected" + took
	case e.From.IsValid():
		return fmt.Sprintf("ICMP %s from %v", e.ICMP(), e.From)
	case e.Outcome.Kind == attempt.Refused:
		return "refused by a reset" + took
	}
	return e.Outcome.String()
}

// sawRouters says how far the packets were seen to come.
func (x *examined) sawRouters(e *explanation) {
	syn, synHops := router(x.path.tcp)
	udp, udpHops := router(x.path.udp)
	switch {
	case len(x.path.tcp) == 0:
	case synHops == 0 && udpHops == 0:
		e.saw("no router on the way answered, of the first %d hops", pathHops)
	case synHops >= udpHops && synHops == pathHops:
		e.saw("the first %d hops let the SYN pass, as far as %v; further was not looked", synHops, syn)
	case synHops >= udpHops:
		e.saw("the last router that answered is %v, hop %d: the SYN came that far, and was not heard of beyond", syn, synHops)
	case synHops == 0:
		e.saw("the SYN was heard of by no router, a UDP packet by %v, hop %d: what drops the SYN is between here and there", udp, udpHops)
	default:
		e.saw("the SYN came as far as %v, hop %d, a UDP packet as far as %v, hop %d: what drops the SYN is at the first of them or before the second",
			syn, synHops, udp, udpHops)
	}
}
