package diagnose

import (
	"context"
	"fmt"

	"github.com/sallyport/sallyport/attempt"
)

// stalls adds a finding for each connection that was stalled when it was last seen.
func (v *Investigation) stalls(ctx context.Context, rec *record, folded *folder) {
	for i := range rec.all {
		m := &rec.all[i]
		if !m.life.Traffic.Stalled() {
			continue
		}
		if r, ok := connection(m.life); !ok || r.First != m.First {
			continue
		}
		x := &examined{made: m, experiment: &experiment{}, facts: v.facts(), rec: rec, options: v.options}
		v.mu.Lock()
		z := v.sizes[m.Destination]
		v.mu.Unlock()
		if z != nil {
			select {
			case <-z.done:
				x.sizes = z
			case <-ctx.Done():
			}
		}
		shown := x.sizes != nil && x.sizes.blackHole
		if t := m.life.Traffic; t.Lost && !t.StalledSending() && !shown {
			continue // it may have got well just before its end
		}
		if shown {
			x.cfs = []Counterfactual{z.small, z.large}
		}
		folded.finding(m, x.finding())
	}
}

// refineStall names the cause of what went wrong after the connect.
func refineStall(x *examined) string {
	switch {
	case !x.connected():
		return ""
	case x.sizes != nil && x.sizes.blackHole:
		return MTUBlackHole
	}
	return ConnectionStalled
}

func explainBlackHole(x *examined, e *explanation) {
	z := x.sizes
	e.summary = fmt.Sprintf("%s connected to %s, and large packets get lost on the way, with no word to anybody: %d bytes pass, %d do not (an MTU black hole)",
		x.who(), x.to(), z.passes, z.vanishes)
	x.sawTraffic(e)
	e.saw("the kernel takes %d bytes to pass; the router that drops them should say \"fragmentation needed\", and its ICMP does not arrive", x.life.Traffic.PMTU)
	e.advise("at once, on this machine: `sysctl net.ipv4.tcp_mtu_probing=1`: TCP then finds the size by itself (for IPv6 as well)")
	e.advise("for good: give the interface or the route the size that passes: `ip link set dev IFACE mtu %d`, or `ip route change PREFIX via GATEWAY mtu %d`", z.passes, z.passes)
	e.advise("or on the router: let ICMP type 3 code 4 (ICMPv6 type 2) through, or clamp: `nft add rule ... tcp flags syn tcp option maxseg size set rt mtu`")
	if x.facts.Kubernetes || x.facts.OpenShift != "" || x.facts.Container != "" {
		e.advise("in a pod or a container: the network plug-in's MTU has to be the node's less its tunnel's header (VXLAN 50 bytes, Geneve 58 or more, WireGuard 60 or 80)")
	}
}

func explainStalled(x *examined, e *explanation) {
	e.summary = fmt.Sprintf("%s connected to %s, and then the connection stalled: ", x.who(), x.to())
	if x.life.Traffic.StalledSending() {
		e.summary += "what it sent is no longer acknowledged, however often it is sent again"
	} else {
		e.summary += "a part of what the other end sends never arrives"
	}
	x.sawTraffic(e)
	if x.sizes != nil {
		e.saw("packets of several sizes to the same host showed no MTU black hole")
	}
	e.saw("a firewall or NAT on the way that forgot the connection, a host that went away, or a link that went down looks like this")
	e.advise("see what still comes back: `tcpdump -ni any host %v and port %d`", x.Destination.Addr().Unmap(), x.Destination.Port())
	e.advise("if it happens after minutes of silence: a firewall forgets idle connections; let the program send keepalives sooner " +
		"(SO_KEEPALIVE with TCP_KEEPIDLE, `sysctl net.ipv4.tcp_keepalive_time=60`)")
	e.advise("if it happens with much data only: try a smaller MTU, `ip route change PREFIX via GATEWAY mtu 1280`, or `sysctl net.ipv4.tcp_mtu_probing=1`")
	e.advise("let the program give up sooner and connect again: TCP_USER_TIMEOUT, or a timeout for reads and writes")
}

// sawTraffic says what the last sample showed.
func (x *examined) sawTraffic(e *explanation) {
	t := x.life.Traffic
	if t.StalledSending() {
		e.saw("when last seen: %d bytes acknowledged, %d segments under way, the first of them sent again %d times without an answer",
			max(t.Acked, 1)-1, t.Unacked, t.Retransmits)
	}
	if t.StalledReceiving() {
		e.saw("when last seen: %d bytes received in order, and later ones held back for %s, since those in between stay away",
			t.Received, attempt.DurationText(t.At.Sub(t.Moved)))
	}
}
