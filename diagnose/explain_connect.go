package diagnose

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

func explainConnectDenied(x *examined, e *explanation) {
	verb := "connect to"
	if x.Call.Send() {
		verb = "send to"
	}
	e.summary = fmt.Sprintf("%s may not %s %s: %s", x.who(), verb, x.to(), x.errno()) + x.noBindHelps()
	addr := x.Destination.Addr()
	switch {
	case x.Decided:
		x.adviseNetwork(e)
		return
	case !x.Protocol.Stream() && addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		e.advise("set SO_BROADCAST on the socket: without it every broadcast ends in EACCES, ip(7)")
		return
	case x.Outcome.Errno == attempt.EPERM && x.Call.Send():
		e.saw("EPERM at a send comes from a packet filter on this machine (nftables or iptables OUTPUT), or an eBPF program of the cgroup")
		e.advise("look for the rule: `nft list ruleset` or `iptables -S OUTPUT` as root")
	case x.Outcome.Errno == attempt.EPERM:
		e.saw("EPERM at a connect comes from an eBPF program of the cgroup or a seccomp filter: a packet filter makes a connect time out or be refused")
		e.advise("look for the program: `bpftool cgroup tree` as root; a container engine or systemd's IPAddressDeny= installs them")
	case attempt.FamilyOf(addr) == attempt.IPv6 && x.waited > time.Millisecond:
		e.saw("the answer took %s, so it may have come from a router on the way (ICMPv6, administratively prohibited), not from this machine", attempt.DurationText(x.waited))
	default:
		e.saw("EACCES at a connect comes from this machine: a prohibit route, Landlock, SELinux, or a broadcast address without SO_BROADCAST")
	}
	x.sawSender(e)
	e.advise("ask the kernel for the route: `ip route get %v`; \"prohibit\" or permission denied there settles it", addr.Unmap())
	if x.facts.SELinux == "enforcing" {
		e.advise("ask SELinux: `ausearch -m avc -ts recent` as root; it would be name_connect")
	}
	x.adviseNetwork(e)
}

func explainRefused(x *examined, e *explanation) {
	if x.refusedByService(e) {
		e.summary += x.noBindHelps()
		x.sawMesh(e)
		x.adviseProxy(e)
		return
	}
	here := x.facts.local(x.Destination.Addr())
	switch {
	case x.again(attempt.Connected):
		e.summary = fmt.Sprintf("%s was refused by %s, and the same attempt made again connected: the server was not ready, or refuses at times", x.who(), x.to())
	case x.otherLoopback() != "":
		e.summary = fmt.Sprintf("%s was refused by %s, and %s connects: the server listens on the other family only", x.who(), x.to(), x.otherLoopback())
	case x.path.known && !x.path.hop.Local && x.path.by.host:
		e.summary = fmt.Sprintf("%s was refused by %s: the host itself answered, so nothing listens there, or its own firewall rejects", x.who(), x.to())
	case here && !x.Decided:
		e.summary = fmt.Sprintf("%s was refused by %s: nothing listens there", x.who(), x.to())
	default:
		e.summary = fmt.Sprintf("%s was refused by %s: the host answered that nothing listens there, or a firewall rejects in its name", x.who(), x.to())
	}
	e.summary += x.noBindHelps()
	x.openPort(e)
	x.sawSender(e)
	if !x.again(attempt.Connected) {
		x.sawRefusal(e)
		x.sawElsewhere(e)
	}
	switch {
	case x.again(attempt.Connected):
		e.advise("let the program wait for the server, or try again: this was a matter of time")
	case x.otherLoopback() != "":
		e.advise("connect to %s, or let the server listen on both families ([::] with IPV6_V6ONLY off)", x.otherLoopback())
	case here:
		e.advise("see what listens: `ss -tlnp`; start the server, or correct the port")
		if x.facts.marked() != "" && x.Destination.Addr().Unmap().IsLoopback() {
			x.adviseLocalhost(e)
		}
	default:
		e.advise("check the port, and on %v what listens: `ss -tlnp`; a server that listens on 127.0.0.1 alone refuses everybody else", x.Destination.Addr().Unmap())
		if x.facts.inPod() && internal(x.Destination.Addr().Unmap()) {
			e.advise("in Kubernetes: a Service without ready endpoints refuses, and so does a wrong targetPort: `%s get endpointslices`", x.facts.inNamespace())
		}
	}
	x.adviseProxy(e)
	x.adviseNetwork(e)
}

func explainTimedOut(x *examined, e *explanation) {
	e.summary = fmt.Sprintf("%s got no answer from %s in %s", x.who(), x.to(), attempt.DurationText(x.waited.Round(100*time.Millisecond)))
	switch {
	case x.Outcome.Kind == attempt.InProgress:
		e.summary += ", and was waiting when it ended"
	case x.gaveUp():
		e.summary += ", and gave up" // closed the socket, or a signal came
	default:
		e.summary += ": " + x.errno()
	}
	if x.again(attempt.Connected) {
		e.summary += "; the same attempt made again connected"
		e.advise("look for what was late: a server that started, a network that came up, packets that were lost; then let the program try again")
	}
	e.summary += x.noBindHelps()
	if !x.Decided {
		e.saw("silence means that a packet filter drops, the host is down, or the answer can't find its way back")
	}
	x.openPort(e)
	x.sawPorts(e)
	x.sawRouters(e)
	x.sawGateway(e)
	x.adviseProxy(e)
	x.adviseNetwork(e)
	if !x.Decided {
		e.advise("see whether the SYN leaves, and whether anything comes back: `tcpdump -ni any host %v`", x.Destination.Addr().Unmap())
	}
}

func explainUnreachable(x *examined, e *explanation) {
	addr := x.Destination.Addr().Unmap()
	family := attempt.FamilyOf(addr)
	e.summary = fmt.Sprintf("%s can't reach %s: %s", x.who(), x.to(), x.errno())
	hasDefault, hasAny := x.facts.DefaultRoute4, x.facts.AnyRoute4
	if family == attempt.IPv6 {
		hasDefault, hasAny = x.facts.DefaultRoute6, x.facts.AnyRoute6
	}
	const late = 2 * time.Second
	switch {
	case x.Decided:
	case x.Outcome.Kind != attempt.Unreachable:
		again := x.outcomeOf(changeNothing)
		e.summary = fmt.Sprintf("%s gave up on %s after %s; made again, the same attempt ended in %s (%s)", x.who(), x.to(),
			attempt.DurationText(x.waited.Round(100*time.Millisecond)), again.Errno.Name(), again.Errno.Message())
		if again.Errno == attempt.EHOSTUNREACH {
			e.saw("EHOSTUNREACH after about 3 s: nobody answers the kernel when it asks for the neighbour (ARP, NDP), so the host, or the gateway to it, is down")
		}
	case hasAny == No && x.Outcome.Errno == attempt.ENETUNREACH:
		e.summary = fmt.Sprintf("%s can't reach %s: there is no %v network here: %s", x.who(), x.to(), family, x.errno())
		e.saw("there is no %v route but loopback's", family)
	case hasDefault == No && x.Outcome.Errno == attempt.ENETUNREACH:
		e.summary = fmt.Sprintf("%s can't reach %s: there is no route to it: %s", x.who(), x.to(), x.errno())
		e.saw("there is no %v default route", family)
	case x.Outcome.Errno == attempt.EHOSTUNREACH && x.waited > late:
		e.saw("the answer took %s: that is how long the kernel asks for the neighbour (ARP, NDP) before it gives up, so the host, or the gateway to it, is down",
			attempt.DurationText(x.waited))
	case x.Outcome.Errno == attempt.EHOSTUNREACH && x.waited > time.Millisecond:
		e.saw("a router or a firewall on the way said so (ICMP, host unreachable or prohibited)")
	case x.Outcome.Errno == attempt.EHOSTUNREACH:
		e.saw("an answer at once comes from this machine: an unreachable route, or a neighbour that was found missing just before")
	}
	e.summary += x.noBindHelps()
	x.openPort(e)
	x.sawSender(e)
	x.sawGateway(e)
	x.adviseProxy(e)
	if !x.Decided {
		e.advise("ask the kernel for the route: `ip route get %v`", addr)
	}
	if family == attempt.IPv6 && hasAny == No {
		e.advise("if the name has an IPv4 address as well, hold the program to it (curl -4, AF_INET, -Djava.net.preferIPv4Stack=true, tcp4); otherwise this place needs IPv6")
	}
	if x.Outcome.Kind == attempt.Unreachable {
		x.adviseNetwork(e)
	}
}

// again reports whether the same attempt, made again, ended in k.
func (x *examined) again(k attempt.Kind) bool {
	o := x.outcomeOf(changeNothing)
	return o.Kind == k && k != attempt.InProgress
}

// otherLoopback is the other family's localhost where it did connect; "" where not.
func (x *examined) otherLoopback() string {
	to, ok := otherLoopback(x.Destination)
	if ok && x.outcomeOf("to "+to.String()).Kind == attempt.Connected {
		return to.String()
	}
	return ""
}

// openPort says that the host is up, where the run shows it.
func (x *examined) openPort(e *explanation) {
	if o := x.rec.connectedTo(x.made); o != nil {
		e.saw("the host is up: %s connected to port %d of it in this run, so this is about port %d", processName(o.life.Process), o.Destination.Port(), x.Destination.Port())
	}
}

// adviseNetwork speaks of who permits outgoing connections, where it can be known.
func (x *examined) adviseNetwork(e *explanation) {
	switch {
	case x.facts.local(x.Destination.Addr()):
	case x.Decided:
		e.advise("if the connection is needed: have %s allowed, in the profile and in the policy that it stands for", x.destinationRule())
	case x.facts.inPod():
		if x.Outcome.Kind != attempt.Refused { // policies are silent
			x.advisePolicies(e)
		}
		x.sawMesh(e)
	case x.Outcome.Kind == attempt.TimedOut || x.Outcome.Kind == attempt.InProgress || x.Outcome.Kind == attempt.Cancelled:
		e.advise("have %s allowed in the firewalls and security groups on the way, out of here and into there", x.destinationRule())
	}
}

// destinationRule is the destination as one would ask for it: "tcp to 192.0.2.1 port 443".
func (x *examined) destinationRule() string {
	to := x.Destination.Addr().Unmap().String()
	if x.Name != "" {
		to = x.Name + " (" + to + ")"
	}
	return fmt.Sprintf("%v to %s port %d", x.Protocol, to, x.Destination.Port())
}
