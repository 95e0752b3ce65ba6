package convert

import (
	"net/netip"

	"github.com/sallyport/sallyport/profile/flowset"
)

func prefixes(texts ...string) flowset.Addrs {
	var b flowset.AddrsBuilder
	for _, t := range texts {
		b.AddPrefix(netip.MustParsePrefix(t))
	}
	return b.Addrs()
}

var (
	loopback4 = prefixes("127.0.0.0/8")
	loopback6 = prefixes("::1/128")
	loopback  = loopback4.Union(loopback6)
	// outside is what leaves a pod, or may.
	outside = loopback.Complement()
	// private is where pods, nodes and services have their addresses from, as clusters are mostly set up: RFC 1918, RFC 6598 and RFC 4193.
	private = prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")

	everything = flowset.Of(flowset.AllAddrs(), flowset.AllTransports())
	ported     = protocols(flowset.TCP, flowset.UDP, flowset.SCTP)
	bare       = protocols(flowset.ICMP, flowset.ICMPv6, flowset.Others)
	portZero   = withPorts(flowset.Port(0))
)

func protocols(list ...flowset.Protocol) flowset.Transports {
	var t flowset.Transports
	for _, p := range list {
		t = t.Union(flowset.Transport(p, flowset.AllPorts()))
	}
	return t
}

func withPorts(ports flowset.Ports) flowset.Transports {
	var t flowset.Transports
	for _, p := range []flowset.Protocol{flowset.TCP, flowset.UDP, flowset.SCTP} {
		t = t.Union(flowset.Transport(p, ports))
	}
	return t
}

// settle is the flows that policy objects can decide about. Loopback never leaves a pod. ICMP over IPv6 and ICMPv6 over IPv4 are nowhere
// sent: they are made to follow the protocols without a name, so that "every protocol" of one family is that.
func settle(s flowset.Set) flowset.Set {
	s = s.Subtract(flowset.Of(loopback, flowset.AllTransports()))
	others := having(s, flowset.Others)
	for _, f := range []struct {
		addrs flowset.Addrs
		other flowset.Protocol
	}{{flowset.AllIPv4(), flowset.ICMPv6}, {flowset.AllIPv6(), flowset.ICMP}} {
		s = s.Subtract(flowset.Of(f.addrs, protocols(f.other))).Union(flowset.Of(others.Intersect(f.addrs), protocols(f.other)))
	}
	return s
}

// unsent is ICMP over IPv6, and ICMPv6 over IPv4.
var unsent = flowset.Of(flowset.AllIPv4(), protocols(flowset.ICMPv6)).Union(flowset.Of(flowset.AllIPv6(), protocols(flowset.ICMP)))

// sent is the flows that there are: nothing is lost with the others.
func sent(s flowset.Set) flowset.Set { return s.Subtract(unsent) }

// spoken has them where all other protocols without ports are, so that these are said of both families at once.
func spoken(s flowset.Set) flowset.Set {
	both := having(s, flowset.Others)
	four := both.Intersect(having(s, flowset.ICMP)).Intersect(flowset.AllIPv4())
	six := both.Intersect(having(s, flowset.ICMPv6)).Intersect(flowset.AllIPv6())
	return s.Union(flowset.Of(four, protocols(flowset.ICMPv6))).Union(flowset.Of(six, protocols(flowset.ICMP)))
}

// having is the addresses that a protocol without ports may reach.
func having(s flowset.Set, p flowset.Protocol) flowset.Addrs {
	var b flowset.AddrsBuilder
	for part := range s.All() {
		if part.Transports.Contains(p, 0) {
			b.Add(part.Addrs)
		}
	}
	return b.Addrs()
}

// only is the flows of a set by some protocols and ports.
func only(s flowset.Set, t flowset.Transports) flowset.Set {
	return s.Intersect(flowset.Of(flowset.AllAddrs(), t))
}

// blocksOf is the shortest list of blocks with the addresses of a, and none for every destination. Loopback is in it or not, as is shorter.
func blocksOf(a flowset.Addrs) (blocks []flowset.Block, everywhere bool) {
	if a.Union(loopback).IsAll() {
		return nil, true
	}
	blocks = a.Blocks()
	for _, more := range []flowset.Addrs{loopback4, loopback6, loopback} {
		if n := terms(blocks); n < 2 || n > fewParts {
			break // it cannot be shorter, or not so that anybody would see it
		}
		if b := a.Union(more).Blocks(); terms(b) < terms(blocks) {
			blocks = b
		}
	}
	return blocks, false
}

// terms is how many prefixes blocks have.
func terms(blocks []flowset.Block) int {
	n := len(blocks)
	for _, b := range blocks {
		n += len(b.Except)
	}
	return n
}

// ranges is how many port ranges, and protocols without ports, are in t.
func ranges(t flowset.Transports) int {
	if t.IsAll() {
		return 0
	}
	n := 0
	for p, ports := range t.All() {
		if !p.HasPorts() {
			n++
			continue
		}
		for range ports.Ranges() {
			n++
		}
	}
	return n
}
