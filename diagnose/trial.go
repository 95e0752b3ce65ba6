package diagnose

import (
	"net/netip"

	"github.com/sallyport/sallyport/attempt"
)

// What a counterfactual changed, where the choice of a cause depends on it.
const (
	changeNoBind  = "without the bind"
	changeNothing = "the same again"
	changeIPv4    = "from an IPv4 socket"
	changeProxy   = "by way of the proxy" // and which: the beginning alone
)

// trial is a counterfactual to make.
type trial struct {
	change  string
	attempt attempt.Attempt
	proxy   *Proxy // by way of it; nil: directly

	ownSource bool // from another address of this machine, as far as is known
}

// trials lists what is worth trying for a failed attempt. A bind that failed has no destination to try,
// and what a rule decided would be decided again.
func trials(r attempt.Result, f Facts) []trial {
	a := r.Attempt
	if !a.Destination.IsValid() || a.Destination.Port() == 0 || !a.Protocol.Stream() && !routed(r) {
		return nil
	}
	same := attempt.Attempt{Protocol: a.Protocol, Destination: a.Destination, Name: a.Name, Device: a.Device}
	if bound := a.Source.Kind != attempt.SourceNone && !r.Elided; bound || a.Device != "" {
		return heldTrials(r, same, bound)
	}
	if !a.Protocol.Stream() {
		return nil
	}
	var out []trial
	switch r.Outcome.Kind {
	case attempt.Refused, attempt.TimedOut, attempt.Unreachable, attempt.Reset, attempt.Denied:
		if r.Decided {
			return nil
		}
		out = append(out, trial{change: changeNothing, attempt: same})
	default:
		return nil
	}
	if to, ok := otherLoopback(a.Destination); ok {
		b := same
		b.Destination = to
		out = append(out, trial{change: "to " + to.String(), attempt: b})
	}
	if a.Destination.Addr().Is4In6() && r.Outcome.Errno == attempt.ENETUNREACH {
		b := same
		b.Destination = unmap(a.Destination)
		out = append(out, trial{change: changeIPv4, attempt: b})
	}
	if r.Outcome.Kind == attempt.TimedOut {
		for _, from := range otherSources(a, f) {
			b := same
			b.Source = attempt.SourceOf(netip.AddrPortFrom(from, 0))
			out = append(out, trial{change: changeFrom + from.String(), attempt: b, ownSource: true})
		}
	}
	if p := proxyFor(a, f); p != nil {
		out = append(out, trial{change: changeProxy + " in " + p.where() + " (" + p.Host + ")", attempt: same, proxy: p})
	}
	return out
}

// heldTrials lists what is worth trying for an attempt that was held to a source or a device: without each. That only tells something
// where the same again fails.
func heldTrials(r attempt.Result, same attempt.Attempt, bound bool) []trial {
	var out []trial
	if bound {
		out = append(out, trial{change: changeNoBind, attempt: same})
	}
	if r.Device != "" {
		b := same
		b.Device = ""
		if bound {
			b.Source = r.Source
		}
		out = append(out, trial{change: changeNoDevice, attempt: b})
	}
	elsewhere := r.Source.Kind == attempt.SourceGiven && !r.Source.Addr.Addr().Unmap().IsLoopback()
	if r.Protocol.Stream() && !r.Decided && (r.Device != "" || elsewhere) {
		switch r.Outcome.Kind {
		case attempt.Refused, attempt.TimedOut, attempt.Unreachable:
			b := same
			if bound {
				b.Source = r.Source
			}
			out = append(out, trial{change: changeNothing, attempt: b})
		}
	}
	return out
}

// routed reports whether a failure without a connection (UDP) is one that connecting a socket again can
// show: connect(2) on it asks for a route and sends nothing, so an answer from the network, and a filter
// that looks at packets, can't be seen that way.
func routed(r attempt.Result) bool {
	k := r.Outcome.Kind
	return k != attempt.Refused && k != attempt.TimedOut && (k != attempt.Denied || r.Call == attempt.CallConnect)
}

// otherLoopback is the same port at localhost of the other family.
func otherLoopback(to netip.AddrPort) (netip.AddrPort, bool) {
	switch addr := to.Addr().Unmap(); {
	case addr == netip.IPv6Loopback():
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), to.Port()), true
	case addr.Is4() && addr.IsLoopback():
		return netip.AddrPortFrom(netip.IPv6Loopback(), to.Port()), true
	}
	return netip.AddrPort{}, false
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
