package diagnose

import (
	"fmt"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

func explainIntercepted(x *examined, e *explanation) {
	v := x.met.visit
	how := "closed"
	if x.life.Ending.PeerReset() {
		how = "reset"
	}
	if !v.Inside.IsValid() {
		router, _ := x.met.interceptor()
		e.summary = fmt.Sprintf("%s connected to %s, and was answered not by that host but by something before it, at hop %d (%v): a transparent proxy or firewall there accepted in its name, and %s the connection before a byte came",
			x.who(), x.to(), x.met.at, router, how)
		x.sawEnding(e)
		e.saw("a SYN that may go %d hops and no further was answered as if by %v; a UDP packet to it with as many ran out at %v", x.met.at, x.Destination.Addr().Unmap(), router)
		x.sawTimes(e)
		e.advise("ask whoever runs %v (hop %d) what intercepts port %d there, and have %s allowed", router, x.met.at, x.Destination.Port(), x.destinationRule())
		e.advise("if there is a proxy to be used openly, use it: a transparent one that closes at once often can't reach the host, or does not allow it")
		return
	}
	by := "a process"
	if v.Holder != nil {
		by = processName(v.Holder)
	}
	e.summary = fmt.Sprintf("%s connected to %s, and was answered not by that host but by %s on this machine (port %d): the packet filter redirects the connection to it, and it %s the connection before a byte came",
		x.who(), x.to(), by, v.Inside.Port(), how)
	x.sawEnding(e)
	if v.Inside.Addr().IsUnspecified() {
		e.saw("each of %d connections of sallyport's own was reset together with a socket of this network namespace at port %d", 3, v.Inside.Port())
	} else {
		e.saw("the other end of a connection of sallyport's own to %v is a socket of this network namespace, %v", x.Destination, v.Inside)
	}
	m := meshOf(v.Holder, v.Inside.Port(), x.facts.Kubernetes || x.facts.OpenShift != "")
	if m != noMesh {
		e.saw("it is a sidecar of %s", m)
		x.adviseMesh(e, m)
	} else {
		e.advise("see in the log of %s why it closed: it could not reach the host itself, or does not allow it", by)
	}
	e.advise("see the rule that redirects, as root: `nft list ruleset` or `iptables-save -t nat; iptables-save -t mangle`, and look for redirect, REDIRECT, tproxy or TPROXY to %d", v.Inside.Port())
}

// interceptor is the router at the hop where somebody answers in the destination's name.
func (met *meeting) interceptor() (who fmt.Stringer, ok bool) {
	if met.at == 0 || met.at > len(met.path.udp) {
		return nil, false
	}
	return met.path.udp[met.at-1].From, true
}

func explainClosed(x *examined, e *explanation) {
	n := x.life.Ending
	how := "closed"
	if n.PeerReset() {
		how = "reset"
	}
	e.summary = fmt.Sprintf("%s connected to %s, and the other end %s the connection before a byte of it came", x.who(), x.to(), how)
	x.sawEnding(e)
	if !x.met.looked {
		e.saw("who the other end is was not looked at")
	}
	x.sawTimes(e)
	if x.met.looked && !x.met.hop.Local {
		e.saw("nothing shows that anybody but that host answered; a proxy or a load balancer in front of it would look the same")
	}
	port := x.Destination.Port()
	if n.DataSegsOut == 0 {
		e.advise("the server closed without being told anything: look into its log; usual are an allow list (hosts.deny, a firewall of the program's own), too many connections, or a load balancer with no healthy server behind it")
	} else {
		e.advise("the server closed on what it was sent: look into its log; usual are plain text to a TLS port or TLS to a plain one, another protocol, or a TLS version that it refuses")
		e.advise("see what is spoken there: `openssl s_client -connect %s`; `curl -v telnet://%[1]s` for plain text", x.Destination)
	}
	e.advise("on the server: `ss -tlnp 'sport = :%d'` tells who accepts there; `tcpdump -ni any tcp port %d` whether the connection arrives at all: if not, something on the way answers for it", port, port)
}

// sawEnding says what the connection came to.
func (x *examined) sawEnding(e *explanation) {
	n := x.life.Ending
	if n == nil {
		return
	}
	what := "neither end sent anything"
	if n.Sent > 0 {
		what = fmt.Sprintf("%d bytes sent, none received", n.Sent)
	}
	end := "the other end closed it"
	switch {
	case n.PeerReset():
		end = "the other end reset it"
	case !n.PeerClosed():
		end = "both ends closed it"
	}
	e.saw("the connection was over %s after it was made: %s; %s", attempt.DurationText(n.At.Sub(x.End).Round(time.Millisecond)), what, end)
}

// sawTimes sets how soon the connection was answered beside how soon the host is.
func (x *examined) sawTimes(e *explanation) {
	n, host := x.life.Ending, x.met.host
	if n == nil || n.MinRTT == 0 || host.Took == 0 || host.From != x.Destination.Addr().Unmap() || host.Took < fastAnswer || host.Took < 4*n.MinRTT {
		return
	}
	e.saw("the connection was answered within %s, a UDP packet to the host within %s: too fast for that host",
		attempt.DurationText(n.MinRTT), attempt.DurationText(host.Took.Round(100*time.Microsecond)))
}

// fastAnswer is a time for a host's answer below which the ways of the two packets through this machine count as well.
const fastAnswer = 3 * time.Millisecond
