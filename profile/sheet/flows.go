package sheet

import (
	"net/netip"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/profile/flowset"
)

// fate is a part of the flows from one source, and what becomes of them.
type fate struct {
	flows   flowset.Set
	verdict profile.Verdict
	words   string // the rule or default that decides
}

// fates divides every flow to an address, from one source, by the rule that decides: the first that matches.
func fates(p *profile.Profile, src attempt.Source) []fate {
	left := flowset.Of(flowset.AllAddrs(), flowset.AllTransports())
	var out []fate
	take := func(flows flowset.Set, v profile.Verdict, words string) {
		if flows = flows.Intersect(left); !flows.IsEmpty() {
			out = append(out, fate{flows, v, words})
			left = left.Subtract(flows)
		}
	}
	for i := range p.Egress.Rules {
		r := &p.Egress.Rules[i]
		if !asks(r, src) {
			continue
		}
		ref := profile.RuleRef{Profile: p.Name, File: p.File, Section: "egress", Index: i + 1, Line: r.Line, Reason: r.Reason}
		take(flowset.Of(addrs(r.Destinations), transports(r)), r.Verdict, ref.String())
	}
	ref := profile.RuleRef{Profile: p.Name, File: p.File, Section: "egress", Line: p.Egress.Line}
	take(left, p.Egress.Default, ref.String())
	return out
}

// asks reports whether a rule is about a source.
func asks(r *profile.EgressRule, src attempt.Source) bool {
	if r.Sources == nil {
		return true
	}
	for _, b := range r.Sources {
		if src.Kind == attempt.SourceNone {
			if b.Word == profile.None {
				return true
			}
		} else if blockAddrs(b).Contains(src.Addr.Addr()) {
			return true
		}
	}
	return false
}

func transports(r *profile.EgressRule) flowset.Transports {
	ports := flowset.AllPorts()
	if r.Ports != nil {
		ports = flowset.Ports{}
		for _, x := range r.Ports {
			ports = ports.Union(flowset.PortRange(x.First, x.Last))
		}
	}
	if r.Protocols == nil && r.Ports == nil {
		return flowset.AllTransports()
	}
	protocols := r.Protocols
	if protocols == nil { // ports without a protocol: those that have ports
		protocols = []attempt.Protocol{attempt.TCP, attempt.UDP, attempt.SCTP}
	}
	var t flowset.Transports
	for _, proto := range protocols {
		switch proto {
		case attempt.TCP, attempt.MPTCP:
			t = t.Union(flowset.Transport(flowset.TCP, ports))
		case attempt.UDP:
			t = t.Union(flowset.Transport(flowset.UDP, ports))
		case attempt.SCTP:
			t = t.Union(flowset.Transport(flowset.SCTP, ports))
		case attempt.ICMP:
			t = t.Union(flowset.Transport(flowset.ICMP, flowset.AllPorts()))
		case attempt.ICMPv6:
			t = t.Union(flowset.Transport(flowset.ICMPv6, flowset.AllPorts()))
		}
	}
	return t
}

func addrs(blocks []profile.Block) flowset.Addrs {
	if blocks == nil {
		return flowset.AllAddrs()
	}
	var a flowset.Addrs
	for _, b := range blocks {
		a = a.Union(blockAddrs(b))
	}
	return a
}

func blockAddrs(b profile.Block) flowset.Addrs {
	var a flowset.Addrs
	switch {
	case b.Word == profile.Loopback:
		return loopback
	case b.Word == profile.Any:
		return flowset.AddrOf(netip.IPv4Unspecified()).Union(flowset.AddrOf(netip.IPv6Unspecified()))
	case b.Word == profile.None:
		return a
	case b.Prefix.IsValid():
		a = flowset.AddrsOf(b.Prefix)
	default:
		a = flowset.AllAddrs()
	}
	for _, e := range b.Except {
		a = a.Subtract(blockAddrs(e))
	}
	return a
}

// loopback is the machine itself; elsewhere is what people mean by "out". The wildcard addresses are no destination: the
// kernel puts loopback in their place.
var (
	loopback  = flowset.AddrsOf(netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
	elsewhere = loopback.Complement().Except(netip.MustParsePrefix("0.0.0.0/32"), netip.MustParsePrefix("::/128"))
)
